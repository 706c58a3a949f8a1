//! Accumulated gradient normalisation: `c <- c + (x_k - pulled) / steps;  x_k <- c`. The worker divides by
//! the number of its local steps, so that a longer period explores further without moving the center further.
//! Hermans, Spanakis, Möckel, "Accumulated Gradient Normalization" (2017), equation 9.

use super::{Arrival, ExchangeInfo};
use crate::rule_state::RuleState;

/// The rule; a message is the movement of one step on average, a reply the center.
#[derive(Clone, Copy, Debug)]
pub struct Adag;

impl RuleState for Adag {}

impl Arrival for Adag {
    fn fold(&mut self, center: &mut [f32], message: &mut [f32], _info: &ExchangeInfo) {
        for (c, d) in center.iter_mut().zip(message) {
            *c += *d;
            *d = *c;
        }
    }
}
