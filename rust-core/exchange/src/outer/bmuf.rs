//! Block-wise model-update filtering: `G = sum (c - x_k);  D <- h D + (1 - h) z G;  c <- c - D`. The mean
//! stands for the workers, so G = K (c - mean); with h = 1 - 1/K the factor (1 - h) z K is z.
//! Chen, Huo, "Scalable training of deep learning machines by incremental block training with intra-block
//! parallel optimization and blockwise model-update filtering" (2016), equations 3 to 5.

use super::{Outer, corrected};
use crate::memory::{Purpose, filled};
use crate::rule_state::{RuleState, restore_all};
use crate::{Result, published};

/// Block momentum over the rounds.
#[derive(Clone, Debug)]
pub struct Bmuf {
    momentum: f32,
    gain: f32,
    filtered: Vec<f32>,
}

impl Bmuf {
    /// Over `length` values of `workers` workers; `h` is 1 - 1/K when absent, the paper's `z` is 1.
    pub fn new(h: Option<f32>, z: f32, length: usize, workers: usize) -> Result<Self> {
        let momentum = h.map_or(published::bmuf_eta(workers), f64::from);
        // In f64 the product rounds to z in f32 where h is the default.
        let gain = ((1.0 - momentum) * f64::from(z) * workers.max(1) as f64) as f32;
        Ok(Self { momentum: momentum as f32, gain, filtered: filled(length, 0.0, Purpose::Center)? })
    }
}

impl RuleState for Bmuf {
    fn vectors(&self) -> Vec<&[f32]> {
        vec![&self.filtered]
    }

    fn restore(&mut self, vectors: Vec<Vec<f32>>, counters: &[u64]) -> Result<()> {
        restore_all(&mut [&mut self.filtered], vectors, &mut [], counters)
    }
}

impl Outer for Bmuf {
    fn step(&mut self, center: &mut [f32], mean: &[f32], _lr: f32) {
        for ((c, mean), filtered) in center.iter_mut().zip(mean).zip(&mut self.filtered) {
            let d = *c - *mean;
            *filtered = self.momentum * *filtered + self.gain * d;
            *c = corrected(*mean, *filtered - d);
        }
    }
}
