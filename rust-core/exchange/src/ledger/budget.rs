//! The number of steps of a run, and the period of the exchanges.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The number of steps of a run, and the period of the exchanges.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Budget {
    /// Minibatches of all workers together.
    pub steps: u64,
    /// Local steps between two exchanges of a worker.
    pub tau: u64,
    pub period: Period,
}

/// How the period changes while training goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Period {
    /// `tau` steps.
    Constant,
    /// The worker chooses it by its loss; at most `longest` times `tau` steps.
    Adaptive { longest: u64 },
    /// What the last of these changes says that is not after the worker's policy step; before the first, `tau` steps.
    Planned { changes: Vec<PeriodChange> },
}

/// From policy step `from` on, a period has `steps` local steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeriodChange {
    pub from: u64,
    pub steps: u64,
}

impl Budget {
    /// The most steps that a worker may do at policy step `step` before it exchanges.
    pub fn most_steps(&self, step: u64) -> u64 {
        match &self.period {
            Period::Constant => self.tau,
            Period::Adaptive { longest } => self.tau.saturating_mul(*longest),
            Period::Planned { changes } => {
                let now = changes.partition_point(|change| change.from <= step);
                changes[..now].last().map_or(self.tau, |change| change.steps)
            }
        }
    }

    /// Refuses a period of no steps, after which a worker would never be granted one, and changes out of order.
    pub fn validate(&self) -> Result<()> {
        let empty = || Err(Error::Config("a period must have at least 1 local step, not 0".to_owned()));
        match &self.period {
            Period::Constant => Ok(()),
            Period::Adaptive { longest: 0 } => empty(),
            Period::Adaptive { .. } => Ok(()),
            Period::Planned { changes } if changes.iter().any(|change| change.steps == 0) => empty(),
            Period::Planned { changes } if !changes.is_sorted_by(|a, b| a.from < b.from) => Err(Error::Config(
                "the changes of a planned period must rise by the steps from which they hold".to_owned(),
            )),
            Period::Planned { .. } => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(changes: &[(u64, u64)]) -> Budget {
        let changes = changes.iter().map(|&(from, steps)| PeriodChange { from, steps }).collect();
        Budget { steps: 100, tau: 4, period: Period::Planned { changes } }
    }

    #[test]
    fn a_planned_period_is_that_of_the_last_change() {
        let budget = planned(&[(2, 1), (5, 7), (12, 9)]);
        let most: Vec<u64> = [0, 1, 2, 4, 5, 11, 12, 99].map(|step| budget.most_steps(step)).to_vec();
        assert_eq!(most, [4, 4, 1, 1, 7, 7, 9, 9]);
        assert_eq!(planned(&[]).most_steps(3), 4);
    }

    #[test]
    fn a_period_of_no_steps_is_refused() {
        for (budget, expected) in [
            (planned(&[(0, 1), (3, 0)]), "a period must have at least 1 local step, not 0"),
            (Budget { period: Period::Adaptive { longest: 0 }, ..planned(&[]) }, "a period must have at least 1"),
            (planned(&[(3, 1), (3, 2)]), "the changes of a planned period must rise"),
        ] {
            let error = budget.validate().expect_err(expected).to_string();
            assert!(error.contains(expected), "{error}");
        }
        planned(&[(0, 1), (3, 2)]).validate().unwrap();
    }
}
