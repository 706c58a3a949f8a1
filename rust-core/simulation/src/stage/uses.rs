//! Sums over a simulated run: what its links and processors did, and the rounds that its turns make up.

use std::collections::BTreeMap;

use firesteel_exchange::ledger::TurnDone;

use crate::training::RoundDone;

/// What links and processors did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Uses {
    /// Virtual seconds of the run.
    pub seconds: f64,
    /// Bytes that the driver, or the executors that host the center, received, and seconds in which they received some.
    pub up: (f64, f64),
    /// The same of what they sent.
    pub down: (f64, f64),
    /// Seconds of their processors, of all shards at the same time.
    pub folding: f64,
    /// Seconds of local steps of all workers.
    pub computing: f64,
}

impl Uses {
    /// What came after `before`.
    pub fn since(&self, before: &Self) -> Self {
        let pair = |now: (f64, f64), before: (f64, f64)| (now.0 - before.0, now.1 - before.1);
        Self {
            seconds: self.seconds - before.seconds,
            up: pair(self.up, before.up),
            down: pair(self.down, before.down),
            folding: self.folding - before.folding,
            computing: self.computing - before.computing,
        }
    }
}

/// The rounds of a synchronous strategy, each of which ends when the last worker has reported its turn.
pub struct RoundSums {
    workers: usize,
    open: BTreeMap<u64, Vec<TurnDone>>,
    /// When the round before ended.
    ended: f64,
    local_steps: u64,
}

impl RoundSums {
    pub fn new(workers: usize) -> Self {
        Self { workers, open: BTreeMap::new(), ended: 0.0, local_steps: 0 }
    }

    /// Adds a turn, and answers its round if that has ended.
    pub fn add(&mut self, now: f64, turn: &TurnDone) -> Option<RoundDone> {
        let turns = self.open.entry(turn.exchange).or_default();
        turns.push(turn.clone());
        if turns.len() < self.workers {
            return None;
        }
        let mut turns = self.open.remove(&turn.exchange)?;
        turns.sort_by_key(|turn| turn.worker); // the order of the sums
        let samples: u64 = turns.iter().map(|turn| turn.samples).sum();
        self.local_steps += turns.iter().map(|turn| turn.steps).max()?;
        let before = std::mem::replace(&mut self.ended, now);
        Some(RoundDone {
            round: turn.exchange,
            local_steps: self.local_steps,
            samples,
            loss: turns.iter().map(|turn| turn.loss * turn.samples as f64).sum::<f64>() / samples as f64,
            lasted: now - before,
            bytes: turns.iter().map(|turn| turn.bytes).sum(),
        })
    }
}
