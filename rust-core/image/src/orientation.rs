//! Cameras store pixels as the sensor lies and say in EXIF how to turn them. The eight orientations are those of Pillow's
//! `ImageOps.exif_transpose`; an orientation in XMP, which Pillow also reads, is not looked for.

use exif::{In, Reader, Tag};

use crate::geometry::Size;
use crate::segments::{APP1, segments};

/// An EXIF orientation, 1 to 8, as steps from the stored pixels to the upright ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Orientation {
    /// Rows become columns, after the flips.
    transposed: bool,
    bottom_up: bool,
    right_to_left: bool,
}

impl Orientation {
    pub const UPRIGHT: Self = Self { transposed: false, bottom_up: false, right_to_left: false };

    /// Of an EXIF block, which starts with a TIFF header. A block that cannot be read, or says nothing, is upright: the
    /// pixels are whole.
    pub fn of_exif(tiff: &[u8]) -> Self {
        const LONGEST: usize = 1 << 16; // bytes; a JPEG segment cannot hold more
        if tiff.len() > LONGEST {
            return Self::UPRIGHT;
        }
        let read = Reader::new().continue_on_error(true).read_raw(tiff.to_vec());
        let exif = read.or_else(|error| error.distill_partial_result(|_| ()));
        let field = exif.as_ref().ok().and_then(|exif| exif.get_field(Tag::Orientation, In::PRIMARY));
        Self::of_code(field.and_then(|field| field.value.get_uint(0)).unwrap_or(1))
    }

    /// Of the first EXIF segment of a JPEG.
    pub fn of_jpeg(bytes: &[u8]) -> Self {
        let exif = segments(bytes).filter(|(marker, _)| *marker == APP1);
        let tiff = exif.filter_map(|(_, content)| bytes[content].strip_prefix(b"Exif\0\0")).next();
        tiff.map_or(Self::UPRIGHT, Self::of_exif)
    }

    fn of_code(code: u32) -> Self {
        Self {
            transposed: matches!(code, 5..=8),
            bottom_up: matches!(code, 3 | 4 | 6 | 7),
            right_to_left: matches!(code, 2 | 3 | 7 | 8),
        }
    }

    /// The size after turning `size`. Also the size before turning: each orientation swaps the sides or leaves them.
    pub fn turned(self, size: Size) -> Size {
        if self.transposed { Size { height: size.width, width: size.height } } else { size }
    }

    /// Writes the upright pixels of `stored`, whose size is `size`, to `upright`; both are RGB of the same length.
    pub fn turn(self, stored: &[u8], size: Size, upright: &mut [u8]) {
        let Size { height, width } = size;
        let columns = self.turned(size).width;
        for (y, row) in upright.chunks_exact_mut(3 * columns).enumerate() {
            for (x, pixel) in row.as_chunks_mut::<3>().0.iter_mut().enumerate() {
                let (line, column) = if self.transposed { (x, y) } else { (y, x) };
                let line = if self.bottom_up { height - 1 - line } else { line };
                let column = if self.right_to_left { width - 1 - column } else { column };
                let at = 3 * (line * width + column);
                pixel.copy_from_slice(&stored[at..at + 3]);
            }
        }
    }
}
