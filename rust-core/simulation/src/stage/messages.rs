//! The steps of a turn and its message: what a worker does once a turn is granted, until it wants the next.

use firesteel_engine::memory::{Purpose, filled};
use firesteel_engine::{Error, Result};
use firesteel_exchange::ledger::{Attempt, Grant, Message, all_finite};
use firesteel_exchange::message::Done;
use firesteel_exchange::work::Work;

use super::actor::{Phase, UnderWay};
use super::server::{Received, Reply, Sent, through};
use super::{Down, Event, Stage};
use crate::delay::DelayGate;
use crate::network::NextEnd;

/// Crossings of the network before a new attempt has the center: challenge, attach, welcome, the pull's request and reply.
const CROSSINGS_TO_ATTACH: f64 = 5.0;

impl Stage<'_> {
    /// Does the local steps of a turn; they take until `Stepped`.
    pub(super) fn steps(&mut self, who: Attempt, grant: &Grant) -> Result<()> {
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

    pub(super) fn stepped(&mut self, worker: usize) -> Result<()> {
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
    pub(super) fn arrives(&mut self, sent: Sent) -> Result<()> {
        if self.gate.as_ref().is_some_and(|gate| !gate.is_next(sent.message.who.worker)) {
            self.held.push(sent);
            return Ok(());
        }
        if self.stage.settings.rule.gathers() {
            self.queue.after(
                self.stage.settings.limits.wait as f64,
                Event::WaitEnds(sent.message.who, sent.message.sequence),
            );
            return self.folds(sent);
        }
        let from = self.folding_until.max(self.queue.now());
        self.folding_until = from + self.fold_seconds(1);
        self.queue.at(self.folding_until, Event::Folds(sent));
        Ok(())
    }

    pub(super) fn folds(&mut self, sent: Sent) -> Result<()> {
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
    pub(super) fn goes_on_delayed(&mut self) -> Result<()> {
        self.begin_delayed()?;
        let Some(gate) = &mut self.gate else { return Ok(()) };
        let next = self.held.iter().position(|sent| gate.is_next(sent.message.who.worker));
        if let Some(at) = next {
            let sent = self.held.remove(at);
            return self.arrives(sent);
        }
        Ok(())
    }

    pub(super) fn round_is_complete(&mut self) {
        let seconds = self.fold_seconds(self.plan.workers);
        self.uses.folding += seconds;
        self.queue.after(seconds, Event::FoldedRound);
    }

    pub(super) fn answer_round(&mut self) -> Result<()> {
        for (who, reply) in self.server.replies(self.actors[0].x.len(), self.time())? {
            if self.runs(who) {
                self.download(self.plan.message_bytes(), Down::Reply(who, reply));
            }
        }
        Ok(())
    }

    pub(super) fn replied(&mut self, worker: usize, reply: Reply) -> Result<()> {
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

    /// Those that may begin pull the center at once; one whose reply is still under way goes on when that is there.
    pub(super) fn begin_delayed(&mut self) -> Result<()> {
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

    pub(super) fn uploaded(&mut self, end: NextEnd) {
        if let Some(sent) = self.up.ended(end) {
            self.queue.after(self.latency(sent.message.who.worker), Event::Arrived(sent));
            self.expect_upload();
        }
    }

    pub(super) fn downloaded(&mut self, end: NextEnd) {
        let Some(what) = self.down.ended(end) else { return };
        match what {
            Down::Center(who) => {
                self.queue.after(CROSSINGS_TO_ATTACH * self.latency(who.worker), Event::Pulled(who));
            }
            Down::Reply(who, reply) => self.queue.after(self.latency(who.worker), Event::Replied(who, reply)),
        }
        self.expect_download();
    }

    pub(super) fn download(&mut self, bytes: u64, what: Down) {
        let (Down::Center(who) | Down::Reply(who, _)) = &what;
        let most = self.cluster.bandwidth.of(who.worker);
        self.down.begin(self.queue.now(), bytes, most, what);
        self.expect_download();
    }

    pub(super) fn expect_upload(&mut self) {
        if let Some(end) = self.up.next_end() {
            self.queue.at(end.seconds, Event::Uploaded(end));
        }
    }

    pub(super) fn expect_download(&mut self) {
        if let Some(end) = self.down.next_end() {
            self.queue.at(end.seconds, Event::Downloaded(end));
        }
    }

    /// Of `messages` messages, whose shards are folded at the same time.
    fn fold_seconds(&self, messages: usize) -> f64 {
        let shards = (self.stage.settings.shards as usize * self.stage.parts.max(1)) as f64;
        messages as f64 * self.plan.values as f64 / (self.cluster.fold_rate * shards)
    }
}

fn diverged(who: Attempt, turn: u64) -> Error {
    let worker = who.worker;
    Error::internal(format!(
        "training diverged in exchange {turn} of worker {worker}: weights or loss are NaN or infinite; try a smaller lr"
    ))
}
