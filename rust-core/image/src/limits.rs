//! What bytes from outside may ask for, checked before memory is allocated.

use crate::error::{ImageError, Result};
use crate::geometry::Size;

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
    /// An error if an image of `size` has too many pixels.
    pub(crate) fn check(&self, size: Size) -> Result<()> {
        let (height, width) = (size.height as u64, size.width as u64);
        if height.checked_mul(width).is_none_or(|pixels| pixels > self.pixels) {
            return Err(ImageError::TooLarge { height, width, limit: self.pixels });
        }
        Ok(())
    }

    /// An error if `bytes` of memory are too many.
    pub(crate) fn check_memory(&self, bytes: usize) -> Result<()> {
        if bytes as u64 > self.memory { Err(ImageError::MemoryLimit { limit: self.memory }) } else { Ok(()) }
    }
}
