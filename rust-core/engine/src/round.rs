//! What a worker is asked for one round and what it answers. These cross JNI as JSON.

use serde::{Deserialize, Serialize};

/// One round of one worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Round {
    #[serde(default)]
    pub work: Work,
    /// Of the layout of the weights that come along.
    pub digest: String,
    /// Counted from 0. Asking for the round that was done last does it again from the same start.
    pub round: u64,
    /// Local steps that were done before this round: the place in the data.
    pub first_step: u64,
    /// Step of the learning-rate policy at the round's start. It differs from `first_step` where workers
    /// share a budget, since then a slow worker has done less than its part of the run.
    pub policy_step: u64,
    /// Local steps of this round, of all threads together.
    pub steps: u64,
    /// Ends the round early, after the step at which the sum of its minibatches' losses is above this.
    pub loss_limit: Option<f64>,
    /// Where the solver's state comes from.
    pub state: StateIn,
}

/// What a round is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// Local steps of the solver.
    #[default]
    Train,
    /// PyTorch's `update_bn`: the running statistics become the mean over the round's minibatches under weights that
    /// stay, which an average of other workers' weights does not give. The solver's state stays too.
    UpdateBn,
}

/// Where the solver's state comes from at the start of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StateIn {
    /// The worker's own, which is zero when it was just built.
    Keep,
    /// What stands behind the weights in the vector.
    Given,
    /// Zero.
    Reset,
}

/// What a worker did in one round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Images used, repeats counted; the worker's weight in the average.
    pub samples: u64,
    /// Local steps that were done: fewer than asked for at a loss limit, none without rows.
    pub steps: u64,
    /// Mean over these steps' minibatches, each before its step; `null` without samples or when it is no number.
    pub loss: Option<f64>,
    /// Of computing, without the time in which the call waited for another.
    pub seconds: f64,
    /// Whether the worker had no state of its own to go on with: it was just built, or missed a round.
    pub fresh: bool,
}

/// Sums over the rows of a worker; sums over workers in a fixed order give the same bits everywhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    pub rows: u64,
    /// Rows whose largest logit is that of their label.
    pub correct: u64,
    /// Sum of the rows' cross-entropies.
    pub loss: f64,
}
