//! What Caffe's local steps share: the settings, the factors of every weight, and one buffer of momentum.

use tch::{Device, Kind, Tensor, no_grad};

use super::Policy;
use crate::error::Result;
use crate::nets::Net;
use crate::weights::Weights;

/// What a solver needs to know.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub lr: f64,
    pub momentum: f64,
    pub weight_decay: f64,
    pub policy: Policy,
}

/// The parts of a local step over the flat vector.
pub struct Terms {
    pub(super) settings: Settings,
    /// One value a weight.
    pub(super) velocity: Tensor,
    lr_mult: Tensor,
    /// `weight_decay * decay_mult` of every weight.
    decay: Tensor,
}

impl Terms {
    /// Terms for `net` with zero momentum.
    pub(super) fn new(net: &Net, settings: Settings) -> Self {
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

    /// `eta lr_mult (g + lambda decay_mult x)` at the rate of local step `step`.
    pub(super) fn update(&self, weights: &Weights, gradient: &Tensor, step: u64) -> Tensor {
        (weights.flat() * &self.decay + gradient) * &self.lr_mult * self.rate(step)
    }

    /// The learning rate of local step `step`.
    pub fn rate(&self, step: u64) -> f64 {
        self.settings.policy.rate(self.settings.lr, step)
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
