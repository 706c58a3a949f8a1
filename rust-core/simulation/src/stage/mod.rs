//! A run inside one stage under the virtual clock: workers ask for turns, do local steps and exchange with the center, each
//! whenever it is ready, as DeepSpark has it; a synchronous strategy pauses for evaluations. The decisions are the ledgers'
//! in `server`; here are the times of what happens between two of them.

mod actor;
mod server;
mod uses;

use std::collections::BTreeSet;
use std::time::Duration;

use firesteel_engine::memory::{Purpose, filled};
use firesteel_engine::{Error, Result};
use firesteel_exchange::ledger::{Answer, Attempt, Grant, Message, all_finite};
use firesteel_exchange::message::Done;
use firesteel_exchange::work::Work;
use firesteel_exchange::worker_rule::Takes;

use crate::cluster::Cluster;
use crate::delay::DelayGate;
use crate::events::EventQueue;
use crate::network::{NextEnd, SharedLink};
use crate::plan::{Plan, StagePlan};
use crate::timing::{Timing, timings};
use crate::training::{Observer, Pause, Training};
use actor::{Actor, Phase, UnderWay};
use server::{Received, Reply, Sent, Server, through};
pub use uses::Uses;
use uses::RoundSums;

/// Crossings of the network before a new attempt has the center: challenge, attach, welcome, the pull's request and reply.
const CROSSINGS_TO_ATTACH: f64 = 5.0;

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
            let Some(event) = self.queue.next() else {
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
                if let Some(sent) = self.up.ended(end) {
                    self.queue.after(self.latency(sent.message.who.worker), Event::Arrived(sent));
                }
                self.expect_upload();
                Ok(())
            }
            Event::Downloaded(end) => {
                match self.down.ended(end) {
                    Some(Down::Center(who)) => {
                        let latency = CROSSINGS_TO_ATTACH * self.latency(who.worker);
                        self.queue.after(latency, Event::Pulled(who));
                    }
                    Some(Down::Reply(who, reply)) => {
                        self.queue.after(self.latency(who.worker), Event::Replied(who, reply));
                    }
                    None => (),
                }
                self.expect_download();
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

    fn attaches(&mut self, worker: usize) -> Result<()> {
        let actor = &mut self.actors[worker];
        actor.attempt += 1;
        let who = actor.who(worker);
        let start = self.server.attach(who)?;
        self.server.pull(who, start.turn + 1, &mut actor.x)?;
        actor.begin(start);
        self.download(self.plan.values as u64 * size_of::<f32>() as u64, Down::Center(who));
        if let Some(seconds) = self.timings[worker].lifetime() {
            self.queue.after(seconds, Event::Fails(who));
        }
        Ok(())
    }

    /// The center is at a worker whose attempt begins.
    fn pulled(&mut self, worker: usize) -> Result<()> {
        match &mut self.gate {
            Some(gate) => {
                gate.wants(worker);
                self.wants_turn(worker);
                self.begin_delayed()
            }
            None => {
                self.wants_turn(worker);
                Ok(())
            }
        }
    }

    /// The worker asks for its next turn; in a run with a delay once it may begin another exchange, from the center as it was
    /// at that moment.
    fn wants_turn(&mut self, worker: usize) {
        let delayed = self.gate.is_some();
        let actor = &mut self.actors[worker];
        actor.phase = Phase::Between;
        if delayed {
            let Some(center) = actor.began_from.take() else { return };
            actor.rule.pulled(&mut actor.x, &center);
        }
        let who = actor.who(worker);
        self.queue.after(self.latency(worker), Event::Asks(who));
    }

    /// Those that may begin pull the center at once; one whose reply is still under way goes on when that is there.
    fn begin_delayed(&mut self) -> Result<()> {
        while let Some(worker) = self.gate.as_mut().and_then(DelayGate::begins) {
            let actor = &mut self.actors[worker];
            let mut center = filled(actor.x.len(), 0.0, Purpose::Weights)?;
            self.server.pull(actor.who(worker), actor.turn + 1, &mut center)?;
            actor.began_from = Some(center);
            if actor.phase == Phase::Between {
                self.wants_turn(worker);
            }
        }
        Ok(())
    }

    fn asks(&mut self, who: Attempt) -> Result<()> {
        let actor = &mut self.actors[who.worker];
        actor.turn += 1;
        let (turn, done) = (actor.turn, std::mem::take(&mut actor.done));
        let answer = self.server.turns.ask(who, turn, &done, self.time())?;
        self.recorded()?;
        match answer {
            Answer::Go(grant) => self.answers_ask(who, grant)?,
            Answer::Wait => {
                self.waiting.insert((turn, who.worker));
                self.queue.after(self.stage.settings.limits.wait as f64, Event::WaitEnds(who, turn));
            }
        }
        self.wake()
    }

    /// Lets workers go on that waited for slower ones. One with a lower turn may go on if one with a higher turn may.
    fn wake(&mut self) -> Result<()> {
        while let Some(&(turn, worker)) = self.waiting.first() {
            let who = self.actors[worker].who(worker);
            let Answer::Go(grant) = self.server.turns.poll(who, self.time())? else { return Ok(()) };
            self.waiting.remove(&(turn, worker));
            self.answers_ask(who, grant)?;
        }
        Ok(())
    }

    fn answers_ask(&mut self, who: Attempt, grant: Grant) -> Result<()> {
        if grant.steps > 0 {
            self.queue.after(self.latency(who.worker), Event::Granted(who, grant));
            return Ok(());
        }
        let actor = &mut self.actors[who.worker];
        if actor.awaits_reply() {
            actor.phase = Phase::Ending;
            return Ok(());
        }
        self.ends(who.worker)
    }

    /// Does the local steps of a turn; they take until `Stepped`.
    fn steps(&mut self, who: Attempt, grant: &Grant) -> Result<()> {
        let actor = &mut self.actors[who.worker];
        let round = self.plan.turns.round(actor.turn, grant, actor.loss_limit);
        let report = self.training.round(who.worker, &mut actor.x, &round)?;
        if report.steps == 0 {
            return self.ends(who.worker); // a worker without rows
        }
        let Some(loss) = report.loss else { return Err(diverged(who, actor.turn)) };
        self.plan.turns.limit_after(&mut actor.loss_limit, loss, report.steps);
        let step_seconds = self.plan.step_seconds.unwrap_or(report.seconds / report.steps as f64);
        let seconds = self.timings[who.worker].steps(report.steps, step_seconds);
        actor.work = Work { steps: report.steps, samples: report.samples, loss };
        actor.lr = self.training.rate(grant.policy_step) as f32;
        // before it is joined, an exchange under way is told by the report after the next
        actor.done = Done { work: actor.work, computing: seconds, ..Done::default() };
        actor.phase = Phase::Stepping;
        self.uses.computing += seconds;
        self.queue.after(seconds, Event::Stepped(who));
        Ok(())
    }

    fn stepped(&mut self, worker: usize) -> Result<()> {
        let now = self.queue.now();
        let actor = &mut self.actors[worker];
        actor.steps_ended = now;
        if actor.awaits_reply() {
            actor.phase = Phase::Joining;
            return Ok(());
        }
        self.sends(worker)
    }

    /// The worker applies the reply to its message before, if it is overlapped, and sends its next one.
    fn sends(&mut self, worker: usize) -> Result<()> {
        let (now, bytes) = (self.queue.now(), self.plan.message_bytes());
        let actor = &mut self.actors[worker];
        actor.join(2 * bytes);
        actor.done.waiting = now - actor.steps_ended;
        let who = actor.who(worker);
        let mut values = filled(actor.x.len(), 0.0, Purpose::Weights)?;
        actor.rule.message(&actor.x, actor.work.steps, &mut values);
        if !all_finite(&values) {
            return Err(diverged(who, actor.turn));
        }
        for (range, residual) in self.stage.ranges(values.len()).into_iter().zip(&mut actor.residuals) {
            through(self.stage.codec, &mut values[range], residual)?;
        }
        let message = Message { who, sequence: actor.turn, work: actor.work, lr: actor.lr };
        actor.exchange = Some(UnderWay { began: now, reply: None });
        // the first exchange of an attempt does not overlap, as in the link
        let overlaps = self.stage.overlap && actor.turn != actor.begun + 1;
        actor.phase = Phase::Exchanging;
        self.up.begin(now, bytes, self.cluster.bandwidth.of(worker), Sent { message, values });
        self.expect_upload();
        if overlaps {
            self.wants_turn(worker);
        }
        Ok(())
    }

    /// A message waits for the exchanger's processor, which folds one after the other; of a gathering rule for the others'.
    fn arrives(&mut self, sent: Sent) -> Result<()> {
        if self.gate.as_ref().is_some_and(|gate| !gate.is_next(sent.message.who.worker)) {
            self.held.push(sent);
            return Ok(());
        }
        if self.stage.settings.rule.gathers() {
            self.queue.after(self.stage.settings.limits.wait as f64, Event::WaitEnds(sent.message.who, sent.message.sequence));
            return self.folds(sent);
        }
        let from = self.folding_until.max(self.queue.now());
        self.folding_until = from + self.fold_seconds(1);
        self.queue.at(self.folding_until, Event::Folds(sent));
        Ok(())
    }

    fn folds(&mut self, sent: Sent) -> Result<()> {
        let who = sent.message.who;
        match self.server.receive(sent, self.time())? {
            Received::Replied(reply) => {
                self.uses.folding += self.fold_seconds(1);
                if self.runs(who) {
                    self.download(self.plan.message_bytes(), Down::Reply(who, reply));
                }
                if let Some(gate) = &mut self.gate {
                    gate.ends(who.worker);
                    gate.wants(who.worker);
                }
                self.goes_on_delayed()
            }
            Received::Gathered { complete: true } => {
                self.round_is_complete();
                Ok(())
            }
            Received::Gathered { complete: false } | Received::Fenced => Ok(()),
        }
    }

    /// In a run with a delay: an exchange is over, so another may begin, and the next one is folded.
    fn goes_on_delayed(&mut self) -> Result<()> {
        self.begin_delayed()?;
        let Some(gate) = &mut self.gate else { return Ok(()) };
        let next = self.held.iter().position(|sent| gate.is_next(sent.message.who.worker));
        if let Some(at) = next {
            let sent = self.held.remove(at);
            return self.arrives(sent);
        }
        Ok(())
    }

    fn round_is_complete(&mut self) {
        let seconds = self.fold_seconds(self.plan.workers);
        self.uses.folding += seconds;
        self.queue.after(seconds, Event::FoldedRound);
    }

    fn answer_round(&mut self) -> Result<()> {
        for (who, reply) in self.server.replies(self.actors[0].x.len(), self.time())? {
            if self.runs(who) {
                self.download(self.plan.message_bytes(), Down::Reply(who, reply));
            }
        }
        Ok(())
    }

    fn replied(&mut self, worker: usize, reply: Reply) -> Result<()> {
        let now = self.queue.now();
        let actor = &mut self.actors[worker];
        let Some(exchange) = &mut actor.exchange else {
            return Err(Error::internal(format!("worker {worker} got a reply to no message")));
        };
        exchange.reply = Some((now, reply));
        match actor.phase {
            Phase::Exchanging => {
                actor.join(2 * self.plan.message_bytes());
                actor.done.waiting = now - actor.steps_ended;
                self.wants_turn(worker);
                Ok(())
            }
            Phase::Joining => self.sends(worker),
            Phase::Ending => self.ends(worker),
            _ => Ok(()), // overlapped; joined after the steps
        }
    }

    /// The worker has nothing more to do: it leaves, or pauses where a later stage goes on.
    fn ends(&mut self, worker: usize) -> Result<()> {
        let who = self.actors[worker].who(worker);
        self.actors[worker].join(2 * self.plan.message_bytes());
        if self.server.turns.is_held_back() {
            let actor = &mut self.actors[worker];
            actor.phase = Phase::Paused;
            if self.stage.settings.rule.worker_rule().takes == Takes::Difference {
                actor.parked = Some((actor.turn - 1, actor.x.clone()));
            }
        } else {
            self.actors[worker].phase = Phase::Left;
            let before = self.server.center().0;
            self.server.leave(who)?;
            if self.server.center().0 != before {
                self.round_is_complete(); // the others had waited for this worker
            }
            self.wake()?;
        }
        if let Some(gate) = &mut self.gate {
            gate.ends(worker);
        }
        self.goes_on_delayed()?;
        let all_ended = self.actors.iter().all(|actor| matches!(actor.phase, Phase::Paused | Phase::Left));
        if all_ended && !self.over { self.pauses() } else { Ok(()) }
    }

    /// All workers have ended their tasks.
    fn pauses(&mut self) -> Result<()> {
        let last = !self.server.turns.is_held_back();
        let round = if self.plan.is_synchronous() { self.pause.0 } else { self.plan.rounds_behind(self.server.turns.steps()) };
        let goes_on = self.observer.pause(self.queue.now(), Pause { round, last }, self.server.center().1)?;
        self.over = last || !goes_on;
        if !self.over {
            self.start_job();
        }
        Ok(())
    }

    /// Tells what the exchanger has recorded. An asynchronous strategy is looked at without a pause.
    fn recorded(&mut self) -> Result<()> {
        let (now, report) = (self.queue.now(), self.server.turns.report());
        for turn in &report.turns {
            self.observer.exchange(now, turn)?;
            if self.plan.is_synchronous()
                && let Some(round) = self.sums.add(now, turn)
            {
                self.observer.round(now, &round)?;
            }
        }
        let round = self.plan.rounds_behind(report.steps);
        let due = round / self.plan.eval_every > self.round / self.plan.eval_every && report.steps < report.budget;
        if !self.plan.is_synchronous() && due && !self.over {
            self.round = round;
            let goes_on = self.observer.pause(now, Pause { round, last: false }, self.server.center().1)?;
            self.over = !goes_on;
        }
        Ok(())
    }

    /// The process of a worker is lost, and what it was sending or receiving.
    fn fails(&mut self, who: Attempt) -> Result<()> {
        let actor = &mut self.actors[who.worker];
        if matches!(actor.phase, Phase::Paused | Phase::Left) {
            return Ok(()); // no task of it runs
        }
        let now = self.queue.now();
        self.waiting.remove(&(actor.turn, who.worker));
        actor.phase = Phase::Away;
        actor.exchange = None;
        actor.parked = None;
        self.up.cancel(now, |sent| sent.message.who == who);
        self.down.cancel(now, |down| matches!(down, Down::Center(to) | Down::Reply(to, _) if *to == who));
        self.expect_upload();
        self.expect_download();
        self.training.rebuild(who.worker);
        self.observer.fault(now, who.worker, self.cluster.restart)?;
        self.queue.after(self.cluster.restart, Event::Attach(who.worker));
        Ok(())
    }

    /// As the real exchanger, which fails a request that waits for too long.
    fn wait_ends(&mut self, who: Attempt, turn: u64) -> Result<()> {
        if self.waiting.contains(&(turn, who.worker)) {
            self.server.turns.poll(who, self.time())?;
        }
        if self.actors[who.worker].turn == turn { self.server.check_wait(who, self.time()) } else { Ok(()) }
    }

    /// Whether that attempt of the worker is running.
    fn runs(&self, who: Attempt) -> bool {
        let actor = &self.actors[who.worker];
        actor.attempt == who.attempt && actor.phase != Phase::Away
    }

    fn download(&mut self, bytes: u64, what: Down) {
        let (Down::Center(who) | Down::Reply(who, _)) = &what;
        let most = self.cluster.bandwidth.of(who.worker);
        self.down.begin(self.queue.now(), bytes, most, what);
        self.expect_download();
    }

    fn expect_upload(&mut self) {
        if let Some(end) = self.up.next_end() {
            self.queue.at(end.seconds, Event::Uploaded(end));
        }
    }

    fn expect_download(&mut self) {
        if let Some(end) = self.down.next_end() {
            self.queue.at(end.seconds, Event::Downloaded(end));
        }
    }

    /// Of `messages` messages, whose shards are folded at the same time.
    fn fold_seconds(&self, messages: usize) -> f64 {
        let shards = (self.stage.settings.shards as usize * self.stage.parts.max(1)) as f64;
        messages as f64 * self.plan.values as f64 / (self.cluster.fold_rate * shards)
    }

    fn latency(&self, worker: usize) -> f64 {
        self.cluster.latency.of(worker)
    }

    fn time(&self) -> Duration {
        Duration::from_secs_f64(self.queue.now())
    }
}

fn diverged(who: Attempt, turn: u64) -> Error {
    let worker = who.worker;
    Error::internal(format!(
        "training diverged in exchange {turn} of worker {worker}: weights or loss are NaN or infinite; try a smaller lr"
    ))
}
