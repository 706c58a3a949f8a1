//! Turns: who may do how many local steps next. The clerk keeps the budget of all workers together, the
//! clocks of the consistency model, and what it heard of each worker for reports. It holds no weights.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::settings::Budget;
use super::shard::{TICK, fenced};
use crate::clock::{Clock, Consistency};
use crate::message::Done;
use crate::{Error, Refusal, Result};

/// Turns kept for the next report; an hour of an observer's silence at ten a second.
const MOST_EVENTS: usize = 36_000;

/// What a worker may do next. `steps` 0 ends its work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Grant {
    /// Of the learning-rate policy: minibatches done by all, divided by the workers.
    pub policy_step: u64,
    /// Of this worker in its data.
    pub data_step: u64,
    pub steps: u64,
}

/// One turn that was done, as reports tell it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct TurnDone {
    pub worker: usize,
    /// 1-based, of this worker.
    pub exchange: u64,
    pub steps: u64,
    /// Totals of all workers, with this turn.
    pub total_steps: u64,
    pub total_samples: u64,
    /// `null` when it was no number.
    pub loss: Option<f64>,
    pub staleness: u64,
    pub computing: f64,
    pub exchanging: f64,
    pub waiting: f64,
}

/// What is known of one worker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Seat {
    attempt: Option<u64>,
    turn: u64,
    grant: Grant,
    steps: u64,
    /// Steps granted and not yet reported.
    outstanding: u64,
    exchanges: u64,
}

/// What a snapshot keeps of the clerk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClerkRecord {
    seats: Vec<Seat>,
    steps: u64,
    samples: u64,
}

struct State {
    record: ClerkRecord,
    clock: Clock,
    events: VecDeque<TurnDone>,
    dropped: u64,
    /// Of weights, both ways.
    bytes: u64,
    /// How many exchanges met a center that was 0, 1, 2 .. updates ahead; the last counts all beyond.
    staleness: [u64; 17],
}

/// Numbers of the clerk for a report.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ClerkReport {
    pub steps: u64,
    pub samples: u64,
    pub budget: u64,
    /// Turns done since the last report.
    pub turns: Vec<TurnDone>,
    /// Turns that nobody came to read in time.
    pub dropped_turns: u64,
    /// Of weights, both ways, as the workers told it.
    pub bytes: u64,
    pub staleness: [u64; 17],
    /// How many turns each worker is behind the foremost; absent for one that left.
    pub lag: Vec<Option<u64>>,
}

/// The clerk of a center.
pub struct Clerk {
    budget: Budget,
    consistency: Consistency,
    state: Mutex<State>,
    moved: Condvar,
}

impl Clerk {
    pub fn new(budget: Budget, consistency: Consistency, workers: usize) -> Self {
        let state = State {
            record: ClerkRecord { seats: vec![Seat::default(); workers], ..ClerkRecord::default() },
            clock: Clock::new(workers),
            events: VecDeque::new(),
            dropped: 0,
            bytes: 0,
            staleness: [0; 17],
        };
        Self { budget, consistency, state: Mutex::new(state), moved: Condvar::new() }
    }

    /// Lets `attempt` of `worker` in and answers its last turn; asking for that turn again is granted the same.
    pub fn attach(&self, worker: usize, attempt: u64) -> Result<u64> {
        let mut state = self.lock();
        let seat = &mut state.record.seats[worker];
        if let Some(newest) = seat.attempt.filter(|newest| *newest > attempt) {
            return Err(fenced(worker, attempt, newest));
        }
        seat.attempt = Some(attempt);
        let turn = seat.turn;
        state.clock.join(worker);
        Ok(turn)
    }

    /// Books what `worker` did and answers what it may do next, after waiting for slower workers where the
    /// consistency model says so: `waiting` is called every second, for `wait` at most. A turn that is asked
    /// for again is booked once.
    pub fn turn(
        &self,
        (worker, attempt): (usize, u64),
        turn: u64,
        done: &Done,
        wait: Duration,
        mut waiting: impl FnMut() -> Result<()>,
    ) -> Result<Grant> {
        let mut state = self.lock();
        state.admit(worker, attempt)?;
        match turn.cmp(&state.record.seats[worker].turn) {
            std::cmp::Ordering::Less => {
                return Err(Error::refused(Refusal::Mismatch, format!("turn {turn} of worker {worker} is over")));
            }
            std::cmp::Ordering::Equal if state.record.seats[worker].grant.steps > 0 => {
                return Ok(state.record.seats[worker].grant);
            }
            std::cmp::Ordering::Equal => (), // it was booked, and lost its connection while it waited
            std::cmp::Ordering::Greater => state.book(worker, turn, done),
        }
        self.moved.notify_all();
        let overdue = Instant::now() + wait;
        loop {
            state.admit(worker, attempt)?;
            if state.spent(&self.budget) || state.clock.may_go_on(self.consistency, worker) {
                return Ok(state.grant(worker, &self.budget, self.consistency));
            }
            let (locked, tick) = self.moved.wait_timeout(state, TICK).unwrap_or_else(PoisonError::into_inner);
            state = locked;
            if tick.timed_out() {
                let behind = state.clock.behind(worker);
                drop(state);
                if Instant::now() >= overdue {
                    let text = format!("workers {behind:?} did not come within {} s", wait.as_secs());
                    return Err(Error::refused(Refusal::Overdue, text));
                }
                waiting()?;
                state = self.lock();
            }
        }
    }

    /// The worker does no more: nobody waits for it.
    pub fn leave(&self, worker: usize, attempt: u64) -> Result<()> {
        let mut state = self.lock();
        state.admit(worker, attempt)?;
        state.clock.leave(worker);
        self.moved.notify_all();
        Ok(())
    }

    /// Numbers so far, and the turns since the last report.
    pub fn report(&self) -> ClerkReport {
        let mut state = self.lock();
        ClerkReport {
            steps: state.record.steps,
            samples: state.record.samples,
            budget: self.budget.steps,
            turns: state.events.drain(..).collect(),
            dropped_turns: state.dropped,
            bytes: state.bytes,
            staleness: state.staleness,
            lag: state.clock.lags(),
        }
    }

    /// Minibatches that were booked so far, of all workers.
    pub fn steps(&self) -> u64 {
        self.lock().record.steps
    }

    /// What a restart needs.
    pub fn record(&self) -> ClerkRecord {
        self.lock().record.clone()
    }

    /// Puts back what `record` gave.
    pub fn restore(&self, record: ClerkRecord) -> Result<()> {
        let mut state = self.lock();
        if record.seats.len() != state.record.seats.len() {
            return Err(Error::Config(format!("a snapshot of {} workers", record.seats.len())));
        }
        for (worker, seat) in record.seats.iter().enumerate() {
            state.clock.set(worker, seat.turn.saturating_sub(1));
        }
        state.record = record;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner) // no code that holds it can panic half way
    }
}

impl State {
    fn admit(&self, worker: usize, attempt: u64) -> Result<()> {
        match self.record.seats[worker].attempt {
            Some(newest) if newest != attempt => Err(fenced(worker, attempt, newest)),
            _ => Ok(()),
        }
    }

    fn book(&mut self, worker: usize, turn: u64, done: &Done) {
        let seat = &mut self.record.seats[worker];
        seat.turn = turn;
        seat.steps += done.steps;
        seat.outstanding = 0;
        seat.grant = Grant::default();
        self.record.steps += done.steps;
        self.record.samples += done.samples;
        self.clock.set(worker, turn - 1); // the turn asked for is not finished
        if done.steps == 0 {
            return; // the first turn of a worker follows no exchange
        }
        seat.exchanges += 1;
        self.bytes += done.bytes;
        self.staleness[(done.staleness as usize).min(self.staleness.len() - 1)] += 1;
        if self.events.len() == MOST_EVENTS {
            self.events.pop_front();
            self.dropped += 1;
        }
        self.events.push_back(TurnDone {
            worker,
            exchange: seat.exchanges,
            steps: done.steps,
            total_steps: self.record.steps,
            total_samples: self.record.samples,
            loss: Some(done.loss).filter(|loss| loss.is_finite()),
            staleness: done.staleness,
            computing: done.computing,
            exchanging: done.exchanging,
            waiting: done.waiting,
        });
    }

    fn spent(&self, budget: &Budget) -> bool {
        self.record.steps >= budget.steps
    }

    fn grant(&mut self, worker: usize, budget: &Budget, consistency: Consistency) -> Grant {
        let workers = self.record.seats.len() as u64;
        let outstanding: u64 = self.record.seats.iter().map(|seat| seat.outstanding).sum();
        let left = budget.steps.saturating_sub(self.record.steps);
        let policy_step = self.record.steps / workers;
        // workers that all wait for each other share what is left; others take it while there is some
        let mine = match consistency {
            Consistency::Bsp => left.div_ceil(self.clock.active().max(1) as u64),
            _ => left.saturating_sub(outstanding),
        };
        let seat = &mut self.record.seats[worker];
        seat.grant = Grant { policy_step, data_step: seat.steps, steps: mine.min(budget.most_steps(policy_step)) };
        seat.outstanding = seat.grant.steps;
        seat.grant
    }
}
