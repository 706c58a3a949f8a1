//! Batch normalisation over channels-last values, with the sum and the activation behind it:
//! `y = act(x a_c + b_c + r)`, where a and b are a channel's scale and shift and r an optional residual.
//! Forwards two passes over memory, backwards two (Ioffe and Szegedy 2015); sums are f32 in a row, f64 across.

use multiversion::multiversion;

use super::Element;
use super::activation::Activation;

/// A channel's sums over the values of an image: of one number and of another.
pub type Sums = Vec<[f64; 2]>;

/// Adds each channel's sum and sum of squares over one image.
pub fn moments<T: Element>(width: usize, x: &[T], sums: &mut Sums) {
    let mut rows = vec![0.0; 2 * sums.len()];
    for row in x.chunks(width * sums.len()) {
        rows.fill(0.0);
        row_moments(row, &mut rows);
        fold(&rows, sums);
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2+fma"))]
fn row_moments<T: Element>(row: &[T], rows: &mut [f32]) {
    let (sum, squares) = rows.split_at_mut(rows.len() / 2);
    for pixel in row.chunks_exact(sum.len()) {
        for ((sum, squares), x) in sum.iter_mut().zip(squares.iter_mut()).zip(pixel) {
            let x = x.get();
            *sum += x;
            *squares += x * x;
        }
    }
}

fn fold(rows: &[f32], sums: &mut Sums) {
    let (first, second) = rows.split_at(sums.len());
    for ((sums, first), second) in sums.iter_mut().zip(first).zip(second) {
        sums[0] += f64::from(*first);
        sums[1] += f64::from(*second);
    }
}

/// What is done to a channel's values; each slice has a value a channel.
pub struct Factors<'a> {
    /// Subtracted from x in the sums of the way back.
    pub mean: &'a [f32],
    pub scale: &'a [f32],
    pub shift: &'a [f32],
    pub activation: Activation,
}

/// Normalises one image.
pub fn forward<T: Element>(factors: &Factors<'_>, x: &[T], residual: Option<&[T]>, y: &mut [T]) {
    match residual {
        Some(residual) => forward_wide::<T, true>(factors, x, residual, y),
        None => forward_wide::<T, false>(factors, x, x, y),
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2+fma"))]
fn forward_wide<T: Element, const ADDS: bool>(factors: &Factors<'_>, x: &[T], residual: &[T], y: &mut [T]) {
    match factors.activation {
        Activation::Identity => pixels::<T, ADDS>(factors, Activation::Identity, x, residual, y),
        Activation::Relu => pixels::<T, ADDS>(factors, Activation::Relu, x, residual, y),
        Activation::Gelu => pixels::<T, ADDS>(factors, Activation::Gelu, x, residual, y),
    }
}

#[inline(always)]
fn pixels<T: Element, const ADDS: bool>(
    factors: &Factors<'_>,
    activation: Activation,
    x: &[T],
    residual: &[T],
    y: &mut [T],
) {
    let channels = factors.scale.len();
    let inputs = x.chunks_exact(channels).zip(residual.chunks_exact(channels));
    for (y, (x, residual)) in y.chunks_exact_mut(channels).zip(inputs) {
        let values = x.iter().zip(residual).zip(factors.scale.iter().zip(factors.shift));
        for (y, ((x, residual), (scale, shift))) in y.iter_mut().zip(values) {
            let sum = x.get() * scale + shift + if ADDS { residual.get() } else { 0.0 };
            *y = T::of(activation.of(sum));
        }
    }
}

/// From the gradient behind the activation that before it, in `out`, and each channel's sums of that and of
/// that times `x - mean`. What stood before the activation is computed again: memory is slower.
pub fn slopes<T: Element>(
    factors: &Factors<'_>,
    width: usize,
    (x, residual): (&[T], Option<&[T]>),
    (gradient, out): (&[T], &mut [T]),
    sums: &mut Sums,
) {
    let length = width * sums.len();
    let mut rows = vec![0.0; 2 * sums.len()];
    let inputs = x.chunks(length).zip(residual.unwrap_or(x).chunks(length));
    for ((out, gradient), (x, beside)) in out.chunks_mut(length).zip(gradient.chunks(length)).zip(inputs) {
        rows.fill(0.0);
        match residual {
            Some(_) => slopes_wide::<T, true>(factors, (x, beside), gradient, out, &mut rows),
            None => slopes_wide::<T, false>(factors, (x, beside), gradient, out, &mut rows),
        }
        fold(&rows, sums);
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2+fma"))]
fn slopes_wide<T: Element, const ADDS: bool>(
    factors: &Factors<'_>,
    inputs: (&[T], &[T]),
    gradient: &[T],
    out: &mut [T],
    rows: &mut [f32],
) {
    match factors.activation {
        Activation::Identity => slope_pixels::<T, ADDS>(factors, Activation::Identity, inputs, (gradient, out), rows),
        Activation::Relu => slope_pixels::<T, ADDS>(factors, Activation::Relu, inputs, (gradient, out), rows),
        Activation::Gelu => slope_pixels::<T, ADDS>(factors, Activation::Gelu, inputs, (gradient, out), rows),
    }
}

#[inline(always)]
fn slope_pixels<T: Element, const ADDS: bool>(
    factors: &Factors<'_>,
    activation: Activation,
    (x, residual): (&[T], &[T]),
    (gradient, out): (&[T], &mut [T]),
    rows: &mut [f32],
) {
    let channels = rows.len() / 2;
    let (sum, product) = rows.split_at_mut(channels);
    let [mean, scale, shift] = [factors.mean, factors.scale, factors.shift].map(|factor| &factor[..channels]);
    let inputs = x.chunks_exact(channels).zip(residual.chunks_exact(channels));
    let gradients = out.chunks_exact_mut(channels).zip(gradient.chunks_exact(channels));
    for ((out, gradient), (x, residual)) in gradients.zip(inputs) {
        for channel in 0..channels {
            let value = x[channel].get();
            let before = value * scale[channel] + shift[channel] + if ADDS { residual[channel].get() } else { 0.0 };
            let slope = gradient[channel].get() * activation.slope(before);
            out[channel] = T::of(slope);
            sum[channel] += slope;
            product[channel] += slope * (value - mean[channel]);
        }
    }
}

/// The gradient of the image, `p_c g + q_c x + r_c`, for the three factors of each channel.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2+fma"))]
pub fn backward<T: Element>(factors: &[Vec<f32>; 3], slopes: &[T], x: &[T], input: &mut [T]) {
    let channels = factors[0].len();
    let [p, q, r] = [0, 1, 2].map(|at| &factors[at][..channels]);
    let pixels = slopes.chunks_exact(channels).zip(x.chunks_exact(channels));
    for (input, (slopes, x)) in input.chunks_exact_mut(channels).zip(pixels) {
        for channel in 0..channels {
            let value = p[channel] * slopes[channel].get() + q[channel] * x[channel].get() + r[channel];
            input[channel] = T::of(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_sums_over_all_pixels_of_a_channel() {
        let mut sums = vec![[0.0; 2]; 3];
        let x: Vec<f32> = (0..3 * 10).map(|at| at as f32).collect();
        moments(5, &x, &mut sums);
        for (channel, [sum, squares]) in sums.into_iter().enumerate() {
            let values = (0..10).map(|pixel| f64::from(pixel * 3 + channel as i32));
            assert_eq!(sum, values.clone().sum::<f64>());
            assert_eq!(squares, values.map(|x| x * x).sum::<f64>());
        }
    }
}
