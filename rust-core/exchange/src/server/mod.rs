//! The parameter exchanger: a center that workers exchange with over TCP, whenever each is ready. Each
//! connection has a thread; shards have locks of their own, and the clerk says who may go on.

mod clerk;
mod connection;
mod door;
mod settings;
mod shard;
mod snapshot;

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};

use crossbeam::channel::{RecvTimeoutError, Sender, bounded};
use serde::Serialize;
use socket2::SockRef;

pub use settings::{Limits, Settings, SnapshotSettings};
pub use snapshot::Picture;

pub use crate::ledger::{Budget, Period};

use crate::auth::Secret;
use crate::ledger::TurnReport;
use crate::tls::TlsIdentity;
use crate::{Error, Refusal, Result};
use clerk::Clerk;
use door::Door;
use shard::Shard;

/// Bytes of a connection's stack: it holds headers and small buffers, weights are on the heap.
const STACK: usize = 256 * 1024;

/// What all connections share.
struct Center {
    settings: Settings,
    secret: Secret,
    tls: Option<Arc<rustls::ServerConfig>>,
    length: usize,
    shards: Vec<Shard>,
    clerk: Clerk,
    door: Door,
    exchanges: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
}

/// What a server has seen so far; drained turns are told once.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Report {
    #[serde(flatten)]
    clerk: TurnReport,
    exchanges: u64,
    bytes_in: u64,
    bytes_out: u64,
    connections: usize,
    pending_connections: usize,
    refused_connections: u64,
}

impl Center {
    fn shard(&self, shard: u32) -> Result<&Shard> {
        let unknown = || Error::refused(Refusal::Mismatch, format!("shard {shard} of {}", self.shards.len()));
        self.shards.get(shard as usize).ok_or_else(unknown)
    }

    fn report(&self) -> Result<String> {
        let (connections, pending_connections, refused_connections) = self.door.counts();
        let report = Report {
            clerk: self.clerk.report(),
            exchanges: self.exchanges.load(Relaxed),
            bytes_in: self.bytes_in.load(Relaxed),
            bytes_out: self.bytes_out.load(Relaxed),
            connections,
            pending_connections,
            refused_connections,
        };
        serde_json::to_string(&report).map_err(|e| Error::Config(format!("write a report: {e}")))
    }
}

/// A running server. Dropping it ends every connection and every thread of it.
pub struct Exchanger {
    center: Arc<Center>,
    address: SocketAddr,
    listener: TcpListener,
    acceptor: Option<JoinHandle<()>>,
    snapshots: Mutex<Option<(Sender<()>, JoinHandle<()>)>>,
}

impl Exchanger {
    /// Serves `initial`, or goes on from the moment in `restored`, whose name stands in messages.
    pub fn start(
        settings: Settings,
        secret: Secret,
        tls: Option<&TlsIdentity>,
        initial: &[f32],
        restored: Option<(Picture, &str)>,
    ) -> Result<Self> {
        settings.validate(initial.len())?;
        let shards = (0..settings.shards as usize)
            .map(|shard| settings.range(initial.len(), shard))
            .map(|range| Shard::new(range.clone(), initial[range].to_vec(), &settings))
            .collect();
        let center = Arc::new(Center {
            secret,
            tls: tls.map(TlsIdentity::server_config).transpose()?,
            length: initial.len(),
            shards,
            clerk: Clerk::new(
                settings.budget,
                settings.consistency,
                settings.workers as usize,
                Limits::seconds(settings.limits.wait),
            ),
            door: Door::new(settings.limits.connections, settings.limits.pending),
            exchanges: AtomicU64::new(0),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            settings,
        });
        if let Some((picture, name)) = restored {
            picture.restore(&center, name)?;
        }
        let bind = &center.settings.bind;
        let bound =
            TcpListener::bind(bind).and_then(|listener| Ok((listener.local_addr()?, listener.try_clone()?, listener)));
        let (address, accepting, listener) = bound.map_err(|e| Error::io(format!("listen on {bind}"), &e))?;
        let snapshots = start_snapshots(&center)?;
        let shared = center.clone();
        let acceptor = spawn("firesteel-accept", move || accept(&accepting, &shared))?;
        log::info!("exchanger of {} weights listens on {address}", initial.len());
        Ok(Self { center, address, listener, acceptor: Some(acceptor), snapshots: Mutex::new(snapshots) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The center now. Exchanges go on meanwhile.
    pub fn center(&self) -> Result<Vec<f32>> {
        let mut all = Vec::with_capacity(self.center.length);
        for shard in &self.center.shards {
            all.extend_from_slice(&shard.center().1);
        }
        Ok(all)
    }

    /// What a server started anew needs to go on.
    pub fn snapshot(&self) -> Result<Vec<u8>> {
        snapshot::encode(&self.center)
    }

    /// JSON of what happened so far; the turns in it are told once.
    pub fn report(&self) -> Result<String> {
        self.center.report()
    }
}

impl Drop for Exchanger {
    fn drop(&mut self) {
        let stopped = SockRef::from(&self.listener).shutdown(std::net::Shutdown::Both); // ends the accept under way
        self.center.door.close();
        if let (Ok(()), Some(acceptor)) = (stopped, self.acceptor.take()) {
            let _ = acceptor.join(); // it logs what goes wrong itself
        }
        let snapshots = self.snapshots.get_mut().map(Option::take).unwrap_or_default();
        if let Some((stop, thread)) = snapshots {
            drop(stop);
            let _ = thread.join(); // it logs what goes wrong itself
        }
    }
}

fn accept(listener: &TcpListener, center: &Arc<Center>) {
    loop {
        let socket = match listener.accept() {
            Ok((socket, _)) => socket,
            Err(e) if e.raw_os_error() == Some(EINVAL) => return, // shut down
            Err(e) => {
                log::warn!("accept: {e}"); // out of file descriptors, say: some connection will end
                std::thread::sleep(std::time::Duration::from_millis(100));
                continue;
            }
        };
        let entered = socket.try_clone().map(|handle| center.door.enter(handle));
        let id = match entered {
            Ok(Some(id)) => id,
            Ok(None) => return,
            Err(e) => {
                log::warn!("accept: {e}");
                continue;
            }
        };
        let shared = center.clone();
        if let Err(e) = spawn("firesteel-exchange", move || connection::serve(&shared, socket, id)) {
            log::warn!("{e}");
            center.door.leave(id, true);
        }
    }
}

const EINVAL: i32 = 22;

fn start_snapshots(center: &Arc<Center>) -> Result<Option<(Sender<()>, JoinHandle<()>)>> {
    let Some(SnapshotSettings { path, every }) = center.settings.snapshot.clone() else { return Ok(None) };
    snapshot::save(center, &path)?; // a place that cannot be written is told of at once
    let (stop, stopped) = bounded(0);
    let center = center.clone();
    let thread = spawn("firesteel-snapshot", move || {
        let mut running = true;
        while running {
            running = stopped.recv_timeout(Limits::seconds(every)) == Err(RecvTimeoutError::Timeout);
            save_logged(&center, &path);
        }
    })?;
    Ok(Some((stop, thread)))
}

fn save_logged(center: &Center, path: &Path) {
    if let Err(e) = snapshot::save(center, path) {
        log::error!("{e}"); // the last one stays
    }
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    let thread = Builder::new().name(name.to_owned()).stack_size(STACK).spawn(body);
    thread.map_err(|e| Error::io(format!("start thread {name}"), &e))
}
