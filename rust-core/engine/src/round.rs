//! The request for one round of a worker, and its result. Both cross JNI as JSON.

use serde::{Deserialize, Serialize};

/// One round of one worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Round {
    #[serde(default)]
    pub kind: RoundKind,
    /// Digest of the layout of the weights.
    pub digest: String,
    /// Counted from 0. A request for the round that was done last repeats it from the same start.
    pub round: u64,
    /// Local steps that were done before this round, which determine the position in the data.
    pub first_step: u64,
    /// Step of the learning-rate policy at the start of the round. It differs from `first_step` where workers share a
    /// budget of steps, because a slow worker has then done fewer steps than the run has progressed.
    pub policy_step: u64,
    /// Local steps of this round, all training threads together.
    pub steps: u64,
    /// Ends the round after the step at which the sum of its minibatches' losses exceeds this.
    pub loss_limit: Option<f64>,
    /// Where the solver's state comes from.
    pub state: StateIn,
}

/// What a round is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoundKind {
    /// Local steps of the solver.
    #[default]
    Train,
    /// PyTorch's `update_bn`: the running statistics become the mean over the round's minibatches for the given
    /// weights. The average of several workers' running statistics is not that of their averaged weights. Weights and
    /// solver state do not change.
    UpdateBn,
}

/// Where the solver's state comes from at the start of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StateIn {
    /// The worker's own, which is zero in a new worker.
    Keep,
    /// The values after the weights in the vector.
    Given,
    /// Zero.
    Reset,
}

/// What a worker did in one round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Images used, each time counted, those of weight 0 too. It is the worker's weight in the average.
    pub samples: u64,
    /// Local steps done: fewer than requested if the loss limit was reached, none without rows.
    pub steps: u64,
    /// Mean over the minibatches, each computed before its step; `null` if no step ran or the mean is not finite. The
    /// loss of a minibatch is the weighted mean over its rows, and each minibatch counts once, one without any weight
    /// as 0: it is the mean of what the steps minimised.
    pub loss: Option<f64>,
    /// Seconds of computing, without the time in which the call waited for another one.
    pub seconds: f64,
    /// Whether the worker had no solver state of its own for this round: it is new, or missed a round.
    pub fresh: bool,
}

/// Sums over the rows of a worker, each of which counts once, whatever its weight in the training loss is. Added over the workers in a fixed order they have the same bits on every cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    pub rows: u64,
    /// Rows whose largest logit is that of their label.
    pub correct: u64,
    /// Sum of the rows' cross-entropies.
    pub loss: f64,
}

impl Evaluation {
    /// A fraction.
    pub fn accuracy(&self) -> f64 {
        self.correct as f64 / self.rows as f64
    }

    /// The mean over the rows.
    pub fn mean_loss(&self) -> f64 {
        self.loss / self.rows as f64
    }
}
