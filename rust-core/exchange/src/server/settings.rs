//! What a server of a center is told.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Consistency;
use crate::ledger::Budget;
use crate::rules::RuleSpec;
use crate::{Error, Result};

/// Everything but the center itself, the secret and the certificate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// Where to listen, as `host:port`; port 0 takes a free one.
    pub bind: String,
    /// Of the layout that center and workers share.
    pub digest: String,
    /// Where this server's part begins in the flat vector; 0 where one server holds all of it.
    pub offset: u64,
    pub rule: RuleSpec,
    pub consistency: Consistency,
    pub workers: u32,
    /// Ranges of the vector with a lock and a lane of their own; 0 where others serve it, and only the clerk is here.
    pub shards: u32,
    pub budget: Budget,
    pub limits: Limits,
    pub snapshot: Option<SnapshotSettings>,
}

/// What a server grants its peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Limits {
    /// Attached connections; a worker has one a shard and one for control.
    pub connections: usize,
    /// Connections that have not shown the secret yet; one more closes the oldest of them.
    pub pending: usize,
    /// Seconds from accepting to the end of the handshake.
    pub handshake: u64,
    /// Seconds of silence between two requests: longer than a period of the largest net.
    pub idle: u64,
    /// Seconds in which one request and its reply must have crossed.
    pub exchange: u64,
    /// Seconds that others are waited for (`bsp`, `ssp`): longer than a lost executor takes to come back.
    pub wait: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 1024, pending: 64, handshake: 5, idle: 3600, exchange: 60, wait: 600 }
    }
}

impl Limits {
    pub(super) fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }
}

/// Where a server writes itself down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SnapshotSettings {
    pub path: PathBuf,
    /// Seconds between two snapshots.
    pub every: u64,
}

impl Settings {
    /// Refuses what cannot be, naming the setting.
    pub fn validate(&self, length: usize) -> Result<()> {
        let at_least_one = |name: &str, value: u64| match value {
            0 => Err(Error::Config(format!("{name} must be at least 1, not 0"))),
            _ => Ok(()),
        };
        at_least_one("workers", self.workers.into())?;
        if length > 0 {
            at_least_one("shards", self.shards.into())?;
        }
        at_least_one("tau", self.budget.tau)?;
        at_least_one("handshake", self.limits.handshake)?;
        at_least_one("idle", self.limits.idle)?;
        at_least_one("exchange", self.limits.exchange)?;
        at_least_one("wait", self.limits.wait)?;
        at_least_one("connections", self.limits.connections as u64)?;
        at_least_one("pending", self.limits.pending as u64)?;
        if let Some(snapshot) = &self.snapshot {
            at_least_one("snapshot every", snapshot.every)?;
        }
        if self.shards as usize > length {
            return Err(Error::Config(format!("{} shards are more than the {length} weights", self.shards)));
        }
        self.rule.validate()
    }

    /// The range of the flat vector that shard `shard` of `length` values holds; sizes differ by one at most.
    pub(super) fn range(&self, length: usize, shard: usize) -> std::ops::Range<usize> {
        let shards = self.shards as usize;
        length * shard / shards..length * (shard + 1) / shards
    }
}
