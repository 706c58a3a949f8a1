//! Downpour SGD: `c <- c + D;  x_k <- c`, where D = x_k - what it pulled last is the sum of the updates that
//! the worker applied. With Adagrad at the server: `G <- G + D D;  c <- c + lr D / (sqrt G + 1e-8)`; Adagrad does
//! not depend on the scale of a gradient, so D stands for it and the workers' learning rate falls out.
//! Dean et al., "Large Scale Distributed Deep Networks" (2012), section 4.1; Duchi, Hazan, Singer (2011).

use super::{Arrival, ExchangeInfo};
use crate::Result;
use crate::memory::{Purpose, filled};
use crate::rule_state::{RuleState, restore_all};

const EPSILON: f32 = 1e-8; // the usual guard against the division by the root of nothing

/// The rule without an optimiser of the server's own; a reply is the center.
#[derive(Clone, Copy, Debug)]
pub struct Downpour;

impl RuleState for Downpour {}

impl Arrival for Downpour {
    fn fold(&mut self, center: &mut [f32], message: &mut [f32], _info: &ExchangeInfo) {
        for (c, d) in center.iter_mut().zip(message) {
            *c += *d;
            *d = *c;
        }
    }
}

/// The rule with Adagrad at the server; a reply is the center.
#[derive(Clone, Debug)]
pub struct Adagrad {
    lr: f32,
    squares: Vec<f32>,
}

impl Adagrad {
    /// `lr` is the server's own learning rate: the most that one arrival moves a weight.
    pub fn new(lr: f32, length: usize) -> Result<Self> {
        Ok(Self { lr, squares: filled(length, 0.0, Purpose::Center)? })
    }
}

impl RuleState for Adagrad {
    fn vectors(&self) -> Vec<&[f32]> {
        vec![&self.squares]
    }

    fn restore(&mut self, vectors: Vec<Vec<f32>>, counters: &[u64]) -> Result<()> {
        restore_all(&mut [&mut self.squares], vectors, &mut [], counters)
    }
}

impl Arrival for Adagrad {
    fn fold(&mut self, center: &mut [f32], message: &mut [f32], _info: &ExchangeInfo) {
        for ((c, d), g) in center.iter_mut().zip(message).zip(&mut self.squares) {
            *g += *d * *d;
            *c += self.lr * *d / (g.sqrt() + EPSILON);
            *d = *c;
        }
    }
}
