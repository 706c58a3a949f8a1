//! Encoded images, JPEG or PNG from whoever uploaded them, become RGB pixels of one size: decode, EXIF orientation, central
//! crop, antialiased bilinear resize. The result is Pillow's within two levels a pixel, and an image that is damaged in any
//! part is an error, never gray pixels. Sizes are checked before memory is allocated for them.
//!
//! Pixels are `u8`, height x width x RGB, row by row without gaps.

mod buffer;
mod error;
mod fit;
mod jpeg;
mod orientation;
mod png;
mod segments;
mod sniff;
mod turbo;

use crate::buffer::Buffer;
pub use crate::error::{Format, ImageError, Result};
pub use crate::fit::Fitter;
use crate::fit::{Part, Window};
use crate::orientation::Orientation;

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

    fn pixels(self) -> usize {
        self.height * self.width
    }

    /// An error unless a buffer of `got` bytes holds just an image of this size, of at least one pixel.
    fn check(self, got: usize) -> Result<()> {
        let Self { height, width } = self;
        let bytes = height.checked_mul(width).and_then(|pixels| pixels.checked_mul(3));
        let fits = [height, width].iter().all(|&side| side > 0 && u32::try_from(side).is_ok());
        if fits && bytes == Some(got) { Ok(()) } else { Err(ImageError::Buffer { height, width, got }) }
    }
}

/// What one image may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Pixels of the decoded image. The default is 89,478,485, 256 MiB of RGB, from which on Pillow warns of a
    /// decompression bomb; the largest cameras reach 100 to 200 million.
    pub pixels: u64,
    /// Scans of a progressive JPEG. Encoders write about 10.
    pub scans: u32,
    /// Bytes of memory for one image: its pixels, and what the decoder keeps beside them, which for a progressive JPEG is
    /// 6 bytes a pixel. Some memory that grows with a side only is not counted.
    pub memory: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { pixels: 89_478_485, scans: 100, memory: 1 << 30 }
    }
}

impl Limits {
    fn check(&self, size: Size) -> Result<()> {
        let (height, width) = (size.height as u64, size.width as u64);
        if height.checked_mul(width).is_none_or(|pixels| pixels > self.pixels) {
            return Err(ImageError::TooLarge { height, width, limit: self.pixels });
        }
        Ok(())
    }

    fn check_memory(&self, bytes: usize) -> Result<()> {
        if bytes as u64 > self.memory { Err(ImageError::MemoryLimit { limit: self.memory }) } else { Ok(()) }
    }
}

/// A decoded image in the buffer of its decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Image<'a> {
    pub size: Size,
    /// `size.bytes()` bytes of RGB.
    pub pixels: &'a [u8],
}

/// Decodes one image after the other. Its buffers are kept, except those of an image of more than 16 megapixels; nothing
/// else is: no image changes the result of another.
#[derive(Default)]
pub struct Decoder {
    limits: Limits,
    /// Pixels as the file stores them.
    stored: Buffer,
    /// The same, or the fitted ones, before or after they were turned upright.
    turned: Buffer,
    fitter: Fitter,
}

/// What a decoder left in the buffer: RGB pixels of `window`, a part of an image of `size`, before `orientation`.
struct Stored {
    size: Size,
    window: Window,
    orientation: Orientation,
}

impl Decoder {
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// All pixels of an image, upright. Errors say what is wrong with `bytes`, or that memory is missing.
    pub fn decode(&mut self, bytes: &[u8]) -> Result<Image<'_>> {
        let Stored { size, orientation, .. } = self.read(bytes, None)?;
        let pixels = self.stored.get(size.bytes());
        if orientation == Orientation::UPRIGHT {
            return Ok(Image { size, pixels });
        }
        let turned = self.turned.take(size.bytes())?;
        orientation.turn(pixels, size, turned);
        Ok(Image { size: orientation.turned(size), pixels: turned })
    }

    /// Decodes an image and fits it into `out`, whose length must be `target.bytes()`: the largest part in its middle with
    /// the aspect of `target`, resized. Errors are those of `decode`, or tell that `out` has another length; then what
    /// `out` holds is undefined.
    pub fn load(&mut self, bytes: &[u8], target: Size, out: &mut [u8]) -> Result<()> {
        target.check(out.len())?;
        let Stored { size, window, orientation } = self.read(bytes, Some(target))?;
        // the crop is central, so turning the small result is turning the image
        let target = orientation.turned(target);
        let part = Part::central(size, target).within(window);
        let pixels = self.stored.get(window.size.bytes());
        if orientation == Orientation::UPRIGHT {
            return self.fitter.fit_part(pixels, window.size, part, out, target);
        }
        let small = self.turned.take(target.bytes())?;
        self.fitter.fit_part(pixels, window.size, part, small, target)?;
        orientation.turn(small, target, out);
        Ok(())
    }

    fn read(&mut self, bytes: &[u8], target: Option<Size>) -> Result<Stored> {
        match sniff::sniff(bytes)? {
            Format::Jpeg => jpeg::decode(bytes, &self.limits, target, &mut self.stored),
            Format::Png => png::decode(bytes, &self.limits, &mut self.stored),
        }
    }
}
