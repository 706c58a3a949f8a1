//! Muon (Jordan and others 2024) as `torch.optim.Muon`, each filter of a convolution as one matrix
//! `[out, in * height * width]`: `v <- mu v + (1 - mu) g`, and the step is along the nearest orthogonal
//! matrix to `(1 - mu) g + mu v`. All other tensors step with Nesterov's SGD. Decay is decoupled.

use tch::Tensor;

use super::{State, Terms, nesterov};

/// Keller Jordan's quintic: steep at 0 rather than convergent at 1.
const QUINTIC: (f64, f64, f64) = (3.4445, -4.7750, 2.0315);
const ITERATIONS: usize = 5;
const SMALLEST_NORM: f64 = 1e-7;

/// What Muon needs beside the settings of all solvers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Muon {
    /// Learning rate of the filters, under the policy of the others' `lr`.
    pub lr: f64,
}

impl Muon {
    /// One step on `x`; the state is `v`. What does not move is left out, since every tensor is stepped
    /// for itself.
    pub fn step(&self, terms: &Terms, state: &mut State, (x, gradient): (&mut Tensor, &Tensor), step: u64) {
        let mu = terms.settings.momentum;
        for part in terms.parts.iter().filter(|part| part.lr_mult > 0.0) {
            let (mut x, mut v, gradient) = (part.of(x), part.of(&state.vectors[0]), part.of(gradient));
            let is_filter = part.shape.len() == 4;
            let base = if is_filter { self.lr } else { terms.settings.lr };
            let rate = terms.rate_from(base, step) * part.lr_mult;
            let _ = x.g_mul_scalar_(1.0 - rate * part.decay);
            if !is_filter {
                nesterov::advance(mu, &mut v, &mut x, gradient * rate);
                continue;
            }
            let _ = v.lerp_(&gradient, 1.0 - mu);
            let out = part.shape[0];
            let matrix = gradient.lerp(&v, mu).view([out, -1]);
            let tallness = out as f64 / matrix.size()[1] as f64;
            let adjusted = rate * tallness.max(1.0).sqrt();
            let _ = x.g_sub_(&(orthogonal(&matrix) * adjusted).reshape(-1));
        }
    }
}

/// Newton-Schulz iterations towards `U V'` of `matrix = U S V'`, in f32 where torch computes in bf16.
fn orthogonal(matrix: &Tensor) -> Tensor {
    let (a, b, c) = QUINTIC;
    let turned = |x: &Tensor| x.transpose(0, 1);
    let tall = matrix.size()[0] > matrix.size()[1];
    let mut x = if tall { turned(matrix) } else { matrix.shallow_clone() };
    x = &x / x.norm().clamp_min(SMALLEST_NORM);
    for _ in 0..ITERATIONS {
        let gram = x.matmul(&turned(&x)); // of the shorter side
        let polynomial = &gram * b + gram.matmul(&gram) * c;
        x = polynomial.matmul(&x) + x * a;
    }
    if tall { turned(&x) } else { x }
}
