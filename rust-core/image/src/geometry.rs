//! Sizes of images and parts of them; no pixels here.

use crate::error::{ImageError, Result};

/// The sides of an image, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub height: usize,
    pub width: usize,
}

impl Size {
    /// Bytes of RGB pixels of this size.
    pub fn bytes(self) -> usize {
        3 * self.pixels()
    }

    pub(crate) fn pixels(self) -> usize {
        self.height * self.width
    }

    /// An error unless a buffer of `got` bytes holds just an image of this size, of at least one pixel.
    pub(crate) fn check(self, got: usize) -> Result<()> {
        let Self { height, width } = self;
        let bytes = height.checked_mul(width).and_then(|pixels| pixels.checked_mul(3));
        let fits = [height, width].iter().all(|&side| side > 0 && u32::try_from(side).is_ok());
        if fits && bytes == Some(got) { Ok(()) } else { Err(ImageError::Buffer { height, width, got }) }
    }
}

/// A part of an image, in pixels that need not be whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Part {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
}

impl Part {
    pub fn whole(size: Size) -> Self {
        Self { left: 0.0, top: 0.0, width: size.width as f64, height: size.height as f64 }
    }

    /// The largest part in the middle of `size` with the aspect of `target`; the order of the operations is Pillow's.
    pub fn central(size: Size, target: Size) -> Self {
        let (width, height) = (size.width as f64, size.height as f64);
        let (aspect, wanted) = (width / height, target.width as f64 / target.height as f64);
        let (cut_width, cut_height) = if aspect == wanted {
            (width, height)
        } else if aspect >= wanted {
            (wanted * height, height)
        } else {
            (width, width / wanted)
        };
        let (left, top) = ((width - cut_width) * 0.5, (height - cut_height) * 0.5);
        // rounding may put the last bit outside of the image
        Self { left, top, width: cut_width.min(width - left), height: cut_height.min(height - top) }
    }

    /// The whole pixels that resizing this part of `size` to `target` reads.
    pub fn window(&self, size: Size, target: Size) -> Window {
        let span = |start: f64, length: f64, pixels: usize, of: usize| {
            let scale = length / pixels as f64;
            // the filter reaches one source pixel, or one pixel of the target, to each side of a target pixel's centre
            let beyond = scale.max(1.0) - scale / 2.0;
            let first = (start - beyond).floor().max(0.0) as usize;
            let last = ((start + length + beyond).ceil() as usize).min(of);
            (first, last - first)
        };
        let (left, width) = span(self.left, self.width, target.width, size.width);
        let (top, height) = span(self.top, self.height, target.height, size.height);
        Window { left, top, size: Size { height, width } }
    }

    /// The same part, seen from `window`.
    pub fn within(&self, window: Window) -> Self {
        let (left, top) = (self.left - window.left as f64, self.top - window.top as f64);
        let Size { height, width } = window.size;
        Self { left, top, width: self.width.min(width as f64 - left), height: self.height.min(height as f64 - top) }
    }
}

/// Whole pixels of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub left: usize,
    pub top: usize,
    pub size: Size,
}

impl Window {
    pub fn whole(size: Size) -> Self {
        Self { left: 0, top: 0, size }
    }
}
