//! The turns of workers: where an attempt begins, who may go on, and how a worker ends, pauses or fails.

use firesteel_engine::{Error, Result};
use firesteel_exchange::ledger::{Answer, Attempt, Grant};
use firesteel_exchange::worker_rule::Takes;

use super::actor::Phase;
use super::{Down, Event, Stage};
use crate::training::Pause;

impl Stage<'_> {
    pub(super) fn attaches(&mut self, worker: usize) -> Result<()> {
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
    pub(super) fn pulled(&mut self, worker: usize) -> Result<()> {
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
    pub(super) fn wants_turn(&mut self, worker: usize) {
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

    pub(super) fn asks(&mut self, who: Attempt) -> Result<()> {
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
    pub(super) fn wake(&mut self) -> Result<()> {
        while let Some(&(turn, worker)) = self.waiting.first() {
            let who = self.actors[worker].who(worker);
            let Answer::Go(grant) = self.server.turns.poll(who, self.time())? else { return Ok(()) };
            self.waiting.remove(&(turn, worker));
            self.answers_ask(who, grant)?;
        }
        Ok(())
    }

    pub(super) fn answers_ask(&mut self, who: Attempt, grant: Grant) -> Result<()> {
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

    /// The worker has nothing more to do: it leaves, or pauses where a later stage goes on.
    pub(super) fn ends(&mut self, worker: usize) -> Result<()> {
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
        let round =
            if self.plan.is_synchronous() { self.pause.0 } else { self.plan.rounds_behind(self.server.turns.steps()) };
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
            self.failures = 0;
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
    pub(super) fn fails(&mut self, who: Attempt) -> Result<()> {
        let actor = &mut self.actors[who.worker];
        if matches!(actor.phase, Phase::Paused | Phase::Left) {
            return Ok(()); // no task of it runs
        }
        self.failures += 1;
        check_failures(self.failures, self.plan.workers)?;
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
    pub(super) fn wait_ends(&mut self, who: Attempt, turn: u64) -> Result<()> {
        if self.waiting.contains(&(turn, who.worker)) {
            self.server.turns.poll(who, self.time())?;
        }
        if self.actors[who.worker].turn == turn { self.server.check_wait(who, self.time()) } else { Ok(()) }
    }
}

/// Refuses a cluster whose workers fail before they can do anything: the run would never end.
pub fn check_failures(failures: usize, workers: usize) -> Result<()> {
    const MOST: usize = 1000; // of each worker without an exchange or the end of a round
    if failures <= MOST * workers {
        return Ok(());
    }
    Err(Error::config(
        "mtbf is so short that workers fail before they exchange; raise it, or lower tau or step-seconds",
    ))
}
