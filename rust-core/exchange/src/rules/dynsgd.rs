//! Dynamic staleness: `c <- c + D / (staleness + 1);  x_k <- c`, where D = x_k - what it pulled last and the
//! staleness is the number of center updates since then.
//! Jiang, Cui, Zhang, Yu, "Heterogeneity-aware Distributed Parameter Servers" (2017), DynSGD.

use super::{Arrival, ExchangeInfo};
use crate::rule_state::RuleState;

/// The rule; a reply is the center.
#[derive(Clone, Copy, Debug)]
pub struct Dynsgd;

impl RuleState for Dynsgd {}

impl Arrival for Dynsgd {
    fn fold(&mut self, center: &mut [f32], message: &mut [f32], info: &ExchangeInfo) {
        let share = 1.0 / (info.staleness as f32 + 1.0);
        for (c, d) in center.iter_mut().zip(message) {
            *c += share * *d;
            *d = *c;
        }
    }
}
