//! Muon (Jordan and others 2024) as in `torch.optim.Muon`, with the weight of a convolution as a matrix
//! `[out, in * height * width]`: `v <- mu v + (1 - mu) g`, and the step is in the direction of the orthogonal matrix
//! nearest to `(1 - mu) g + mu v`. All other tensors are updated by Nesterov's SGD. Decay is decoupled.

use tch::Tensor;

use super::{ParamGroups, Part, nesterov};

/// Keller Jordan's coefficients of the quintic: they raise small singular values fast, at the price of leaving all of
/// them only near 1.
const QUINTIC: (f64, f64, f64) = (3.4445, -4.7750, 2.0315);
const ITERATIONS: usize = 5;
const SMALLEST_NORM: f64 = 1e-7;

/// Muon's own hyperparameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Muon {
    /// Learning rate of the weights of convolutions, under the same policy as the others' `lr`.
    pub lr: f64,
}

impl Muon {
    /// One step on whole vectors, tensor by tensor; frozen tensors are skipped. The state is `v`.
    pub fn step(&self, groups: &ParamGroups, whole: &Part<'_>, step: u64) {
        let mu = groups.hyper.momentum;
        for group in groups.list.iter().filter(|group| group.lr_mult > 0.0) {
            let (mut x, mut v, gradient) = (group.of(&whole.x), group.of(&whole.state[0]), group.of(&whole.gradient));
            let is_filter = group.shape.len() == 4;
            let base = if is_filter { self.lr } else { groups.hyper.lr };
            let rate = groups.rate_from(base, step) * group.lr_mult;
            let _ = x.g_mul_scalar_(1.0 - rate * group.decay);
            if !is_filter {
                nesterov::advance(mu, &mut v, &mut x, gradient * rate);
                continue;
            }
            let _ = v.lerp_(&gradient, 1.0 - mu);
            let out = group.shape[0];
            let matrix = gradient.lerp(&v, mu).view([out, -1]);
            let aspect = out as f64 / matrix.size()[1] as f64;
            let adjusted = rate * aspect.max(1.0).sqrt();
            let _ = x.g_sub_(&(orthogonal(&matrix) * adjusted).reshape(-1));
        }
    }
}

/// Approximates `U V'` for `matrix = U S V'` by Newton-Schulz iterations, in f32; PyTorch computes them in bf16.
fn orthogonal(matrix: &Tensor) -> Tensor {
    let (a, b, c) = QUINTIC;
    let transposed = |x: &Tensor| x.transpose(0, 1);
    let tall = matrix.size()[0] > matrix.size()[1];
    let mut x = if tall { transposed(matrix) } else { matrix.shallow_clone() };
    x = &x / x.norm().clamp_min(SMALLEST_NORM);
    for _ in 0..ITERATIONS {
        let gram = x.matmul(&transposed(&x)); // as wide as the shorter side of the matrix
        let polynomial = &gram * b + gram.matmul(&gram) * c;
        x = polynomial.matmul(&x) + x * a;
    }
    if tall { transposed(&x) } else { x }
}
