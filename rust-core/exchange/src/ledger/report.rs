//! The part of a report that is about turns: totals, and each turn since the last report.

use std::collections::VecDeque;

use serde::Serialize;

use crate::message::Done;

/// Turns kept for the next report; an hour without a report, at ten turns a second.
const MOST_EVENTS: usize = 36_000;

/// One finished turn, as it is reported.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct TurnDone {
    pub worker: usize,
    /// 1-based, of this worker.
    pub exchange: u64,
    /// Local steps of the turn.
    pub steps: u64,
    /// Samples of the turn.
    pub samples: u64,
    /// Totals of all workers, with this turn.
    pub total_steps: u64,
    pub total_samples: u64,
    /// Mean over the turn's minibatches.
    pub loss: f64,
    /// Center updates between the worker's last pull and this exchange, on its first shard.
    pub staleness: u64,
    /// Bytes of weights that the worker sent and received.
    pub bytes: u64,
    /// Seconds of local steps.
    pub computing: f64,
    /// Seconds of the exchange.
    pub exchanging: f64,
    /// Seconds of the exchange that did not overlap with local steps.
    pub waiting: f64,
}

/// A worker whose training diverged, and the turn in which it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Divergence {
    pub worker: usize,
    pub turn: u64,
}

/// Numbers of a report.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct TurnReport {
    /// Recorded local steps of all workers.
    pub steps: u64,
    /// Samples of these steps.
    pub samples: u64,
    /// The steps that all workers together do in the run.
    pub budget: u64,
    /// Turns done since the last report.
    pub turns: Vec<TurnDone>,
    /// Turns that were dropped because no report was asked for in time.
    pub dropped_turns: u64,
    /// Bytes of weights, sent and received, as the workers reported them.
    pub bytes: u64,
    /// How many exchanges had a staleness of 0, 1, 2 ..; the last entry counts all higher ones.
    pub staleness: [u64; 17],
    /// How many turns each worker is behind the fastest one; absent for one that left.
    pub lag: Vec<Option<u64>>,
    /// The first worker whose training diverged.
    pub diverged: Option<Divergence>,
}

/// What reports tell: sums since the start, and the turns since the last report.
#[derive(Clone, Debug, Default)]
pub(super) struct PendingReport {
    pub turns: VecDeque<TurnDone>,
    pub dropped: u64,
    pub bytes: u64,
    /// How many exchanges had a staleness of 0, 1, 2 ..; the last entry counts all higher ones.
    pub staleness: [u64; 17],
}

impl PendingReport {
    /// Counts the exchange of a turn, and keeps the turn for the next report.
    pub fn add(&mut self, done: &Done, turn: TurnDone) {
        self.bytes = self.bytes.saturating_add(done.bytes); // a peer's own figure, for information only
        let last = self.staleness.len() - 1;
        self.staleness[usize::try_from(done.staleness).unwrap_or(last).min(last)] += 1;
        if self.turns.len() == MOST_EVENTS {
            self.turns.pop_front();
            self.dropped += 1;
        }
        self.turns.push_back(turn);
    }
}
