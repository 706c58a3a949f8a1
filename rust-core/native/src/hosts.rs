//! Parts of a center that executors host, each in an exchanger of its own: resident in the executor's
//! process between jobs, as workers are, until their run ends.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use firesteel_engine::{Error, Result, TrainConfig};
use firesteel_exchange::auth::Secret;
use firesteel_exchange::client::Server;
use firesteel_exchange::server::{Exchanger, Picture, Settings};
use firesteel_exchange::tls::TlsIdentity;
use serde::Deserialize;

use crate::exchanger::settings;

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

type Hosted = HashMap<(String, usize), Exchanger>;

static HOSTED: LazyLock<Mutex<Hosted>> = LazyLock::new(Mutex::default);

/// Serves the part of the center that `snapshot` holds, in place of what was hosted under its name, and answers where.
pub fn host(request: HostRequest, snapshot: &[u8]) -> Result<Server> {
    let HostRequest { run, config, secret, part, offset, host } = request;
    let settings = Settings {
        bind: format!("{host}:0"),
        offset,
        shards: u32::try_from(config.shards).map_err(|_| Error::config(format!("{} shards", config.shards)))?,
        ..settings(&config)?
    };
    let tls = if config.tls == Some(true) { Some(TlsIdentity::generate()?) } else { None };
    let picture = Picture::decode(snapshot, "of a part of the center")?;
    let values = picture.center();
    let exchanger =
        Exchanger::start(settings, secret, tls.as_ref(), &values, Some((picture, "of a part of the center")))?;
    let server = Server { address: exchanger.address().to_string(), tls: tls.as_ref().map(TlsIdentity::trust) };
    log::info!("run {run}: part {part} of the center is at {}", server.address);
    let replaced = hosted().insert((run, part), exchanger);
    drop(replaced); // after the lock: it waits for its connections
    Ok(server)
}

/// Ends what was hosted for `run`.
pub fn end(run: &str) {
    let ended: Vec<_> = hosted().extract_if(|(name, _), _| name == run).collect();
    drop(ended);
}

fn hosted() -> MutexGuard<'static, Hosted> {
    HOSTED.lock().unwrap_or_else(PoisonError::into_inner) // a map that a panic left is still whole
}
