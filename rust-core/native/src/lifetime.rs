//! How long what an executor holds between calls lives, and how much of it is alive.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// How long what nobody uses stays: longer than any evaluation or checkpoint; rebuilding a worker costs seconds, keeping a dead one memory.
pub const IDLE: Duration = Duration::from_secs(3600);

/// Workers, centers, exchangers, hosted parts and links that are alive: what a leak test counts.
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

/// Whether `name` is `run` or a run below it.
pub fn is_of(name: &str, run: &str) -> bool {
    name.strip_prefix(run).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
