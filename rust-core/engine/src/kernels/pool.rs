//! Pooling together with the ReLU before or after it, one pass over memory forward and one backward. The backward pass
//! goes over the input and adds up, for each of its values, what the windows that contain it contribute. So each value
//! is written once and the memory need not be zeroed.

use std::ops::Range;

use multiversion::multiversion;

use super::element::{load, store};
use super::{Element, by_blocks};

/// In place of the index of a maximum: the ReLU after it was 0, so no value of the window gets a gradient.
const NOWHERE: u8 = u8::MAX;

/// The shape of the input image, and the windows. A window that extends past the border is clipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pooling {
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    pub kernel: usize,
    pub stride: usize,
    /// Caffe's rounding: a window that begins inside the image may extend past its border. Otherwise windows lie
    /// inside.
    pub ceil: bool,
    /// A ReLU after a maximum, or before an average.
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
        let begins_inside = whole * self.stride < side;
        let has_clipped = self.ceil && !rest.is_multiple_of(self.stride) && begins_inside;
        whole + usize::from(has_clipped)
    }

    /// The rows or columns of the input that window `at` covers.
    fn window(&self, at: usize, side: usize) -> Range<usize> {
        let first = at * self.stride;
        first..(first + self.kernel).min(side)
    }

    /// The windows, of `windows` in all, that cover row or column `at` of the input.
    fn windows_of(&self, at: usize, windows: usize) -> Range<usize> {
        let first = (at + self.stride).saturating_sub(self.kernel) / self.stride;
        first..(at / self.stride + 1).min(windows)
    }

    /// All ranges, computed once for all images.
    pub fn table(self) -> WindowTable {
        let (rows, columns) = self.output();
        WindowTable {
            pooling: self,
            rows: (0..rows).map(|at| self.window(at, self.height)).collect(),
            columns: (0..columns).map(|at| self.window(at, self.width)).collect(),
            windows_of_row: (0..self.height).map(|at| self.windows_of(at, rows)).collect(),
            windows_of_column: (0..self.width).map(|at| self.windows_of(at, columns)).collect(),
        }
    }
}

/// The ranges of all windows of a pooling; to compute them for each value would take longer than the pooling itself.
#[derive(Clone, Debug)]
pub struct WindowTable {
    pub pooling: Pooling,
    rows: Vec<Range<usize>>,
    columns: Vec<Range<usize>>,
    windows_of_row: Vec<Range<usize>>,
    windows_of_column: Vec<Range<usize>>,
}

impl WindowTable {
    /// The index of an input value in its window, row by row; it fits, because kernels are far below 16 x 16.
    #[inline(always)]
    fn index(&self, (window_y, y): (usize, usize), (window_x, x): (usize, usize)) -> u8 {
        let stride = self.pooling.stride;
        ((y - window_y * stride) * self.pooling.kernel + x - window_x * stride) as u8
    }
}

/// The maxima of one image's windows, and the index of each in its window. A NaN is kept if it is the first value.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2+fma"))]
pub fn max_forward<T: Element>(table: &WindowTable, x: &[T], y: &mut [T], argmax: &mut [u8]) {
    let channels = table.pooling.channels;
    let mut outputs = y.chunks_exact_mut(channels).zip(argmax.chunks_exact_mut(channels));
    for window_y in 0..table.rows.len() {
        for (window_x, (y, argmax)) in (0..table.columns.len()).zip(&mut outputs) {
            by_blocks!(channels, max_block::<T>(table, x, (window_y, window_x), y, argmax));
        }
    }
}

// Here and below, selected values are written to new arrays, which the compiler turns into a blend of registers.
// Written in place they went through memory.
#[inline(always)]
fn max_block<T: Element, const N: usize>(
    table: &WindowTable,
    x: &[T],
    (window_y, window_x): (usize, usize),
    y: &mut [T],
    argmax: &mut [u8],
    first: usize,
) {
    let Pooling { width, channels, relu, .. } = table.pooling;
    let (rows, columns) = (table.rows[window_y].clone(), table.columns[window_x].clone());
    let mut best = load::<T, N>(x, (rows.start * width + columns.start) * channels + first);
    let mut best_index = [0u32; N]; // of the first value
    for row in rows {
        for column in columns.clone() {
            let index = u32::from(table.index((window_y, row), (window_x, column)));
            let values = load::<T, N>(x, (row * width + column) * channels + first);
            let (mut best_after, mut index_after) = ([0f32; N], [0u32; N]);
            for lane in 0..N {
                let wins = values[lane] > best[lane];
                best_after[lane] = if wins { values[lane] } else { best[lane] };
                index_after[lane] = if wins { index } else { best_index[lane] };
            }
            (best, best_index) = (best_after, index_after);
        }
    }
    if relu {
        let (mut best_after, mut index_after) = ([0f32; N], [0u32; N]);
        for lane in 0..N {
            let is_zero = best[lane] <= 0.0;
            best_after[lane] = if is_zero { 0.0 } else { best[lane] };
            index_after[lane] = if is_zero { u32::from(NOWHERE) } else { best_index[lane] };
        }
        (best, best_index) = (best_after, index_after);
    }
    store(&best, y, first);
    for (argmax, index) in argmax[first..first + N].iter_mut().zip(best_index) {
        *argmax = index as u8;
    }
}

/// The gradient of the input from the gradient of the output.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2+fma"))]
pub fn max_backward<T: Element>(table: &WindowTable, gradient: &[T], argmax: &[u8], input: &mut [T]) {
    let channels = table.pooling.channels;
    let mut inputs = input.chunks_exact_mut(channels);
    for row in 0..table.pooling.height {
        for (column, input) in (0..table.pooling.width).zip(&mut inputs) {
            by_blocks!(channels, max_backward_block::<T>(table, gradient, argmax, (row, column), input));
        }
    }
}

#[inline(always)]
fn max_backward_block<T: Element, const N: usize>(
    table: &WindowTable,
    gradient: &[T],
    argmax: &[u8],
    (row, column): (usize, usize),
    input: &mut [T],
    first: usize,
) {
    let mut sum = [0f32; N];
    for window_y in table.windows_of_row[row].clone() {
        for window_x in table.windows_of_column[column].clone() {
            let index = u32::from(table.index((window_y, row), (window_x, column)));
            let from = (window_y * table.columns.len() + window_x) * table.pooling.channels + first;
            let (values, indices) = (load::<T, N>(gradient, from), &argmax[from..from + N]);
            for lane in 0..N {
                sum[lane] += if u32::from(indices[lane]) == index { values[lane] } else { 0.0 };
            }
        }
    }
    store(&sum, input, first);
}

/// The means of one image's windows, each over the part that lies inside the image.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2+fma"))]
pub fn average_forward<T: Element>(table: &WindowTable, x: &[T], y: &mut [T]) {
    let channels = table.pooling.channels;
    let mut outputs = y.chunks_exact_mut(channels);
    for window_y in 0..table.rows.len() {
        for (window_x, y) in (0..table.columns.len()).zip(&mut outputs) {
            by_blocks!(channels, average_block::<T>(table, x, (window_y, window_x), y));
        }
    }
}

#[inline(always)]
fn average_block<T: Element, const N: usize>(
    table: &WindowTable,
    x: &[T],
    (window_y, window_x): (usize, usize),
    y: &mut [T],
    first: usize,
) {
    let Pooling { width, channels, relu, .. } = table.pooling;
    let (rows, columns) = (table.rows[window_y].clone(), table.columns[window_x].clone());
    let weight = 1.0 / (rows.len() * columns.len()) as f32;
    let mut sum = [0f32; N];
    for row in rows {
        for column in columns.clone() {
            let values = load::<T, N>(x, (row * width + column) * channels + first);
            let mut sum_after = [0f32; N];
            for lane in 0..N {
                sum_after[lane] = sum[lane] + if relu && values[lane] <= 0.0 { 0.0 } else { values[lane] };
            }
            sum = sum_after;
        }
    }
    sum.iter_mut().for_each(|sum| *sum *= weight);
    store(&sum, y, first);
}

/// The gradient of the input `x` from the gradient of the output.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2+fma"))]
pub fn average_backward<T: Element>(table: &WindowTable, gradient: &[T], x: &[T], input: &mut [T]) {
    let channels = table.pooling.channels;
    let mut inputs = input.chunks_exact_mut(channels).zip(x.chunks_exact(channels));
    for row in 0..table.pooling.height {
        for (column, (input, x)) in (0..table.pooling.width).zip(&mut inputs) {
            by_blocks!(channels, average_backward_block::<T>(table, gradient, (row, column), x, input));
        }
    }
}

#[inline(always)]
fn average_backward_block<T: Element, const N: usize>(
    table: &WindowTable,
    gradient: &[T],
    (row, column): (usize, usize),
    x: &[T],
    input: &mut [T],
    first: usize,
) {
    let Pooling { channels, relu, .. } = table.pooling;
    let mut sum = [0f32; N];
    for window_y in table.windows_of_row[row].clone() {
        for window_x in table.windows_of_column[column].clone() {
            let weight = 1.0 / (table.rows[window_y].len() * table.columns[window_x].len()) as f32;
            let values = load::<T, N>(gradient, (window_y * table.columns.len() + window_x) * channels + first);
            for lane in 0..N {
                sum[lane] += values[lane] * weight;
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
    fn a_window_extends_past_the_border_only_if_it_begins_inside() {
        let sides =
            |side: usize, kernel, stride, ceil| Pooling { kernel, stride, ceil, ..pooling(side, side, 1) }.output().0;
        assert_eq!([32, 16, 8].map(|side| sides(side, 3, 2, true)), [16, 8, 4]);
        assert_eq!([31, 4, 5].map(|side| sides(side, 2, 2, true)), [16, 2, 3]);
        assert_eq!([31, 4, 5].map(|side| sides(side, 2, 2, false)), [15, 2, 2]);
        assert_eq!(sides(3, 1, 3, true), 1); // the second window would begin at the border
    }

    #[test]
    fn windows_of_a_value_are_those_that_cover_it() {
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
    fn no_gradient_passes_where_the_relu_is_zero() {
        let pooling = Pooling { relu: true, ..pooling(3, 3, 2) };
        let x: Vec<f32> = (0..18).map(|at| if at % 2 == 0 { at as f32 } else { -1.0 }).collect();
        let (mut y, mut argmax, mut input) = (vec![9.0; 2], vec![9; 2], vec![9.0; 18]);
        max_forward(&pooling.table(), &x, &mut y, &mut argmax);
        assert_eq!((&y[..], &argmax[..]), (&[16.0, 0.0][..], &[8, NOWHERE][..]));
        max_backward(&pooling.table(), &[5.0, 7.0], &argmax, &mut input);
        assert_eq!(input.iter().sum::<f32>(), 5.0);
        assert_eq!(input[16], 5.0);
    }

    #[test]
    fn a_channel_of_nan_stays_nan() {
        for relu in [false, true] {
            let pooling = Pooling { relu, ..pooling(3, 3, 17) };
            let (x, mut y, mut argmax) = (vec![f32::NAN; 9 * 17], vec![0.0; 17], vec![0; 17]);
            max_forward(&pooling.table(), &x, &mut y, &mut argmax);
            assert!(y.iter().all(|y| y.is_nan()));
            average_forward(&pooling.table(), &x, &mut y);
            assert!(y.iter().all(|y| y.is_nan()));
        }
    }
}
