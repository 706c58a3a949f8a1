//! The local steps of one turn inside one stage: what a worker asks its engine for once the exchanger has granted them.

use firesteel_engine::config::{Period, SolverState};
use firesteel_engine::{Round, RoundKind, StateIn, TrainConfig};
use firesteel_exchange::ledger::Grant;
use serde::{Deserialize, Serialize};

/// What every turn of a run has in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TurnSpec {
    /// Digest of the layout.
    pub digest: String,
    /// Local steps between two exchanges, or in the first period of an adaptive one.
    pub tau: u64,
    /// Whether a period grows as the loss falls.
    pub adaptive: bool,
    /// Whether the solver's state is zero at the start of each turn.
    pub reset_state: bool,
}

impl TurnSpec {
    /// Of a resolved configuration whose net has that digest.
    pub fn new(config: &TrainConfig, digest: String) -> Self {
        Self {
            digest,
            tau: config.tau,
            adaptive: config.period == Period::Adaptive,
            reset_state: config.solver_state == SolverState::Reset,
        }
    }

    /// The steps of turn `number`. `loss_limit` is the sum of losses at which an adaptive period ends, once it is known.
    pub fn round(&self, number: u64, grant: &Grant, loss_limit: Option<f64>) -> Round {
        let first_period = self.adaptive && loss_limit.is_none();
        Round {
            kind: RoundKind::Train,
            digest: self.digest.clone(),
            round: number,
            first_step: grant.data_step,
            policy_step: grant.policy_step,
            steps: if first_period { grant.steps.min(self.tau) } else { grant.steps },
            loss_limit,
            state: if self.reset_state { StateIn::Reset } else { StateIn::Keep },
        }
    }

    /// Sets the limit of an adaptive period, the sum of losses in the first one, once a worker has done that: `steps`
    /// minibatches of mean `loss`.
    pub fn limit_after(&self, loss_limit: &mut Option<f64>, loss: f64, steps: u64) {
        if self.adaptive {
            loss_limit.get_or_insert(loss * steps as f64);
        }
    }
}
