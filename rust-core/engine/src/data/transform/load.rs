//! Brings an image of any source to the shape of the run, when it is loaded.

use firesteel_image::{Decoder, Fitter, ImageError, Limits, Size};

use crate::data::record::Image;
use crate::data::shape::{CHANNELS, Shape};
use crate::error::Error;
use crate::memory::{self, Allocation, Purpose};

/// Why an image was not written.
#[derive(Debug)]
pub enum Refusal {
    /// Its bytes are no image, for this reason; the next one may be.
    NoImage(String),
    /// The machine lacks memory, which says nothing about the bytes.
    Failed(Error),
}

impl From<ImageError> for Refusal {
    fn from(error: ImageError) -> Self {
        match error {
            ImageError::Memory => Self::Failed(Purpose::Rows.refused(None)),
            ImageError::Buffer { .. } => Self::Failed(Error::internal(error.to_string())),
            _ => Self::NoImage(error.to_string()),
        }
    }
}

/// Writes images of one shape; keeps the memory that decoding takes.
pub struct ImageLoader {
    shape: Shape,
    decoder: Decoder,
    fitter: Fitter,
    rgb: Vec<u8>,
}

impl ImageLoader {
    pub fn new(shape: Shape) -> Self {
        Self { shape, decoder: Decoder::new(Limits::default()), fitter: Fitter::default(), rgb: Vec::new() }
    }

    /// Writes `image` to `out`, HWC. An image of another size is cut to the proportions of the shape around its centre and
    /// resized with antialiasing, as by PIL's `ImageOps.fit` with `BILINEAR`; a grey one that is smaller lies centred on
    /// zeros, as MNIST's digits are padded for CIFAR's nets.
    pub fn write(&mut self, image: Image<'_>, out: &mut [u8]) -> Result<(), Refusal> {
        let Shape { height, width, .. } = self.shape;
        match image {
            Image::Broken(why) => Err(Refusal::NoImage(why.to_owned())),
            Image::Encoded(bytes) => Ok(self.decoder.load(bytes, Size { height, width }, out)?),
            Image::Planar { height: h, width: w, bytes } if (h, w) == (height, width) => {
                interleave(bytes, out);
                Ok(())
            }
            Image::Planar { height, width, bytes } => {
                interleave(bytes, self.rgb(bytes.len())?);
                self.resize(height, width, out)
            }
            Image::Lines { height: h, width: w, channels: 1, bytes, .. } if h <= height && w <= width => {
                centre(bytes, (h, w), out, self.shape);
                Ok(())
            }
            Image::Lines { height: h, width: w, channels, blue_first, bytes } => {
                to_rgb(bytes, channels, blue_first, self.rgb(bytes.len() / channels * CHANNELS)?);
                self.resize(h, w, out)
            }
        }
    }

    /// The buffer for an image that is resized, `length` bytes long.
    fn rgb(&mut self, length: usize) -> Result<&mut [u8], Refusal> {
        self.rgb.clear();
        memory::reserve(&mut self.rgb, length, Purpose::Rows).map_err(Refusal::Failed)?;
        self.rgb.resize(length, 0);
        Ok(&mut self.rgb)
    }

    fn resize(&mut self, height: usize, width: usize, out: &mut [u8]) -> Result<(), Refusal> {
        let wanted = Size { height: self.shape.height, width: self.shape.width };
        Ok(self.fitter.fit(&self.rgb, Size { height, width }, out, wanted)?)
    }
}

/// Planes to pixels.
fn interleave(planes: &[u8], out: &mut [u8]) {
    let plane = planes.len() / CHANNELS;
    for (at, pixel) in out.chunks_exact_mut(CHANNELS).enumerate() {
        for (channel, value) in pixel.iter_mut().enumerate() {
            *value = planes[channel * plane + at];
        }
    }
}

/// A grey image in the middle of zeros.
fn centre(grey: &[u8], (height, width): (usize, usize), out: &mut [u8], shape: Shape) {
    let (top, left) = ((shape.height - height) / 2, (shape.width - width) / 2);
    out.fill(0);
    for (y, line) in grey.chunks_exact(width).enumerate() {
        let start = ((top + y) * shape.width + left) * CHANNELS;
        for (pixel, &value) in out[start..].chunks_exact_mut(CHANNELS).zip(line) {
            pixel.fill(value);
        }
    }
}

fn to_rgb(bytes: &[u8], channels: usize, blue_first: bool, out: &mut [u8]) {
    for (pixel, source) in out.chunks_exact_mut(CHANNELS).zip(bytes.chunks_exact(channels)) {
        match *source {
            [grey] => pixel.fill(grey),
            [blue, green, red, ..] if blue_first => pixel.copy_from_slice(&[red, green, blue]),
            _ => pixel.copy_from_slice(&source[..CHANNELS]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn written(image: Image<'_>, shape: Shape) -> Vec<u8> {
        let mut out = vec![7; shape.values()];
        ImageLoader::new(shape).write(image, &mut out).unwrap();
        out
    }

    #[test]
    fn colours_and_alpha_become_red_green_blue() {
        let shape = Shape { channels: CHANNELS, height: 1, width: 2 };
        let lines = |channels, blue_first, bytes| Image::Lines { height: 1, width: 2, channels, blue_first, bytes };
        assert_eq!(written(lines(3, false, &[1, 2, 3, 4, 5, 6]), shape), [1, 2, 3, 4, 5, 6]);
        assert_eq!(written(lines(3, true, &[1, 2, 3, 4, 5, 6]), shape), [3, 2, 1, 6, 5, 4]);
        assert_eq!(written(lines(4, true, &[1, 2, 3, 9, 4, 5, 6, 9]), shape), [3, 2, 1, 6, 5, 4]);
        assert_eq!(written(lines(1, false, &[5, 8]), shape), [5, 5, 5, 8, 8, 8]);
        let planes = Image::Planar { height: 1, width: 2, bytes: &[1, 2, 3, 4, 5, 6] };
        assert_eq!(written(planes, shape), [1, 3, 5, 2, 4, 6]);
    }

    #[test]
    fn a_small_grey_image_is_centred_and_repeated() {
        let image = Image::Lines { height: 2, width: 1, channels: 1, blue_first: false, bytes: &[200, 100] };
        let out = written(image, Shape::CIFAR);
        let at = |y: usize, x: usize| &out[(y * 32 + x) * CHANNELS..][..CHANNELS];
        assert_eq!(at(15, 15), [200; 3]);
        assert_eq!(at(16, 15), [100; 3]);
        assert_eq!(out.iter().filter(|&&value| value != 0).count(), 6);
    }

    #[test]
    fn a_28_pixel_image_has_a_border_of_two() {
        let mut bytes = vec![0; 28 * 28];
        (bytes[0], bytes[28 * 28 - 1]) = (11, 22);
        let image = Image::Lines { height: 28, width: 28, channels: 1, blue_first: false, bytes: &bytes };
        let out = written(image, Shape::CIFAR);
        assert_eq!(out[(2 * 32 + 2) * CHANNELS], 11);
        assert_eq!(out[(29 * 32 + 29) * CHANNELS], 22);
    }

    #[test]
    fn a_large_image_is_cut_around_its_centre_and_averaged() {
        // columns 0 0 10 20 30 40 0 0 of two lines: the middle is four by two, halved to two by one
        let line = [0, 0, 10, 20, 30, 40, 0, 0];
        let bytes = [line, line].concat();
        let image = Image::Lines { height: 2, width: 8, channels: 1, blue_first: false, bytes: &bytes };
        let out = written(image, Shape { channels: CHANNELS, height: 1, width: 2 });
        assert_eq!((out[0], out[3]), (out[1], out[4]));
        assert!((14..=20).contains(&out[0]) && (28..=36).contains(&out[3]), "{out:?}");
    }

    #[test]
    fn what_is_no_image_says_why() {
        let why = |image| match ImageLoader::new(Shape::CIFAR).write(image, &mut vec![0; Shape::CIFAR.values()]) {
            Err(Refusal::NoImage(why)) => why,
            other => panic!("{other:?}"),
        };
        assert_eq!(why(Image::Broken("no pixels")), "no pixels");
        assert_eq!(why(Image::Encoded(b"hello")), "text, not an image: JPEG and PNG are read");
    }

    #[test]
    fn a_lack_of_memory_is_no_fault_of_the_image() {
        let kind = |error: ImageError| match Refusal::from(error) {
            Refusal::NoImage(_) => None,
            Refusal::Failed(error) => Some(error.kind()),
        };
        assert_eq!(kind(ImageError::Memory), Some(Kind::Memory));
        assert_eq!(kind(ImageError::Buffer { height: 0, width: 1, got: 2 }), Some(Kind::Internal));
        assert_eq!(kind(ImageError::Empty), None);
        assert_eq!(kind(ImageError::MemoryLimit { limit: 1 }), None); // of one image, which the user's file exceeds
    }
}
