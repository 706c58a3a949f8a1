//! Delayed Nesterov: every arrival `c <- c - lr d / N`; every N-th also `m <- beta m + mean d` over the N of
//! the round, then `c <- c - lr beta m`; x_k <- c. d = pulled - x_k, N is the number of workers.
//! Liu et al., "Asynchronous Local-SGD Training for Language Modeling" (2024), algorithm 3 with c = 0.

use super::{Arrival, ExchangeInfo};
use crate::Result;
use crate::memory::{Purpose, filled};
use crate::rule_state::{RuleState, restore_all};

/// The rule; a message is -d, the way the worker went, so everything here is added. A reply is the center.
#[derive(Clone, Debug)]
pub struct AsyncNesterov {
    lr: f32,
    momentum: f32,
    workers: u64,
    velocity: Vec<f32>,
    /// Of the arrivals since the velocity last moved.
    sum: Vec<f32>,
    arrivals: u64,
}

impl AsyncNesterov {
    /// The velocity of `length` values moves once every `workers` arrivals.
    pub fn new(lr: f32, momentum: f32, workers: usize, length: usize) -> Result<Self> {
        let zeros = || filled(length, 0.0, Purpose::Center);
        let (velocity, sum) = (zeros()?, zeros()?);
        Ok(Self { lr, momentum, workers: workers as u64, velocity, sum, arrivals: 0 })
    }
}

impl RuleState for AsyncNesterov {
    fn vectors(&self) -> Vec<&[f32]> {
        vec![&self.velocity, &self.sum]
    }

    fn counters(&self) -> Vec<u64> {
        vec![self.arrivals]
    }

    fn restore(&mut self, vectors: Vec<Vec<f32>>, counters: &[u64]) -> Result<()> {
        restore_all(&mut [&mut self.velocity, &mut self.sum], vectors, &mut [&mut self.arrivals], counters)
    }
}

impl Arrival for AsyncNesterov {
    fn fold(&mut self, center: &mut [f32], message: &mut [f32], _info: &ExchangeInfo) {
        self.arrivals += 1;
        let share = 1.0 / self.workers as f32;
        let step = self.lr * share;
        for ((c, d), sum) in center.iter_mut().zip(message.iter_mut()).zip(&mut self.sum) {
            *sum += *d;
            *c += step * *d;
            *d = *c;
        }
        if !self.arrivals.is_multiple_of(self.workers) {
            return;
        }
        let ahead = self.lr * self.momentum;
        let round = self.velocity.iter_mut().zip(&mut self.sum);
        for ((c, reply), (v, sum)) in center.iter_mut().zip(message).zip(round) {
            *v = self.momentum * *v + share * std::mem::take(sum);
            *c += ahead * *v;
            *reply = *c;
        }
    }
}
