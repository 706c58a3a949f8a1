//! Asynchronous elastic averaging, one worker at a time: `d = a (x_k - c);  x_k <- x_k - d;  c <- c + s (x_k - c)`,
//! all from the old values; s is a, unless the server has a factor of its own. Both shrink as a worker exchanges more.
//! Zhang, Choromanska, LeCun, "Deep learning with Elastic Averaging SGD" (2015), algorithm 1 (a = 0.9 / K);
//! Kim, Park, Jang, Yoon, "DeepSpark" (2016), whose code has a = 0.1, the server's factor and the decay.

use super::{Arrival, Decay, ExchangeInfo};
use crate::rule_state::RuleState;

/// The rule; a reply is d, which the worker subtracts.
#[derive(Clone, Copy, Debug)]
pub struct Elastic {
    alpha: f32,
    server_alpha: f32,
    decay: Option<Decay>,
}

impl Elastic {
    /// `alpha` is the worker's factor, `server_alpha` the center's.
    pub fn new(alpha: f32, server_alpha: f32, decay: Option<Decay>) -> Self {
        Self { alpha, server_alpha, decay }
    }
}

impl RuleState for Elastic {}

impl Arrival for Elastic {
    fn fold(&mut self, center: &mut [f32], message: &mut [f32], info: &ExchangeInfo) {
        let shrunk = self.decay.map_or(1.0, |Decay { factor, every }| {
            let times = i32::try_from(info.exchanges / every).unwrap_or(i32::MAX);
            f64::from(factor).powi(times) as f32
        });
        let (alpha, server_alpha) = (shrunk * self.alpha, shrunk * self.server_alpha);
        for (c, x) in center.iter_mut().zip(message) {
            let gap = *x - *c;
            *x = alpha * gap;
            *c += server_alpha * gap;
        }
    }
}
