//! The solvers: how a gradient moves the weights, and the learning rate at each step. A new solver is
//! one file, one variant of [`Rule`], one name, and a trajectory in testdata/make-solvers.py.

mod adam;
mod eamsgd;
#[cfg(test)]
mod golden;
mod lookahead;
mod muon;
mod nesterov;
mod policy;
mod sgd;
mod state;
mod terms;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use tch::{Device, Tensor, no_grad};

use crate::error::Result;
use crate::names::names;
use crate::nets::Param;
use crate::weights::Weights;

pub use adam::Adam;
pub use lookahead::Lookahead;
pub use muon::Muon;
pub use policy::{Policy, PolicyName};
pub use state::Shape;
pub use terms::Settings;

use state::State;
use terms::Terms;

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

/// The local step of a solver or a strategy. AdamW is Adam with decoupled decay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    Sgd,
    Nesterov,
    Adam(Adam),
    Muon(Muon),
    Eamsgd,
}

impl Rule {
    /// What a solver of this rule remembers, with Lookahead around it or not.
    pub fn shape(&self, lookahead: bool) -> Shape {
        let is_adam = matches!(self, Self::Adam(_));
        Shape { vectors: 1 + usize::from(is_adam) + usize::from(lookahead), counted: is_adam || lookahead }
    }
}

/// The solver of one worker or of one of its threads. A weight whose `lr_mult` is 0 is never moved.
pub struct Solver {
    terms: Terms,
    state: State,
    /// With Lookahead: the part of the way of every weight.
    pull: Option<Tensor>,
}

impl Solver {
    /// A solver whose state is zero, for the tensors `params` of a net.
    pub fn new(params: &[Param], settings: Settings) -> Self {
        let terms = Terms::new(params, settings);
        let shape = terms.settings.rule.shape(terms.settings.lookahead.is_some());
        let state = State::new(shape, params.iter().map(|param| param.entry.numel()).sum());
        let pull = terms.settings.lookahead.map(|settings| lookahead::pull(&terms, settings));
        Self { terms, state, pull }
    }

    /// The same for weights on `device`.
    pub fn on(mut self, device: Device) -> Self {
        self.terms.move_to(device);
        self.state.vectors.iter_mut().for_each(|vector| *vector = vector.to_device(device));
        self.pull = self.pull.map(|pull| pull.to_device(device));
        self
    }

    /// Moves `weights` to where the gradient of the next step is taken.
    pub fn look_ahead(&mut self, weights: &mut Weights) {
        no_grad(|| self.lead(&mut weights.flat().shallow_clone()));
    }

    /// Moves `weights` against the flat `gradient` at the rate of local step `step`.
    pub fn step(&mut self, weights: &mut Weights, gradient: &Tensor, step: u64) {
        no_grad(|| self.advance(&mut weights.flat().shallow_clone(), gradient, step));
    }

    fn lead(&mut self, x: &mut Tensor) {
        if self.terms.settings.rule == Rule::Eamsgd {
            eamsgd::look_ahead(&self.terms, &mut self.state, x);
        }
    }

    fn advance(&mut self, x: &mut Tensor, gradient: &Tensor, step: u64) {
        let (terms, state) = (&self.terms, &mut self.state);
        if self.pull.is_some() && state.steps == 0 {
            slow(state).copy_(x);
        }
        let gradient = &terms.clipped(gradient);
        terms.shrink(x, terms.rate(step));
        match &terms.settings.rule {
            Rule::Sgd => sgd::step(terms, state, (x, gradient), step),
            Rule::Nesterov => nesterov::step(terms, state, (x, gradient), step),
            Rule::Adam(adam) => adam.step(terms, state, (x, gradient), step),
            Rule::Muon(muon) => muon.step(terms, state, (x, gradient), step),
            Rule::Eamsgd => eamsgd::step(terms, state, (x, gradient), step),
        }
        state.steps += 1;
        if let (Some(pull), Some(lookahead)) = (&self.pull, terms.settings.lookahead)
            && state.steps % lookahead.every == 0
        {
            lookahead::follow(slow(state), x, pull);
        }
    }

    /// The learning rate of local step `step`.
    pub fn rate(&self, step: u64) -> f64 {
        self.terms.rate(step)
    }

    /// The number of values of the solver's state.
    pub fn state_length(&self) -> usize {
        self.state.length()
    }

    /// Replaces the solver's state; a slice of another length is refused.
    pub fn set_state(&mut self, values: &[f32]) -> Result<()> {
        self.state.set(values)
    }

    /// Copies the solver's state out; a slice of another length is refused.
    pub fn copy_state(&self, values: &mut [f32]) -> Result<()> {
        self.state.copy_to(values)
    }

    /// Makes the solver's state zero.
    pub fn reset(&mut self) {
        self.state.reset();
    }
}

/// Lookahead's slow weights, the last vector of the state.
fn slow(state: &mut State) -> &mut Tensor {
    let last = state.vectors.len() - 1;
    &mut state.vectors[last]
}
