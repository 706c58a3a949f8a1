//! Workers, a clerk and shards as one value: everything that can happen next, and what happens then. A worker here does
//! what `client` and the task's link do, message by message; a shard may be on a server of its own.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use super::super::{
    Answer, Attempt, Budget, Fold, FoldLedger, Message, Period, ShardRecord, Start, Taken, TurnLedger, TurnRecord, Work,
};
use crate::clock::Consistency;
use crate::message::Done;
use crate::partner::Takes;
use crate::rules::{RuleSpec, Side};
use crate::{Error, Refusal};

const NOW: Duration = Duration::ZERO; // no time passes: whoever waits for ever is stuck
const PATIENCE: Duration = Duration::from_secs(600);

/// A new attempt's place: of the last turn that was asked for, and the last exchange that each shard folded.
type Begins = fn(u64, &[(u64, Work)]) -> (Start, u64);

/// Turns and shards, as a lost host would go on from them.
type Kept = (TurnRecord, Vec<(ShardRecord, Vec<f32>)>);

/// What is tried in every order.
#[derive(Clone)]
pub struct Case {
    pub rule: RuleSpec,
    pub consistency: Consistency,
    pub workers: usize,
    pub shards: usize,
    /// Of each worker, if all do the same.
    pub turns: u64,
    /// Attempts that are lost in all.
    pub deaths: u32,
    pub overlap: bool,
    /// Each shard has a host of its own, one of which is lost: what is left goes on from what was kept of all at
    /// some moment.
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
    /// It tells the clerk (0) or a shard's server (1, 2, ..) that it does no more.
    Leave(usize, usize),
    Die(usize),
    /// What a lost host would go on from is copied.
    Keep,
    /// The host of a shard is lost, and all workers with the job that is done again.
    LoseHost(usize),
}

impl Event {
    /// Whether nobody may count on it.
    pub fn is_chance(self) -> bool {
        matches!(self, Self::Die(_) | Self::Keep | Self::LoseHost(_))
    }
}

#[derive(Clone, Debug, PartialEq, Hash)]
enum Phase {
    /// Attached to the clerk and to so many shards.
    Attaching(usize),
    Ready,
    Waiting,
    /// Its local steps are done; without overlap the exchange ends before it is ready again.
    Stepped,
    Leaving(usize),
    Left,
}

/// Messages to the shards, of one turn.
#[derive(Clone, Debug, PartialEq, Hash)]
struct Exchange {
    number: u64,
    attempt: u64,
    steps: u64,
    /// Of each shard, as bits.
    values: Vec<u32>,
    sent: Vec<bool>,
    answered: Vec<bool>,
    /// A shard no longer has the reply: the worker pulls the center.
    lost: bool,
}

#[derive(Clone, Hash)]
struct Actor {
    attempt: u64,
    phase: Option<Phase>,
    asked: u64,
    facts: Vec<(u64, u64)>,
    turn: u64,
    number: u64,
    /// Steps to book with the next turn.
    unbooked: u64,
    exchange: Option<Exchange>,
    late: Option<Exchange>,
    /// The turn whose exchange this attempt began last; 0 before its first.
    exchanged: u64,
    /// Its weights of each shard, as bits, and where in its data it is.
    x: Vec<u32>,
    data_step: u64,
}

/// What a worker makes of its weights in a turn, if it does the same whenever it is asked.
fn trained(x: f32, worker: usize, data_step: u64) -> f32 {
    x * 0.75 + worker as f32 + data_step as f32
}

/// The centers of a gathering rule after 0, 1, .. rounds, if nobody is ever lost.
fn undisturbed(case: &Case) -> Vec<f32> {
    let (mut center, mut centers) = (vec![1.0], vec![1.0]);
    let Side::Gathering(mut rule) = case.rule.side(1, case.workers) else { return centers };
    for round in 0..case.turns {
        let mut vectors: Vec<[f32; 1]> = (0..case.workers).map(|k| [trained(center[0], k, round)]).collect();
        let mut all: Vec<(&mut [f32], u64)> = vectors.iter_mut().map(|v| (&mut v[..], 10)).collect();
        rule.fold(&mut center, &mut all, 0.1);
        centers.push(center[0]);
    }
    centers
}

/// The state of everything.
pub struct World {
    case: Arc<Case>,
    turns: TurnLedger,
    shards: Vec<FoldLedger>,
    actors: Vec<Actor>,
    deaths: u32,
    kept: Option<Kept>,
    host_lost: bool,
    /// What the center must be after each round; unknown where a lost worker takes weights of its own with it.
    centers: Arc<Vec<f32>>,
}

fn work(steps: u64) -> Work {
    Work { steps, samples: 10 * steps, loss: 1.0 }
}

impl World {
    pub fn new(case: &Arc<Case>) -> Self {
        let Case { workers, shards, .. } = **case;
        let budget = Budget { steps: case.budget(), tau: 1, period: Period::Constant };
        let idle = Actor {
            attempt: 0,
            phase: None,
            asked: 0,
            facts: vec![],
            turn: 0,
            number: 0,
            unbooked: 0,
            exchange: None,
            late: None,
            exchanged: 0,
            x: vec![],
            data_step: 0,
        };
        let shard = |_| FoldLedger::new(vec![1.0], &case.rule, workers, PATIENCE, budget.steps + 1);
        Self {
            turns: TurnLedger::new(budget, case.consistency, workers, PATIENCE),
            shards: (0..shards).map(shard).collect(),
            actors: vec![idle; workers],
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

    /// What can happen next; that somebody dies comes last, and does not count as going on.
    pub fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        for worker in 0..self.actors.len() {
            self.events_of(worker, &mut events);
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
            Some(Phase::Waiting) if self.turns.clone().look(who, NOW) != Ok(Answer::Wait) => {
                events.push(Event::Grant(worker));
            }
            Some(Phase::Leaving(place)) if actor.exchange.is_none() => events.push(Event::Leave(worker, *place)),
            Some(Phase::Waiting | Phase::Stepped | Phase::Leaving(_) | Phase::Left) => (),
        }
    }

    fn is_folded(&self, worker: usize, shard: usize, exchange: &Exchange) -> bool {
        self.shards[shard].look(&self.message(worker, exchange), NOW) != Ok(Fold::Wait)
    }

    /// Whether a round's outcome depends on nothing but its center: then it is the same bits in every order.
    fn takes_center(&self) -> bool {
        self.case.rule.gathers() && self.case.rule.partner().takes == Takes::Center
    }

    fn who(&self, worker: usize) -> Attempt {
        Attempt { worker, attempt: self.actors[worker].attempt }
    }

    fn message(&self, worker: usize, exchange: &Exchange) -> Message {
        let who = Attempt { worker, attempt: exchange.attempt };
        Message { who, sequence: exchange.number, work: work(exchange.steps), lr: 0.1 }
    }

    /// Lets `event` happen; an error is a refusal that no honest worker must meet.
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
                self.kept = Some((self.turns.record().clone(), self.shards.iter().map(FoldLedger::record).collect()));
                Ok(())
            }
            Event::LoseHost(shard) => self.lose_host(shard),
        }
    }

    /// As `native`'s hosts: a gathering rule goes back to one moment as a whole, of another rule the lost part alone
    /// comes back as it was seen last.
    fn lose_host(&mut self, lost: usize) -> Result<(), Error> {
        self.host_lost = true;
        for actor in &mut self.actors {
            (actor.exchange, actor.late, actor.phase) = (None, None, None);
        }
        let (turns, shards) = self.kept.take().unwrap_or_else(|| {
            let fresh = Self::new(&self.case);
            (fresh.turns.record().clone(), fresh.shards.iter().map(FoldLedger::record).collect())
        });
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
            actor.facts = vec![];
            actor.exchanged = 0;
            actor.phase = Some(Phase::Attaching(0));
            let who = Attempt { worker, attempt: actor.attempt };
            actor.asked = self.turns.attach(who)?;
            return Ok(());
        };
        let (folded, work) = self.shards[shards].attach(Attempt { worker, attempt: actor.attempt })?;
        actor.facts.push((folded, work.steps));
        if shards + 1 < self.shards.len() {
            actor.phase = Some(Phase::Attaching(shards + 1));
            return Ok(());
        }
        let facts: Vec<(u64, Work)> = actor.facts.iter().map(|(folded, steps)| (*folded, work_of(*steps))).collect();
        let (start, number) = (self.case.start)(actor.asked, &facts);
        (actor.turn, actor.number, actor.unbooked) = (start.turn, number, start.unbooked.steps);
        actor.facts = vec![];
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
            let done = Done { work: work(actor.unbooked), ..Done::default() };
            actor.unbooked = 0;
            self.turns.ask(who, actor.turn, &done, NOW)?
        } else {
            self.turns.look(who, NOW)?
        };
        actor.phase = match answer {
            Answer::Wait => Some(Phase::Waiting),
            Answer::Go(grant) if grant.steps == 0 => Some(Phase::Leaving(0)),
            Answer::Go(grant) => {
                actor.unbooked = grant.steps;
                actor.data_step = grant.data_step;
                Some(Phase::Stepped)
            }
        };
        self.step(worker)
    }

    /// What a worker does by itself: ends an exchange that every shard answered, and begins the next one.
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
            steps: actor.unbooked,
            values: actor.x.iter().map(|x| trained(f32::from_bits(*x), worker, actor.data_step).to_bits()).collect(),
            sent: vec![false; shards],
            answered: vec![false; shards],
            lost: false,
        });
        if overlap && actor.exchanged > 0 {
            actor.phase = Some(Phase::Ready); // the first exchange of an attempt hides behind nothing
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

    /// What must hold at any moment.
    pub fn check(&self) -> Result<(), String> {
        let versions = self.shards.iter().map(|shard| shard.version);
        let apart = versions.clone().max().unwrap_or(0) - versions.min().unwrap_or(0);
        if self.case.rule.gathers() && apart > 1 {
            return Err(format!("shards are {apart} rounds apart"));
        }
        for shard in self.shards.iter().filter(|_| self.takes_center()) {
            let expected = self.centers[shard.version as usize];
            if shard.center[0].to_bits() != expected.to_bits() {
                return Err(format!("round {} ends at {} where {expected} was due", shard.version, shard.center[0]));
            }
        }
        let (asked, most) = (self.turns.record().asked(), if self.case.overlap { 2 } else { 1 });
        for (worker, asked) in asked.enumerate() {
            for shard in &self.shards {
                let folded = shard.sessions[worker].known.folded;
                let behind = self.host_lost && !self.case.rule.gathers(); // it came back as it was before
                if folded > asked || (asked - folded > most && !behind) {
                    return Err(format!("worker {worker} asked for turn {asked} and exchange {folded} is folded"));
                }
            }
        }
        if self.is_over() { self.check_end() } else { Ok(()) }
    }

    /// The budget is spent to the step, and every turn that was booked was folded once into every shard.
    fn check_end(&self) -> Result<(), String> {
        let (booked, budget) = (self.turns.steps(), self.case.budget());
        if booked != budget {
            return Err(format!("{booked} steps of {budget} are booked at the end"));
        }
        for (worker, seat) in self.turns.record.seats.iter().enumerate() {
            for shard in &self.shards {
                let folded = shard.sessions[worker].known.exchanges;
                let lost = seat.exchanges.saturating_sub(folded);
                // with overlap the exchange that was under way dies with its attempt
                let may_lose =
                    if self.host_lost && !self.case.rule.gathers() { u64::MAX } else { u64::from(self.deaths) };
                let bound = if self.case.overlap || self.host_lost { may_lose } else { 0 };
                if folded > seat.exchanges || lost > bound {
                    return Err(format!("worker {worker}: {} turns booked, {folded} folded", seat.exchanges));
                }
            }
        }
        Ok(())
    }
}

fn work_of(steps: u64) -> Work {
    if steps == 0 { Work::default() } else { work(steps) }
}

impl Clone for World {
    fn clone(&self) -> Self {
        let copied = |shard: &FoldLedger| {
            let mut copy =
                FoldLedger::new(vec![1.0], &self.case.rule, self.actors.len(), PATIENCE, self.case.budget() + 1);
            copy.version = shard.version;
            copy.center = shard.center.clone();
            copy.before = shard.before.clone();
            copy.sessions = shard.sessions.clone();
            let own = |vectors: Vec<&[f32]>| vectors.into_iter().map(<[f32]>::to_vec).collect();
            match (&mut copy.side, &shard.side) {
                (Side::Arrival(to), Side::Arrival(from)) => to.restore(own(from.state()), &from.counters()).unwrap(),
                (Side::Gathering(to), Side::Gathering(from)) => {
                    to.restore(own(from.state()), &from.counters()).unwrap()
                }
                _ => unreachable!("one rule makes one kind of side"),
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

/// All that decides what can happen next: no values, and no counts for reports.
impl Hash for World {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.turns.record().hash(state);
        self.turns.clock.finished().hash(state);
        self.deaths.hash(state);
        self.actors.hash(state);
        for worker in 0..self.actors.len() {
            self.turns.clock.is_active(worker).hash(state);
            for shard in &self.shards {
                let session = &shard.sessions[worker];
                let known = &session.known;
                (known.attempt, known.folded, known.work.steps, known.exchanges).hash(state);
                (session.taken, session.sent.min(1), session.left, session.restored, session.gathered.is_some())
                    .hash(state);
            }
        }
        for shard in &self.shards {
            shard.version.hash(state);
        }
        self.host_lost.hash(state);
        if let Some((turns, shards)) = &self.kept {
            turns.hash(state);
            for (shard, _) in shards {
                shard.version.hash(state);
                shard.sessions.iter().for_each(|known| (known.attempt, known.folded, known.exchanges).hash(state));
            }
        }
    }
}
