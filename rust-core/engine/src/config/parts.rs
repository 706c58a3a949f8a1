//! What other modules build from a resolved configuration, in which `resolve` has filled in every key that a run needs:
//! the net, the solver with its learning-rate policy, the shape of the images, the device.

use super::resolve::{DELTA, LOOKAHEAD_ALPHA, MOMENTUM2, MUON_LR};
use super::{Consistency, LrScale, SolverState, Strategy, TrainConfig};
use crate::data::Shape;
use crate::device::Compute;
use crate::error::{Error, Result};
use crate::nets::Net;
use crate::solver::{
    Adam, Algorithm, Hyperparameters, Lookahead, Muon, Policy, PolicyName, Schedule, Solver, SolverName,
};

impl TrainConfig {
    /// Whether the workers run inside one long Spark stage and exchange with an exchanger over the network; otherwise
    /// each round is a Spark job, and the weights travel with its tasks and their results. Of `sparknet`, `consistency`
    /// decides; before it is decided this is false.
    pub fn in_stage(&self) -> bool {
        match self.strategy {
            Strategy::Sparknet => self.consistency == Some(Consistency::Bsp),
            Strategy::Easgd => true,
            strategy => strategy.is_asynchronous(),
        }
    }

    /// Whether the solver's state (momentum and the like) is sent behind the weights in every vector and averaged with
    /// them; otherwise it stays on the worker.
    pub fn state_travels(&self) -> bool {
        self.solver_state == SolverState::Average
    }

    /// The learning-rate policy, also before `resolve` has filled it in: the recipes of all nets are `multistep`.
    pub(super) fn policy_name(&self) -> PolicyName {
        self.lr_policy.unwrap_or(PolicyName::Multistep)
    }

    /// By how much `lr-scale` raises the learning rates: for K times as many images a step, K times (Goyal et al. 2017), or
    /// the root of K times (Krizhevsky 2014).
    fn rate_factor(&self) -> f64 {
        let workers = self.workers.unwrap_or(1) as f64;
        match self.lr_scale {
            LrScale::None => 1.0,
            LrScale::Linear => workers,
            LrScale::Sqrt => workers.sqrt(),
        }
    }

    /// The base learning rate, scaled for the number of workers.
    pub(super) fn base_rate(&self) -> Result<f64> {
        Ok(known("lr", self.lr)? * self.rate_factor())
    }

    /// How the learning rate changes with the local steps.
    pub(super) fn schedule(&self) -> Result<Schedule> {
        Ok(Schedule { policy: self.policy()?, warm_up: self.warm_up })
    }

    /// A solver for `net`. A worker needs one; with the strategy `hogwild` each of its threads has its own.
    pub fn build_solver(&self, net: &Net) -> Result<Solver> {
        let hyper = Hyperparameters {
            algorithm: self.algorithm(),
            lr: self.base_rate()?,
            momentum: known("momentum", self.momentum)?,
            weight_decay: known("weight-decay", self.weight_decay)?,
            decoupled_decay: self.decoupled_decay || self.solver == SolverName::Adamw,
            clip_gradients: self.clip_gradients,
            schedule: self.schedule()?,
            lookahead: self.lookahead(),
        };
        Ok(Solver::new(net.params().as_slice(), hyper))
    }

    /// The number of f32 values of the solver's state for a net of `weights` weights. Needs no resolved configuration.
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
            (_, SolverName::Muon) => Algorithm::Muon(Muon { lr: self.muon_lr.unwrap_or(MUON_LR) * self.rate_factor() }),
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

    /// The shape of the images in memory. Without `size` it is that of CIFAR's images, 3 x 32 x 32.
    pub fn shape(&self) -> Shape {
        self.size.map_or(Shape::CIFAR, Shape::square)
    }

    /// The net, for the number of classes of the data set.
    pub fn build_net(&self) -> Result<Net> {
        Ok(self.net.build(known("classes", self.classes)?))
    }

    /// The device and precision that worker `worker` computes with. `gpu` is the index of the GPU that Spark assigned
    /// to the worker's task; without one, workers take the machine's GPUs in turn by their numbers.
    pub fn compute(&self, worker: u64, gpu: Option<usize>) -> Result<Compute> {
        Ok(Compute { device: self.device.resolve(gpu, worker)?, precision: self.precision.resolve() })
    }
}

/// The value of a key that `resolve` fills in or the user must set. It is missing only in a configuration that was not
/// resolved, or was resolved without the facts of the data set: an error that names the key.
pub(crate) fn known<T>(key: &str, value: Option<T>) -> Result<T> {
    value.ok_or_else(|| Error::config(format!("{key} is not set")))
}
