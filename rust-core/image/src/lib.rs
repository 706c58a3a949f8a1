//! Encoded images, JPEG or PNG from whoever uploaded them, become RGB pixels of one size: decode, EXIF orientation, central
//! crop, antialiased bilinear resize. The result is Pillow's within two levels a pixel, and an image that is damaged in any
//! part is an error, never gray pixels. Sizes are checked before memory is allocated for them.
//!
//! Pixels are `u8`, height x width x RGB, row by row without gaps.

mod decoder;
mod error;
mod fit;
mod geometry;
mod jpeg;
mod limits;
mod orientation;
mod png;
mod segments;
mod sniff;
mod stored;
mod turbo;

pub use crate::decoder::{Decoder, Image};
pub use crate::error::{Format, ImageError, Result};
pub use crate::fit::Fitter;
pub use crate::geometry::Size;
pub use crate::limits::Limits;
