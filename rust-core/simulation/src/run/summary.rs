//! What a simulated run did, in numbers: all that is left of it where no files are written.

use firesteel_exchange::ledger::TurnDone;
use serde::Serialize;

/// An evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    pub round: u64,
    pub samples: u64,
    /// Virtual seconds since training began.
    pub virtual_seconds: f64,
    /// Of all messages so far, in both directions.
    pub bytes: u64,
    /// A fraction.
    pub accuracy: f64,
    /// The mean.
    pub loss: f64,
}

/// A run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    pub points: Vec<Point>,
    pub samples: u64,
    /// Seconds of this machine, without evaluations.
    pub seconds: f64,
    pub virtual_seconds: f64,
    /// Of all messages, in both directions.
    pub bytes: u64,
    /// Turns inside one stage; none in rounds that are Spark jobs.
    pub exchanges: u64,
    /// How many of them met 0, 1, .. 15 updates of the center by others, and 16 or more.
    pub staleness: [u64; 17],
    /// Virtual seconds of all workers together in local steps.
    pub computing: f64,
    /// Virtual seconds of all workers together in which they waited for an exchange, inside one stage.
    pub exchanging: f64,
}

impl Summary {
    /// Counts a turn of a worker inside one stage.
    pub(super) fn add(&mut self, turn: &TurnDone) {
        let last = self.staleness.len() - 1;
        self.staleness[usize::try_from(turn.staleness).unwrap_or(last).min(last)] += 1;
        self.exchanges += 1;
        self.bytes += turn.bytes;
        self.exchanging += turn.waiting;
    }
}
