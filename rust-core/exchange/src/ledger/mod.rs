//! The exchanger's protocol by itself: who may do how many local steps next (`turns`), which exchange was folded
//! (`folds`), and where a new attempt of a lost worker begins (`resume_point`). No socket, no thread, no lock; time
//! comes as an argument. `server/` adds locks and connections, and `tests` go through every order of events. The
//! invariants are in docs/protocol.md.

mod budget;
mod folds;
mod report;
mod resume_point;
#[cfg(test)]
mod tests;
mod turns;

use serde::{Deserialize, Serialize};

pub use budget::{Budget, Period};
pub use folds::{Fold, FoldLedger, Folded, Message, SessionRecord, ShardRecord, Taken, all_finite};
pub use report::{TurnDone, TurnReport};
pub use resume_point::ResumePoint;
pub use turns::{Answer, Divergence, Grant, TurnLedger, TurnRecord};

use crate::{Error, Refusal, Result};

/// The most samples of one exchange: more than a worker can compute in a year, and so few that the sum over all
/// workers and the mean's products in f64 stay exact.
pub const MOST_SAMPLES: u64 = 1 << 40;

/// What a worker did between two exchanges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Work {
    /// Local steps.
    pub steps: u64,
    /// Rows that the steps used, repeats counted.
    pub samples: u64,
    /// Mean over the steps' minibatches; 0 before the first step.
    pub loss: f64,
}

impl Work {
    /// Refuses work that no worker can have done; `whose` begins the message.
    fn validate(&self, whose: impl Fn() -> String) -> Result<()> {
        let wrong = |what: String| Err(Error::refused(Refusal::Mismatch, format!("{} {what}", whose())));
        if !self.loss.is_finite() {
            return wrong(format!("reports a loss of {}: its training diverged", self.loss));
        }
        if self.samples > MOST_SAMPLES {
            return wrong(format!("reports {} samples where at most {MOST_SAMPLES} are possible", self.samples));
        }
        Ok(())
    }
}

/// One attempt of a worker's task. Later attempts have higher numbers; a newer one fences the older ones, whose
/// requests are refused from then on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub worker: usize,
    pub attempt: u64,
}

/// Refuses every attempt but the newest one, which is `newest` where the worker ever attached.
fn admit(newest: Option<u64>, who: Attempt) -> Result<()> {
    match newest {
        Some(newest) if newest != who.attempt => Err(fenced(who, newest)),
        _ => Ok(()),
    }
}

/// Makes an attempt the newest one, unless a newer one is known.
fn enter(newest: &mut Option<u64>, who: Attempt) -> Result<()> {
    if let Some(newest) = newest.filter(|newest| *newest > who.attempt) {
        return Err(fenced(who, newest));
    }
    *newest = Some(who.attempt);
    Ok(())
}

fn fenced(Attempt { worker, attempt }: Attempt, newest: u64) -> Error {
    Error::refused(Refusal::Fenced, format!("attempt {attempt} of worker {worker} is fenced by attempt {newest}"))
}

fn mismatch(text: String) -> Error {
    Error::refused(Refusal::Mismatch, text)
}
