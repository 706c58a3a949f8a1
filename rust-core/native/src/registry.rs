//! Workers that stay in an executor between the rounds of a run. They are a cache: a task that finds none
//! builds one from the cached partition and the round's weights. An entry goes at the end of its run, when
//! its worker moved to another executor, or when nobody used it for an hour, and never while it is used.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use firesteel_engine::{Error, Worker};

use crate::error::Result;
use crate::lifetime::{Counted, IDLE, is_of};

/// A worker that several handles may hold; calls on it take turns.
pub struct Resident {
    worker: Mutex<Worker>,
    /// What the worker's link keeps for the next stage.
    pub parked: Mutex<Option<Parked>>,
    _counted: Counted,
}

/// The weights of a worker after the exchange of turn `turn`, where they differ from the center's.
pub struct Parked {
    pub turn: u64,
    pub weights: Vec<f32>,
}

impl Resident {
    /// A worker that no handle and no run holds yet.
    pub fn new(worker: Worker) -> Arc<Self> {
        Arc::new(Self { worker: Mutex::new(worker), parked: Mutex::default(), _counted: Counted::default() })
    }

    /// The worker, once the call in flight has ended.
    pub fn lock(&self) -> Result<MutexGuard<'_, Worker>> {
        let broken = |_| Error::internal("this worker failed in an earlier call and must be built again");
        Ok(self.worker.lock().map_err(broken)?)
    }

    fn is_broken(&self) -> bool {
        self.worker.is_poisoned()
    }
}

struct Entry {
    resident: Arc<Resident>,
    /// When it was last asked for, or seen in use.
    used: Instant,
}

type Entries = HashMap<(String, i32), Entry>;

static ENTRIES: LazyLock<Mutex<Entries>> = LazyLock::new(Mutex::default);

/// Makes `resident` the worker of `partition` of `run`.
pub fn keep(run: String, partition: i32, resident: Arc<Resident>) {
    log::info!("run {run} partition {partition}: worker built");
    let entry = Entry { resident, used: Instant::now() };
    // the replaced one is dropped outside the lock, since freeing the rows takes time
    let _replaced = entries().insert((run, partition), entry);
}

/// The worker of `partition` of `run`, unless there is none or it failed.
pub fn find(run: String, partition: i32) -> Option<Arc<Resident>> {
    let key = (run, partition);
    let mut entries = entries();
    let broken = entries.get(&key).is_some_and(|entry| entry.resident.is_broken());
    let _broken = if broken { entries.remove(&key) } else { None };
    entries.get_mut(&key).map(|entry| {
        entry.used = Instant::now();
        entry.resident.clone()
    })
}

/// Drops the workers that nobody has used for [`IDLE`] before `now`.
pub fn sweep(now: Instant) {
    let mut entries = entries();
    let held = |resident: &Arc<Resident>, entries: &Entries| {
        let here = entries.values().filter(|entry| Arc::ptr_eq(&entry.resident, resident)).count();
        Arc::strong_count(resident) > here // Java has a handle of it too
    };
    let in_use: Vec<_> =
        entries.iter().filter(|(_, entry)| held(&entry.resident, &entries)).map(|(key, _)| key.clone()).collect();
    for key in &in_use {
        entries.entry(key.clone()).and_modify(|entry| entry.used = now);
    }
    let idle: Vec<_> = entries.extract_if(|_, entry| now.saturating_duration_since(entry.used) > IDLE).collect();
    std::mem::drop(entries);
    for ((run, partition), _) in &idle {
        log::info!("run {run} partition {partition}: freed, since nobody used it for an hour");
    }
}

/// Drops the workers of `run`, and of no run below it, that are not of `partitions`: they live elsewhere now.
pub fn retain(run: &str, partitions: &[i64]) {
    let moved: Vec<_> = entries()
        .extract_if(|(name, partition), _| name == run && !partitions.contains(&i64::from(*partition)))
        .collect();
    if !moved.is_empty() {
        log::info!("run {run}: {} workers freed, which moved to other executors", moved.len());
    }
}

/// Drops every worker of `run` and of the runs named `run/..`.
pub fn end(run: &str) {
    let ended: Vec<_> = entries().extract_if(|(name, _), _| is_of(name, run)).collect();
    log::info!("run {run} ended: {} workers freed", ended.len());
}

/// How many workers are resident for `run` and the runs named `run/..`.
pub fn count(run: &str) -> usize {
    entries().keys().filter(|(name, _)| is_of(name, run)).count()
}

fn entries() -> MutexGuard<'static, Entries> {
    ENTRIES.lock().unwrap_or_else(PoisonError::into_inner)
}
