//! Pooling with the ReLU beside it, forwards and backwards, in one pass each. The backward pass gathers: every
//! value of the input asks the windows that it lies in, so it is written once and nothing is zeroed before.

use std::ops::Range;

use multiversion::multiversion;

use super::element::{load, store};
use super::{Element, by_blocks};

/// Stands for "no value of the window": the ReLU behind the maximum let nothing through.
const NOWHERE: u8 = u8::MAX;

/// The shape of one image before, and the window. A window that hangs over the border is clipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pooling {
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    pub kernel: usize,
    pub stride: usize,
    /// Caffe's rounding: a window may begin inside and hang over; else only whole windows count.
    pub ceil: bool,
    /// After a maximum, before an average.
    pub relu: bool,
}

impl Pooling {
    /// Height and width of the output.
    pub fn output(&self) -> (usize, usize) {
        (self.along(self.height), self.along(self.width))
    }

    fn along(&self, side: usize) -> usize {
        let rest = side.saturating_sub(self.kernel);
        let whole = rest / self.stride + 1;
        // a window must begin inside
        let hangs = self.ceil && !rest.is_multiple_of(self.stride) && whole * self.stride < side;
        whole + usize::from(hangs)
    }

    /// Rows or columns of the input under window `at`.
    fn window(&self, at: usize, side: usize) -> Range<usize> {
        let first = at * self.stride;
        first..(first + self.kernel).min(side)
    }

    /// Windows that row or column `at` of the input lies in; there are `windows` in all.
    fn windows_of(&self, at: usize, windows: usize) -> Range<usize> {
        let first = (at + self.stride).saturating_sub(self.kernel) / self.stride;
        first..(at / self.stride + 1).min(windows)
    }

    /// What every image needs, computed once.
    pub fn plan(self) -> Plan {
        let (rows, columns) = self.output();
        Plan {
            pooling: self,
            rows: (0..rows).map(|at| self.window(at, self.height)).collect(),
            columns: (0..columns).map(|at| self.window(at, self.width)).collect(),
            windows_of_row: (0..self.height).map(|at| self.windows_of(at, rows)).collect(),
            windows_of_column: (0..self.width).map(|at| self.windows_of(at, columns)).collect(),
        }
    }
}

/// A pooling with its windows laid out: divisions would cost more than the values.
#[derive(Clone, Debug)]
pub struct Plan {
    pub pooling: Pooling,
    rows: Vec<Range<usize>>,
    columns: Vec<Range<usize>>,
    windows_of_row: Vec<Range<usize>>,
    windows_of_column: Vec<Range<usize>>,
}

impl Plan {
    /// Where in its window a value stands, kernels being far below 16.
    #[inline(always)]
    fn place(&self, (window_y, y): (usize, usize), (window_x, x): (usize, usize)) -> u8 {
        let stride = self.pooling.stride;
        ((y - window_y * stride) * self.pooling.kernel + x - window_x * stride) as u8
    }
}

/// Maxima of one image's windows, and where in its window each stands. A NaN that comes first stays.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2+fma"))]
pub fn max_forward<T: Element>(plan: &Plan, x: &[T], y: &mut [T], places: &mut [u8]) {
    let channels = plan.pooling.channels;
    let mut outputs = y.chunks_exact_mut(channels).zip(places.chunks_exact_mut(channels));
    for window_y in 0..plan.rows.len() {
        for (window_x, (y, places)) in (0..plan.columns.len()).zip(&mut outputs) {
            by_blocks!(channels, max_block::<T>(plan, x, (window_y, window_x), y, places));
        }
    }
}

// Here and below, what is chosen is written to new arrays: then it becomes a blend in registers, which in place went
// through memory.
#[inline(always)]
fn max_block<T: Element, const N: usize>(
    plan: &Plan,
    x: &[T],
    (window_y, window_x): (usize, usize),
    y: &mut [T],
    places: &mut [u8],
    first: usize,
) {
    let Pooling { width, channels, relu, .. } = plan.pooling;
    let (high, wide) = (plan.rows[window_y].clone(), plan.columns[window_x].clone());
    let mut best = load::<T, N>(x, (high.start * width + wide.start) * channels + first);
    let mut stands = [0u32; N]; // the first value's place
    for row in high {
        for column in wide.clone() {
            let place = u32::from(plan.place((window_y, row), (window_x, column)));
            let values = load::<T, N>(x, (row * width + column) * channels + first);
            let (mut best_after, mut stands_after) = ([0f32; N], [0u32; N]);
            for lane in 0..N {
                let wins = values[lane] > best[lane];
                best_after[lane] = if wins { values[lane] } else { best[lane] };
                stands_after[lane] = if wins { place } else { stands[lane] };
            }
            (best, stands) = (best_after, stands_after);
        }
    }
    if relu {
        let (mut best_after, mut stands_after) = ([0f32; N], [0u32; N]);
        for lane in 0..N {
            let shut = best[lane] <= 0.0;
            best_after[lane] = if shut { 0.0 } else { best[lane] };
            stands_after[lane] = if shut { u32::from(NOWHERE) } else { stands[lane] };
        }
        (best, stands) = (best_after, stands_after);
    }
    store(&best, y, first);
    for (place, stands) in places[first..first + N].iter_mut().zip(stands) {
        *place = stands as u8;
    }
}

/// Gradient of the input from that of the output.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2+fma"))]
pub fn max_backward<T: Element>(plan: &Plan, gradient: &[T], places: &[u8], input: &mut [T]) {
    let channels = plan.pooling.channels;
    let mut inputs = input.chunks_exact_mut(channels);
    for row in 0..plan.pooling.height {
        for (column, input) in (0..plan.pooling.width).zip(&mut inputs) {
            by_blocks!(channels, max_back_block::<T>(plan, gradient, places, (row, column), input));
        }
    }
}

#[inline(always)]
fn max_back_block<T: Element, const N: usize>(
    plan: &Plan,
    gradient: &[T],
    places: &[u8],
    (row, column): (usize, usize),
    input: &mut [T],
    first: usize,
) {
    let mut sum = [0f32; N];
    for window_y in plan.windows_of_row[row].clone() {
        for window_x in plan.windows_of_column[column].clone() {
            let place = u32::from(plan.place((window_y, row), (window_x, column)));
            let from = (window_y * plan.columns.len() + window_x) * plan.pooling.channels + first;
            let (values, stands) = (load::<T, N>(gradient, from), &places[from..from + N]);
            for lane in 0..N {
                sum[lane] += if u32::from(stands[lane]) == place { values[lane] } else { 0.0 };
            }
        }
    }
    store(&sum, input, first);
}

/// Means of one image's windows over what of them lies inside.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2+fma"))]
pub fn average_forward<T: Element>(plan: &Plan, x: &[T], y: &mut [T]) {
    let channels = plan.pooling.channels;
    let mut outputs = y.chunks_exact_mut(channels);
    for window_y in 0..plan.rows.len() {
        for (window_x, y) in (0..plan.columns.len()).zip(&mut outputs) {
            by_blocks!(channels, average_block::<T>(plan, x, (window_y, window_x), y));
        }
    }
}

#[inline(always)]
fn average_block<T: Element, const N: usize>(
    plan: &Plan,
    x: &[T],
    (window_y, window_x): (usize, usize),
    y: &mut [T],
    first: usize,
) {
    let Pooling { width, channels, relu, .. } = plan.pooling;
    let (high, wide) = (plan.rows[window_y].clone(), plan.columns[window_x].clone());
    let share = 1.0 / (high.len() * wide.len()) as f32;
    let mut sum = [0f32; N];
    for row in high {
        for column in wide.clone() {
            let values = load::<T, N>(x, (row * width + column) * channels + first);
            let mut sum_after = [0f32; N];
            for lane in 0..N {
                sum_after[lane] = sum[lane] + if relu && values[lane] <= 0.0 { 0.0 } else { values[lane] };
            }
            sum = sum_after;
        }
    }
    sum.iter_mut().for_each(|sum| *sum *= share);
    store(&sum, y, first);
}

/// Gradient of the input `x` from that of the output.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2+fma"))]
pub fn average_backward<T: Element>(plan: &Plan, gradient: &[T], x: &[T], input: &mut [T]) {
    let channels = plan.pooling.channels;
    let mut inputs = input.chunks_exact_mut(channels).zip(x.chunks_exact(channels));
    for row in 0..plan.pooling.height {
        for (column, (input, x)) in (0..plan.pooling.width).zip(&mut inputs) {
            by_blocks!(channels, average_back_block::<T>(plan, gradient, (row, column), x, input));
        }
    }
}

#[inline(always)]
fn average_back_block<T: Element, const N: usize>(
    plan: &Plan,
    gradient: &[T],
    (row, column): (usize, usize),
    x: &[T],
    input: &mut [T],
    first: usize,
) {
    let Pooling { channels, relu, .. } = plan.pooling;
    let mut sum = [0f32; N];
    for window_y in plan.windows_of_row[row].clone() {
        for window_x in plan.windows_of_column[column].clone() {
            let share = 1.0 / (plan.rows[window_y].len() * plan.columns[window_x].len()) as f32;
            let values = load::<T, N>(gradient, (window_y * plan.columns.len() + window_x) * channels + first);
            for lane in 0..N {
                sum[lane] += values[lane] * share;
            }
        }
    }
    let (x, mut out) = (load::<T, N>(x, first), [0f32; N]);
    for lane in 0..N {
        out[lane] = if relu && x[lane] <= 0.0 { 0.0 } else { sum[lane] };
    }
    store(&out, input, first);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pooling(height: usize, width: usize, channels: usize) -> Pooling {
        Pooling { height, width, channels, kernel: 3, stride: 2, ceil: true, relu: false }
    }

    #[test]
    fn a_window_hangs_over_only_where_it_begins_inside() {
        let sides =
            |side: usize, kernel, stride, ceil| Pooling { kernel, stride, ceil, ..pooling(side, side, 1) }.output().0;
        assert_eq!([32, 16, 8].map(|side| sides(side, 3, 2, true)), [16, 8, 4]);
        assert_eq!([31, 4, 5].map(|side| sides(side, 2, 2, true)), [16, 2, 3]);
        assert_eq!([31, 4, 5].map(|side| sides(side, 2, 2, false)), [15, 2, 2]);
        assert_eq!(sides(3, 1, 3, true), 1); // the second window would begin at the border
    }

    #[test]
    fn every_value_asks_just_the_windows_that_it_lies_in() {
        for (side, kernel, stride) in [(9, 3, 2), (8, 3, 2), (6, 2, 2), (7, 3, 1), (7, 2, 3)] {
            let pooling = Pooling { kernel, stride, ..pooling(side, side, 1) };
            let windows = pooling.output().0;
            for at in 0..side {
                let expected: Vec<usize> =
                    (0..windows).filter(|&window| pooling.window(window, side).contains(&at)).collect();
                assert_eq!(pooling.windows_of(at, windows).collect::<Vec<_>>(), expected, "{pooling:?} at {at}");
            }
        }
    }

    #[test]
    fn where_the_relu_is_shut_no_gradient_passes() {
        let pooling = Pooling { relu: true, ..pooling(3, 3, 2) };
        let x: Vec<f32> = (0..18).map(|at| if at % 2 == 0 { at as f32 } else { -1.0 }).collect();
        let (mut y, mut places, mut input) = (vec![9.0; 2], vec![9; 2], vec![9.0; 18]);
        max_forward(&pooling.plan(), &x, &mut y, &mut places);
        assert_eq!((&y[..], &places[..]), (&[16.0, 0.0][..], &[8, NOWHERE][..]));
        max_backward(&pooling.plan(), &[5.0, 7.0], &places, &mut input);
        assert_eq!(input.iter().sum::<f32>(), 5.0);
        assert_eq!(input[16], 5.0);
    }

    #[test]
    fn a_channel_of_nan_stays_one() {
        for relu in [false, true] {
            let pooling = Pooling { relu, ..pooling(3, 3, 17) };
            let (x, mut y, mut places) = (vec![f32::NAN; 9 * 17], vec![0.0; 17], vec![0; 17]);
            max_forward(&pooling.plan(), &x, &mut y, &mut places);
            assert!(y.iter().all(|y| y.is_nan()));
            average_forward(&pooling.plan(), &x, &mut y);
            assert!(y.iter().all(|y| y.is_nan()));
        }
    }
}
