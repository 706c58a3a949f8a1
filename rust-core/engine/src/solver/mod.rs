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
mod part;
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
use part::Part;
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
            eamsgd::look_ahead(self.groups.hyper.momentum, &mut self.state, x);
        }
    }

    fn step_on(&mut self, x: &mut Tensor, gradient: &Tensor, step: u64) {
        let clipping = self.groups.clipping(gradient);
        let length = match self.groups.hyper.algorithm {
            Algorithm::Muon(_) => x.numel().max(1) as i64,
            _ => part::length_for(x),
        };
        for start in (0..x.numel() as i64).step_by(length as usize) {
            let vectors = (&*x, gradient);
            let mut part = Part::new(&self.groups, &self.state, self.alphas.as_ref(), vectors, (start, length));
            if let Some(factor) = clipping {
                part.gradient = &part.gradient * factor;
            }
            self.step_part(part, step);
        }
        self.state.steps += 1;
    }

    fn step_part(&self, mut part: Part<'_>, step: u64) {
        let rate = self.rate(step);
        if part.alphas.is_some() && part.steps == 0 {
            lookahead::begin(&mut part);
        }
        part.shrink(rate);
        match &part.hyper.algorithm {
            Algorithm::Sgd => sgd::step(&mut part, rate),
            Algorithm::Nesterov => nesterov::step(&mut part, rate),
            Algorithm::Adam(adam) => adam.step(&mut part, rate),
            Algorithm::Muon(muon) => muon.step(&self.groups, &part, step),
            Algorithm::Eamsgd => eamsgd::step(&mut part, rate),
        }
        if let Some(lookahead) = part.hyper.lookahead
            && (part.steps + 1).is_multiple_of(lookahead.every)
        {
            lookahead::update(&mut part);
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
