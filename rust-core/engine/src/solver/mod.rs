//! The solvers: how a gradient moves the weights, and the learning rate at each step.

mod eamsgd;
mod policy;
mod sgd;
mod terms;

use tch::Tensor;

use crate::weights::Weights;

pub use eamsgd::Eamsgd;
pub use policy::{Policy, PolicyName};
pub use sgd::Sgd;
pub use terms::{Settings, Terms};

/// The local step of a strategy.
pub enum Solver {
    Sgd(Sgd),
    Eamsgd(Eamsgd),
}

impl Solver {
    /// Moves `weights` to where the gradient of the next step is taken.
    pub fn look_ahead(&mut self, weights: &mut Weights) {
        match self {
            Self::Sgd(_) => (),
            Self::Eamsgd(solver) => solver.look_ahead(weights),
        }
    }

    /// Moves `weights` against the flat `gradient` at the rate of local step `step`.
    pub fn step(&mut self, weights: &mut Weights, gradient: &Tensor, step: u64) {
        match self {
            Self::Sgd(solver) => solver.step(weights, gradient, step),
            Self::Eamsgd(solver) => solver.step(weights, gradient, step),
        }
    }

    /// What every solver has: its state and its learning rate.
    pub fn terms(&self) -> &Terms {
        match self {
            Self::Sgd(solver) => &solver.0,
            Self::Eamsgd(solver) => &solver.0,
        }
    }

    /// The same, to set its state.
    pub fn terms_mut(&mut self) -> &mut Terms {
        match self {
            Self::Sgd(solver) => &mut solver.0,
            Self::Eamsgd(solver) => &mut solver.0,
        }
    }
}
