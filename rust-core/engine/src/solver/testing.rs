//! What the tests of the solvers share.

use super::{Algorithm, Hyperparameters, Policy};

/// `algorithm` with a constant learning rate of 1, and momentum, decay and everything optional switched off.
pub fn plain(algorithm: Algorithm) -> Hyperparameters {
    Hyperparameters {
        algorithm,
        lr: 1.0,
        momentum: 0.0,
        weight_decay: 0.0,
        decoupled_decay: false,
        clip_gradients: None,
        schedule: Policy::Fixed.into(),
        lookahead: None,
    }
}
