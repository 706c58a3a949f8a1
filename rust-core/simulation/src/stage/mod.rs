//! A run inside one stage under the virtual clock: workers ask for turns, do local steps and exchange with the center, each
//! whenever it is ready, as DeepSpark has it; a synchronous strategy pauses for evaluations. The decisions are the ledgers'
//! in `server`; the times of what happens between two of them are here, of a worker's turns in `turns` and of its steps and
//! messages in `messages`.

mod actor;
mod messages;
mod server;
mod turns;
mod uses;

use std::collections::BTreeSet;
use std::time::Duration;

use firesteel_engine::{Error, Result};
use firesteel_exchange::ledger::{Attempt, Grant};

use crate::cluster::Cluster;
use crate::delay::DelayGate;
use crate::events::EventQueue;
use crate::network::{NextEnd, SharedLink};
use crate::plan::{Plan, StagePlan};
use crate::timing::{Timing, timings};
use crate::training::{Observer, Training};
use actor::{Actor, Phase};
use server::{Reply, Sent, Server};
pub use turns::check_failures;
use uses::RoundSums;
pub use uses::Uses;

enum Event {
    /// The task of a worker starts.
    Attach(usize),
    Fails(Attempt),
    /// The center is at the worker.
    Pulled(Attempt),
    /// Its request for a turn is at the exchanger.
    Asks(Attempt),
    /// The grant is at the worker.
    Granted(Attempt, Grant),
    /// Its local steps are done.
    Stepped(Attempt),
    /// A transfer to the exchanger ends, if no other began or ended since.
    Uploaded(NextEnd),
    Downloaded(NextEnd),
    /// A whole message is at the exchanger.
    Arrived(Sent),
    /// The exchanger's processor has folded up to this message.
    Folds(Sent),
    /// It has folded a round of a gathering rule.
    FoldedRound,
    /// A reply is at the worker.
    Replied(Attempt, Reply),
    /// A worker has waited for others as long as it may, in this turn.
    WaitEnds(Attempt, u64),
}

/// What travels to a worker.
enum Down {
    Center(Attempt),
    Reply(Attempt, Reply),
}

/// The simulation of one run.
pub struct Stage<'a> {
    plan: &'a Plan,
    stage: &'a StagePlan,
    cluster: &'a Cluster,
    training: &'a mut dyn Training,
    observer: &'a mut dyn Observer,
    queue: EventQueue<Event>,
    timings: Vec<Timing>,
    up: SharedLink<Sent>,
    down: SharedLink<Down>,
    server: Server,
    actors: Vec<Actor>,
    /// Workers that wait for slower ones, by their turns.
    waiting: BTreeSet<(u64, usize)>,
    gate: Option<DelayGate>,
    /// Messages that came before their turn in a run with a delay.
    held: Vec<Sent>,
    /// When the exchanger's processor has folded what it has.
    folding_until: f64,
    uses: Uses,
    sums: RoundSums,
    /// Rounds that were looked at, and of a synchronous strategy those after which it pauses next.
    round: u64,
    pause: (u64, u64),
    /// Failures since an exchange was recorded last.
    failures: usize,
    over: bool,
}

impl<'a> Stage<'a> {
    /// A run that starts from `center`.
    pub fn new(
        plan: &'a Plan,
        stage: &'a StagePlan,
        cluster: &'a Cluster,
        (training, observer): (&'a mut dyn Training, &'a mut dyn Observer),
        center: &[f32],
    ) -> Result<Self> {
        let rule = stage.settings.rule.worker_rule();
        let shards = stage.ranges(center.len()).len();
        let server_link = cluster.server_link() * stage.parts.max(1) as f64; // equal parts at the same time
        Ok(Self {
            queue: EventQueue::new(),
            timings: timings(cluster, plan.seed, plan.workers),
            up: SharedLink::new(server_link),
            down: SharedLink::new(server_link),
            server: Server::new(plan, stage, center)?,
            actors: (0..plan.workers).map(|_| Actor::new(rule, center.len(), shards)).collect::<Result<_>>()?,
            waiting: BTreeSet::new(),
            gate: cluster.delay.map(DelayGate::new),
            held: Vec::new(),
            folding_until: 0.0,
            uses: Uses::default(),
            sums: RoundSums::new(plan.workers),
            round: 0,
            pause: (0, 0),
            failures: 0,
            over: false,
            plan,
            stage,
            cluster,
            training,
            observer,
        })
    }

    /// Trains until the budget is spent or the observer ends the run, and answers what the links and processors did.
    pub fn run(mut self) -> Result<Uses> {
        self.start_job();
        while !self.over {
            let Some(event) = self.queue.pop() else {
                return Err(Error::internal("a simulated run in which nothing can happen any more"));
            };
            self.happens(event)?;
        }
        self.uses.seconds = self.queue.now();
        (self.uses.up, self.uses.down) = ((self.up.bytes(), self.up.busy()), (self.down.bytes(), self.down.busy()));
        Ok(self.uses)
    }

    fn happens(&mut self, event: Event) -> Result<()> {
        match event {
            Event::Attach(worker) => self.attaches(worker),
            Event::Fails(who) if self.runs(who) => self.fails(who),
            Event::Pulled(who) if self.runs(who) => self.pulled(who.worker),
            Event::Asks(who) if self.runs(who) => self.asks(who),
            Event::Granted(who, grant) if self.runs(who) => self.steps(who, &grant),
            Event::Stepped(who) if self.runs(who) => self.stepped(who.worker),
            Event::Replied(who, reply) if self.runs(who) => self.replied(who.worker, reply),
            Event::WaitEnds(who, turn) if self.runs(who) => self.wait_ends(who, turn),
            Event::Uploaded(end) => {
                self.uploaded(end);
                Ok(())
            }
            Event::Downloaded(end) => {
                self.downloaded(end);
                Ok(())
            }
            Event::Arrived(sent) => self.arrives(sent),
            Event::Folds(sent) => self.folds(sent),
            Event::FoldedRound => self.answer_round(),
            _ => Ok(()), // of an attempt that is lost
        }
    }

    /// Spark starts the tasks of all workers. Of a synchronous strategy they go on until the next evaluation.
    fn start_job(&mut self) {
        if self.plan.is_synchronous() {
            self.pause = self.plan.next_pause(self.pause.0, self.pause.1);
            self.server.turns.release(self.pause.1 * self.plan.workers as u64);
        }
        (0..self.plan.workers).for_each(|worker| self.queue.after(self.cluster.spark_round, Event::Attach(worker)));
    }

    /// Whether that attempt of the worker is running.
    fn runs(&self, who: Attempt) -> bool {
        let actor = &self.actors[who.worker];
        actor.attempt == who.attempt && actor.phase != Phase::Away
    }

    fn latency(&self, worker: usize) -> f64 {
        self.cluster.latency.of(worker)
    }

    fn time(&self) -> Duration {
        Duration::from_secs_f64(self.queue.now())
    }
}
