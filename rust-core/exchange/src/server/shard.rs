//! The lock and the waiting around one range of the center. A message is received whole before the lock is taken, so a
//! slow or dying peer never holds it, and half a message is never folded. Every decision is the ledger's; this file
//! keeps the connection that each worker is served on, and the last reply to it.

use std::net::{Shutdown, TcpStream};
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{ExchangerSettings, ServerLimits};
use crate::Result;
use crate::codec::Codec;
use crate::ledger::{Attempt, Fold, FoldLedger, Folded, Message, ShardRecord, Taken};
use crate::memory::{Purpose, with_capacity};
use crate::work::Work;

/// How often a waiting connection checks, and tells its peer that the server is alive.
pub const TICK: Duration = Duration::from_secs(1);

/// The last message of an attempt, turned into its reply; kept for a peer that asks again.
#[derive(Default)]
pub struct Buffer {
    /// The message's values, then the reply's.
    pub values: Vec<f32>,
    /// The codec's residual of earlier replies.
    pub residual: Vec<f32>,
    /// The encoded message, then the encoded reply.
    pub bytes: Vec<u8>,
    /// The exchange whose reply is here.
    pub holds: Option<Kept>,
}

/// A kept reply: which exchange it answers, and how it is encoded, so that it can be sent again as the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    pub sequence: u64,
    pub codec: Codec,
    pub folded: Folded,
}

/// The connection of one worker.
#[derive(Default)]
struct Peer {
    /// The connection that is served; a newer one closes it.
    socket: Option<TcpStream>,
    attempt: Option<u64>,
    buffer: Arc<Mutex<Buffer>>,
}

struct State {
    ledger: FoldLedger,
    peers: Vec<Peer>,
}

/// A shard of the center.
pub struct Shard {
    /// The range of this server's values that the shard holds.
    pub range: Range<usize>,
    state: Mutex<State>,
    folded: Condvar,
    started: Instant,
}

impl Shard {
    /// A shard that starts at `center`, which lies at `range` of the server's part.
    pub fn new(range: Range<usize>, center: Vec<f32>, settings: &ExchangerSettings) -> Result<Self> {
        let workers = settings.workers as usize;
        let turns = settings.budget.steps.saturating_add(1); // a turn is a step at least
        let ledger =
            FoldLedger::new(center, &settings.rule, workers, ServerLimits::seconds(settings.limits.wait), turns)?;
        let mut peers = with_capacity(workers, Purpose::Sessions)?;
        peers.resize_with(workers, Peer::default);
        let state = Mutex::new(State { ledger, peers });
        Ok(Self { range, state, folded: Condvar::new(), started: Instant::now() })
    }

    /// As [`FoldLedger::attach`]; closes the connection that `socket` replaces. Replies are kept for the attempt that
    /// they answer, and a newer one begins without.
    pub fn attach(&self, who: Attempt, socket: TcpStream) -> Result<(u64, Work)> {
        let mut state = self.lock();
        let last = state.ledger.attach(who)?;
        let peer = &mut state.peers[who.worker];
        if let Some(old) = peer.socket.replace(socket) {
            let _ = old.shutdown(Shutdown::Both); // it may be gone already
        }
        if peer.attempt.replace(who.attempt) != Some(who.attempt) {
            peer.buffer = Arc::default();
        }
        self.folded.notify_all(); // a thread that waits on the old connection notices that it is fenced
        Ok(last)
    }

    /// The buffer of the attempt that is attached; the thread that locks it is the only one that serves this worker on
    /// this shard.
    pub fn buffer(&self, worker: usize) -> Arc<Mutex<Buffer>> {
        self.lock().peers[worker].buffer.clone()
    }

    /// As [`FoldLedger::check`].
    pub fn check(&self, message: &Message) -> Result<Taken> {
        self.lock().ledger.check(message)
    }

    /// Folds the `values` of a new message; they become the reply. A gathering rule waits for the others and calls
    /// `waiting` every second meanwhile.
    pub fn fold(
        &self,
        message: &Message,
        values: &mut Vec<f32>,
        waiting: impl FnMut() -> Result<()>,
    ) -> Result<Folded> {
        let mut state = self.lock();
        let fold = state.ledger.take(message, values, self.started.elapsed())?;
        self.folded.notify_all();
        self.awaited(state, fold, message, values, waiting)
    }

    /// The reply to a message that was taken before, once it is folded; none where it is no longer kept.
    pub fn rejoin(
        &self,
        message: &Message,
        values: &mut Vec<f32>,
        waiting: impl FnMut() -> Result<()>,
    ) -> Result<Option<Folded>> {
        let state = self.lock();
        let fold = state.ledger.poll(message, self.started.elapsed())?;
        values.clear();
        let folded = self.awaited(state, fold, message, values, waiting)?;
        Ok((!values.is_empty()).then_some(folded))
    }

    fn awaited<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        mut fold: Fold,
        message: &Message,
        values: &mut Vec<f32>,
        mut waiting: impl FnMut() -> Result<()>,
    ) -> Result<Folded> {
        loop {
            if let Fold::Done(folded) = fold {
                if let Some(reply) = state.ledger.reply(message.who.worker) {
                    *values = reply;
                }
                return Ok(folded);
            }
            let (locked, tick) = self.folded.wait_timeout(state, TICK).unwrap_or_else(PoisonError::into_inner);
            state = locked;
            fold = state.ledger.poll(message, self.started.elapsed())?;
            if fold == Fold::Wait && tick.timed_out() {
                drop(state);
                waiting()?;
                state = self.lock();
            }
        }
    }

    /// The center and its version for an observer. It stays as it is while it is held.
    pub fn center(&self) -> (u64, Arc<Vec<f32>>) {
        self.lock().ledger.center()
    }

    /// As [`FoldLedger::pull`]. The worker then has the values exactly, so nothing is left over of earlier replies.
    pub fn pull(&self, who: Attempt, sequence: u64) -> Result<(u64, Arc<Vec<f32>>)> {
        let mut state = self.lock();
        let pulled = state.ledger.pull(who, sequence)?;
        let buffer = state.peers[who.worker].buffer.clone();
        drop(state);
        buffer.lock().unwrap_or_else(PoisonError::into_inner).residual.clear(); // served by this connection alone
        Ok(pulled)
    }

    /// As [`FoldLedger::leave`].
    pub fn leave(&self, who: Attempt) -> Result<()> {
        self.lock().ledger.leave(who)?;
        self.folded.notify_all();
        Ok(())
    }

    /// As [`FoldLedger::restore`].
    pub fn restore(&self, record: &ShardRecord, floats: &[f32]) -> Result<()> {
        self.lock().ledger.restore(record, floats)
    }

    /// Stops folding for as long as the result is held; see [`super::snapshot`].
    pub fn hold(&self) -> Held<'_> {
        Held(self.lock())
    }

    /// Only a panic inside a rule could leave half a fold behind, and the rules do not panic, so a poisoned lock is
    /// usable.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A shard in which nothing is folded while this is held.
pub struct Held<'a>(MutexGuard<'a, State>);

impl Held<'_> {
    /// As [`FoldLedger::record`].
    pub fn record(&self) -> Result<(ShardRecord, Vec<f32>)> {
        self.0.ledger.record()
    }
}
