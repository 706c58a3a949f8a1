//! DiLoCo's outer step: `d = c - mean;  m <- beta m + d;  c <- c - lr (d + beta m)`.
//! Douillard et al., "DiLoCo: Distributed Low-Communication Training of Language Models" (2023), algorithm 1
//! with Nesterov's momentum as torch's SGD has it.

use super::{Outer, corrected};
use crate::Result;
use crate::memory::{Purpose, filled};
use crate::rule_state::{RuleState, restore_all};

/// Nesterov's momentum over the rounds.
#[derive(Clone, Debug)]
pub struct Nesterov {
    lr: f32,
    momentum: f32,
    velocity: Vec<f32>,
}

impl Nesterov {
    /// Over `length` values; DiLoCo's `lr` is 0.7, its `momentum` 0.9.
    pub fn new(lr: f32, momentum: f32, length: usize) -> Result<Self> {
        Ok(Self { lr, momentum, velocity: filled(length, 0.0, Purpose::Center)? })
    }
}

impl RuleState for Nesterov {
    fn vectors(&self) -> Vec<&[f32]> {
        vec![&self.velocity]
    }

    fn restore(&mut self, vectors: Vec<Vec<f32>>, counters: &[u64]) -> Result<()> {
        restore_all(&mut [&mut self.velocity], vectors, &mut [], counters)
    }
}

impl Outer for Nesterov {
    fn step(&mut self, center: &mut [f32], mean: &[f32], _lr: f32) {
        let (beyond, ahead) = (self.lr - 1.0, self.lr * self.momentum);
        for ((c, mean), m) in center.iter_mut().zip(mean).zip(&mut self.velocity) {
            let d = *c - *mean;
            *m = self.momentum * *m + d;
            *c = corrected(*mean, beyond * d + ahead * *m);
        }
    }
}
