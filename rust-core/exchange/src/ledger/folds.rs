//! Folds into one range of the center: which exchange of each worker was folded already. A message is folded once, from
//! the newest attempt of its worker; a rule that gathers folds when the vectors of all workers are there.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Attempt, Work, admit, enter, mismatch};
use crate::rules::{ExchangeInfo, RuleSpec, ShardRule};
use crate::{Error, Refusal, Result};

/// One message of a worker, without its values.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    pub who: Attempt,
    /// Of the turn that it follows: 1, 2, ..
    pub sequence: u64,
    /// Since the message before.
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

/// Whether no value is NaN or infinite. It does not stop early, so that the loop vectorises and runs as fast as memory is read.
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

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    Done(Folded),
    /// The vectors of others are missing; [`FoldLedger::poll`] tells when they came.
    Wait,
}

/// What one exchange was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Folded {
    pub version: u64,
    pub staleness: u64,
}

/// What a shard knows of one worker, as a snapshot keeps it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionRecord {
    pub attempt: Option<u64>,
    /// The last exchange that was folded, and the work behind it.
    pub folded: u64,
    pub work: Work,
    /// The center's version that the worker knows.
    pub pulled: u64,
    pub exchanges: u64,
}

/// What a snapshot keeps of a shard, the floats apart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardRecord {
    /// Exchanges folded, or rounds of a gathering rule.
    pub version: u64,
    pub counters: Vec<u64>,
    pub sessions: Vec<SessionRecord>,
    /// Vectors of the rule's state, behind the center.
    pub vectors: usize,
}

#[derive(Clone, Default)]
pub(super) struct Session {
    pub(super) known: SessionRecord,
    /// The last message that was taken, and the work behind it; above `folded` while a gathering rule waits.
    pub(super) taken: u64,
    work: Work,
    /// Messages that this attempt sent.
    pub(super) sent: u64,
    /// The session was restored from a snapshot, which may be older than the worker: its next sequence number may skip some.
    pub(super) restored: bool,
    pub(super) left: bool,
    /// Of a gathering rule: the vector, then the reply.
    pub(super) gathered: Option<Vec<f32>>,
    /// When the message of a gathering rule began to wait for the others.
    waits: Duration,
}

/// Which exchanges were folded into one range of the center.
pub struct FoldLedger {
    /// Written in place, unless a reader still holds it: then the next fold writes a copy.
    pub(super) center: Arc<[f32]>,
    /// Of a gathering rule: the center that the last round began from. One that must do the round again, since
    /// another shard misses its vector, begins from it.
    pub(super) before: Option<Arc<[f32]>>,
    pub(super) version: u64,
    pub(super) rule: ShardRule,
    pub(super) sessions: Vec<Session>,
    wait_limit: Duration,
    /// No exchange has a higher number.
    last: u64,
}

impl FoldLedger {
    /// A range that starts at `center`. A gathering rule's messages wait for `wait_limit` at most; `turns` is how many
    /// turns a worker can have.
    pub fn new(center: Vec<f32>, rule: &RuleSpec, workers: usize, wait_limit: Duration, turns: u64) -> Self {
        Self {
            rule: rule.shard_rule(center.len(), workers),
            center: center.into(),
            before: None,
            version: 0,
            sessions: (0..workers).map(|_| Session::default()).collect(),
            wait_limit,
            last: turns,
        }
    }

    /// Lets an attempt in and answers the last exchange that was folded for its worker. What an older attempt sent
    /// and was not folded is forgotten: the newer one sends it again, and the reply is to what that one sent.
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

    /// Whether a message is new; refuses what its worker cannot send now.
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
        // with overlap an attempt can be lost whose last exchange was under way: the next one goes on behind it
        let skips = session.sent == 0 && matches!(self.rule, ShardRule::Arrival(_)) && sequence == folded + 2;
        let restored = session.restored && sequence > folded && sequence <= self.last;
        if sequence != folded + 1 && !skips && !restored {
            let text = format!("exchange {sequence} of worker {worker} came after {}", session.taken);
            return Err(mismatch(text));
        }
        let whose = || format!("worker {worker} in exchange {sequence}");
        work.validate(whose)?;
        if work.steps == 0 || !lr.is_finite() {
            return Err(mismatch(format!("{} tells {} steps at learning rate {lr}", whose(), work.steps)));
        }
        Ok(Taken::New)
    }

    /// Folds the `values` of a message that [`check`](Self::check) found new; they become the reply. A gathering rule
    /// keeps them until the others' are there.
    pub fn take(&mut self, message: &Message, values: &mut Vec<f32>, now: Duration) -> Result<Fold> {
        self.check(message)?;
        let Self { center, version, rule, sessions, .. } = self;
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
                rule.fold(Arc::make_mut(center), values, &info);
                *version += 1;
                known.folded = message.sequence;
                known.work = message.work;
                known.exchanges += 1;
                known.pulled = *version;
                Ok(Fold::Done(Folded { version: *version, staleness: info.staleness }))
            }
            ShardRule::Gathering(_) => {
                session.gathered = Some(std::mem::take(values));
                session.waits = now;
                self.fold_when_complete(message.lr);
                self.poll(message, now)
            }
        }
    }

    /// Whether a message that was taken is folded; refuses once it waited for too long.
    pub fn poll(&self, message: &Message, now: Duration) -> Result<Fold> {
        let session = self.admitted(message.who)?;
        if session.known.folded >= message.sequence {
            return Ok(Fold::Done(Folded { version: self.version, staleness: 0 }));
        }
        if now.saturating_sub(session.waits) >= self.wait_limit {
            let (missing, seconds) = (self.missing(), self.wait_limit.as_secs());
            let text = format!("workers {missing:?} did not come within {seconds} s (exchange-wait)");
            return Err(Error::refused(Refusal::Overdue, text));
        }
        Ok(Fold::Wait)
    }

    /// The reply to a worker's last message to a gathering rule, once; what arrives is replied to in place.
    pub fn reply(&mut self, worker: usize) -> Option<Vec<f32>> {
        let session = &mut self.sessions[worker];
        if session.taken > session.known.folded { None } else { session.gathered.take() }
    }

    /// The center and its version for an observer. It stays as it is while it is held.
    pub fn center(&self) -> (u64, Arc<[f32]>) {
        (self.version, self.center.clone())
    }

    /// The center that the turn before exchange `sequence` of a worker begins from.
    pub fn pull(&mut self, who: Attempt, sequence: u64) -> Result<(u64, Arc<[f32]>)> {
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

    /// The worker does no more: nobody waits for it.
    pub fn leave(&mut self, who: Attempt) -> Result<()> {
        self.admitted(who)?;
        self.sessions[who.worker].left = true;
        self.fold_when_complete(0.0);
        Ok(())
    }

    /// Everything that a restart needs: the record, then the center and the rule's vectors.
    pub fn record(&self) -> (ShardRecord, Vec<f32>) {
        let (vectors, counters) = match &self.rule {
            ShardRule::Arrival(rule) => (rule.state(), rule.counters()),
            ShardRule::Gathering(rule) => (rule.state(), rule.counters()),
        };
        let record = ShardRecord {
            version: self.version,
            counters,
            sessions: self.sessions.iter().map(|session| session.known.clone()).collect(),
            vectors: vectors.len(),
        };
        let mut floats = self.center.to_vec();
        vectors.iter().for_each(|vector| floats.extend_from_slice(vector));
        (record, floats)
    }

    /// Puts back what [`record`](Self::record) gave.
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
        let mut parts = floats.chunks(length).map(<[f32]>::to_vec);
        let center = parts.next().unwrap_or_default();
        let vectors = parts.collect();
        match &mut self.rule {
            ShardRule::Arrival(rule) => rule.restore(vectors, &record.counters)?,
            ShardRule::Gathering(rule) => rule.restore(vectors, &record.counters)?,
        }
        self.center = center.into();
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

    /// Folds a gathering rule's round in worker order once every active worker's vector is there.
    fn fold_when_complete(&mut self, lr: f32) {
        let waits = |s: &&mut Session| s.taken > s.known.folded;
        if !self.sessions.iter_mut().any(|s| waits(&s)) || !self.missing().is_empty() {
            return;
        }
        let Self { center, before, version, rule: ShardRule::Gathering(rule), sessions, .. } = self else { return };
        let mut next = before.take().filter(|old| old.len() == center.len()).unwrap_or_else(|| center.clone());
        match Arc::get_mut(&mut next) {
            Some(room) => room.copy_from_slice(center),
            None => next = Arc::from(&center[..]), // the first round, or somebody still reads it
        }
        let mut vectors: Vec<(&mut [f32], u64)> = Vec::with_capacity(sessions.len());
        for session in sessions.iter_mut().filter(waits) {
            let samples = session.work.samples;
            vectors.extend(session.gathered.as_mut().map(|vector| (&mut vector[..], samples)));
        }
        rule.fold(Arc::make_mut(&mut next), &mut vectors, lr);
        *before = Some(std::mem::replace(center, next));
        *version += 1;
        for session in sessions.iter_mut().filter(waits) {
            session.known.folded = session.taken;
            session.known.work = session.work;
            session.known.pulled = *version;
            session.known.exchanges += 1;
        }
    }
}
