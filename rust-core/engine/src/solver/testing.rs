//! What the tests of the solvers share.

use super::{Policy, Rule, Settings};

/// `rule` at a fixed rate of 1, without momentum, decay and all that may be added.
pub fn settings(rule: Rule) -> Settings {
    Settings {
        rule,
        lr: 1.0,
        momentum: 0.0,
        weight_decay: 0.0,
        decoupled_decay: false,
        clip_gradients: None,
        policy: Policy::Fixed,
        warm_up: None,
        lookahead: None,
    }
}
