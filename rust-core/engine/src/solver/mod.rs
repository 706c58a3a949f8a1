//! The solvers: how a gradient updates the weights, and the learning rate of each step. A new solver is one file, one
//! variant of [`Algorithm`], one name, and one trajectory in testdata/make-solvers.py.

mod adam;
mod eamsgd;
#[cfg(test)]
mod golden;
mod lookahead;
mod muon;
mod nesterov;
mod param_groups;
mod policy;
mod sgd;
mod state;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use tch::{Device, Tensor, no_grad};

use crate::error::Result;
use crate::names::names;
use crate::params::Param;
use crate::weights::Weights;

pub use adam::Adam;
pub use lookahead::Lookahead;
pub use muon::Muon;
pub use param_groups::Hyperparameters;
pub use policy::{Policy, PolicyName, Schedule};
pub use state::StateShape;

use param_groups::ParamGroups;
use state::State;

names! {
    /// The solvers that can be named in a configuration.
    pub enum SolverName("solver") {
        Sgd = "sgd",
        Nesterov = "nesterov",
        Adam = "adam",
        Adamw = "adamw",
        Muon = "muon",
    }
}

/// How a local step updates the weights; the strategy `eamsgd` has its own. AdamW is Adam with decoupled decay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Algorithm {
    Sgd,
    Nesterov,
    Adam(Adam),
    Muon(Muon),
    Eamsgd,
}

impl Algorithm {
    /// The size of the solver's state, with or without Lookahead.
    pub fn shape(&self, lookahead: bool) -> StateShape {
        let is_adam = matches!(self, Self::Adam(_));
        StateShape { vectors: 1 + usize::from(is_adam) + usize::from(lookahead), counted: is_adam || lookahead }
    }
}

/// The solver of one training thread. A weight whose `lr_mult` is 0 is never updated.
pub struct Solver {
    groups: ParamGroups,
    state: State,
    /// With Lookahead: its `alpha` for each weight.
    alphas: Option<Tensor>,
}

impl Solver {
    /// A solver with state zero for `params` in the order of the flat vector.
    pub fn new(params: &[Param], hyper: Hyperparameters) -> Self {
        let groups = ParamGroups::new(params, hyper);
        let shape = groups.hyper.algorithm.shape(groups.hyper.lookahead.is_some());
        let state = State::new(shape, params.iter().map(|param| param.entry.numel()).sum());
        let alphas = groups.hyper.lookahead.map(|lookahead| lookahead::alphas(&groups, lookahead));
        Self { groups, state, alphas }
    }

    /// Moves state and factors to `device`, where the weights are.
    pub fn on(mut self, device: Device) -> Self {
        self.groups.move_to(device);
        self.state.vectors.iter_mut().for_each(|vector| *vector = vector.to_device(device));
        self.alphas = self.alphas.map(|alphas| alphas.to_device(device));
        self
    }

    /// Moves `weights` to the point at which the gradient of the next step is computed; most algorithms leave them.
    pub fn look_ahead(&mut self, weights: &mut Weights) {
        no_grad(|| self.look_ahead_on(&mut weights.flat().shallow_clone()));
    }

    /// Updates `weights` by the flat `gradient` with the learning rate of local step `step`.
    pub fn step(&mut self, weights: &mut Weights, gradient: &Tensor, step: u64) {
        no_grad(|| self.step_on(&mut weights.flat().shallow_clone(), gradient, step));
    }

    fn look_ahead_on(&mut self, x: &mut Tensor) {
        if self.groups.hyper.algorithm == Algorithm::Eamsgd {
            eamsgd::look_ahead(&self.groups, &mut self.state, x);
        }
    }

    fn step_on(&mut self, x: &mut Tensor, gradient: &Tensor, step: u64) {
        let (groups, state) = (&self.groups, &mut self.state);
        if self.alphas.is_some() && state.steps == 0 {
            slow_weights(state).copy_(x);
        }
        let gradient = &groups.clipped(gradient);
        groups.shrink(x, groups.rate(step));
        match &groups.hyper.algorithm {
            Algorithm::Sgd => sgd::step(groups, state, (x, gradient), step),
            Algorithm::Nesterov => nesterov::step(groups, state, (x, gradient), step),
            Algorithm::Adam(adam) => adam.step(groups, state, (x, gradient), step),
            Algorithm::Muon(muon) => muon.step(groups, state, (x, gradient), step),
            Algorithm::Eamsgd => eamsgd::step(groups, state, (x, gradient), step),
        }
        state.steps += 1;
        if let (Some(alphas), Some(lookahead)) = (&self.alphas, groups.hyper.lookahead)
            && state.steps % lookahead.every == 0
        {
            lookahead::update(slow_weights(state), x, alphas);
        }
    }

    /// The learning rate of local step `step`.
    pub fn rate(&self, step: u64) -> f64 {
        self.groups.rate(step)
    }

    /// The number of values of the solver's state.
    pub fn state_length(&self) -> usize {
        self.state.length()
    }

    /// Replaces the solver's state; a slice of another length is refused.
    pub fn set_state(&mut self, values: &[f32]) -> Result<()> {
        self.state.set(values)
    }

    /// Replaces the solver's state by the values that `read` copies, given the index of the first one of a piece.
    pub fn read_state(&mut self, read: impl FnMut(usize, &mut [f32]) -> Result<()>) -> Result<()> {
        self.state.read_from(read)
    }

    /// Hands the solver's state to `write`, with the index of the first value of a piece.
    pub fn write_state(&self, write: impl FnMut(usize, &[f32]) -> Result<()>) -> Result<()> {
        self.state.write_to(write)
    }

    /// Copies the solver's state out; a slice of another length is refused.
    pub fn copy_state(&self, values: &mut [f32]) -> Result<()> {
        self.state.copy_to(values)
    }

    /// Sets the solver's state to zero.
    pub fn reset(&mut self) {
        self.state.reset();
    }
}

/// Lookahead's slow weights, the last vector of the state.
fn slow_weights(state: &mut State) -> &mut Tensor {
    let last = state.vectors.len() - 1;
    &mut state.vectors[last]
}
