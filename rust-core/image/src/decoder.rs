//! From the bytes of a file to upright pixels, whole or fitted.

use crate::error::{Format, Result};
use crate::fit::Fitter;
use crate::geometry::{Part, Size};
use crate::limits::Limits;
use crate::orientation::Orientation;
use crate::stored::{Buffer, Stored};
use crate::{jpeg, png, sniff};

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
    /// The upright pixels of `decode`; the fitted pixels of `load` before they are turned upright.
    turned: Buffer,
    fitter: Fitter,
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
        self.limits.check_memory(2 * size.bytes())?;
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
        match sniff::format_of(bytes)? {
            Format::Jpeg => jpeg::decode(bytes, &self.limits, target, &mut self.stored),
            Format::Png => png::decode(bytes, &self.limits, &mut self.stored),
        }
    }
}
