//! Batch normalisation (Ioffe and Szegedy 2015) of channels-last values, together with the residual connection and the
//! activation that follow it: `y = act(x scale_c + shift_c + residual)` with, for each channel c,
//! `scale_c = weight_c / sqrt(variance_c + epsilon)` and `shift_c = bias_c - mean_c scale_c`.
//! Forward and backward pass read the image twice each. Sums are in f32 over a strip of pixels and in f64 over the
//! strips.

use multiversion::multiversion;

use super::activation::Activation;
use super::element::{load, store};
use super::{Element, by_blocks};

/// For each channel, two sums over the pixels of an image.
pub type Sums = Vec<[f64; 2]>;

/// Pixels that are summed in f32 before the sum goes into an f64. 64 additions lose at most 64 x 2^-24 of the sum of the
/// absolute values: far below the 2^-9 that a value in bf16 has lost already, and what libtorch's own sums in f32 lose.
const STRIP: usize = 64;

/// What the operation does to each channel; each slice has one value for each.
pub struct Factors<'a> {
    /// The mean of the minibatch, or in an evaluation the running mean, which only a backward pass reads.
    pub mean: &'a [f32],
    pub scale: &'a [f32],
    pub shift: &'a [f32],
    pub activation: Activation,
}

/// Adds to `sums` each channel's sum and sum of squares over one image.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2+fma"))]
pub fn moments<T: Element>(x: &[T], sums: &mut Sums) {
    for strip in x.chunks(STRIP * sums.len()) {
        by_blocks!(sums.len(), moments_block::<T>(strip, sums));
    }
}

#[inline(always)]
fn moments_block<T: Element, const N: usize>(x: &[T], sums: &mut Sums, first: usize) {
    let (mut sum, mut squares) = ([0f32; N], [0f32; N]);
    for pixel in x.chunks_exact(sums.len()) {
        let x = load::<T, N>(pixel, first);
        for lane in 0..N {
            sum[lane] += x[lane];
            squares[lane] = x[lane].mul_add(x[lane], squares[lane]);
        }
    }
    add(&sum, &squares, &mut sums[first..]);
}

#[inline(always)]
fn add<const N: usize>(left: &[f32; N], right: &[f32; N], sums: &mut [[f64; 2]]) {
    for (sums, (left, right)) in sums.iter_mut().zip(left.iter().zip(right)) {
        sums[0] += f64::from(*left);
        sums[1] += f64::from(*right);
    }
}

/// The forward pass of one image.
pub fn forward<T: Element>(factors: &Factors<'_>, x: &[T], residual: Option<&[T]>, y: &mut [T]) {
    match residual {
        Some(residual) => forward_dispatch::<T, true>(factors, x, residual, y),
        None => forward_dispatch::<T, false>(factors, x, x, y), // `x` a second time is not read
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2+fma"))]
fn forward_dispatch<T: Element, const ADDS: bool>(factors: &Factors<'_>, x: &[T], residual: &[T], y: &mut [T]) {
    let channels = factors.scale.len();
    match factors.activation {
        Activation::Identity => by_blocks!(channels, identity_block::<T, ADDS>(factors, x, residual, y)),
        Activation::Relu => by_blocks!(channels, relu_block::<T, ADDS>(factors, x, residual, y)),
        Activation::Relu6 => by_blocks!(channels, relu6_block::<T, ADDS>(factors, x, residual, y)),
        Activation::Gelu => by_blocks!(channels, gelu_block::<T, ADDS>(factors, x, residual, y)),
    }
}

/// One function for each activation, so that the compiler inlines the activation into the loop over the pixels.
macro_rules! forward_blocks {
    ($($name:ident: $activation:expr;)*) => {$(
        #[inline(always)]
        fn $name<T: Element, const N: usize, const ADDS: bool>(
            factors: &Factors<'_>,
            x: &[T],
            residual: &[T],
            y: &mut [T],
            first: usize,
        ) {
            let channels = factors.scale.len();
            let (scale, shift) = (load::<f32, N>(factors.scale, first), load::<f32, N>(factors.shift, first));
            let inputs = x.chunks_exact(channels).zip(residual.chunks_exact(channels));
            for (y, (x, residual)) in y.chunks_exact_mut(channels).zip(inputs) {
                let (x, residual) = (load::<T, N>(x, first), load::<T, N>(residual, first));
                let mut out = [0f32; N];
                for lane in 0..N {
                    let shift = if ADDS { shift[lane] + residual[lane] } else { shift[lane] };
                    let before = x[lane].mul_add(scale[lane], shift);
                    out[lane] = $activation.of(before);
                }
                store(&out, y, first);
            }
        }
    )*};
}
forward_blocks! {
    identity_block: Activation::Identity;
    relu_block: Activation::Relu;
    relu6_block: Activation::Relu6;
    gelu_block: Activation::Gelu;
}

/// The gradient of an image after the activation: one tensor, or the sum of two where the image goes on to the next block
/// and to the shortcut around it.
pub type Gradients<'a, T> = (&'a [T], Option<&'a [T]>);

/// The backward pass through the activation: writes the gradient of the activation's input to `out`, and adds to `sums`
/// each channel's sum of that gradient and of that gradient times `x - mean`. The activation's input is computed again,
/// which takes less time than reading it from memory would.
pub fn activation_backward<T: Element>(
    factors: &Factors<'_>,
    (x, residual): (&[T], Option<&[T]>),
    (gradient, more): Gradients<'_, T>,
    out: &mut [T],
    sums: &mut Sums,
) {
    let length = STRIP * sums.len();
    let inputs = x.chunks(length).zip(residual.unwrap_or(x).chunks(length));
    let gradients = gradient.chunks(length).zip(more.unwrap_or(gradient).chunks(length));
    let strips = out.chunks_mut(length).zip(inputs.zip(gradients));
    match (residual.is_some(), more.is_some()) {
        (false, false) => {
            strips.for_each(|(out, ins)| activation_backward_dispatch::<T, false, false>(factors, ins, out, sums))
        }
        (false, true) => {
            strips.for_each(|(out, ins)| activation_backward_dispatch::<T, false, true>(factors, ins, out, sums))
        }
        (true, false) => {
            strips.for_each(|(out, ins)| activation_backward_dispatch::<T, true, false>(factors, ins, out, sums))
        }
        (true, true) => {
            strips.for_each(|(out, ins)| activation_backward_dispatch::<T, true, true>(factors, ins, out, sums))
        }
    }
}

/// The inputs of a strip: values and residual, and the two parts of the gradient.
type Strips<'a, T> = ((&'a [T], &'a [T]), (&'a [T], &'a [T]));

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2+fma"))]
fn activation_backward_dispatch<T: Element, const ADDS: bool, const TWO: bool>(
    factors: &Factors<'_>,
    strips: Strips<'_, T>,
    out: &mut [T],
    sums: &mut Sums,
) {
    let channels = sums.len();
    match factors.activation {
        Activation::Identity => by_blocks!(channels, identity_backward::<T, ADDS, TWO>(factors, strips, out, sums)),
        Activation::Relu => by_blocks!(channels, relu_backward::<T, ADDS, TWO>(factors, strips, out, sums)),
        Activation::Relu6 => by_blocks!(channels, relu6_backward::<T, ADDS, TWO>(factors, strips, out, sums)),
        Activation::Gelu => by_blocks!(channels, gelu_backward::<T, ADDS, TWO>(factors, strips, out, sums)),
    }
}

macro_rules! activation_backward_blocks {
    ($($name:ident: $activation:expr;)*) => {$(
        #[inline(always)]
        fn $name<T: Element, const N: usize, const ADDS: bool, const TWO: bool>(
            factors: &Factors<'_>,
            ((x, residual), (gradient, more)): Strips<'_, T>,
            out: &mut [T],
            sums: &mut Sums,
            first: usize,
        ) {
            let channels = sums.len();
            let [mean, scale, shift] =
                [factors.mean, factors.scale, factors.shift].map(|factor| load::<f32, N>(factor, first));
            let (mut sum, mut product) = ([0f32; N], [0f32; N]);
            let inputs = x.chunks_exact(channels).zip(residual.chunks_exact(channels));
            let gradients = gradient.chunks_exact(channels).zip(more.chunks_exact(channels));
            for (out, ((x, residual), (gradient, more))) in out.chunks_exact_mut(channels).zip(inputs.zip(gradients)) {
                let (x, residual) = (load::<T, N>(x, first), load::<T, N>(residual, first));
                let (gradient, more) = (load::<T, N>(gradient, first), load::<T, N>(more, first));
                let mut before = [0f32; N];
                for lane in 0..N {
                    let shift = if ADDS { shift[lane] + residual[lane] } else { shift[lane] };
                    let gradient = if TWO { gradient[lane] + more[lane] } else { gradient[lane] };
                    before[lane] = gradient * $activation.derivative(x[lane].mul_add(scale[lane], shift));
                    sum[lane] += before[lane];
                    product[lane] = before[lane].mul_add(x[lane] - mean[lane], product[lane]);
                }
                store(&before, out, first);
            }
            add(&sum, &product, &mut sums[first..]);
        }
    )*};
}
activation_backward_blocks! {
    identity_backward: Activation::Identity;
    relu_backward: Activation::Relu;
    relu6_backward: Activation::Relu6;
    gelu_backward: Activation::Gelu;
}

/// The backward pass through the normalisation: the gradient of its input x, `p_c g + q_c x + r_c`, where g is the
/// gradient that `activation_backward` wrote and `factors` are p, q and r of each channel.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2+fma"))]
pub fn backward<T: Element>(factors: &[Vec<f32>; 3], gradient: &[T], x: &[T], input: &mut [T]) {
    by_blocks!(factors[0].len(), backward_block::<T>(factors, gradient, x, input));
}

#[inline(always)]
fn backward_block<T: Element, const N: usize>(
    factors: &[Vec<f32>; 3],
    gradient: &[T],
    x: &[T],
    input: &mut [T],
    first: usize,
) {
    let channels = factors[0].len();
    let [p, q, r] = [0, 1, 2].map(|at| load::<f32, N>(&factors[at], first));
    let pixels = gradient.chunks_exact(channels).zip(x.chunks_exact(channels));
    for (input, (gradient, x)) in input.chunks_exact_mut(channels).zip(pixels) {
        let (gradient, x) = (load::<T, N>(gradient, first), load::<T, N>(x, first));
        let mut out = [0f32; N];
        for lane in 0..N {
            out[lane] = p[lane].mul_add(gradient[lane], q[lane].mul_add(x[lane], r[lane]));
        }
        store(&out, input, first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_sums_over_all_pixels_of_a_channel() {
        let mut sums = vec![[0.0; 2]; 3];
        let x: Vec<f32> = (0..3 * 10).map(|at| at as f32).collect();
        moments(&x, &mut sums);
        for (channel, [sum, squares]) in sums.into_iter().enumerate() {
            let values = (0..10).map(|pixel| f64::from(pixel * 3 + channel as i32));
            assert_eq!(sum, values.clone().sum::<f64>());
            assert_eq!(squares, values.map(|x| x * x).sum::<f64>());
        }
    }
}
