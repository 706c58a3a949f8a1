//! A range of the center with its own lock: exchanges are folded here, each once, by the newest attempt
//! of each worker. A message is received whole before the lock is taken, so a slow or dying peer never
//! holds it, and half a message is never folded.

use std::net::{Shutdown, TcpStream};
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::rules::{RuleSpec, Side, Visit};
use crate::{Error, Refusal, Result};

/// How often somebody who waits looks up, and tells its peer that it is alive.
pub const TICK: Duration = Duration::from_secs(1);

/// The last message of a worker, turned into its reply; kept for a peer that asks again.
#[derive(Default)]
pub struct Buffer {
    pub values: Vec<f32>,
    /// The sequence number that `values` is the reply to.
    pub holds: Option<u64>,
    /// What the codec left out of earlier replies.
    pub residual: Vec<f32>,
    pub bytes: Vec<u8>,
}

/// What a shard knows of one worker.
#[derive(Default)]
struct Session {
    attempt: Option<u64>,
    /// The connection that is served; a newer one cuts it.
    socket: Option<TcpStream>,
    /// Of the last message that was taken.
    sequence: u64,
    /// Of the last message that was folded.
    answered: u64,
    /// The center's version that the worker knows.
    pulled: u64,
    exchanges: u64,
    left: bool,
    buffer: Arc<Mutex<Buffer>>,
    /// Of a gathering rule: the vector and the samples behind it, then the reply.
    gathered: Option<(Vec<f32>, u64)>,
}

struct State {
    /// Written in place, unless somebody still reads it: then the next fold writes a copy.
    center: Arc<[f32]>,
    /// Exchanges folded, or rounds of a gathering rule.
    version: u64,
    side: Side,
    sessions: Vec<Session>,
}

/// What one exchange was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Folded {
    pub version: u64,
    pub staleness: u64,
}

/// One message of a worker.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    pub worker: usize,
    pub attempt: u64,
    pub sequence: u64,
    pub steps: u64,
    pub samples: u64,
    pub lr: f32,
}

/// What a snapshot keeps of a shard, the floats apart.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ShardRecord {
    pub version: u64,
    pub counters: Vec<u64>,
    /// Attempt, sequence, version known, exchanges, of each worker.
    pub sessions: Vec<(Option<u64>, u64, u64, u64)>,
    /// Vectors of the rule's state.
    pub vectors: usize,
}

/// A shard of the center.
pub struct Shard {
    pub range: Range<usize>,
    state: Mutex<State>,
    folded: Condvar,
}

impl Shard {
    /// A shard that starts at `center`.
    pub fn new(range: Range<usize>, center: Vec<f32>, rule: &RuleSpec, workers: usize) -> Self {
        let side = rule.side(center.len(), workers);
        let sessions = (0..workers).map(|_| Session::default()).collect();
        Self {
            range,
            state: Mutex::new(State { center: center.into(), version: 0, side, sessions }),
            folded: Condvar::new(),
        }
    }

    /// Lets `attempt` of `worker` in, cuts the connection it replaces, and answers the last sequence
    /// number that was folded. An older attempt than the newest is refused.
    pub fn attach(&self, worker: usize, attempt: u64, socket: TcpStream) -> Result<u64> {
        let mut state = self.lock();
        let session = &mut state.sessions[worker];
        if let Some(newest) = session.attempt.filter(|newest| *newest > attempt) {
            return Err(fenced(worker, attempt, newest));
        }
        if let Some(old) = session.socket.replace(socket) {
            let _ = old.shutdown(Shutdown::Both); // it may be gone already
        }
        session.attempt = Some(attempt);
        session.left = false;
        Ok(session.answered)
    }

    /// The worker's buffer; who locks it serves this worker on this shard alone.
    pub fn buffer(&self, worker: usize) -> Arc<Mutex<Buffer>> {
        self.lock().sessions[worker].buffer.clone()
    }

    /// Whether the message is one that was taken before; refuses a fenced attempt and an older number.
    pub fn is_repeat(&self, message: &Message) -> Result<bool> {
        let state = self.lock();
        let session = state.admitted(message.worker, message.attempt)?;
        if message.sequence < session.sequence {
            return Err(Error::refused(
                Refusal::Mismatch,
                format!("exchange {} of worker {} came after {}", message.sequence, message.worker, session.sequence),
            ));
        }
        Ok(message.sequence == session.sequence)
    }

    /// Folds `values` as the rule says; they become the reply. A gathering rule waits for the others and
    /// calls `waiting` every second meanwhile, for `wait` at most.
    pub fn fold(
        &self,
        message: &Message,
        values: &mut Vec<f32>,
        wait: Duration,
        waiting: impl FnMut() -> Result<()>,
    ) -> Result<Folded> {
        let mut state = self.lock();
        state.admitted(message.worker, message.attempt)?;
        let State { center, version, side, sessions } = &mut *state;
        let session = &mut sessions[message.worker];
        session.sequence = message.sequence;
        match side {
            Side::Arrival(rule) => {
                let visit = Visit {
                    worker: message.worker,
                    staleness: *version - session.pulled,
                    exchanges: session.exchanges,
                    lr: message.lr,
                    steps: message.steps,
                };
                rule.fold(Arc::make_mut(center), values, &visit);
                *version += 1;
                session.answered = message.sequence;
                session.exchanges += 1;
                session.pulled = *version;
                Ok(Folded { version: *version, staleness: visit.staleness })
            }
            Side::Gathering(_) => {
                session.gathered = Some((std::mem::take(values), message.samples));
                state.fold_when_complete(message.lr);
                self.folded.notify_all();
                self.gathered(state, message, values, wait, waiting)
            }
        }
    }

    /// The reply to a message of a gathering rule that was taken before, once it is folded.
    pub fn rejoin(
        &self,
        message: &Message,
        values: &mut Vec<f32>,
        wait: Duration,
        waiting: impl FnMut() -> Result<()>,
    ) -> Result<Option<Folded>> {
        let state = self.lock();
        if state.sessions[message.worker].gathered.is_none() {
            return Ok(None);
        }
        self.gathered(state, message, values, wait, waiting).map(Some)
    }

    fn gathered<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        message: &Message,
        values: &mut Vec<f32>,
        wait: Duration,
        mut waiting: impl FnMut() -> Result<()>,
    ) -> Result<Folded> {
        let overdue = Instant::now() + wait;
        while state.admitted(message.worker, message.attempt)?.answered < message.sequence {
            let (locked, tick) = self.folded.wait_timeout(state, TICK).unwrap_or_else(PoisonError::into_inner);
            state = locked;
            if tick.timed_out() {
                let missing = state.missing();
                drop(state);
                if Instant::now() >= overdue {
                    let text = format!("workers {missing:?} did not come within {} s", wait.as_secs());
                    return Err(Error::refused(Refusal::Overdue, text));
                }
                waiting()?;
                state = self.lock();
            }
        }
        let version = state.version;
        if let Some((reply, _)) = state.sessions[message.worker].gathered.take() {
            *values = reply;
        }
        Ok(Folded { version, staleness: 0 })
    }

    /// The center and its version, for `worker` or for an observer. It stays as it is while it is held.
    pub fn pull(&self, worker: Option<(usize, u64)>) -> Result<(u64, Arc<[f32]>)> {
        let mut state = self.lock();
        let State { center, version, side, sessions } = &mut *state;
        if let Some((worker, attempt)) = worker {
            let session = &mut sessions[worker];
            admit(session, worker, attempt)?;
            session.pulled = *version;
            if let Side::Arrival(rule) = side {
                rule.pulled(worker, center);
            }
        }
        Ok((*version, center.clone()))
    }

    /// The worker does no more: nobody waits for it.
    pub fn leave(&self, worker: usize) {
        let mut state = self.lock();
        state.sessions[worker].left = true;
        state.fold_when_complete(0.0);
        self.folded.notify_all();
    }

    /// Everything that a restart needs: the record, then the center and the rule's vectors.
    pub fn record(&self) -> (ShardRecord, Vec<f32>) {
        let state = self.lock();
        let (vectors, counters) = match &state.side {
            Side::Arrival(rule) => (rule.state(), rule.counters()),
            Side::Gathering(rule) => (rule.state(), rule.counters()),
        };
        let known = |s: &Session| (s.attempt, s.answered, s.pulled, s.exchanges);
        let record = ShardRecord {
            version: state.version,
            counters,
            sessions: state.sessions.iter().map(known).collect(),
            vectors: vectors.len(),
        };
        let mut floats = state.center.to_vec();
        vectors.iter().for_each(|vector| floats.extend_from_slice(vector));
        (record, floats)
    }

    /// Puts back what `record` gave.
    pub fn restore(&self, record: &ShardRecord, floats: &[f32]) -> Result<()> {
        let mut state = self.lock();
        let length = state.center.len();
        let fits = floats.len() == length * (1 + record.vectors) && record.sessions.len() == state.sessions.len();
        if !fits {
            return Err(Error::Config("a snapshot of another center, or of other workers".to_owned()));
        }
        let mut parts = floats.chunks(length).map(<[f32]>::to_vec);
        state.center = parts.next().unwrap_or_default().into();
        let vectors = parts.collect();
        match &mut state.side {
            Side::Arrival(rule) => rule.restore(vectors, &record.counters)?,
            Side::Gathering(rule) => rule.restore(vectors, &record.counters)?,
        }
        state.version = record.version;
        for (session, &(attempt, sequence, pulled, exchanges)) in state.sessions.iter_mut().zip(&record.sessions) {
            *session = Session { attempt, sequence, answered: sequence, pulled, exchanges, ..Session::default() };
        }
        Ok(())
    }

    /// A panic inside a rule would leave half a fold behind, and the rules have none; so the lock is whole.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn admitted(&self, worker: usize, attempt: u64) -> Result<&Session> {
        admit(&self.sessions[worker], worker, attempt)
    }

    /// Workers that have not sent the vector that the others wait for.
    fn missing(&self) -> Vec<usize> {
        let open = |(_, s): &(usize, &Session)| !s.left && (s.gathered.is_none() || s.answered == s.sequence);
        self.sessions.iter().enumerate().filter(open).map(|(worker, _)| worker).collect()
    }

    /// Folds a gathering rule's round in worker order once every active worker's vector is there.
    fn fold_when_complete(&mut self, lr: f32) {
        let waits = self.sessions.iter().any(|s| s.gathered.is_some() && s.answered < s.sequence);
        if !waits || !self.missing().is_empty() {
            return;
        }
        let State { center, version, side: Side::Gathering(rule), sessions } = self else { return };
        let mut vectors: Vec<(&mut [f32], u64)> = sessions
            .iter_mut()
            .filter(|s| s.answered < s.sequence)
            .filter_map(|s| s.gathered.as_mut().map(|(vector, samples)| (&mut vector[..], *samples)))
            .collect();
        rule.fold(Arc::make_mut(center), &mut vectors, lr);
        *version += 1;
        for session in sessions.iter_mut().filter(|s| s.answered < s.sequence) {
            session.answered = session.sequence;
            session.pulled = *version;
            session.exchanges += 1;
        }
    }
}

fn admit(session: &Session, worker: usize, attempt: u64) -> Result<&Session> {
    match session.attempt {
        Some(newest) if newest != attempt => Err(fenced(worker, attempt, newest)),
        _ => Ok(session),
    }
}

pub(super) fn fenced(worker: usize, attempt: u64, newest: u64) -> Error {
    Error::refused(Refusal::Fenced, format!("attempt {attempt} of worker {worker} is fenced by attempt {newest}"))
}
