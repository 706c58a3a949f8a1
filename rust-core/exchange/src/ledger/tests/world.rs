//! Workers, a coordinator and shards as one value: everything that can happen next, and what happens then. A worker
//! here does what `client` and the task's link do, message by message; a shard may be on a server of its own.

use std::sync::Arc;
use std::time::Duration;

use super::super::{
    Answer, Attempt, Budget, Fold, FoldLedger, Message, Period, ShardRecord, Taken, TurnLedger, TurnRecord,
};
use super::actor::{Actor, Exchange, Phase, trained};
use super::case::{Case, Event};
use super::invariants::undisturbed;
use crate::message::Done;
use crate::rules::ShardRule;
use crate::work::Work;
use crate::worker_rule::Takes;
use crate::{Error, Refusal};

const NOW: Duration = Duration::ZERO; // no time passes, so a wait never ends by its limit
const WAIT_LIMIT: Duration = Duration::from_secs(600);

/// A snapshot of turns and shards, from which the run goes on after a lost host.
type Kept = (TurnRecord, Vec<(ShardRecord, Vec<f32>)>);

/// The state of everything.
pub struct World {
    pub(super) case: Arc<Case>,
    pub(super) turns: TurnLedger,
    pub(super) shards: Vec<FoldLedger>,
    pub(super) actors: Vec<Actor>,
    pub(super) deaths: u32,
    pub(super) kept: Option<Kept>,
    pub(super) host_lost: bool,
    /// What the center must be after each round; unknown where a lost worker had weights of its own.
    pub(super) centers: Arc<Vec<f32>>,
}

fn work(steps: u64) -> Work {
    Work { steps, samples: 10 * steps, loss: 1.0 }
}

impl World {
    pub fn new(case: &Arc<Case>) -> Self {
        let Case { workers, shards, .. } = **case;
        let budget = Budget { steps: case.budget(), tau: 1, period: Period::Constant };
        let shard = |_| FoldLedger::new(vec![1.0], &case.rule, workers, WAIT_LIMIT, budget.steps + 1).unwrap();
        let mut turns = TurnLedger::new(budget.clone(), case.consistency, workers, WAIT_LIMIT);
        if case.pause > 0 {
            turns.release(case.pause * workers as u64);
        }
        Self {
            turns,
            shards: (0..shards).map(shard).collect(),
            actors: vec![Actor::default(); workers],
            deaths: 0,
            kept: None,
            host_lost: false,
            centers: Arc::new(undisturbed(case)),
            case: case.clone(),
        }
    }

    /// Whether every worker has left.
    pub fn is_over(&self) -> bool {
        self.actors.iter().all(|actor| actor.phase == Some(Phase::Left))
    }

    /// The events that can happen next. Deaths come last, and do not count as progress.
    pub fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        for worker in 0..self.actors.len() {
            self.events_of(worker, &mut events);
        }
        if self.actors.iter().all(|actor| actor.phase == Some(Phase::Paused)) {
            events.push(Event::Release);
        }
        if self.deaths < self.case.deaths {
            let alive = |(_, actor): &(usize, &Actor)| actor.phase.is_some();
            events.extend(self.actors.iter().enumerate().filter(alive).map(|(worker, _)| Event::Die(worker)));
        }
        if self.case.hosts && !self.host_lost {
            let versions = self.shards.iter().map(|shard| shard.version);
            if self.kept.is_none()
                && versions.clone().all(|version| version > 0 && Some(version) == versions.clone().min())
            {
                events.push(Event::Keep);
            }
            events.extend((0..self.shards.len()).map(Event::LoseHost));
        }
        events
    }

    fn events_of(&self, worker: usize, events: &mut Vec<Event>) {
        let actor = &self.actors[worker];
        if let Some(late) = &actor.late {
            let open = (0..self.shards.len()).filter(|shard| !late.sent[*shard]);
            events.extend(open.map(|shard| Event::SendLate(worker, shard)));
        }
        if let Some(exchange) = &actor.exchange {
            for shard in 0..self.shards.len() {
                if !exchange.sent[shard] {
                    events.push(Event::Send(worker, shard));
                } else if !exchange.answered[shard] && self.is_folded(worker, shard, exchange) {
                    events.push(Event::Reply(worker, shard));
                }
            }
        }
        let who = self.who(worker);
        match &actor.phase {
            None | Some(Phase::Attaching(_)) => events.push(Event::Attach(worker)),
            Some(Phase::Ready) => events.push(Event::Grant(worker)),
            Some(Phase::Waiting) if self.turns.clone().poll(who, NOW) != Ok(Answer::Wait) => {
                events.push(Event::Grant(worker));
            }
            Some(Phase::Leaving(place)) if actor.exchange.is_none() => events.push(Event::Leave(worker, *place)),
            Some(Phase::Waiting | Phase::Stepped | Phase::Leaving(_) | Phase::Left | Phase::Paused) => (),
        }
    }

    fn is_folded(&self, worker: usize, shard: usize, exchange: &Exchange) -> bool {
        self.shards[shard].poll(&self.message(worker, exchange), NOW) != Ok(Fold::Wait)
    }

    /// Whether a round's outcome depends on nothing but its center: then it is the same bits in every order.
    pub(super) fn takes_center(&self) -> bool {
        self.case.rule.gathers() && self.case.rule.worker_rule().takes == Takes::Center
    }

    fn who(&self, worker: usize) -> Attempt {
        Attempt { worker, attempt: self.actors[worker].attempt }
    }

    fn message(&self, worker: usize, exchange: &Exchange) -> Message {
        let who = Attempt { worker, attempt: exchange.attempt };
        Message { who, sequence: exchange.number, work: work(exchange.steps), lr: 0.1 }
    }

    /// Lets `event` happen; an error is a refusal, which a correct worker must never get.
    pub fn happen(&mut self, event: Event) -> Result<(), Error> {
        match event {
            Event::Attach(worker) => self.attach(worker),
            Event::Grant(worker) => self.grant(worker),
            Event::Send(worker, shard) => {
                let exchange = self.actors[worker].exchange.clone().unwrap();
                self.actors[worker].exchange.as_mut().unwrap().sent[shard] = true;
                self.send(worker, shard, &exchange)
            }
            Event::SendLate(worker, shard) => {
                let late = self.actors[worker].late.clone().unwrap();
                self.actors[worker].late.as_mut().unwrap().sent[shard] = true;
                match self.send(worker, shard, &late) {
                    Err(Error::Refused { why: Refusal::Fenced, .. }) => Ok(()),
                    other => other,
                }
            }
            Event::Reply(worker, shard) => {
                let reply = self.shards[shard].reply(worker);
                let exchange = self.actors[worker].exchange.as_mut().unwrap();
                exchange.answered[shard] = true;
                exchange.lost |= reply.is_none();
                if let Some(center) = reply.filter(|_| self.takes_center()) {
                    self.actors[worker].x[shard] = center[0].to_bits();
                }
                self.step(worker)
            }
            Event::Leave(worker, place) => self.leave(worker, place),
            Event::Die(worker) => {
                let actor = &mut self.actors[worker];
                actor.late = actor.exchange.take().filter(|exchange| exchange.sent.contains(&false));
                actor.phase = None;
                self.deaths += 1;
                Ok(())
            }
            Event::Keep => {
                self.kept = Some((self.turns.record().clone(), records(&self.shards)?));
                Ok(())
            }
            Event::LoseHost(shard) => self.lose_host(shard),
            Event::Release => self.release(),
        }
    }

    /// All workers of a gathering rule stop after the same round, and the center is that round's.
    fn release(&mut self) -> Result<(), Error> {
        let versions: Vec<u64> = self.shards.iter().map(|shard| shard.version).collect();
        if versions.iter().any(|version| *version != self.case.pause) {
            return Err(Error::Config(format!(
                "the pause after round {} finds shards at {versions:?}",
                self.case.pause
            )));
        }
        self.turns.release(self.case.budget());
        self.actors.iter_mut().for_each(|actor| actor.phase = None);
        Ok(())
    }

    /// As `native`'s hosts: a gathering rule goes back to one moment as a whole, of another rule the lost part alone
    /// comes back as it was seen last.
    fn lose_host(&mut self, lost: usize) -> Result<(), Error> {
        self.host_lost = true;
        for actor in &mut self.actors {
            (actor.exchange, actor.late, actor.phase) = (None, None, None);
        }
        let (turns, shards) = match self.kept.take() {
            Some(kept) => kept,
            None => {
                let fresh = Self::new(&self.case);
                (fresh.turns.record().clone(), records(&fresh.shards)?)
            }
        };
        for (place, (record, floats)) in shards.iter().enumerate() {
            if self.case.rule.gathers() || place == lost {
                self.shards[place] = Self::new(&self.case).shards.remove(place);
                self.shards[place].restore(record, floats)?;
            }
        }
        if self.case.rule.gathers() { self.turns.restore(turns) } else { Ok(()) }
    }

    fn attach(&mut self, worker: usize) -> Result<(), Error> {
        let actor = &mut self.actors[worker];
        let Some(Phase::Attaching(shards)) = actor.phase else {
            actor.attempt += 1;
            actor.last_folded = vec![];
            actor.exchanged = 0;
            actor.phase = Some(Phase::Attaching(0));
            let who = Attempt { worker, attempt: actor.attempt };
            actor.asked = self.turns.attach(who)?;
            return Ok(());
        };
        let (folded, work) = self.shards[shards].attach(Attempt { worker, attempt: actor.attempt })?;
        actor.last_folded.push((folded, work.steps));
        if shards + 1 < self.shards.len() {
            actor.phase = Some(Phase::Attaching(shards + 1));
            return Ok(());
        }
        let last_folded: Vec<(u64, Work)> =
            actor.last_folded.iter().map(|(folded, steps)| (*folded, work_of(*steps))).collect();
        let (start, number) = (self.case.start)(actor.asked, &last_folded);
        (actor.turn, actor.number, actor.unreported) = (start.turn, number, start.unreported.steps);
        actor.last_folded = vec![];
        actor.asked = 0;
        actor.phase = Some(Phase::Ready);
        self.pull(worker)
    }

    /// A gathering rule's turn begins from one center, whatever the shards have folded since.
    fn pull(&mut self, worker: usize) -> Result<(), Error> {
        let (who, next) = (self.who(worker), self.actors[worker].number + 1);
        let (mut versions, mut x) = (Vec::new(), Vec::new());
        for shard in &mut self.shards {
            let (version, center) = shard.pull(who, next)?;
            versions.push(version);
            x.push(center[0].to_bits());
        }
        if self.takes_center() {
            self.actors[worker].x = x;
        }
        if self.case.rule.gathers() && versions.iter().any(|version| *version != versions[0]) {
            return Err(Error::Config(format!("turn {next} of worker {worker} begins from centers {versions:?}")));
        }
        Ok(())
    }

    fn grant(&mut self, worker: usize) -> Result<(), Error> {
        let who = self.who(worker);
        let actor = &mut self.actors[worker];
        let answer = if actor.phase == Some(Phase::Ready) {
            actor.turn += 1;
            let done = Done { work: work(actor.unreported), ..Done::default() };
            actor.unreported = 0;
            self.turns.ask(who, actor.turn, &done, NOW)?
        } else {
            self.turns.poll(who, NOW)?
        };
        actor.phase = match answer {
            Answer::Wait => Some(Phase::Waiting),
            Answer::Go(grant) if grant.steps == 0 && self.turns.is_held_back() => Some(Phase::Paused),
            Answer::Go(grant) if grant.steps == 0 => Some(Phase::Leaving(0)),
            Answer::Go(grant) => {
                actor.unreported = grant.steps;
                actor.data_step = grant.data_step;
                Some(Phase::Stepped)
            }
        };
        self.step(worker)
    }

    /// What a worker does without waiting: ends an exchange that every shard answered, and begins the next one.
    fn step(&mut self, worker: usize) -> Result<(), Error> {
        let (overlap, shards) = (self.case.overlap, self.shards.len());
        let actor = &mut self.actors[worker];
        let ended = actor.exchange.take_if(|exchange| exchange.answered.iter().all(|answered| *answered));
        if ended.as_ref().is_some_and(|exchange| exchange.lost) && self.takes_center() {
            self.pull(worker)?;
        }
        let actor = &mut self.actors[worker];
        if actor.phase != Some(Phase::Stepped) || actor.exchange.is_some() {
            return Ok(());
        }
        if ended.is_some() && actor.exchanged == actor.turn {
            actor.phase = Some(Phase::Ready);
            return Ok(());
        }
        actor.number += 1;
        actor.exchange = Some(Exchange {
            number: actor.number,
            attempt: actor.attempt,
            steps: actor.unreported,
            values: actor.x.iter().map(|x| trained(f32::from_bits(*x), worker, actor.data_step).to_bits()).collect(),
            sent: vec![false; shards],
            answered: vec![false; shards],
            lost: false,
        });
        if overlap && actor.exchanged > 0 {
            actor.phase = Some(Phase::Ready); // the first exchange of an attempt does not overlap with steps
        }
        actor.exchanged = actor.turn;
        Ok(())
    }

    fn send(&mut self, worker: usize, shard: usize, exchange: &Exchange) -> Result<(), Error> {
        let message = self.message(worker, exchange);
        if self.shards[shard].check(&message)? == Taken::New {
            let value = exchange.values.get(shard).map_or(1.0, |bits| f32::from_bits(*bits));
            self.shards[shard].take(&message, &mut vec![value], NOW)?;
        }
        Ok(())
    }

    fn leave(&mut self, worker: usize, place: usize) -> Result<(), Error> {
        let who = self.who(worker);
        match place {
            0 => self.turns.leave(who)?,
            shard => self.shards[shard - 1].leave(who)?,
        }
        let over = place == self.shards.len();
        self.actors[worker].phase = Some(if over { Phase::Left } else { Phase::Leaving(place + 1) });
        Ok(())
    }
}

fn records(shards: &[FoldLedger]) -> Result<Vec<(ShardRecord, Vec<f32>)>, Error> {
    shards.iter().map(FoldLedger::record).collect()
}

fn work_of(steps: u64) -> Work {
    if steps == 0 { Work::default() } else { work(steps) }
}

impl Clone for World {
    fn clone(&self) -> Self {
        let copied = |shard: &FoldLedger| {
            let mut copy =
                FoldLedger::new(vec![1.0], &self.case.rule, self.actors.len(), WAIT_LIMIT, self.case.budget() + 1)
                    .unwrap();
            copy.version = shard.version;
            copy.center = shard.center.clone();
            copy.before = shard.before.clone();
            copy.sessions = shard.sessions.clone();
            let own = |vectors: Vec<&[f32]>| vectors.into_iter().map(<[f32]>::to_vec).collect();
            match (&mut copy.rule, &shard.rule) {
                (ShardRule::Arrival(to), ShardRule::Arrival(from)) => {
                    to.restore(own(from.vectors()), &from.counters()).unwrap()
                }
                (ShardRule::Gathering(to), ShardRule::Gathering(from)) => {
                    to.restore(own(from.vectors()), &from.counters()).unwrap()
                }
                _ => unreachable!("one rule makes one kind of shard rule"),
            }
            copy
        };
        Self {
            case: self.case.clone(),
            turns: self.turns.clone(),
            shards: self.shards.iter().map(copied).collect(),
            actors: self.actors.clone(),
            deaths: self.deaths,
            kept: self.kept.clone(),
            host_lost: self.host_lost,
            centers: self.centers.clone(),
        }
    }
}
