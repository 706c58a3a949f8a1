//! Synchronous elastic averaging: `x_k <- x_k - alpha (x_k - c)` and `c <- c + beta (mean x_k - c)`, both from
//! the old values; the authors set alpha = beta / K. A worker without samples has no part in the mean, but
//! is drawn towards the center like the others.
//! Zhang, Choromanska, LeCun, "Deep learning with Elastic Averaging SGD" (2015), equations 5 and 6.

use super::Gathering;
use super::mean::Mean;
use crate::Result;
use crate::memory::{Purpose, filled};
use crate::rule_state::RuleState;

/// The rule; a reply is `alpha (x_k - c)`, which the worker subtracts.
#[derive(Clone, Debug)]
pub struct Easgd {
    alpha: f32,
    beta: f32,
    sums: Mean,
    mean: Vec<f32>,
}

impl Easgd {
    /// `alpha` draws the workers, `beta` the center, over `length` values.
    pub fn new(alpha: f32, beta: f32, length: usize) -> Result<Self> {
        Ok(Self { alpha, beta, sums: Mean::new(length)?, mean: filled(length, 0.0, Purpose::Mean)? })
    }
}

impl RuleState for Easgd {}

impl Gathering for Easgd {
    fn fold(&mut self, center: &mut [f32], vectors: &mut [(&mut [f32], u64)], _lr: f32) {
        for (x, samples) in vectors.iter_mut() {
            self.sums.fold_in(x, (*samples).min(1)); // a worker weighs 1, whatever it used
            for (value, c) in x.iter_mut().zip(center.iter()) {
                *value = self.alpha * (*value - *c);
            }
        }
        if self.sums.draw(&mut self.mean) {
            for (c, mean) in center.iter_mut().zip(&self.mean) {
                *c += self.beta * (*mean - *c);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_without_samples_is_drawn_but_does_not_draw() {
        let (mut with, mut without) = ([3.0], [9.0]);
        let mut center = [1.0];
        let mut rule = Easgd::new(0.25, 0.5, 1).unwrap();
        rule.fold(&mut center, &mut [(&mut with, 64), (&mut without, 0)], 0.1);
        assert_eq!((center, with, without), ([2.0], [0.5], [2.0]));
    }
}
