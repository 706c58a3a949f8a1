//! What a simulation asks of the training whose time it simulates, and whom it tells what happened.

use firesteel_engine::{Report, Result, Round};
use firesteel_exchange::ledger::TurnDone;

/// The local steps of all workers.
pub trait Training {
    /// Does the local steps of `round` on `vector`, as worker `worker`.
    fn round(&mut self, worker: usize, vector: &mut [f32], round: &Round) -> Result<Report>;

    /// The learning rate at a step of the policy.
    fn rate(&self, policy_step: u64) -> f64;

    /// The process of `worker` was lost, with the state of its solver.
    fn rebuild(&mut self, worker: usize);
}

/// A round of all workers that has ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RoundDone {
    /// 1-based.
    pub round: u64,
    /// Local steps of each worker so far.
    pub local_steps: u64,
    /// Of this round.
    pub samples: u64,
    /// The mean over the workers, by their samples.
    pub loss: f64,
    /// Virtual seconds that the round lasted.
    pub lasted: f64,
    /// Of the vectors that travelled, in both directions.
    pub bytes: u64,
}

/// A moment at which the center is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Rounds that are done.
    pub round: u64,
    /// Whether the budget is spent.
    pub last: bool,
}

/// Whom a simulation tells what happened. Times are virtual seconds since training began.
pub trait Observer {
    /// A worker has exchanged inside one stage, and reported it.
    fn exchange(&mut self, now: f64, turn: &TurnDone) -> Result<()>;

    /// A round of a synchronous strategy has ended.
    fn round(&mut self, now: f64, round: &RoundDone) -> Result<()>;

    /// A worker failed, and is there again in `restart` seconds.
    fn fault(&mut self, now: f64, worker: usize, restart: f64) -> Result<()>;

    /// The center is due for an evaluation. Answers whether the run goes on.
    fn pause(&mut self, now: f64, pause: Pause, center: Vec<f32>) -> Result<bool>;
}
