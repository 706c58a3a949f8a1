//! Turns: who may do how many local steps next. Keeps the budget that all workers share, the clocks of the consistency
//! model, and what the workers reported. Pure: it has no weights, and the time is an argument.

use std::cmp::Ordering;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::report::{Divergence, PendingReport, TurnDone, TurnReport};
use super::{Attempt, Budget, admit, enter, mismatch};
use crate::clock::{Clock, Consistency};
use crate::message::Done;
use crate::work::Work;
use crate::{Error, Refusal, Result};

/// What a worker may do next. With `steps` 0 it has nothing to do: the budget is spent, or the rest of it is not released
/// yet ([`TurnLedger::release`]), and then it goes on once it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Grant {
    /// Position in the learning-rate policy: recorded minibatches of all workers, divided by the number of workers and
    /// rounded down.
    pub policy_step: u64,
    /// Position of this worker in its data: its own local steps so far.
    pub data_step: u64,
    /// Local steps that may be done.
    pub steps: u64,
}

/// The answer to a worker that asks for a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Go(Grant),
    /// Slower workers are waited for; [`TurnLedger::poll`] tells when it may go on.
    Wait,
}

/// The turns of one worker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WorkerTurns {
    attempt: Option<u64>,
    /// The last turn that was asked for; its work is not recorded yet.
    turn: u64,
    /// What was granted for `turn`; 0 steps if nothing is granted yet.
    grant: Grant,
    /// Recorded local steps.
    steps: u64,
    /// Recorded turns that ended with an exchange.
    pub(super) exchanges: u64,
}

/// What a snapshot keeps of all turns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TurnRecord {
    #[serde(rename = "seats")] // what snapshot files call the workers since before they were called so here
    pub(super) workers: Vec<WorkerTurns>,
    /// Recorded minibatches of all workers.
    pub(super) steps: u64,
    /// Images in them.
    samples: u64,
}

impl TurnRecord {
    /// The last turn that each worker asked for.
    pub fn asked(&self) -> impl Iterator<Item = u64> {
        self.workers.iter().map(|turns| turns.turn)
    }
}

/// The state of one worker that a snapshot leaves out.
#[derive(Clone, Copy, Debug, Default)]
struct WorkerState {
    /// When it began to wait for slower workers, measured from the start of the server.
    waits: Option<Duration>,
    /// Restored from a snapshot that may have been taken before the worker's last turns: the number of its next turn may
    /// then be more than one above the last one here.
    restored: bool,
}

/// Which turns were granted to whom, and what was done in them.
#[derive(Clone)]
pub struct TurnLedger {
    budget: Budget,
    /// Minibatches of all workers together that may be granted so far; at first the whole budget.
    released: u64,
    consistency: Consistency,
    /// How long a worker waits for slower ones at most.
    wait_limit: Duration,
    pub(super) record: TurnRecord,
    states: Vec<WorkerState>,
    pub(super) clock: Clock,
    report_log: PendingReport,
    diverged: Option<Divergence>,
}

impl TurnLedger {
    /// A ledger at the start of a run: no turn is granted, and every worker takes part.
    pub fn new(budget: Budget, consistency: Consistency, workers: usize, wait_limit: Duration) -> Self {
        Self {
            released: budget.steps,
            budget,
            consistency,
            wait_limit,
            record: TurnRecord { workers: vec![WorkerTurns::default(); workers], ..TurnRecord::default() },
            states: vec![WorkerState::default(); workers],
            clock: Clock::new(workers),
            report_log: PendingReport::default(),
            diverged: None,
        }
    }

    /// Lets workers continue until `minibatches` of all of them are recorded; then each is granted 0 steps, as at the end
    /// of the budget. When more are released, new attempts of the workers continue from there. A worker that will continue
    /// must not call [`leave`](Self::leave), because the others would not wait for it; its task just ends.
    pub fn release(&mut self, minibatches: u64) {
        self.released = minibatches.min(self.budget.steps);
    }

    /// Whether part of the budget is not released yet.
    pub fn is_held_back(&self) -> bool {
        self.released < self.budget.steps
    }

    /// Lets an attempt in and returns the number of the last turn that its worker asked for. If the attempt asks for that
    /// turn again, it is granted what was granted before.
    pub fn attach(&mut self, who: Attempt) -> Result<u64> {
        let turns = &mut self.record.workers[who.worker];
        enter(&mut turns.attempt, who)?;
        self.states[who.worker].waits = None;
        self.clock.join(who.worker);
        Ok(turns.turn)
    }

    /// Records what was done in the turn before `turn`, and answers what may be done in `turn`. A turn that is asked
    /// for again is recorded once and granted the same.
    pub fn ask(&mut self, who: Attempt, turn: u64, done: &Done, now: Duration) -> Result<Answer> {
        let turns = &self.record.workers[who.worker];
        admit(turns.attempt, who)?;
        let (worker, asked) = (who.worker, turns.turn);
        match turn.cmp(&asked) {
            Ordering::Less => return Err(mismatch(format!("turn {turn} of worker {worker} is over"))),
            Ordering::Equal if turn > 0 && turns.grant.steps > 0 => return Ok(Answer::Go(turns.grant)),
            // its work was recorded: its connection broke while it waited, or it was granted 0 steps and asks again
            Ordering::Equal if turn > 0 => (),
            Ordering::Greater if turn == asked + 1 || self.may_jump(worker, turn) => {
                self.record_turn(worker, turn, done)?
            }
            _ => return Err(mismatch(format!("worker {worker} asks for turn {turn}, and its last one was {asked}"))),
        }
        self.states[worker].waits.get_or_insert(now);
        self.poll(who, now)
    }

    /// Whether a worker that was told to wait by [`ask`](Self::ask) may go on; fails once it has waited for too long.
    pub fn poll(&mut self, who: Attempt, now: Duration) -> Result<Answer> {
        admit(self.record.workers[who.worker].attempt, who)?;
        if self.record.steps >= self.released || self.clock.may_go_on(self.consistency, who.worker) {
            self.states[who.worker].waits = None;
            return Ok(Answer::Go(self.grant(who.worker)));
        }
        let since = self.states[who.worker].waits.unwrap_or(now);
        if now.saturating_sub(since) >= self.wait_limit {
            let (behind, seconds) = (self.clock.behind(who.worker), self.wait_limit.as_secs());
            let text = format!("workers {behind:?} did not come within {seconds} s (exchange-wait)");
            return Err(Error::refused(Refusal::Overdue, text));
        }
        Ok(Answer::Wait)
    }

    /// The worker has finished; nobody waits for it any more.
    pub fn leave(&mut self, who: Attempt) -> Result<()> {
        let turns = &mut self.record.workers[who.worker];
        admit(turns.attempt, who)?;
        turns.grant = Grant::default(); // a worker that left gives its grant back to the others
        self.clock.leave(who.worker);
        Ok(())
    }

    /// The worker's weights or loss became NaN or infinite in `turn`: every report says so from now on.
    pub fn diverge(&mut self, who: Attempt, turn: u64) -> Result<()> {
        admit(self.record.workers[who.worker].attempt, who)?;
        self.diverged.get_or_insert(Divergence { worker: who.worker, turn });
        Ok(())
    }

    /// Sums since the start, and the turns since the last report.
    pub fn report(&mut self) -> TurnReport {
        TurnReport {
            steps: self.record.steps,
            samples: self.record.samples,
            budget: self.budget.steps,
            turns: self.report_log.turns.drain(..).collect(),
            dropped_turns: self.report_log.dropped,
            bytes: self.report_log.bytes,
            staleness: self.report_log.staleness,
            lag: self.clock.lags(),
            diverged: self.diverged,
        }
    }

    /// Minibatches that were recorded so far, of all workers.
    pub fn steps(&self) -> u64 {
        self.record.steps
    }

    /// What a restart needs.
    pub fn record(&self) -> &TurnRecord {
        &self.record
    }

    /// Goes on from `record`, which may be of an earlier moment of this same run. An attempt that attached since then
    /// stays the newest one, so that an older task that still runs cannot change anything.
    pub fn restore(&mut self, mut record: TurnRecord) -> Result<()> {
        let workers = self.record.workers.len();
        if record.workers.len() != workers {
            let text = format!("a snapshot of {} workers where {workers} train", record.workers.len());
            return Err(Error::Config(text));
        }
        let recorded = record.workers.iter().try_fold(0u64, |sum, turns| sum.checked_add(turns.steps));
        if recorded != Some(record.steps) {
            return Err(Error::Config("a snapshot whose workers' steps do not add up to its steps".to_owned()));
        }
        for (worker, (turns, old)) in record.workers.iter_mut().zip(&self.record.workers).enumerate() {
            self.clock.join(worker);
            self.clock.set(worker, turns.turn.saturating_sub(1));
            turns.attempt = turns.attempt.max(old.attempt);
        }
        self.states = vec![WorkerState { waits: None, restored: true }; workers];
        self.record = record;
        Ok(())
    }

    /// After a restart from a snapshot a worker's next turn may skip numbers: what was done since the snapshot is lost.
    fn may_jump(&self, worker: usize, turn: u64) -> bool {
        // each turn is a step at least, and one more is asked for when the budget is spent
        self.states[worker].restored && turn <= self.budget.steps.saturating_add(1)
    }

    fn record_turn(&mut self, worker: usize, turn: u64, done: &Done) -> Result<()> {
        let turns = &mut self.record.workers[worker];
        let Work { steps, samples, loss } = done.work;
        done.work.validate(|| format!("worker {worker} in turn {}", turn - 1))?;
        let jumps = turn != turns.turn + 1;
        let granted = if jumps { self.budget.most_steps(u64::MAX) } else { turns.grant.steps };
        if steps > granted {
            let text =
                format!("worker {worker} reports {steps} steps of turn {}, and {granted} were granted", turn - 1);
            return Err(mismatch(text));
        }
        let overflow = || mismatch(format!("worker {worker} reports {samples} samples: their sum overflows"));
        // steps are at most what was granted out of the budget, apart from restarts, so only samples can overflow
        let total_samples = self.record.samples.checked_add(samples).ok_or_else(overflow)?;
        self.record.samples = total_samples;
        self.record.steps = self.record.steps.saturating_add(steps);
        turns.steps = turns.steps.saturating_add(steps);
        turns.turn = turn;
        turns.grant = Grant::default();
        self.states[worker].restored = false;
        self.clock.set(worker, turn - 1); // the turn asked for is not finished
        if steps == 0 {
            return Ok(()); // the first turn of an attempt follows no exchange
        }
        turns.exchanges += 1;
        let turn = TurnDone {
            worker,
            exchange: turns.exchanges,
            steps,
            samples,
            total_steps: self.record.steps,
            total_samples,
            loss,
            staleness: done.staleness,
            bytes: done.bytes,
            computing: done.computing,
            exchanging: done.exchanging,
            waiting: done.waiting,
        };
        self.report_log.add(done, turn);
        Ok(())
    }

    fn grant(&mut self, worker: usize) -> Grant {
        let workers = self.record.workers.len() as u64;
        let outstanding = self.record.workers.iter().fold(0u64, |sum, turns| sum.saturating_add(turns.grant.steps));
        let left = self.released.saturating_sub(self.record.steps);
        let policy_step = self.record.steps / workers;
        // bsp: each worker is granted an equal share of what is left, rounded up, so that the last round may record up to
        // one step less than the number of workers above a budget that they do not divide; a run's budget is a multiple.
        // Otherwise each takes what nobody else was granted, while there is some
        let mine = match self.consistency {
            Consistency::Bsp => left.div_ceil(self.clock.active().max(1) as u64),
            _ => left.saturating_sub(outstanding),
        };
        let turns = &mut self.record.workers[worker];
        let steps = mine.min(self.budget.most_steps(policy_step));
        turns.grant = Grant { policy_step, data_step: turns.steps, steps };
        turns.grant
    }
}
