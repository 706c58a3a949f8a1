//! The number of steps of a run, and the period of the exchanges.

use serde::{Deserialize, Serialize};

/// The number of steps of a run, and the period of the exchanges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Budget {
    /// Minibatches of all workers together.
    pub steps: u64,
    /// Local steps between two exchanges of a worker.
    pub tau: u64,
    pub period: Period,
}

/// How the period changes while training goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Period {
    /// `tau` steps.
    Constant,
    /// The worker chooses it by its loss; at most `longest` times `tau` steps.
    Adaptive { longest: u64 },
    /// One step until policy step `until`, then `tau` (Lin, Stich, Patel, Jaggi 2020).
    PostLocal { until: u64 },
}

impl Budget {
    /// The most steps that a worker may do at policy step `step` before it exchanges.
    pub fn most_steps(&self, step: u64) -> u64 {
        match self.period {
            Period::Constant => self.tau,
            Period::Adaptive { longest } => self.tau.saturating_mul(longest),
            Period::PostLocal { until } if step < until => 1,
            Period::PostLocal { .. } => self.tau,
        }
    }
}
