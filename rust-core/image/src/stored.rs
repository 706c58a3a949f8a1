//! What the decoders of JPEG and PNG leave: pixels in a buffer that is kept from one image to the next. An allocation that
//! fails is an error: a bare `vec![0; n]` would abort the process, which may be a Spark executor.

use crate::error::{ImageError, Result};
use crate::geometry::{Size, Window};
use crate::orientation::Orientation;

/// Bytes that a buffer keeps between images, so that one huge image does not hold its memory for ever: 16 megapixels.
const KEPT: usize = 48 << 20;

/// What a decoder left in the buffer: RGB pixels of `window`, a part of an image of `size`, before `orientation`.
pub(crate) struct Stored {
    pub size: Size,
    pub window: Window,
    pub orientation: Orientation,
}

#[derive(Default)]
pub(crate) struct Buffer(Vec<u8>);

impl Buffer {
    /// The first `length` bytes, with whatever an earlier image left in them.
    pub fn take(&mut self, length: usize) -> Result<&mut [u8]> {
        if length <= KEPT && self.0.len() > KEPT {
            self.0 = Vec::new();
        }
        if self.0.len() < length {
            self.0 = Vec::new(); // the old bytes are not copied
            self.0.try_reserve_exact(length).map_err(|_| ImageError::Memory)?;
            self.0.resize(length, 0);
        }
        Ok(&mut self.0[..length])
    }

    /// The bytes that were written after `take`.
    pub fn get(&self, length: usize) -> &[u8] {
        &self.0[..length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_is_missing_is_an_error() {
        assert_eq!(Buffer::default().take(isize::MAX as usize), Err(ImageError::Memory));
    }

    #[test]
    fn the_memory_of_a_huge_image_is_given_back() {
        let mut buffer = Buffer::default();
        buffer.take(KEPT + 1).unwrap();
        buffer.take(1).unwrap();
        assert_eq!(buffer.0.len(), 1);
    }
}
