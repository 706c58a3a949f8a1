//! What the parts of a run take from a resolved configuration.

use super::{Consistency, SolverState, Strategy, TrainConfig};
use crate::device::Precision;
use crate::error::{Error, Result};
use crate::nets::Net;
use crate::solver::{Eamsgd, Policy, PolicyName, Settings, Sgd, Solver};

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

    /// Whether the momentum of all workers travels with the weights.
    pub fn state_travels(&self) -> bool {
        self.solver_state == SolverState::Average
    }

    /// The local step of the strategy, for one thread's steps on `net`.
    pub fn build_solver(&self, net: &Net) -> Result<Solver> {
        let settings = Settings {
            lr: known("lr", self.lr)?,
            momentum: known("momentum", self.momentum)?,
            weight_decay: known("weight-decay", self.weight_decay)?,
            policy: self.policy()?,
        };
        Ok(match self.strategy {
            Strategy::Eamsgd => Solver::Eamsgd(Eamsgd::new(net, settings)),
            _ => Solver::Sgd(Sgd::new(net, settings)),
        })
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
        })
    }

    /// The net, for the classes that the data set decided.
    pub fn build_net(&self) -> Result<Net> {
        Ok(self.net.build(known("classes", self.classes)?))
    }

    /// What the layers compute in.
    pub fn precision(&self) -> Precision {
        self.precision.resolve()
    }
}

/// A value that `resolve` has filled in, or one that its user must give.
pub(crate) fn known<T>(key: &str, value: Option<T>) -> Result<T> {
    value.ok_or_else(|| Error::config(format!("{key} is not set")))
}
