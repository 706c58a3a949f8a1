//! One image's change, done by moving normalised pixels: the mean moves with the image, so the mean image is subtracted
//! at the place a pixel came from, as in Caffe (`DataTransformer::Transform` reads `mean[data_index]`).

use super::{CHANNELS, PIXELS, SIDE, Value};

/// Values of one line of an image.
const LINE: usize = SIDE * CHANNELS;

/// What lies around an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Border {
    /// Bytes of 0, normalised as the nearest pixel of the image is.
    Black,
    /// The image mirrored at its outermost pixels, which are not repeated (PyTorch's `reflect`).
    Reflected,
}

/// A square with the value 0 after normalisation, the mean (DeVries and Taylor, arXiv 1708.04552).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The first and the one after the last.
    pub lines: [usize; 2],
    pub columns: [usize; 2],
}

/// What is done to one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    pub flip: bool,
    /// The border, and how far down and right in the image the first pixel comes from; less than 32 either way.
    pub shift: Option<(Border, isize, isize)>,
    pub cut: Option<Cut>,
}

impl Cut {
    /// Of `side` pixels around a centre in the image, which clips it.
    pub fn around(line: usize, column: usize, side: usize) -> Cut {
        let range = |centre: usize| [centre.saturating_sub(side / 2), (centre + side - side / 2).min(SIDE)];
        Cut { lines: range(line), columns: range(column) }
    }
}

impl Change {
    /// Writes the changed `image`, HWC and normalised, to `out`; `black` is the image of zeros, normalised.
    pub fn apply<T: Value>(&self, image: &[T; PIXELS], black: &[T; PIXELS], out: &mut [T]) {
        let (border, down, right) = self.shift.unwrap_or((Border::Black, 0, 0));
        // The columns of `out` that come from inside of the image.
        let inside = right.min(0).unsigned_abs()..SIDE - right.max(0).unsigned_abs();
        let source = (inside.start as isize + right) as usize * CHANNELS;
        for (y, line) in out.chunks_exact_mut(LINE).enumerate() {
            let (at, outside) = border.place(y as isize + down);
            let around = &if border == Border::Black { black } else { image }[at * LINE..][..LINE];
            let middle = if outside && border == Border::Black { around } else { &image[at * LINE..][..LINE] };
            let inner = &mut line[inside.start * CHANNELS..inside.end * CHANNELS];
            inner.copy_from_slice(&middle[source..][..inner.len()]);
            for x in (0..inside.start).chain(inside.end..SIDE) {
                let (at, _) = border.place(x as isize + right);
                line[x * CHANNELS..][..CHANNELS].copy_from_slice(&around[at * CHANNELS..][..CHANNELS]);
            }
            if self.flip {
                line.as_chunks_mut::<CHANNELS>().0.reverse();
            }
        }
        if let Some(Cut { lines: [top, bottom], columns: [left, right] }) = self.cut {
            for line in out[top * LINE..bottom * LINE].chunks_exact_mut(LINE) {
                line[left * CHANNELS..right * CHANNELS].fill(T::default());
            }
        }
    }
}

impl Border {
    /// Which line or column stands for `at`, which may lie up to 31 outside, and whether it does.
    fn place(self, at: isize) -> (usize, bool) {
        let last = SIDE as isize - 1;
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

    /// Values that are all different, none of them 0, and blacks that differ likewise.
    fn image() -> ([f32; PIXELS], [f32; PIXELS]) {
        (std::array::from_fn(|at| 1.0 + at as f32), std::array::from_fn(|at| -1.0 - at as f32))
    }

    /// The value of one pixel of the changed image, told from the definitions alone.
    fn naive(change: &Change, [y, x]: [usize; 2], channel: usize) -> f32 {
        if change.cut.is_some_and(|cut| {
            (cut.lines[0]..cut.lines[1]).contains(&y) && (cut.columns[0]..cut.columns[1]).contains(&x)
        }) {
            return 0.0;
        }
        let x = if change.flip { SIDE - 1 - x } else { x };
        let (border, down, right) = change.shift.unwrap_or((Border::Reflected, 0, 0));
        let (image, black) = image();
        let (mut place, mut outside) = ([0; 2], false);
        for (place, at) in place.iter_mut().zip([y as isize + down, x as isize + right]) {
            *place = at;
            while !(0..SIDE as isize).contains(place) {
                outside = true;
                *place = match (border, *place < 0) {
                    (Border::Reflected, true) => -*place,
                    (Border::Reflected, false) => 2 * (SIDE as isize - 1) - *place,
                    (Border::Black, true) => *place + 1,
                    (Border::Black, false) => *place - 1,
                };
            }
        }
        let at = (place[0] as usize * SIDE + place[1] as usize) * CHANNELS + channel;
        if outside && border == Border::Black { black[at] } else { image[at] }
    }

    #[test]
    fn every_change_is_what_its_definition_says_of_each_pixel() {
        let (image, black) = image();
        let mut shifts = vec![None];
        for border in [Border::Black, Border::Reflected] {
            for down in [-31, -4, 0, 1, 31] {
                shifts.extend([-31, -1, 0, 4, 31].map(|right| Some((border, down, right))));
            }
        }
        let cuts = [None, Some(Cut::around(0, 31, 8)), Some(Cut::around(16, 5, 3)), Some(Cut::around(31, 0, 31))];
        for shift in shifts {
            for (cut, flip) in cuts.into_iter().flat_map(|cut| [(cut, false), (cut, true)]) {
                let change = Change { flip, shift, cut };
                let mut out = [f32::NAN; PIXELS];
                change.apply(&image, &black, &mut out);
                for (at, &value) in out.iter().enumerate() {
                    let (pixel, channel) = (at / CHANNELS, at % CHANNELS);
                    let expected = naive(&change, [pixel / SIDE, pixel % SIDE], channel);
                    assert_eq!(value, expected, "{change:?}, pixel {pixel}, channel {channel}");
                }
            }
        }
    }

    #[test]
    fn a_square_is_clipped_by_the_image() {
        assert_eq!(Cut::around(16, 16, 8), Cut { lines: [12, 20], columns: [12, 20] });
        assert_eq!(Cut::around(1, 30, 8), Cut { lines: [0, 5], columns: [26, 32] });
        assert_eq!(Cut::around(9, 9, 1), Cut { lines: [9, 10], columns: [9, 10] });
    }
}
