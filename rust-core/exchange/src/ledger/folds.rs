//! Folds into one range of the center: which exchange of each worker was folded already. A message is folded once, from
//! the newest attempt of its worker; a rule that gathers folds when the vectors of all workers are there.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Attempt, admit, enter, mismatch};
use crate::memory::{Purpose, copied, with_capacity};
use crate::rules::{ExchangeInfo, RuleSpec, ShardRule};
use crate::work::Work;
use crate::{Error, Refusal, Result};

/// One message of a worker, without its values.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    pub who: Attempt,
    /// The number of the turn that it ends: 1, 2, ..
    pub sequence: u64,
    /// The work since the message before.
    pub work: Work,
    /// Learning rate of the local steps, now.
    pub lr: f32,
}

impl Message {
    /// Refuses values that are NaN or infinite, since a fold would spread them to all workers.
    pub fn check_values(&self, values: &[f32]) -> Result<()> {
        if all_finite(values) {
            return Ok(());
        }
        let Self { who: Attempt { worker, .. }, sequence, .. } = self;
        Err(mismatch(format!(
            "worker {worker} sends NaN or infinite values in exchange {sequence}: its training diverged"
        )))
    }
}

/// Whether no value is NaN or infinite. It does not stop early, so that the loop vectorises and runs as fast as memory
/// is read.
pub fn all_finite(values: &[f32]) -> bool {
    const EXPONENT: u32 = 0x7f80_0000;
    values.iter().fold(true, |finite, value| finite & (value.to_bits() & EXPONENT != EXPONENT))
}

/// Whether a message is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    New,
    /// This attempt sent it before: it must not be folded again.
    Repeat,
}

/// The outcome of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    Done(Folded),
    /// The vectors of others are missing; [`FoldLedger::poll`] tells when they came.
    Wait,
}

/// The center's version after an exchange, and how stale the message was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Folded {
    /// Updates of the center so far, with this one.
    pub version: u64,
    /// Updates between the worker's last pull and this one; 0 for a gathering rule.
    pub staleness: u64,
}

/// What a shard knows of one worker, as a snapshot keeps it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionRecord {
    /// The newest attempt that attached.
    pub attempt: Option<u64>,
    /// The last exchange that was folded, and the work behind it.
    pub folded: u64,
    pub work: Work,
    /// The version of the center that the worker pulled last.
    pub pulled: u64,
    /// Exchanges of this worker that were folded.
    pub exchanges: u64,
}

/// What a snapshot keeps of a shard, except the floats.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardRecord {
    /// Exchanges folded, or rounds of a gathering rule.
    pub version: u64,
    /// Counters of the rule's state.
    pub counters: Vec<u64>,
    /// One for each worker.
    pub sessions: Vec<SessionRecord>,
    /// How many vectors of the rule's state follow the center.
    pub vectors: usize,
}

#[derive(Clone, Default)]
pub(super) struct Session {
    pub(super) known: SessionRecord,
    /// The last message that was accepted, and the work behind it; higher than `folded` while a gathering rule waits.
    pub(super) taken: u64,
    work: Work,
    /// Messages that this attempt sent.
    pub(super) sent: u64,
    /// The session was restored from a snapshot, which may be older than the worker: its next sequence number may skip
    /// some.
    pub(super) restored: bool,
    pub(super) left: bool,
    /// For a gathering rule: the worker's vector, then the reply.
    pub(super) gathered: Option<Vec<f32>>,
    /// When the message of a gathering rule began to wait for the others.
    waits_since: Duration,
}

impl Session {
    /// Whether a message was taken and is not folded yet.
    fn waits(&self) -> bool {
        self.taken > self.known.folded
    }
}

/// Which exchanges were folded into one range of the center.
pub struct FoldLedger {
    /// Written in place, unless a reader still holds it: then the next fold writes a copy.
    pub(super) center: Arc<Vec<f32>>,
    /// For a gathering rule: the center that the last round began from. A worker that must do the round again, because
    /// another shard has not received its vector, begins from it.
    pub(super) before: Option<Arc<Vec<f32>>>,
    pub(super) version: u64,
    pub(super) rule: ShardRule,
    pub(super) sessions: Vec<Session>,
    wait_limit: Duration,
    /// The highest number that an exchange can have.
    last: u64,
}

impl FoldLedger {
    /// A range that starts at `center`. A gathering rule's messages wait for `wait_limit` at most; `turns` is how many
    /// turns a worker can have.
    pub fn new(center: Vec<f32>, rule: &RuleSpec, workers: usize, wait_limit: Duration, turns: u64) -> Result<Self> {
        let mut sessions = with_capacity(workers, Purpose::Sessions)?;
        sessions.resize_with(workers, Session::default);
        Ok(Self {
            rule: rule.shard_rule(center.len(), workers)?,
            center: Arc::new(center),
            before: None,
            version: 0,
            sessions,
            wait_limit,
            last: turns,
        })
    }

    /// Lets an attempt in and answers the last exchange that was folded for its worker. A message of an older
    /// attempt that is not folded yet is dropped: the new attempt sends its own.
    pub fn attach(&mut self, who: Attempt) -> Result<(u64, Work)> {
        let session = &mut self.sessions[who.worker];
        let newer = session.known.attempt != Some(who.attempt);
        enter(&mut session.known.attempt, who)?;
        session.left = false;
        if newer {
            session.taken = session.known.folded;
            session.gathered = None;
            session.sent = 0;
        }
        Ok((session.known.folded, session.known.work))
    }

    /// Whether a message is new; refuses one that its worker cannot send now.
    pub fn check(&self, message: &Message) -> Result<Taken> {
        let Message { who, sequence, work, lr } = *message;
        let session = self.admitted(who)?;
        let worker = who.worker;
        if session.left {
            return Err(mismatch(format!("worker {worker} sends exchange {sequence} after it left")));
        }
        if sequence == session.taken && sequence > 0 {
            return Ok(Taken::Repeat);
        }
        let folded = session.known.folded;
        // with overlap an attempt can be lost before its last exchange arrived: the next attempt skips that number
        let skips = session.sent == 0 && matches!(self.rule, ShardRule::Arrival(_)) && sequence == folded + 2;
        let restored = session.restored && sequence > folded && sequence <= self.last;
        if sequence != folded + 1 && !skips && !restored {
            let text = format!("exchange {sequence} of worker {worker} came after {}", session.taken);
            return Err(mismatch(text));
        }
        let whose = || format!("worker {worker} in exchange {sequence}");
        work.validate(whose)?;
        if work.steps == 0 || !lr.is_finite() {
            return Err(mismatch(format!("{} reports {} steps at learning rate {lr}", whose(), work.steps)));
        }
        Ok(Taken::New)
    }

    /// Folds the `values` of a message that [`check`](Self::check) found new; they become the reply. A gathering rule
    /// keeps them until the others' are there.
    pub fn take(&mut self, message: &Message, values: &mut Vec<f32>, now: Duration) -> Result<Fold> {
        self.check(message)?;
        let next = if self.completes(message.who.worker) { Some(self.next_center()?) } else { None };
        let Self { center, version, rule, sessions, .. } = self;
        if matches!(rule, ShardRule::Arrival(_)) && Arc::get_mut(center).is_none() {
            *center = Arc::new(copied(center, Purpose::Center)?); // a reader still holds the old one
        }
        let session = &mut sessions[message.who.worker];
        session.taken = message.sequence;
        session.sent += 1;
        session.restored = false;
        session.work = message.work;
        match rule {
            ShardRule::Arrival(rule) => {
                let known = &mut session.known;
                let info = ExchangeInfo {
                    worker: message.who.worker,
                    staleness: *version - known.pulled,
                    exchanges: known.exchanges,
                    lr: message.lr,
                    steps: message.work.steps,
                };
                let center: &mut Vec<f32> = Arc::make_mut(center); // copies nothing: no reader holds it any more
                rule.fold(center, values, &info);
                *version += 1;
                known.folded = message.sequence;
                known.work = message.work;
                known.exchanges += 1;
                known.pulled = *version;
                Ok(Fold::Done(Folded { version: *version, staleness: info.staleness }))
            }
            ShardRule::Gathering(_) => {
                session.gathered = Some(std::mem::take(values));
                session.waits_since = now;
                self.fold_round(message.lr, next);
                self.poll(message, now)
            }
        }
    }

    /// Whether a message that was taken is folded; fails once it has waited for too long.
    pub fn poll(&self, message: &Message, now: Duration) -> Result<Fold> {
        let session = self.admitted(message.who)?;
        if session.known.folded >= message.sequence {
            return Ok(Fold::Done(Folded { version: self.version, staleness: 0 }));
        }
        if now.saturating_sub(session.waits_since) >= self.wait_limit {
            let (missing, seconds) = (self.missing(), self.wait_limit.as_secs());
            let text = format!("workers {missing:?} did not come within {seconds} s (exchange-wait)");
            return Err(Error::refused(Refusal::Overdue, text));
        }
        Ok(Fold::Wait)
    }

    /// Takes the reply of a gathering rule to a worker's last message; other rules reply in place.
    pub fn reply(&mut self, worker: usize) -> Option<Vec<f32>> {
        let session = &mut self.sessions[worker];
        if session.taken > session.known.folded { None } else { session.gathered.take() }
    }

    /// The center and its version for an observer. The values do not change while the caller holds them.
    pub fn center(&self) -> (u64, Arc<Vec<f32>>) {
        (self.version, self.center.clone())
    }

    /// The center that the turn before exchange `sequence` of a worker begins from.
    pub fn pull(&mut self, who: Attempt, sequence: u64) -> Result<(u64, Arc<Vec<f32>>)> {
        self.admitted(who)?;
        let Self { center, before, version, rule, sessions, .. } = self;
        let session = &mut sessions[who.worker];
        if let ShardRule::Arrival(rule) = rule {
            rule.pulled(who.worker, center);
        } else if sequence == session.known.folded
            && let Some(before) = before
        {
            return Ok((*version - 1, before.clone()));
        }
        session.known.pulled = *version;
        Ok((*version, center.clone()))
    }

    /// The worker has finished; nobody waits for it any more.
    pub fn leave(&mut self, who: Attempt) -> Result<()> {
        self.admitted(who)?;
        let waits = self.sessions.iter().any(Session::waits);
        let next = if waits && self.completes(who.worker) { Some(self.next_center()?) } else { None };
        self.sessions[who.worker].left = true;
        self.fold_round(0.0, next);
        Ok(())
    }

    /// Everything that a restart needs: the record, and in one vector the center and the rule's vectors.
    pub fn record(&self) -> Result<(ShardRecord, Vec<f32>)> {
        let (vectors, counters) = match &self.rule {
            ShardRule::Arrival(rule) => (rule.vectors(), rule.counters()),
            ShardRule::Gathering(rule) => (rule.vectors(), rule.counters()),
        };
        let record = ShardRecord {
            version: self.version,
            counters,
            sessions: self.sessions.iter().map(|session| session.known.clone()).collect(),
            vectors: vectors.len(),
        };
        let length = self.center.len() * (1 + vectors.len());
        let mut floats = with_capacity(length, Purpose::Snapshot)?;
        floats.extend_from_slice(&self.center);
        vectors.iter().for_each(|vector| floats.extend_from_slice(vector));
        Ok((record, floats))
    }

    /// Restores what [`record`](Self::record) gave.
    pub fn restore(&mut self, record: &ShardRecord, floats: &[f32]) -> Result<()> {
        let length = self.center.len();
        let wanted = record.vectors.checked_add(1).and_then(|vectors| vectors.checked_mul(length));
        if wanted != Some(floats.len()) || record.sessions.len() != self.sessions.len() {
            return Err(Error::Config("a snapshot of another center, or of other workers".to_owned()));
        }
        for (worker, session) in record.sessions.iter().enumerate() {
            if session.pulled > record.version || session.exchanges > record.version {
                let text = format!("a snapshot in which worker {worker} is ahead of version {}", record.version);
                return Err(Error::Config(text));
            }
        }
        if !floats.iter().all(|value| value.is_finite()) {
            return Err(Error::Config("a snapshot with values that are NaN or infinite".to_owned()));
        }
        let (center, vectors) = floats.split_at(length); // the record's lengths were checked above
        let center = copied(center, Purpose::Center)?;
        let vectors = vectors.chunks(length).map(|vector| copied(vector, Purpose::Center)).collect::<Result<_>>()?;
        match &mut self.rule {
            ShardRule::Arrival(rule) => rule.restore(vectors, &record.counters)?,
            ShardRule::Gathering(rule) => rule.restore(vectors, &record.counters)?,
        }
        self.center = Arc::new(center);
        self.before = None;
        self.version = record.version;
        for (session, known) in self.sessions.iter_mut().zip(&record.sessions) {
            *session = Session { known: known.clone(), taken: known.folded, restored: true, ..Session::default() };
        }
        Ok(())
    }

    fn admitted(&self, who: Attempt) -> Result<&Session> {
        let session = &self.sessions[who.worker];
        admit(session.known.attempt, who)?;
        Ok(session)
    }

    /// Workers that have not sent the vector that the others wait for.
    fn missing(&self) -> Vec<usize> {
        let open = |(_, s): &(usize, &Session)| !s.left && s.taken == s.known.folded;
        self.sessions.iter().enumerate().filter(open).map(|(worker, _)| worker).collect()
    }

    /// Whether nobody but `worker` is missing in the round of a gathering rule.
    fn completes(&self, worker: usize) -> bool {
        matches!(self.rule, ShardRule::Gathering(_)) && self.missing().iter().all(|missing| *missing == worker)
    }

    /// The memory for the next center of a gathering rule: that of the center before the last round, unless a reader
    /// still holds it. It is taken before anything is changed, so that a lack of memory leaves the round as it was.
    fn next_center(&mut self) -> Result<Vec<f32>> {
        let free = self.before.take_if(|before| Arc::get_mut(before).is_some()).and_then(Arc::into_inner);
        let mut next = match free {
            Some(old) => old,
            None => with_capacity(self.center.len(), Purpose::Center)?,
        };
        next.clear();
        next.extend_from_slice(&self.center);
        Ok(next)
    }

    /// Folds a gathering rule's round in worker order into `next`, a copy of the center, which is there when the round
    /// is complete.
    fn fold_round(&mut self, lr: f32, next: Option<Vec<f32>>) {
        let Self { center, before, version, rule: ShardRule::Gathering(rule), sessions, .. } = self else { return };
        let Some(mut next) = next else { return };
        let mut vectors: Vec<(&mut [f32], u64)> = Vec::with_capacity(sessions.len());
        for session in sessions.iter_mut().filter(|session| session.waits()) {
            let samples = session.work.samples;
            vectors.extend(session.gathered.as_mut().map(|vector| (&mut vector[..], samples)));
        }
        rule.fold(&mut next, &mut vectors, lr);
        *before = Some(std::mem::replace(center, Arc::new(next)));
        *version += 1;
        for session in sessions.iter_mut().filter(|session| session.waits()) {
            session.known.folded = session.taken;
            session.known.work = session.work;
            session.known.pulled = *version;
            session.known.exchanges += 1;
        }
    }
}
