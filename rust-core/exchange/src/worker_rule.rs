//! The worker's part of every rule: what it sends, computed from its weights, and how a reply changes its weights.
//! Pure, over the whole flat vector. With overlap, local steps go on between a message and its reply.

use crate::Result;
use crate::memory::{Purpose, copied};

/// What a worker sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sends {
    /// The weights x.
    Weights,
    /// x - pulled, the sum of the local updates since the last pull.
    Delta,
    /// (x - pulled) / steps.
    DeltaPerStep,
}

/// What the server's reply means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// A vector to subtract from x.
    Difference,
    /// The new center, which replaces x.
    Center,
}

/// The worker's part of a rule; [`RuleSpec::worker_rule`](crate::rules::RuleSpec::worker_rule) makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerRuleSpec {
    pub sends: Sends,
    pub takes: Takes,
}

/// One worker's memory between its exchanges. All slices have the length of the vector it was made with.
#[derive(Clone, Debug)]
pub struct WorkerRule {
    spec: WorkerRuleSpec,
    /// The center as this worker took it last.
    pulled: Vec<f32>,
    /// x when the last message was made; empty where the reply is a difference, which does not need it.
    sent: Vec<f32>,
}

impl WorkerRule {
    /// A worker that starts at the center `pulled`.
    pub fn new(spec: WorkerRuleSpec, pulled: Vec<f32>) -> Result<Self> {
        let sent = if spec.takes == Takes::Center { copied(&pulled, Purpose::Worker)? } else { Vec::new() };
        Ok(Self { spec, pulled, sent })
    }

    /// Writes what to send after `steps` local steps, and remembers `x` for [`apply`](Self::apply).
    pub fn message(&mut self, x: &[f32], steps: u64, out: &mut [f32]) {
        match self.spec.sends {
            Sends::Weights => out.copy_from_slice(x),
            Sends::Delta => self.delta(x, |delta| delta, out),
            Sends::DeltaPerStep => {
                let steps = steps.max(1) as f32; // without a step there is no movement to divide
                self.delta(x, |delta| delta / steps, out);
            }
        }
        if self.spec.takes == Takes::Center {
            self.sent.copy_from_slice(x);
        }
    }

    fn delta(&self, x: &[f32], scale: impl Fn(f32) -> f32, out: &mut [f32]) {
        for ((out, x), pulled) in out.iter_mut().zip(x).zip(&self.pulled) {
            *out = scale(*x - *pulled);
        }
    }

    /// Applies the reply to the last message to `x`. A center replaces the weights as they were sent; local steps that
    /// were done since then are kept on top of it. A value that no step has changed becomes exactly the center's.
    pub fn apply(&mut self, x: &mut [f32], reply: &[f32]) {
        match self.spec.takes {
            Takes::Difference => {
                for (x, difference) in x.iter_mut().zip(reply) {
                    *x -= *difference;
                }
            }
            Takes::Center => {
                for ((x, center), sent) in x.iter_mut().zip(reply).zip(&self.sent) {
                    let unmoved = x.to_bits() == sent.to_bits();
                    *x = if unmoved { *center } else { *center + (*x - *sent) };
                }
                self.pulled.copy_from_slice(reply);
            }
        }
    }

    /// Restarts `x` from `center`; a message without a reply is forgotten.
    pub fn pulled(&mut self, x: &mut [f32], center: &[f32]) {
        x.copy_from_slice(center);
        self.pulled.copy_from_slice(center);
        if self.spec.takes == Takes::Center {
            self.sent.copy_from_slice(center);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::num::f32::ANY;
    use proptest::prelude::*;

    use super::*;

    fn worker_rule(sends: Sends, takes: Takes, pulled: &[f32]) -> WorkerRule {
        WorkerRule::new(WorkerRuleSpec { sends, takes }, pulled.to_vec()).unwrap()
    }

    fn sent(worker_rule: &mut WorkerRule, x: &[f32], steps: u64) -> Vec<f32> {
        let mut out = vec![f32::NAN; x.len()];
        worker_rule.message(x, steps, &mut out);
        out
    }

    #[test]
    fn a_message_is_what_the_rule_asks_for() {
        let pulled = [1.0, 2.0];
        let x = [5.0, 0.0];
        for (sends, expected) in
            [(Sends::Weights, [5.0, 0.0]), (Sends::Delta, [4.0, -2.0]), (Sends::DeltaPerStep, [1.0, -0.5])]
        {
            assert_eq!(sent(&mut worker_rule(sends, Takes::Center, &pulled), &x, 4), expected);
        }
        assert_eq!(sent(&mut worker_rule(Sends::DeltaPerStep, Takes::Center, &pulled), &pulled, 0), [0.0, 0.0]);
    }

    #[test]
    fn what_x_moved_while_the_message_travelled_is_kept_and_told_in_the_next_one() {
        let mut worker_rule = worker_rule(Sends::Delta, Takes::Center, &[1.0]);
        assert_eq!(sent(&mut worker_rule, &[3.0], 1), [2.0]);
        let mut x = [3.5]; // half a step more since
        worker_rule.apply(&mut x, &[8.0]);
        assert_eq!(x, [8.5]);
        assert_eq!(sent(&mut worker_rule, &x, 1), [0.5]);
    }

    #[test]
    fn a_difference_is_taken_from_x_wherever_it_went_since() {
        let mut worker_rule = worker_rule(Sends::Weights, Takes::Difference, &[1.0]);
        assert_eq!(sent(&mut worker_rule, &[3.0], 1), [3.0]);
        let mut x = [3.5];
        worker_rule.apply(&mut x, &[2.0]);
        assert_eq!(x, [1.5]);
    }

    #[test]
    fn a_fresh_start_forgets_what_was_under_way() {
        let mut worker_rule = worker_rule(Sends::Delta, Takes::Center, &[1.0]);
        sent(&mut worker_rule, &[3.0], 1);
        let mut x = [4.0];
        worker_rule.pulled(&mut x, &[7.0]);
        assert_eq!(x, [7.0]);
        assert_eq!(sent(&mut worker_rule, &[7.5], 1), [0.5]);
    }

    proptest! {
        #[test]
        fn weights_that_did_not_move_become_the_center_bit_for_bit(pairs in vec((ANY, ANY), 0..20)) {
            let (mut x, center): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            let mut worker_rule = worker_rule(Sends::Weights, Takes::Center, &vec![0.0; x.len()]);
            sent(&mut worker_rule, &x, 1);
            worker_rule.apply(&mut x, &center);
            let bits = |v: &[f32]| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&x), bits(&center));
        }
    }
}
