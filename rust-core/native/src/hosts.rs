//! Parts of a center that executors host, each in an exchanger of its own: they stay in the executor's
//! process between jobs, as workers do, until their run ends, or until they had no traffic for an hour. (The
//! driver of a running job pulls the center every few seconds.)

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use firesteel_engine::{Error, Result, TrainConfig};
use firesteel_exchange::auth::Secret;
use firesteel_exchange::client::Server;
use firesteel_exchange::server::{Exchanger, ExchangerSettings, Snapshot};
use firesteel_exchange::tls::TlsIdentity;
use firesteel_strategy::settings;
use serde::Deserialize;

use crate::lifetime::{Counted, IDLE, is_of};

/// Which part of a center to host.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostRequest {
    pub run: String,
    /// Resolved.
    config: TrainConfig,
    secret: Secret,
    part: usize,
    /// Where the part begins in the flat vector.
    offset: u64,
    /// This executor's, for the workers.
    host: String,
}

/// A hosted part, with its traffic in bytes and when that last grew.
struct Part {
    exchanger: Exchanger,
    traffic: u64,
    used: Instant,
    _counted: Counted,
}

/// The fields of an exchanger's report that are needed here.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Traffic {
    bytes_in: u64,
    bytes_out: u64,
}

type Hosted = HashMap<(String, usize), Part>;

static HOSTED: LazyLock<Mutex<Hosted>> = LazyLock::new(Mutex::default);

/// Serves the part of the center in `snapshot`, in place of an earlier host of the same part, and answers its address.
pub fn host(request: HostRequest, snapshot: &[u8]) -> Result<Server> {
    let HostRequest { run, config, secret, part, offset, host } = request;
    let settings = ExchangerSettings {
        bind: format!("{host}:0"),
        offset,
        shards: u32::try_from(config.shards).map_err(|_| Error::config(format!("{} shards", config.shards)))?,
        ..settings(&config)?
    };
    let tls = if config.tls == Some(true) { Some(TlsIdentity::generate()?) } else { None };
    let snapshot = Snapshot::decode(snapshot, "of a part of the center")?;
    let values = snapshot.center()?;
    let exchanger =
        Exchanger::start(settings, secret, tls.as_ref(), &values, Some((snapshot, "of a part of the center")))?;
    let server = Server { address: exchanger.address().to_string(), tls: tls.as_ref().map(TlsIdentity::trust) };
    log::info!("run {run}: part {part} of the center is at {}", server.address);
    let hosting = Part { exchanger, traffic: 0, used: Instant::now(), _counted: Counted::default() };
    let replaced = hosted().insert((run, part), hosting);
    drop(replaced); // outside the lock, because dropping it waits for its connections
    Ok(server)
}

/// Ends what was hosted for `run` and the runs named `run/..`.
pub fn end(run: &str) {
    let ended: Vec<_> = hosted().extract_if(|(name, _), _| is_of(name, run)).collect();
    drop(ended);
}

/// Ends the parts without traffic for [`IDLE`] before `now`, which frees their port, their values and the secret.
pub fn sweep(now: Instant) {
    let idle: Vec<_> = hosted()
        .extract_if(|_, part| {
            let traffic = part.traffic();
            if traffic != part.traffic {
                part.traffic = traffic;
                part.used = now;
            }
            now.saturating_duration_since(part.used) > IDLE
        })
        .collect();
    for ((run, part), _) in &idle {
        log::warn!("run {run}: part {part} of the center is no longer hosted, since it had no traffic for an hour");
    }
}

impl Part {
    /// Bytes so far. Without a readable report the last known figure, so that such a part ends as idle.
    fn traffic(&self) -> u64 {
        let report = self.exchanger.report().ok();
        let traffic = report.and_then(|report| serde_json::from_str::<Traffic>(&report).ok());
        traffic.map_or(self.traffic, |traffic| traffic.bytes_in + traffic.bytes_out)
    }
}

fn hosted() -> MutexGuard<'static, Hosted> {
    HOSTED.lock().unwrap_or_else(PoisonError::into_inner) // a panic cannot leave the map half changed
}
