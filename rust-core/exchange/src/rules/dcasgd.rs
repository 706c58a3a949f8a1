//! Delay-compensated SGD: `c <- c - lr (g + lambda g g (c - pulled_k));  x_k <- c`, where pulled_k is what
//! worker k pulled last and g = (pulled_k - x_k) / lr stands for its gradient: it is exactly that after one
//! plain step, and the sum of the steps' gradients after several.
//! Zheng et al., "Asynchronous Stochastic Gradient Descent with Delay Compensation" (2017), equation 10.

use super::{Arrival, ExchangeInfo};
use crate::Result;
use crate::memory::{Purpose, filled};
use crate::rule_state::{RuleState, restore_all};

/// The rule; it keeps one vector a worker. A reply is the center.
#[derive(Clone, Debug)]
pub struct Dcasgd {
    lambda: f32,
    pulled: Vec<Vec<f32>>,
    /// 1 where it is known what the worker pulled; a snapshot counts in u64.
    known: Vec<u64>,
}

impl Dcasgd {
    /// A rule for `workers` workers, none of which has pulled yet.
    pub fn new(lambda: f32, length: usize, workers: usize) -> Result<Self> {
        let pulled = (0..workers).map(|_| filled(length, 0.0, Purpose::Center)).collect::<Result<_>>()?;
        Ok(Self { lambda, pulled, known: filled(workers, 0, Purpose::Center)? })
    }
}

impl RuleState for Dcasgd {
    fn vectors(&self) -> Vec<&[f32]> {
        self.pulled.iter().map(Vec::as_slice).collect()
    }

    fn counters(&self) -> Vec<u64> {
        self.known.clone()
    }

    fn restore(&mut self, vectors: Vec<Vec<f32>>, counters: &[u64]) -> Result<()> {
        let mut pulled: Vec<_> = self.pulled.iter_mut().collect();
        let mut known: Vec<_> = self.known.iter_mut().collect();
        restore_all(&mut pulled, vectors, &mut known, counters)
    }
}

impl Arrival for Dcasgd {
    fn fold(&mut self, center: &mut [f32], message: &mut [f32], info: &ExchangeInfo) {
        if self.known[info.worker] == 0 {
            self.pulled(info.worker, center); // nothing to compare with: no compensation
        }
        // -lr g is the message D itself, and lr lambda g g is lambda D D / lr; a rate of 0 took no steps.
        let compensation = if info.lr > 0.0 { self.lambda / info.lr } else { 0.0 };
        for ((c, d), pulled) in center.iter_mut().zip(message).zip(&mut self.pulled[info.worker]) {
            *c += *d - compensation * *d * *d * (*c - *pulled);
            *d = *c;
            *pulled = *c;
        }
    }

    fn pulled(&mut self, worker: usize, center: &[f32]) {
        self.pulled[worker].copy_from_slice(center);
        self.known[worker] = 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: ExchangeInfo = ExchangeInfo { worker: 1, staleness: 1, exchanges: 0, lr: 0.5, steps: 1 };

    fn fold(rule: &mut Dcasgd, info: ExchangeInfo) -> f32 {
        let (mut center, mut message) = ([2.0], [-1.0]); // g is 2 at lr 0.5
        rule.fold(&mut center, &mut message, &info);
        assert_eq!(center, message);
        center[0]
    }

    #[test]
    fn the_gradient_is_corrected_by_how_far_the_center_went() {
        let mut rule = Dcasgd::new(0.25, 1, 2).unwrap();
        rule.pulled(1, &[1.0]);
        assert_eq!(fold(&mut rule, INFO), 2.0 - 0.5 * (2.0 + 0.25 * 4.0 * 1.0));
    }

    #[test]
    fn nothing_is_corrected_for_a_worker_that_nobody_saw_pull() {
        assert_eq!(fold(&mut Dcasgd::new(0.25, 1, 2).unwrap(), INFO), 1.0);
    }

    #[test]
    fn a_learning_rate_of_zero_leaves_the_center_finite() {
        let mut rule = Dcasgd::new(0.25, 1, 2).unwrap();
        rule.pulled(1, &[1.0]);
        assert_eq!(fold(&mut rule, ExchangeInfo { lr: 0.0, ..INFO }), 1.0);
    }
}
