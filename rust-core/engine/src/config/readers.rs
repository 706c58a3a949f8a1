//! Which strategies, solvers, learning-rate policies, periods and nets read a setting. One that is given and not read is refused,
//! because its user expects it to have an effect.

use serde_json::{Map, Value, json};

use super::{Consistency, OuterName, Period, Strategy, TrainConfig};
use crate::nets::{CIFAR_SIDE, NetName};
use crate::solver::{PolicyName, SolverName};

/// Who reads a setting.
#[derive(Clone, Copy)]
pub struct Readers {
    /// The choice that decides it.
    pub choice: Choice,
    /// Whether a run with this configuration reads it.
    pub reads: fn(&TrainConfig) -> bool,
    /// What to choose so that it is read.
    pub choose: &'static str,
}

/// A choice that decides which other settings are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Every run reads it.
    None,
    Strategy,
    Solver,
    Policy,
    Net,
    Period,
}

pub const ALL: Readers = Readers { choice: Choice::None, reads: |_| true, choose: "" };

const fn strategy(reads: fn(&TrainConfig) -> bool, choose: &'static str) -> Readers {
    Readers { choice: Choice::Strategy, reads, choose }
}

pub const ELASTIC: Readers = strategy(|config| config.strategy.is_elastic(), "deepspark, easgd-async or eamsgd");
pub const PULLING: Readers = strategy(
    |config| config.strategy.is_elastic() || config.strategy == Strategy::Easgd,
    "deepspark, easgd, easgd-async or eamsgd",
);
pub const ASYNCHRONOUS: Readers = strategy(|config| config.strategy.is_asynchronous(), "an asynchronous strategy");
pub const DOWNPOUR: Readers = strategy(|config| config.strategy == Strategy::Downpour, "downpour");
pub const DCASGD: Readers = strategy(|config| config.strategy == Strategy::Dcasgd, "dcasgd");
pub const SPARKNET: Readers = strategy(|config| config.strategy == Strategy::Sparknet, "sparknet");
pub const OUTER: Readers = strategy(
    |config| config.strategy == Strategy::AsyncNesterov || config.outer != OuterName::None,
    "async-nesterov, or sparknet with an outer optimiser",
);
pub const IN_STAGE: Readers =
    strategy(TrainConfig::in_stage, "an asynchronous strategy, easgd, or sparknet without consistency rounds");

const fn solver(reads: fn(&TrainConfig) -> bool, choose: &'static str) -> Readers {
    Readers { choice: Choice::Solver, reads, choose }
}

pub const ADAM: Readers =
    solver(|config| matches!(config.solver, SolverName::Adam | SolverName::Adamw), "adam or adamw");
pub const MUON: Readers = solver(|config| config.solver == SolverName::Muon, "muon");
pub const COUPLED_DECAY: Readers =
    solver(|config| matches!(config.solver, SolverName::Sgd | SolverName::Nesterov), "sgd or nesterov");

const fn policy(reads: fn(&TrainConfig) -> bool, choose: &'static str) -> Readers {
    Readers { choice: Choice::Policy, reads, choose }
}

pub const GAMMA: Readers = policy(
    |config| {
        use PolicyName::{Exp, Inv, Multistep, Step};
        matches!(config.policy_name(), Step | Multistep | Inv | Exp)
    },
    "step, multistep, inv or exp",
);
pub const POWER: Readers =
    policy(|config| matches!(config.policy_name(), PolicyName::Inv | PolicyName::Poly), "inv or poly");
pub const STEP: Readers = policy(|config| config.policy_name() == PolicyName::Step, "step");
pub const MULTISTEP: Readers = policy(|config| config.policy_name() == PolicyName::Multistep, "multistep");
pub const TRIANGULAR: Readers = policy(|config| config.policy_name() == PolicyName::Triangular, "triangular");
pub const NOT_TRIANGULAR: Readers =
    policy(|config| config.policy_name() != PolicyName::Triangular, "another policy than triangular");

const fn period(reads: fn(&TrainConfig) -> bool, choose: &'static str) -> Readers {
    Readers { choice: Choice::Period, reads, choose }
}

pub const POST_LOCAL: Readers = period(|config| config.period == Period::PostLocal, "post-local");
pub const QSR: Readers = period(|config| config.period == Period::Qsr, "qsr");

const fn net(reads: fn(&TrainConfig) -> bool, choose: &'static str) -> Readers {
    Readers { choice: Choice::Net, reads, choose }
}

pub const NORMALISED: Readers = net(|config| config.net.build(1).has_statistics(), "a net with batch normalisation");
pub const RESIZABLE: Readers =
    net(|config| *config.net.build(1).sides().end() > CIFAR_SIDE, "a net for images of more than 32 x 32");

impl Choice {
    /// The key of the choice, and its values.
    fn names(self) -> Option<(&'static str, &'static [&'static str])> {
        match self {
            Self::None => None,
            Self::Strategy => Some(("strategy", Strategy::NAMES)),
            Self::Solver => Some(("solver", SolverName::NAMES)),
            Self::Policy => Some(("lr-policy", PolicyName::NAMES)),
            Self::Net => Some(("net", NetName::NAMES)),
            Self::Period => Some(("period", Period::NAMES)),
        }
    }
}

impl Readers {
    /// Its part of the schema: under the key of the choice the values with which it is read, in some configuration.
    pub fn schema(self) -> Map<String, Value> {
        let Some((key, names)) = self.choice.names() else { return Map::new() };
        let read: Vec<&&str> = names.iter().filter(|name| self.read_with(key, name)).collect();
        Map::from_iter([(key.to_owned(), json!(read))])
    }

    /// Whether some configuration in which the choice `key` is `name` reads the setting.
    fn read_with(self, key: &str, name: &str) -> bool {
        let chosen = Map::from_iter([(key.to_owned(), json!(name))]);
        let Ok(config) = TrainConfig::from_map(chosen) else { return false };
        // of a strategy, these decide it too; only sparknet has an outer optimiser
        let outers = if config.strategy == Strategy::Sparknet {
            vec![OuterName::None, OuterName::Nesterov]
        } else {
            vec![OuterName::None]
        };
        let consistencies = [None, Some(Consistency::Bsp)];
        outers.into_iter().any(|outer| {
            consistencies.iter().any(|&consistency| (self.reads)(&TrainConfig { outer, consistency, ..config.clone() }))
        })
    }
}
