//! Adam (Kingma, Ba 2015), and AdamW (Loshchilov, Hutter 2019) where decay is decoupled, as torch has
//! them: `m <- beta1 m + (1 - beta1) g;  v <- beta2 v + (1 - beta2) g g;
//! x <- x - eta lr_mult (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + delta)`, beta1 the momentum.

use tch::Tensor;

use super::{State, Terms};

/// What Adam needs beside the settings of all solvers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    pub beta2: f64,
    /// Caffe's adds it to the square root before the bias is corrected, torch's after.
    pub delta: f64,
}

impl Adam {
    /// One step on `x`; the state is `m`, `v` and `t`, the number of steps since both were zero.
    pub fn step(&self, terms: &Terms, state: &mut State, (x, gradient): (&mut Tensor, &Tensor), step: u64) {
        let (beta1, rate, t) = (terms.settings.momentum, terms.rate(step), (state.steps + 1) as f64);
        let (missing1, missing2) = (1.0 - beta1.powf(t), (1.0 - self.beta2.powf(t)).sqrt());
        let direction = terms.direction(x, gradient);
        let _ = state.vectors[0].lerp_(&direction, 1.0 - beta1);
        let _ = state.vectors[1].lerp_(&direction.square(), 1.0 - self.beta2);
        // the factor 1 / missing2 of the denominator stands in the numerator: one pass less
        let mut denominator = state.vectors[1].sqrt();
        let _ = denominator.g_add_scalar_(self.delta * missing2);
        let mut numerator = &state.vectors[0] * terms.lr_mult();
        let _ = numerator.g_mul_scalar_(-rate * missing2 / missing1);
        let _ = x.addcdiv_(&numerator, &denominator);
    }
}
