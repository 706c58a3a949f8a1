//! What the other modules take from a resolved configuration.

use super::resolve::{DELTA, LOOKAHEAD_ALPHA, MOMENTUM2, MUON_LR};
use super::{Consistency, SolverState, Strategy, TrainConfig};
use crate::data::Shape;
use crate::device::Compute;
use crate::error::{Error, Result};
use crate::nets::Net;
use crate::solver::{Adam, Algorithm, Hyperparameters, Lookahead, Muon, Policy, PolicyName, Solver, SolverName};

impl TrainConfig {
    /// Whether the workers run inside one long Spark stage and exchange over the network; otherwise each round is a
    /// Spark job.
    pub fn in_stage(&self) -> bool {
        match self.strategy {
            Strategy::Sparknet => self.consistency == Some(Consistency::Bsp),
            Strategy::Easgd => true,
            strategy => strategy.is_asynchronous(),
        }
    }

    /// Whether the solver states of the workers are averaged with their weights.
    pub fn state_travels(&self) -> bool {
        self.solver_state == SolverState::Average
    }

    /// The learning-rate policy; without one it is the recipe's.
    pub(super) fn policy_name(&self) -> PolicyName {
        self.lr_policy.unwrap_or(PolicyName::Multistep)
    }

    /// The solver of one training thread for `net`.
    pub fn build_solver(&self, net: &Net) -> Result<Solver> {
        let hyper = Hyperparameters {
            algorithm: self.algorithm(),
            lr: known("lr", self.lr)?,
            momentum: known("momentum", self.momentum)?,
            weight_decay: known("weight-decay", self.weight_decay)?,
            decoupled_decay: self.decoupled_decay || self.solver == SolverName::Adamw,
            clip_gradients: self.clip_gradients,
            policy: self.policy()?,
            warm_up: self.warm_up,
            lookahead: self.lookahead(),
        };
        Ok(Solver::new(net.params().as_slice(), hyper))
    }

    /// The number of values of the solver's state for a net of `weights` weights.
    pub fn state_length(&self, weights: usize) -> usize {
        self.algorithm().shape(self.lookahead().is_some()).length(weights)
    }

    fn algorithm(&self) -> Algorithm {
        match (self.strategy, self.solver) {
            (Strategy::Eamsgd, _) => Algorithm::Eamsgd,
            (_, SolverName::Sgd) => Algorithm::Sgd,
            (_, SolverName::Nesterov) => Algorithm::Nesterov,
            (_, SolverName::Adam | SolverName::Adamw) => {
                let (beta2, delta) = (self.momentum2.unwrap_or(MOMENTUM2), self.delta.unwrap_or(DELTA));
                Algorithm::Adam(Adam { beta2, delta })
            }
            (_, SolverName::Muon) => Algorithm::Muon(Muon { lr: self.muon_lr.unwrap_or(MUON_LR) }),
        }
    }

    fn lookahead(&self) -> Option<Lookahead> {
        let alpha = self.lookahead_alpha.unwrap_or(LOOKAHEAD_ALPHA);
        self.lookahead_every.map(|every| Lookahead { every, alpha })
    }

    /// PyTorch's `label_smoothing`: the fraction of the target that is spread over all classes, the label's included.
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

    /// The shape of the images in memory.
    pub fn shape(&self) -> Shape {
        self.size.map_or(Shape::CIFAR, Shape::square)
    }

    /// The net, for the number of classes of the data set.
    pub fn build_net(&self) -> Result<Net> {
        Ok(self.net.build(known("classes", self.classes)?))
    }

    /// The device and precision of worker `worker`; `gpu` is the one that Spark assigned to its task.
    pub fn compute(&self, worker: u64, gpu: Option<usize>) -> Result<Compute> {
        Ok(Compute { device: self.device.resolve(gpu, worker)?, precision: self.precision.resolve() })
    }
}

/// A value that `resolve` has filled in or that the user must set; an error that names the key if it is missing.
pub(crate) fn known<T>(key: &str, value: Option<T>) -> Result<T> {
    value.ok_or_else(|| Error::config(format!("{key} is not set")))
}
