//! One worker inside one stage: where it is, and what it keeps between its turns. It does what the link of a real task does,
//! step by step.

use firesteel_engine::Result;
use firesteel_engine::memory::{Purpose, filled};
use firesteel_exchange::ledger::{Attempt, ResumePoint};
use firesteel_exchange::message::Done;
use firesteel_exchange::work::Work;
use firesteel_exchange::worker_rule::{WorkerRule, WorkerRuleSpec};

use super::server::Reply;

/// Where a worker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// No attempt of it is running.
    Away,
    /// It pulls the center, or asks for a turn and waits for slower workers.
    Between,
    /// It does local steps.
    Stepping,
    /// Its steps are done, and the exchange before them is still under way.
    Joining,
    /// It waits for the reply of its exchange.
    Exchanging,
    /// It has nothing more to do, and an exchange is still under way.
    Ending,
    /// It ended its task, and goes on in the next stage.
    Paused,
    Left,
}

/// An exchange that is under way.
pub struct UnderWay {
    pub began: f64,
    /// Once it is there.
    pub reply: Option<(f64, Reply)>,
}

/// A worker.
pub struct Actor {
    pub attempt: u64,
    pub phase: Phase,
    /// The last turn it asked for.
    pub turn: u64,
    /// The last turn that earlier attempts finished.
    pub begun: u64,
    /// In a run with a delay: the center from which it may begin its next turn.
    pub began_from: Option<Vec<f32>>,
    pub x: Vec<f32>,
    pub rule: WorkerRule,
    /// What the next turn reports.
    pub done: Done,
    /// The sum of losses at which an adaptive period ends.
    pub loss_limit: Option<f64>,
    /// What the next message says.
    pub work: Work,
    pub lr: f32,
    pub steps_ended: f64,
    pub exchange: Option<UnderWay>,
    /// Rounding errors that were not sent yet, of each shard.
    pub residuals: Vec<Vec<f32>>,
    /// Weights that a worker whose rule gives it some of its own keeps from one stage to the next, and after which turn.
    pub parked: Option<(u64, Vec<f32>)>,
}

impl Actor {
    /// A worker of `length` weights that has not started.
    pub fn new(rule: WorkerRuleSpec, length: usize, shards: usize) -> Result<Self> {
        let room = || filled(length, 0.0f32, Purpose::Weights);
        Ok(Self {
            attempt: 0,
            phase: Phase::Away,
            turn: 0,
            begun: 0,
            began_from: None,
            x: room()?,
            rule: WorkerRule::new(rule, room()?)?,
            done: Done::default(),
            loss_limit: None,
            work: Work::default(),
            lr: 0.0,
            steps_ended: 0.0,
            exchange: None,
            residuals: vec![Vec::new(); shards],
            parked: None,
        })
    }

    /// A new attempt begins at `start`, from the center in `x`, or from the weights that the worker parked there.
    pub fn begin(&mut self, start: ResumePoint) {
        self.phase = Phase::Between;
        (self.turn, self.begun) = (start.turn, start.turn);
        self.done = Done { work: start.unreported, ..Done::default() };
        self.loss_limit = None;
        self.exchange = None;
        self.residuals.iter_mut().for_each(Vec::clear);
        let center = self.x.clone();
        self.rule.pulled(&mut self.x, &center);
        if let Some((_, weights)) = self.parked.take_if(|(turn, _)| *turn == start.turn) {
            self.x = weights;
        }
    }

    /// The attempt that runs.
    pub fn who(&self, worker: usize) -> Attempt {
        Attempt { worker, attempt: self.attempt }
    }

    /// Applies the reply of the exchange that is under way, whose bytes were `bytes`, and notes it for the next report.
    pub fn join(&mut self, bytes: u64) {
        let Some(UnderWay { began, reply: Some((ended, reply)) }) = self.exchange.take() else { return };
        self.rule.apply(&mut self.x, &reply.values);
        self.done.staleness = reply.staleness;
        self.done.bytes = bytes;
        self.done.exchanging = ended - began;
    }

    /// Whether an exchange is under way whose reply is not there yet.
    pub fn awaits_reply(&self) -> bool {
        self.exchange.as_ref().is_some_and(|exchange| exchange.reply.is_none())
    }
}
