//! The lock and the waiting around the ledger of turns. Every decision is the ledger's.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::shard::TICK;
use crate::Result;
use crate::clock::Consistency;
use crate::ledger::{Answer, Attempt, Budget, Grant, TurnLedger, TurnRecord, TurnReport};
use crate::message::Done;

/// Grants turns to the workers of one center.
pub struct Coordinator {
    ledger: Mutex<TurnLedger>,
    moved: Condvar,
    started: Instant,
}

impl Coordinator {
    /// `wait_limit` is how long slower workers are waited for.
    pub fn new(budget: Budget, consistency: Consistency, workers: usize, wait_limit: Duration) -> Self {
        let ledger = Mutex::new(TurnLedger::new(budget, consistency, workers, wait_limit));
        Self { ledger, moved: Condvar::new(), started: Instant::now() }
    }

    /// As [`TurnLedger::release`].
    pub fn release(&self, minibatches: u64) {
        self.lock().release(minibatches);
        self.moved.notify_all();
    }

    /// As [`TurnLedger::attach`].
    pub fn attach(&self, who: Attempt) -> Result<u64> {
        self.lock().attach(who)
    }

    /// As [`TurnLedger::ask`], and waits for slower workers: `waiting` is called every second meanwhile.
    pub fn turn(&self, who: Attempt, turn: u64, done: &Done, mut waiting: impl FnMut() -> Result<()>) -> Result<Grant> {
        let mut ledger = self.lock();
        let mut answer = ledger.ask(who, turn, done, self.started.elapsed())?;
        self.moved.notify_all();
        loop {
            if let Answer::Go(grant) = answer {
                return Ok(grant);
            }
            let (locked, tick) = self.moved.wait_timeout(ledger, TICK).unwrap_or_else(PoisonError::into_inner);
            ledger = locked;
            answer = ledger.poll(who, self.started.elapsed())?;
            if answer == Answer::Wait && tick.timed_out() {
                drop(ledger);
                waiting()?;
                ledger = self.lock();
            }
        }
    }

    /// As [`TurnLedger::leave`].
    pub fn leave(&self, who: Attempt) -> Result<()> {
        self.lock().leave(who)?;
        self.moved.notify_all();
        Ok(())
    }

    /// As [`TurnLedger::diverge`].
    pub fn diverge(&self, who: Attempt, turn: u64) -> Result<()> {
        self.lock().diverge(who, turn)
    }

    /// As [`TurnLedger::report`].
    pub fn report(&self) -> TurnReport {
        self.lock().report()
    }

    /// As [`TurnLedger::steps`].
    pub fn steps(&self) -> u64 {
        self.lock().steps()
    }

    /// As [`TurnLedger::restore`].
    pub fn restore(&self, record: TurnRecord) -> Result<()> {
        self.lock().restore(record)
    }

    /// The ledger; while the lock is held no turn is granted or recorded.
    pub fn lock(&self) -> MutexGuard<'_, TurnLedger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner) // no code panics while it holds the lock
    }
}
