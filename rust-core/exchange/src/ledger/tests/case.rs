//! What is tried in every order, and what can happen.

use super::super::ResumePoint;
use crate::clock::Consistency;
use crate::rules::RuleSpec;
use crate::work::Work;

/// Computes a new attempt's resume point from the last turn asked for and the last exchange that each shard folded.
type Begins = fn(u64, &[(u64, Work)]) -> (ResumePoint, u64);

/// What is tried in every order.
#[derive(Clone)]
pub struct Case {
    pub rule: RuleSpec,
    pub consistency: Consistency,
    pub workers: usize,
    pub shards: usize,
    /// Of each worker, if all do the same.
    pub turns: u64,
    /// Turns of each worker after which all stop until a new job continues; 0 if they do not.
    pub pause: u64,
    /// Attempts that are lost in all.
    pub deaths: u32,
    pub overlap: bool,
    /// Each shard has a host of its own, one of which is lost: the run goes on from a
    /// snapshot of all that was taken at some moment.
    pub hosts: bool,
    /// Where a new attempt begins: the last turn that is done, and the number of the last exchange.
    pub start: Begins,
}

impl Case {
    pub fn budget(&self) -> u64 {
        self.turns * self.workers as u64
    }
}

/// One thing that happens to one worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    Attach(usize),
    /// Asks for its next turn, or sees that it need wait no longer.
    Grant(usize),
    /// Its message reaches a shard.
    Send(usize, usize),
    /// A message of a lost attempt reaches a shard late.
    SendLate(usize, usize),
    /// The reply of a shard reaches it.
    Reply(usize, usize),
    /// It tells the coordinator (0) or a shard's server (1, 2, ..) that it does no more.
    Leave(usize, usize),
    Die(usize),
    /// A snapshot of all is taken, from which the run goes on after a lost host.
    Keep,
    /// The host of a shard is lost; the job is cancelled and started again, so all workers are lost too.
    LoseHost(usize),
    /// All workers have stopped at the pause, and the rest of the budget is released for a new job.
    Release,
}

impl Event {
    /// Whether it may never happen, so that a world in which only such events are left is stuck.
    pub fn is_chance(self) -> bool {
        matches!(self, Self::Die(_) | Self::Keep | Self::LoseHost(_))
    }
}
