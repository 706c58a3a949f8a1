//! SlowMo: `u <- beta u + (c - mean) / eta;  c <- c - alpha eta u`, eta the learning rate of the local steps.
//! Wang, Tantia, Ballas, Rabbat, "SlowMo: Improving Communication-Efficient Distributed SGD with Slow
//! Momentum" (2020), algorithm 1.

use super::{Outer, corrected};
use crate::Result;
use crate::memory::{Purpose, filled};
use crate::rule_state::{RuleState, restore_all};

/// Momentum over the rounds, in units of a gradient, so that it survives a drop of the learning rate.
#[derive(Clone, Debug)]
pub struct SlowMo {
    alpha: f32,
    beta: f32,
    momentum: Vec<f32>,
}

impl SlowMo {
    /// Over `length` values; the paper's `alpha` is 1.
    pub fn new(alpha: f32, beta: f32, length: usize) -> Result<Self> {
        Ok(Self { alpha, beta, momentum: filled(length, 0.0, Purpose::Center)? })
    }
}

impl RuleState for SlowMo {
    fn vectors(&self) -> Vec<&[f32]> {
        vec![&self.momentum]
    }

    fn restore(&mut self, vectors: Vec<Vec<f32>>, counters: &[u64]) -> Result<()> {
        restore_all(&mut [&mut self.momentum], vectors, &mut [], counters)
    }
}

impl Outer for SlowMo {
    fn step(&mut self, center: &mut [f32], mean: &[f32], lr: f32) {
        let per_rate = if lr > 0.0 { 1.0 / lr } else { 0.0 }; // at a rate of 0 no gradient moved the mean
        let (beyond, slow) = (self.alpha - 1.0, self.alpha * lr * self.beta);
        for ((c, mean), u) in center.iter_mut().zip(mean).zip(&mut self.momentum) {
            let d = *c - *mean;
            *c = corrected(*mean, beyond * d + slow * *u);
            *u = self.beta * *u + per_rate * d;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_learning_rate_of_zero_leaves_the_momentum_finite() {
        let mut outer = SlowMo::new(1.0, 0.5, 1).unwrap();
        let mut center = [3.0];
        outer.step(&mut center, &[1.0], 0.5); // u is 4
        outer.step(&mut center, &[2.0], 0.0);
        assert_eq!((center, outer.momentum), ([2.0], vec![2.0]));
    }
}
