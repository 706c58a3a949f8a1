//! The settings of a server, with their limits.

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
pub struct ExchangerSettings {
    /// Where to listen, as `host:port`; port 0 takes a free one.
    pub bind: String,
    /// Digest of the layout that center and workers share.
    pub digest: String,
    /// Where this server's part begins in the flat vector; 0 where one server holds all of it.
    pub offset: u64,
    pub rule: RuleSpec,
    pub consistency: Consistency,
    pub workers: u32,
    /// Ranges of the vector, each with its own lock and channel. 0 where other servers hold the vector and this one
    /// only coordinates turns.
    pub shards: u32,
    pub budget: Budget,
    pub limits: ServerLimits,
    /// Where snapshots are written; none are written where it is absent.
    pub snapshot: Option<SnapshotSettings>,
}

/// Limits of connections and of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ServerLimits {
    /// Attached connections; what workers and observers need, where it is absent: see
    /// [`ExchangerSettings::connections`].
    pub connections: Option<usize>,
    /// Connections that have not shown the secret yet; one more closes the oldest of them. One for each
    /// worker and 64 more, where it is absent.
    pub pending: Option<usize>,
    /// Seconds from accepting to the end of the handshake.
    pub handshake: u64,
    /// Seconds of silence between two requests: longer than a period of the largest net.
    pub idle: u64,
    /// Seconds in which one request and its reply must have crossed.
    pub exchange: u64,
    /// Seconds that others are waited for (`bsp`, `ssp`): longer than a lost executor takes to come back.
    pub wait: u64,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self { connections: None, pending: None, handshake: 5, idle: 3600, exchange: 60, wait: 600 }
    }
}

/// The longest that anything may be waited for: a year, far below what the clock can add to the present.
pub const MOST_SECONDS: u64 = 365 * 24 * 3600;
/// Sessions are kept for each worker on each shard, from the start.
const MOST_WORKERS: u64 = 1 << 16;
/// The most connections: each has a thread with a small stack.
const MOST_CONNECTIONS: u64 = 1 << 20;
const MOST_PENDING: u64 = 1 << 17;
/// Pending connections beside those of the workers.
const PENDING: usize = 64;
/// The most values of the flat vector: 4 TiB of weights.
const MOST_WEIGHTS: u64 = 1 << 40;
/// Connections of a worker's attempt and of the one that replaces it.
const ATTEMPTS: u64 = 2;
/// Connections of a driver that reads the center and reports, and checks whether the server is there.
const OBSERVERS: u64 = 8;

impl ServerLimits {
    pub(super) fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }
}

/// Where a server writes its snapshots, and how often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SnapshotSettings {
    /// The snapshot file.
    pub path: PathBuf,
    /// Seconds between two snapshots.
    pub every: u64,
}

impl ExchangerSettings {
    /// Refuses a setting outside its limits by name. Call it before anything is allocated by these numbers.
    pub fn validate(&self, length: usize) -> Result<()> {
        within("workers", self.workers.into(), MOST_WORKERS)?;
        if length > 0 {
            within("shards", self.shards.into(), MOST_WEIGHTS)?;
        }
        if self.shards as usize > length {
            return Err(Error::Config(format!("{} shards are more than the {length} weights", self.shards)));
        }
        if self.offset > MOST_WEIGHTS - length as u64 {
            return Err(Error::Config(format!("offset must be at most {MOST_WEIGHTS}, not {}", self.offset)));
        }
        within("tau", self.budget.tau, u64::MAX)?;
        self.budget.validate()?;
        let ServerLimits { connections, pending, handshake, idle, exchange, wait } = self.limits;
        check_seconds("handshake", handshake)?;
        check_seconds("idle", idle)?;
        check_seconds("exchange", exchange)?;
        check_seconds("wait", wait)?;
        within("pending", pending.unwrap_or(PENDING) as u64, MOST_PENDING)?;
        match connections {
            Some(connections) => within("connections", connections as u64, MOST_CONNECTIONS)?,
            None if self.needed_connections() > MOST_CONNECTIONS => {
                let (workers, shards, needed) = (self.workers, self.shards, self.needed_connections());
                return Err(Error::Config(format!(
                    "{workers} workers on {shards} shards need {needed} connections, \
                     and {MOST_CONNECTIONS} are the most"
                )));
            }
            None => (),
        }
        if let Some(snapshot) = &self.snapshot {
            check_seconds("snapshot every", snapshot.every)?;
        }
        self.rule.validate()
    }

    /// The most connections that may be attached: a peer has one for each shard and one for control, and a worker
    /// that is started again opens new ones before its old ones are closed.
    pub fn connections(&self) -> usize {
        self.limits.connections.unwrap_or(self.needed_connections() as usize)
    }

    /// The most connections that have not shown the secret; a worker attaches its channels one after the other.
    pub fn pending(&self) -> usize {
        self.limits.pending.unwrap_or(PENDING + self.workers as usize)
    }

    fn needed_connections(&self) -> u64 {
        (u64::from(self.workers) * ATTEMPTS + OBSERVERS) * (u64::from(self.shards) + 1)
    }

    /// The range of the flat vector that shard `shard` of `length` values holds; sizes differ by one at most.
    pub fn range(&self, length: usize, shard: usize) -> std::ops::Range<usize> {
        let shards = self.shards as usize;
        length * shard / shards..length * (shard + 1) / shards
    }
}

/// Refuses a time of zero, or one so long that the clock cannot add it to the present.
pub(crate) fn check_seconds(name: &str, seconds: u64) -> Result<()> {
    within(name, seconds, MOST_SECONDS)
}

fn within(name: &str, value: u64, most: u64) -> Result<()> {
    match value {
        0 => Err(Error::Config(format!("{name} must be at least 1, not 0"))),
        _ if value > most => Err(Error::Config(format!("{name} must be at most {most}, not {value}"))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Period;

    fn settings() -> ExchangerSettings {
        ExchangerSettings {
            bind: String::new(),
            digest: String::new(),
            offset: 0,
            rule: RuleSpec::Adag {},
            consistency: Consistency::Async,
            workers: 2,
            shards: 3,
            budget: Budget { steps: u64::MAX, tau: 1, period: Period::Constant },
            limits: ServerLimits::default(),
            snapshot: None,
        }
    }

    #[test]
    fn every_number_has_limits_that_name_it() {
        type Change = fn(&mut ExchangerSettings);
        let rows: [(Change, &str); 19] = [
            (|s| s.workers = 0, "workers must be at least 1, not 0"),
            (|s| s.workers = u32::MAX, "workers must be at most 65536, not 4294967295"),
            (|s| s.shards = 0, "shards must be at least 1, not 0"),
            (|s| s.shards = 11, "11 shards are more than the 10 weights"),
            (|s| s.offset = u64::MAX, "offset must be at most 1099511627776, not 18446744073709551615"),
            (|s| s.budget.tau = 0, "tau must be at least 1, not 0"),
            (|s| s.limits.handshake = 0, "handshake must be at least 1, not 0"),
            (|s| s.limits.handshake = u64::MAX, "handshake must be at most 31536000, not 18446744073709551615"),
            (|s| s.limits.idle = u64::MAX, "idle must be at most 31536000, not 18446744073709551615"),
            (|s| s.limits.exchange = 1 << 63, "exchange must be at most 31536000, not 9223372036854775808"),
            (|s| s.limits.wait = 31_536_001, "wait must be at most 31536000, not 31536001"),
            (|s| s.limits.wait = 0, "wait must be at least 1, not 0"),
            (|s| s.limits.pending = Some(0), "pending must be at least 1, not 0"),
            (|s| s.limits.pending = Some(usize::MAX), "pending must be at most 131072, not 18446744073709551615"),
            (|s| s.limits.connections = Some(0), "connections must be at least 1, not 0"),
            (|s| s.limits.connections = Some(1 << 21), "connections must be at most 1048576, not 2097152"),
            (|s| s.snapshot = Some(every(0)), "snapshot every must be at least 1, not 0"),
            (
                |s| s.snapshot = Some(every(u64::MAX)),
                "snapshot every must be at most 31536000, not 18446744073709551615",
            ),
            (|s| s.rule = RuleSpec::Dcasgd { lambda: -1.0 }, "dcasgd: lambda -1 is not 0 or above and finite"),
        ];
        assert_eq!(settings().validate(10), Ok(()));
        for (change, expected) in rows {
            let mut settings = settings();
            change(&mut settings);
            assert_eq!(settings.validate(10).unwrap_err().to_string(), expected);
        }
        let many = ExchangerSettings { workers: 65_536, shards: 10, ..settings() };
        let expected = "65536 workers on 10 shards need 1441880 connections, and 1048576 are the most";
        assert_eq!(many.validate(10).unwrap_err().to_string(), expected);
    }

    fn every(every: u64) -> SnapshotSettings {
        SnapshotSettings { path: "center".into(), every }
    }

    #[test]
    fn connections_are_as_many_as_workers_their_next_attempts_and_observers_need() {
        assert_eq!(settings().connections(), (2 + 2 + 8) * (3 + 1));
        let large = ExchangerSettings { workers: 1000, shards: 8, ..settings() };
        assert_eq!((large.connections(), large.pending()), (2008 * 9, 1064));
        let limits = ServerLimits { connections: Some(5), pending: Some(7), ..ServerLimits::default() };
        let said = ExchangerSettings { limits, ..settings() };
        assert_eq!((said.connections(), said.pending()), (5, 7));
    }
}
