//! Central crop to the aspect of the target and antialiased bilinear resize in one step, as Pillow's
//! `ImageOps.fit(image, (width, height), Image.BILINEAR)` does it: within two levels of its result on every pixel, and
//! pixels that have the target's size already are copied.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};

use crate::error::{ImageError, Result};
use crate::geometry::{Part, Size};

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
