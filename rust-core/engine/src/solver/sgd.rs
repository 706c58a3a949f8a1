//! Caffe's SGD over the flat vector: `v <- mu v + eta lr_mult (g + lambda decay_mult x);  x <- x - v`.
//! The learning rate stands inside the buffer, so a drop leaves the momentum of the old rate as it is.

use tch::{Device, Kind, Tensor, no_grad};

use super::Policy;
use crate::error::Result;
use crate::nets::Net;
use crate::weights::Weights;

/// What the solver needs to know.
#[derive(Clone, Debug, PartialEq)]
pub struct SgdSettings {
    pub lr: f64,
    pub momentum: f64,
    pub weight_decay: f64,
    pub policy: Policy,
}

/// The solver of one worker. Its state is the momentum buffer, one value a weight.
pub struct Sgd {
    settings: SgdSettings,
    velocity: Tensor,
    lr_mult: Tensor,
    /// `weight_decay * decay_mult` of every weight.
    decay: Tensor,
}

impl Sgd {
    /// A solver for `net` with zero momentum.
    pub fn new(net: &Net, settings: SgdSettings) -> Self {
        let spread = |value: &dyn Fn(usize) -> f64| {
            let mut flat = Vec::with_capacity(net.layout().length());
            for (index, param) in net.params().iter().enumerate() {
                flat.resize(flat.len() + param.entry.numel(), value(index) as f32);
            }
            Tensor::from_slice(&flat)
        };
        let lr_mult = spread(&|index| net.params()[index].lr_mult);
        let decay = spread(&|index| settings.weight_decay * net.params()[index].decay_mult);
        let velocity = Tensor::zeros([net.layout().length() as i64], (Kind::Float, Device::Cpu));
        Self { settings, velocity, lr_mult, decay }
    }

    /// Moves `weights` against the flat `gradient` at the rate of local step `step`.
    pub fn step(&mut self, weights: &mut Weights, gradient: &Tensor, step: u64) {
        let rate = self.settings.policy.rate(self.settings.lr, step);
        no_grad(|| {
            let mut flat = weights.flat().shallow_clone();
            let update = (&flat * &self.decay + gradient) * &self.lr_mult * rate;
            let _ = self.velocity.g_mul_scalar_(self.settings.momentum);
            let _ = self.velocity.g_add_(&update);
            let _ = flat.g_sub_(&self.velocity);
        });
    }

    /// Replaces the momentum; a slice of another length is refused.
    pub fn set_state(&mut self, values: &[f32]) -> Result<()> {
        firesteel_exchange::layout::check_length(self.velocity.numel(), values)?;
        no_grad(|| self.velocity.copy_(&Tensor::from_slice(values)));
        Ok(())
    }

    /// Copies the momentum out; a slice of another length is refused.
    pub fn copy_state(&self, values: &mut [f32]) -> Result<()> {
        firesteel_exchange::layout::check_length(self.velocity.numel(), values)?;
        self.velocity.copy_data(values, values.len());
        Ok(())
    }

    /// Zero momentum.
    pub fn reset(&mut self) {
        let _ = no_grad(|| self.velocity.zero_());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Precision;
    use crate::nets::NetName;

    /// Two steps on `cifar10_full`, whose ip1 has decay_mult 250 on the weight and 0 on the bias, each
    /// tensor's first value followed by hand in f64, across a drop of the rate.
    #[test]
    fn two_steps_follow_caffes_equations_for_every_tensor() {
        let net = NetName::Cifar10Full.build(10);
        let settings = SgdSettings {
            lr: 0.01,
            momentum: 0.9,
            weight_decay: 0.004,
            policy: Policy::Multistep { gamma: 0.1, stepvalue: vec![1] },
        };
        let mut weights = Weights::new(&net, Precision::F32);
        let initial: Vec<f32> = net.initial_weights(5).iter().map(|x| x + 0.25).collect();
        weights.set(&initial).unwrap();
        let mut solver = Sgd::new(&net, settings);
        let gradients = [0.5, -0.125];
        for (step, gradient) in gradients.into_iter().enumerate() {
            let gradient = Tensor::full([initial.len() as i64], gradient, (Kind::Float, Device::Cpu));
            solver.step(&mut weights, &gradient, step as u64);
        }
        let mut after = vec![0.0; initial.len()];
        weights.copy_to(&mut after).unwrap();
        for ((entry, range), param) in net.layout().ranges().zip(net.params()) {
            let (mut x, mut v) = (f64::from(initial[range.start]), 0.0);
            for (rate, gradient) in [0.01, 0.001].into_iter().zip(gradients) {
                v = 0.9 * v + rate * param.lr_mult * (gradient + 0.004 * param.decay_mult * x);
                x -= v;
            }
            assert!((x - f64::from(after[range.start])).abs() < 1e-6, "{}", entry.name);
        }
    }
}
