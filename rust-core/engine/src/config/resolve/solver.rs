//! Keys of the solver: which solver reads which, and the published value where one is left out.

use super::super::{Strategy, TrainConfig};
use crate::error::{Error, Result};
use crate::solver::SolverName;

/// Adam's beta2 and epsilon, Kingma and Ba's (2015).
pub const MOMENTUM2: f64 = 0.999;
pub const DELTA: f64 = 1e-8;
/// Keller Jordan's (2024).
pub const MUON_LR: f64 = 0.02;
/// Zhang, Lucas, Hinton and Ba's (2019).
pub const LOOKAHEAD_ALPHA: f64 = 0.5;

impl TrainConfig {
    /// Checks every key of the solver and fills what is left out.
    pub(super) fn settle_solver(&mut self) -> Result<()> {
        let (solver, strategy) = (self.solver, self.strategy);
        if strategy == Strategy::Eamsgd && (solver != SolverName::Sgd || self.decoupled_decay) {
            let key = if self.decoupled_decay { "decoupled-decay".to_owned() } else { format!("solver {solver}") };
            return Err(Error::config(format!(
                "{key} means nothing to strategy eamsgd, which has a step of its own; leave it out"
            )));
        }
        if strategy == Strategy::Hogwild && self.lookahead_every.is_some() {
            return Err(Error::config(
                "lookahead-every cannot be for strategy hogwild, whose threads would undo each other's steps; leave it out",
            ));
        }
        let is_adam = matches!(solver, SolverName::Adam | SolverName::Adamw);
        let couples = matches!(solver, SolverName::Sgd | SolverName::Nesterov);
        let keys = [
            ("momentum2", self.momentum2.is_some(), is_adam, "adam or adamw"),
            ("delta", self.delta.is_some(), is_adam, "adam or adamw"),
            ("muon-lr", self.muon_lr.is_some(), solver == SolverName::Muon, "muon"),
            ("decoupled-decay", self.decoupled_decay, couples, "sgd, nesterov or adamw"),
        ];
        if let Some((key, _, _, choose)) = keys.into_iter().find(|(_, given, read, _)| *given && !read) {
            return Err(Error::config(format!(
                "{key} means nothing to solver {solver}; leave it out or choose {choose}"
            )));
        }
        if self.lookahead_every.is_some() {
            self.lookahead_alpha.get_or_insert(LOOKAHEAD_ALPHA);
        } else if self.lookahead_alpha.is_some() {
            return Err(Error::config("lookahead-alpha means nothing without lookahead-every; give both or neither"));
        }
        if is_adam {
            self.momentum2.get_or_insert(MOMENTUM2);
            self.delta.get_or_insert(DELTA);
        }
        if solver == SolverName::Muon {
            self.muon_lr.get_or_insert(MUON_LR);
        }
        Ok(())
    }
}
