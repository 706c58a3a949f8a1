//! The augmentation of one image, done line by line while it is normalised. The mean image is shifted and flipped with
//! the image, as in Caffe (`DataTransformer::Transform` reads `mean[data_index]`).

use multiversion::multiversion;

use super::normalize::Normalizer;
use crate::data::shape::{CHANNELS, Shape};
use crate::kernels::Element;

/// What lies around an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Border {
    /// Bytes of 0, normalised with the mean and scale of the nearest pixel of the image.
    Black,
    /// The image reflected at its outermost pixels, which are not repeated: PyTorch's padding mode `reflect`.
    Reflected,
}

/// Cutout (DeVries and Taylor, arXiv 1708.04552): a square that is set to 0, the mean, after normalisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The first, and the one after the last.
    pub lines: [usize; 2],
    pub columns: [usize; 2],
}

/// What is done to one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    pub flip: bool,
    /// The border, and the line and column of the image that become the first ones: less than a side away.
    pub shift: Option<(Border, isize, isize)>,
    pub cut: Option<Cut>,
}

impl Cut {
    /// The square of this side around a pixel, clipped at the border of the image.
    pub fn around(shape: Shape, line: usize, column: usize, side: usize) -> Cut {
        let range = |at: usize, most: usize| [at.saturating_sub(side / 2), (at + side - side / 2).min(most)];
        Cut { lines: range(line, shape.height), columns: range(column, shape.width) }
    }
}

impl Change {
    /// Writes the augmented and normalised `image` to `out`; both are HWC. `wide` is memory for a line with its borders,
    /// which is kept from image to image.
    pub fn apply<T: Element>(&self, normalizer: &Normalizer, image: &[u8], wide: &mut Vec<T>, out: &mut [T]) {
        apply(*self, normalizer, image, wide, out);
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2"))]
fn apply<T: Element>(change: Change, normalizer: &Normalizer, image: &[u8], wide: &mut Vec<T>, out: &mut [T]) {
    let (border, down, right) = change.shift.unwrap_or((Border::Black, 0, 0));
    let Shape { height, width, .. } = normalizer.shape();
    let length = normalizer.shape().line();
    // the values to the left and to the right of a line that a shift can move into the image
    let margin = length - CHANNELS;
    // a line with its borders, of which `length` values go to the output
    wide.resize(length + 2 * margin + 1, T::default());
    let shown = (margin as isize + right * CHANNELS as isize) as usize;
    for (y, line) in out.chunks_exact_mut(length).enumerate() {
        let (at, outside) = border.place(y as isize + down, height);
        if outside && border == Border::Black {
            for (x, value) in wide[margin..margin + length].iter_mut().enumerate() {
                *value = normalizer.black(at * length + x);
            }
        } else {
            normalizer.line(at, &image[at * length..][..length], &mut wide[margin..margin + length]);
        }
        for beyond in 1..=right.abs() {
            let x = if right < 0 { -beyond } else { width as isize - 1 + beyond };
            let (from, _) = border.place(x, width);
            let pixel: [T; CHANNELS] = match border {
                Border::Black => std::array::from_fn(|c| normalizer.black((at * width + from) * CHANNELS + c)),
                Border::Reflected => std::array::from_fn(|c| wide[margin + from * CHANNELS + c]),
            };
            let to = (margin as isize + x * CHANNELS as isize) as usize;
            wide[to..to + CHANNELS].copy_from_slice(&pixel);
        }
        if change.flip {
            mirror(&wide[shown..=shown + length], line);
        } else {
            line.copy_from_slice(&wide[shown..shown + length]);
        }
    }
    if let Some(Cut { lines: [top, bottom], columns: [left, right] }) = change.cut {
        for line in out[top * length..bottom * length].chunks_exact_mut(length) {
            line[left * CHANNELS..right * CHANNELS].fill(T::default());
        }
    }
}

/// Copies a line in reverse order of pixels. Four values at a time are one load and one store; the fourth is
/// overwritten by the next pixel. So `from` has one value more than a line.
#[inline(always)]
fn mirror<T: Element>(from: &[T], to: &mut [T]) {
    let length = to.len();
    for at in (CHANNELS..length).step_by(CHANNELS).rev() {
        to[length - CHANNELS - at..][..4].copy_from_slice(&from[at..at + 4]);
    }
    to[length - CHANNELS..].copy_from_slice(&from[..CHANNELS]);
}

impl Border {
    /// The line or column of the image whose pixels are at `at`, of `side`, which may be up to `side - 1` outside; and
    /// whether it is outside.
    #[inline(always)]
    fn place(self, at: isize, side: usize) -> (usize, bool) {
        let last = side as isize - 1;
        let within = match self {
            Border::Black => at.clamp(0, last),
            Border::Reflected => last - (last - at.abs()).abs(),
        };
        (within as usize, within != at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Not square, so that no line is taken for a column.
    const SHAPE: Shape = Shape { channels: CHANNELS, height: 32, width: 20 };

    /// Irregular bytes, and means and scales that are different for every pixel and channel.
    fn image() -> (Vec<u8>, Normalizer) {
        let bytes = (0..SHAPE.values()).map(|at| (at.wrapping_mul(0x9e37_79b1) >> 13) as u8).collect();
        let flat: Vec<f32> = (0..SHAPE.values()).map(|at| 300.0 + at as f32).chain([0.5, 2.0, 3.0]).collect();
        (bytes, Normalizer::from_slice(SHAPE, &flat).unwrap())
    }

    /// The value of one pixel of the augmented image, computed from the definitions.
    fn naive(change: Change, (image, normalizer): &(Vec<u8>, Normalizer), [y, x]: [usize; 2], channel: usize) -> f32 {
        if change.cut.is_some_and(|cut| {
            (cut.lines[0]..cut.lines[1]).contains(&y) && (cut.columns[0]..cut.columns[1]).contains(&x)
        }) {
            return 0.0;
        }
        let x = if change.flip { SHAPE.width - 1 - x } else { x };
        let (border, down, right) = change.shift.unwrap_or((Border::Reflected, 0, 0));
        let (mut place, mut outside) = ([0; 2], false);
        let asked = [(y as isize + down, SHAPE.height as isize), (x as isize + right, SHAPE.width as isize)];
        for (place, (at, side)) in place.iter_mut().zip(asked) {
            *place = at;
            while !(0..side).contains(place) {
                outside = true;
                *place = match (border, *place < 0) {
                    (Border::Reflected, true) => -*place,
                    (Border::Reflected, false) => 2 * (side - 1) - *place,
                    (Border::Black, true) => *place + 1,
                    (Border::Black, false) => *place - 1,
                };
            }
        }
        let at = place[0] as usize * SHAPE.width + place[1] as usize;
        let byte = if outside && border == Border::Black { 0 } else { image[at * CHANNELS + channel] };
        (f32::from(byte) - normalizer.mean()[channel * SHAPE.plane() + at]) * normalizer.scale()[channel]
    }

    #[test]
    fn every_pixel_of_every_change_is_as_defined() {
        let image = image();
        let mut shifts = vec![None];
        for border in [Border::Black, Border::Reflected] {
            for down in [-31, -4, 0, 1, 31] {
                shifts.extend([-19, -1, 0, 4, 19].map(|right| Some((border, down, right))));
            }
        }
        let cuts = [
            None,
            Some(Cut::around(SHAPE, 0, 19, 8)),
            Some(Cut::around(SHAPE, 16, 5, 3)),
            Some(Cut::around(SHAPE, 31, 0, 31)),
        ];
        for shift in shifts {
            for (cut, flip) in cuts.into_iter().flat_map(|cut| [(cut, false), (cut, true)]) {
                let change = Change { flip, shift, cut };
                let mut out = [f32::NAN; SHAPE.values()];
                change.apply(&image.1, &image.0, &mut Vec::new(), &mut out);
                for (at, &value) in out.iter().enumerate() {
                    let (pixel, channel) = (at / CHANNELS, at % CHANNELS);
                    let expected = naive(change, &image, [pixel / SHAPE.width, pixel % SHAPE.width], channel);
                    assert_eq!(value, expected, "{change:?}, pixel {pixel}, channel {channel}");
                }
            }
        }
    }

    #[test]
    fn a_square_is_clipped_by_the_image() {
        assert_eq!(Cut::around(Shape::CIFAR, 16, 16, 8), Cut { lines: [12, 20], columns: [12, 20] });
        assert_eq!(Cut::around(Shape::CIFAR, 1, 30, 8), Cut { lines: [0, 5], columns: [26, 32] });
        assert_eq!(Cut::around(Shape::CIFAR, 9, 9, 1), Cut { lines: [9, 10], columns: [9, 10] });
    }
}
