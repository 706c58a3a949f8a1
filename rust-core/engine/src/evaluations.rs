//! The evaluations of a run: the last one, and the best one with its weights if the model will have them.

use crate::error::Result;
use crate::memory::{Purpose, copied};
use crate::round::Evaluation;

/// The evaluation with the highest accuracy so far; of equal ones the first.
#[derive(Clone, Debug)]
pub struct Best {
    pub round: u64,
    pub evaluation: Evaluation,
    /// Evaluations after it.
    since: u64,
    /// Of the evaluation, if they are kept.
    weights: Option<Vec<f32>>,
}

/// What the evaluations of a run have shown.
#[derive(Clone, Debug, Default)]
pub struct Evaluations {
    last: Option<Evaluation>,
    best: Option<Best>,
}

impl Evaluations {
    /// Adds that of `weights` after `round` rounds. `keeps` says whether the best one's weights are kept.
    pub fn add(&mut self, round: u64, evaluation: Evaluation, weights: &[f32], keeps: bool) -> Result<()> {
        self.last = Some(evaluation);
        match &mut self.best {
            Some(best) if evaluation.correct <= best.evaluation.correct => best.since += 1,
            best => {
                let weights = keeps.then(|| copied(weights, Purpose::Weights)).transpose()?;
                *best = Some(Best { round, evaluation, since: 0, weights });
            }
        }
        Ok(())
    }

    /// Of the last evaluation.
    pub fn last(&self) -> Option<Evaluation> {
        self.last
    }

    /// The best one so far.
    pub fn best(&self) -> Option<&Best> {
        self.best.as_ref()
    }

    /// Whether the accuracy has not risen for `patience` evaluations.
    pub fn is_out_of_patience(&self, patience: Option<u64>) -> bool {
        patience.zip(self.best.as_ref()).is_some_and(|(patience, best)| best.since >= patience)
    }

    /// What the model will have: the weights of the best evaluation where they were kept, else `weights`, those of the
    /// last; with the evaluation that belongs to them.
    pub fn chosen(&mut self, weights: Vec<f32>) -> (Vec<f32>, Option<Evaluation>) {
        match self.best.as_mut().and_then(|best| best.weights.take().map(|kept| (kept, best.evaluation))) {
            Some((kept, evaluation)) => (kept, Some(evaluation)),
            None => (weights, self.last),
        }
    }
}
