//! Adam (Kingma, Ba 2015), and with decoupled decay AdamW (Loshchilov, Hutter 2019), as in PyTorch; beta1 is the
//! momentum:
//! `m <- beta1 m + (1 - beta1) g;  v <- beta2 v + (1 - beta2) g g` and
//! `x <- x - rate lr_mult (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + delta)`.

use super::Part;

/// Adam's own hyperparameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    pub beta2: f64,
    /// Epsilon, added after the bias correction as in PyTorch; Caffe adds it before.
    pub delta: f64,
}

impl Adam {
    /// One step. The state is `m`, `v` and `t`, the number of steps since both were zero.
    pub fn step(&self, part: &mut Part<'_>, rate: f64) {
        let (beta1, t) = (part.hyper.momentum, (part.steps + 1) as f64);
        let (correction1, correction2) = (1.0 - beta1.powf(t), (1.0 - self.beta2.powf(t)).sqrt());
        let direction = part.direction();
        let _ = part.state[0].lerp_(&direction, 1.0 - beta1);
        let _ = part.state[1].lerp_(&direction.square(), 1.0 - self.beta2);
        // numerator and denominator are multiplied by correction2, which saves a pass over the values
        let mut denominator = part.state[1].sqrt();
        let _ = denominator.g_add_scalar_(self.delta * correction2);
        let mut numerator = &part.state[0] * &part.lr_mult;
        let _ = numerator.g_mul_scalar_(-rate * correction2 / correction1);
        let _ = part.x.addcdiv_(&numerator, &denominator);
    }
}
