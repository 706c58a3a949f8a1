//! Central crop to the aspect of the target and antialiased bilinear resize in one step, as Pillow's
//! `ImageOps.fit(image, (width, height), Image.BILINEAR)` does it: within two levels of its result on every pixel, and
//! pixels that have the target's size already are copied.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};

use crate::Size;
use crate::error::{ImageError, Result};

/// Resizes RGB pixels; its buffers are kept from one image to the next.
#[derive(Default)]
pub struct Fitter {
    resizer: Resizer,
}

impl Fitter {
    /// Fits `pixels` (RGB, row by row, `size.bytes()` long) into `out` (`target.bytes()` long).
    /// Errors: a side of 0 pixels, or a buffer whose length does not belong to its size.
    pub fn fit(&mut self, pixels: &[u8], size: Size, out: &mut [u8], target: Size) -> Result<()> {
        size.check(pixels.len())?;
        target.check(out.len())?;
        self.fit_part(pixels, size, Part::central(size, target), out, target)
    }

    /// Resizes `part` of checked `pixels` into `out`.
    pub(crate) fn fit_part(
        &mut self,
        pixels: &[u8],
        size: Size,
        part: Part,
        out: &mut [u8],
        target: Size,
    ) -> Result<()> {
        if size == target && part == Part::whole(size) {
            out.copy_from_slice(pixels);
            return Ok(());
        }
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear)).crop(
            part.left,
            part.top,
            part.width,
            part.height,
        );
        let buffer = |size: Size, got| ImageError::Buffer { height: size.height, width: size.width, got };
        let got = (pixels.len(), out.len());
        let source = TypedImageRef::<U8x3>::from_buffer(size.width as u32, size.height as u32, pixels);
        let source = source.map_err(|_| buffer(size, got.0))?;
        let result = TypedImage::<U8x3>::from_buffer(target.width as u32, target.height as u32, out);
        let mut result = result.map_err(|_| buffer(target, got.1))?;
        // fails for a part outside of the image only, which `central` and `within` rule out
        self.resizer.resize_typed(&source, &mut result, &options).map_err(|_| buffer(size, got.0))
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
    fn whole(size: Size) -> Self {
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
