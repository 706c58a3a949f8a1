//! What the parts of a run take from a resolved configuration.

use super::resolve::{DELTA, LOOKAHEAD_ALPHA, MOMENTUM2, MUON_LR};
use super::{Consistency, SolverState, Strategy, TrainConfig};
use crate::device::Compute;
use crate::error::{Error, Result};
use crate::nets::Net;
use crate::solver::{Adam, Lookahead, Muon, Policy, PolicyName, Rule, Settings, Solver, SolverName};

impl TrainConfig {
    /// Whether the workers live inside one long Spark stage and exchange over the wire; otherwise a round
    /// is a Spark job.
    pub fn in_stage(&self) -> bool {
        match self.strategy {
            Strategy::Sparknet => self.consistency == Some(Consistency::Bsp),
            Strategy::Easgd => true,
            strategy => strategy.is_asynchronous(),
        }
    }

    /// Whether the solver's state of all workers travels with the weights.
    pub fn state_travels(&self) -> bool {
        self.solver_state == SolverState::Average
    }

    /// The local step of the strategy, for one thread's steps on `net`.
    pub fn build_solver(&self, net: &Net) -> Result<Solver> {
        let settings = Settings {
            rule: self.rule(),
            lr: known("lr", self.lr)?,
            momentum: known("momentum", self.momentum)?,
            weight_decay: known("weight-decay", self.weight_decay)?,
            decoupled_decay: self.decoupled_decay || self.solver == SolverName::Adamw,
            clip_gradients: self.clip_gradients,
            policy: self.policy()?,
            warm_up: self.warm_up,
            lookahead: self.lookahead(),
        };
        Ok(Solver::new(net.params(), settings))
    }

    /// Values of the solver's state for a net of `weights` weights.
    pub fn state_length(&self, weights: usize) -> usize {
        self.rule().shape(self.lookahead().is_some()).length(weights)
    }

    fn rule(&self) -> Rule {
        match (self.strategy, self.solver) {
            (Strategy::Eamsgd, _) => Rule::Eamsgd,
            (_, SolverName::Sgd) => Rule::Sgd,
            (_, SolverName::Nesterov) => Rule::Nesterov,
            (_, SolverName::Adam | SolverName::Adamw) => {
                let (beta2, delta) = (self.momentum2.unwrap_or(MOMENTUM2), self.delta.unwrap_or(DELTA));
                Rule::Adam(Adam { beta2, delta })
            }
            (_, SolverName::Muon) => Rule::Muon(Muon { lr: self.muon_lr.unwrap_or(MUON_LR) }),
        }
    }

    fn lookahead(&self) -> Option<Lookahead> {
        let alpha = self.lookahead_alpha.unwrap_or(LOOKAHEAD_ALPHA);
        self.lookahead_every.map(|every| Lookahead { every, alpha })
    }

    /// Part of a label that is shared among all classes, its own too: torch's `label_smoothing`.
    pub fn smoothing(&self) -> f64 {
        self.label_smoothing.unwrap_or(0.0)
    }

    fn policy(&self) -> Result<Policy> {
        Ok(match known("lr-policy", self.lr_policy)? {
            PolicyName::Fixed => Policy::Fixed,
            PolicyName::Step => {
                Policy::Step { gamma: known("gamma", self.gamma)?, stepsize: known("stepsize", self.stepsize)? }
            }
            PolicyName::Multistep => Policy::Multistep {
                gamma: known("gamma", self.gamma)?,
                stepvalue: known("stepvalue", self.stepvalue.clone())?,
            },
            PolicyName::Inv => Policy::Inv { gamma: known("gamma", self.gamma)?, power: known("power", self.power)? },
            PolicyName::Exp => Policy::Exp { gamma: known("gamma", self.gamma)? },
            PolicyName::Poly => {
                Policy::Poly { power: known("power", self.power)?, max_iter: known("iterations", self.iterations)? }
            }
            PolicyName::Cosine => Policy::Cosine { max_iter: known("iterations", self.iterations)? },
            PolicyName::Triangular => Policy::Triangular {
                start: known("lr-start", self.lr_start)?,
                peak: known("lr-peak", self.lr_peak)?,
                end: known("lr-end", self.lr_end)?,
                max_iter: known("iterations", self.iterations)?,
            },
        })
    }

    /// The net, for the classes that the data set decided.
    pub fn build_net(&self) -> Result<Net> {
        Ok(self.net.build(known("classes", self.classes)?))
    }

    /// Where and in what the layers of worker `worker` compute; `gpu` is the one that Spark gave its task.
    pub fn compute(&self, worker: u64, gpu: Option<usize>) -> Result<Compute> {
        Ok(Compute { device: self.device.resolve(gpu, worker)?, precision: self.precision.resolve() })
    }
}

/// A value that `resolve` has filled in, or one that its user must give.
pub(crate) fn known<T>(key: &str, value: Option<T>) -> Result<T> {
    value.ok_or_else(|| Error::config(format!("{key} is not set")))
}
