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

pub use budget::{Budget, Period, PeriodChange};
pub use folds::{Fold, FoldLedger, Folded, Message, SessionRecord, ShardRecord, Taken, all_finite};
pub use report::{Divergence, TurnDone, TurnReport};
pub use resume_point::ResumePoint;
pub use turns::{Answer, Grant, TurnLedger, TurnRecord};

use crate::{Error, Refusal, Result};

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
