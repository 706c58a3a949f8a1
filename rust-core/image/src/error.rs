//! The one error type of this crate: what can be wrong with the bytes of an image.

use std::fmt;

/// The result of everything in this crate that can fail.
pub type Result<T> = std::result::Result<T, ImageError>;

/// Why bytes did not become pixels. The caller adds the name of the file.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum ImageError {
    #[error("the image is empty: 0 bytes")]
    Empty,
    /// Neither JPEG nor PNG, nor another format of images that is known here.
    #[error("{0}, not an image: JPEG and PNG are read")]
    NotAnImage(&'static str),
    /// An image in a format that is not read.
    #[error("{0} images are not supported: JPEG and PNG are")]
    Format(&'static str),
    #[error("truncated: a {0} that ends in the middle")]
    Truncated(Format),
    /// Damaged bytes, as the decoder describes them.
    #[error("corrupt {format}: {cause}")]
    Corrupt { format: Format, cause: String },
    /// A rare variant of the format, such as 12-bit JPEG.
    #[error("unsupported {format}: {cause}")]
    Unsupported { format: Format, cause: String },
    #[error("{width} x {height} pixels are more than the limit of {limit}")]
    TooLarge { height: u64, width: u64, limit: u64 },
    /// Each scan goes over all pixels again, so a small file with many can take minutes.
    #[error("a progressive JPEG of more than {limit} scans")]
    TooManyScans { limit: u32 },
    #[error("decoding needs more than the limit of {limit} bytes of memory")]
    MemoryLimit { limit: u64 },
    /// An allocation failed.
    #[error("no memory for an image: give the process more memory")]
    Memory,
    /// The caller's buffer, or a side of 0 pixels.
    #[error("a buffer of {got} bytes for RGB pixels of height {height} and width {width}")]
    Buffer { height: usize, width: usize, got: usize },
}

/// The formats that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Jpeg,
    Png,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
        })
    }
}

impl Format {
    pub(crate) fn corrupt(self, cause: impl Into<String>) -> ImageError {
        ImageError::Corrupt { format: self, cause: cause.into() }
    }

    pub(crate) fn unsupported(self, cause: impl Into<String>) -> ImageError {
        ImageError::Unsupported { format: self, cause: cause.into() }
    }
}
