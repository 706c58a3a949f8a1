//! Workers that stay in an executor between the rounds of a run. This is soft state: whoever finds none
//! builds one from the cached partition and the round's weights. An entry goes at the end of its run, or
//! when nobody asked for it for an hour; the death of the driver ends the process and so everything.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use firesteel_engine::{Error, Worker};

use crate::error::Failure;

/// Longer than any evaluation or checkpoint; rebuilding a worker costs seconds, keeping a dead one memory.
const IDLE: Duration = Duration::from_secs(3600);

/// Workers and centers that are alive, resident or not: what a leak test counts.
pub static LIVE: AtomicI64 = AtomicI64::new(0);

/// Counts its owner in [`LIVE`].
pub struct Counted(());

impl Default for Counted {
    fn default() -> Self {
        LIVE.fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        LIVE.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A worker that several handles may hold; calls on it take turns.
pub struct Resident {
    worker: Mutex<Worker>,
    _counted: Counted,
}

impl Resident {
    pub fn new(worker: Worker) -> Arc<Self> {
        Arc::new(Self { worker: Mutex::new(worker), _counted: Counted::default() })
    }

    /// The worker, once the call in flight has ended.
    pub fn lock(&self) -> Result<MutexGuard<'_, Worker>, Failure> {
        let broken = |_| Error::internal("this worker failed in an earlier call and must be built again");
        Ok(self.worker.lock().map_err(broken)?)
    }

    fn is_broken(&self) -> bool {
        self.worker.is_poisoned()
    }
}

struct Entry {
    resident: Arc<Resident>,
    asked: Instant,
}

type Entries = HashMap<(String, i32), Entry>;

static ENTRIES: LazyLock<Mutex<Entries>> = LazyLock::new(Mutex::default);

/// Makes `resident` the worker of `partition` of `run`.
pub fn keep(run: String, partition: i32, resident: Arc<Resident>) {
    log::info!("run {run} partition {partition}: worker built");
    let entry = Entry { resident, asked: Instant::now() };
    // what it replaces is dropped after the lock, since freeing a shard takes time
    let _replaced = entries().insert((run, partition), entry);
}

/// The worker of `partition` of `run`, unless there is none or it broke.
pub fn find(run: String, partition: i32) -> Option<Arc<Resident>> {
    let mut entries = entries();
    let idle: Vec<_> =
        entries.extract_if(|_, entry| entry.asked.elapsed() > IDLE || entry.resident.is_broken()).collect();
    let found = entries.get_mut(&(run, partition)).map(|entry| {
        entry.asked = Instant::now();
        entry.resident.clone()
    });
    std::mem::drop(entries);
    std::mem::drop(idle);
    found
}

/// Drops every worker of `run` and of the runs named `run/..`.
pub fn end(run: &str) {
    let prefix = format!("{run}/");
    let ended: Vec<_> = entries().extract_if(|(name, _), _| name == run || name.starts_with(&prefix)).collect();
    log::info!("run {run} ended: {} workers freed", ended.len());
}

fn entries() -> MutexGuard<'static, Entries> {
    ENTRIES.lock().unwrap_or_else(PoisonError::into_inner)
}
