//! The parameter exchanger: a server that holds the center, with which workers exchange over TCP whenever they are
//! ready. Each connection has a thread; shards have locks of their own, and the coordinator decides which worker may go
//! on.

mod connection;
mod connection_table;
mod coordinator;
mod settings;
mod shard;
mod snapshot;
mod snapshot_file;

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};

use crossbeam::channel::{RecvTimeoutError, Sender, bounded};
use serde::Serialize;
use socket2::SockRef;

pub(crate) use settings::check_seconds;
pub use settings::{ExchangerSettings, MOST_SECONDS, ServerLimits, SnapshotSettings};
pub use snapshot::Snapshot;

pub use crate::ledger::{Budget, Period, PeriodChange};

use crate::auth::Secret;
use crate::ledger::TurnReport;
use crate::memory::{Purpose, copied, with_capacity};
use crate::tls::TlsIdentity;
use crate::{Error, Refusal, Result};
use connection_table::ConnectionTable;
use coordinator::Coordinator;
use shard::Shard;
use snapshot_file::SnapshotFile;

/// Bytes of a connection's stack: it holds headers and small buffers, weights are on the heap.
const STACK: usize = 256 * 1024;

/// What all connections share.
struct ServerState {
    settings: ExchangerSettings,
    secret: Secret,
    tls: Option<Arc<rustls::ServerConfig>>,
    length: usize,
    shards: Vec<Shard>,
    coordinator: Coordinator,
    connections: Arc<ConnectionTable>,
    exchanges: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
}

/// Totals of a server so far. Each finished turn is in one report only.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Report {
    #[serde(flatten)]
    coordinator: TurnReport,
    exchanges: u64,
    bytes_in: u64,
    bytes_out: u64,
    connections: usize,
    pending_connections: usize,
    refused_connections: u64,
}

impl ServerState {
    fn new(
        settings: ExchangerSettings,
        secret: Secret,
        tls: Option<&TlsIdentity>,
        initial: &[f32],
    ) -> Result<Arc<Self>> {
        settings.validate(initial.len())?;
        let shards = (0..settings.shards as usize)
            .map(|shard| settings.range(initial.len(), shard))
            .map(|range| Shard::new(range.clone(), copied(&initial[range], Purpose::Center)?, &settings))
            .collect::<Result<_>>()?;
        Ok(Arc::new(Self {
            secret,
            tls: tls.map(TlsIdentity::server_config).transpose()?,
            length: initial.len(),
            shards,
            coordinator: Coordinator::new(
                settings.budget.clone(),
                settings.consistency,
                settings.workers as usize,
                ServerLimits::seconds(settings.limits.wait),
            ),
            connections: Arc::new(ConnectionTable::new(settings.connections(), settings.pending())),
            exchanges: AtomicU64::new(0),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            settings,
        }))
    }

    fn shard(&self, shard: u32) -> Result<&Shard> {
        let unknown = || Error::refused(Refusal::Mismatch, format!("shard {shard} of {}", self.shards.len()));
        self.shards.get(shard as usize).ok_or_else(unknown)
    }

    fn report(&self) -> Result<String> {
        let (connections, pending_connections, refused_connections) = self.connections.counts();
        let report = Report {
            coordinator: self.coordinator.report(),
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
    state: Arc<ServerState>,
    address: SocketAddr,
    listener: TcpListener,
    acceptor: Option<JoinHandle<()>>,
    snapshots: Mutex<Option<Snapshots>>,
}

/// Dropping the sender ends the thread, which answers what became of its last snapshot.
type Snapshots = (Sender<()>, JoinHandle<Result<()>>);

impl Exchanger {
    /// Serves `initial`, or goes on from the moment in `restored`, whose name is for error messages.
    pub fn start(
        settings: ExchangerSettings,
        secret: Secret,
        tls: Option<&TlsIdentity>,
        initial: &[f32],
        restored: Option<(Snapshot, &str)>,
    ) -> Result<Self> {
        let state = ServerState::new(settings, secret, tls, initial)?;
        let file = SnapshotFile::of(&state.settings)?;
        if let Some((snapshot, name)) = restored {
            snapshot.restore(&state, name)?;
        }
        Self::begin(state, file)
    }

    /// Serves what its own file of snapshots holds, or `initial` where there is none yet, and says which of the two.
    /// The file is claimed before it is read, or another server could write its last snapshot in between.
    pub fn resume(
        settings: ExchangerSettings,
        secret: Secret,
        tls: Option<&TlsIdentity>,
        initial: &[f32],
    ) -> Result<(Self, bool)> {
        let state = ServerState::new(settings, secret, tls, initial)?;
        let file = SnapshotFile::of(&state.settings)?;
        let restored = file.as_ref().map_or(Ok(false), |file| file.restore(&state))?;
        Ok((Self::begin(state, file)?, restored))
    }

    fn begin(state: Arc<ServerState>, file: Option<SnapshotFile>) -> Result<Self> {
        let bind = &state.settings.bind;
        let bound =
            TcpListener::bind(bind).and_then(|listener| Ok((listener.local_addr()?, listener.try_clone()?, listener)));
        let (address, accepting, listener) = bound.map_err(|e| Error::io(format!("listen on {bind}"), &e))?;
        let snapshots = start_snapshots(&state, file)?;
        let shared = state.clone();
        let acceptor = spawn("firesteel-accept", move || accept(&accepting, &shared))?;
        log::info!("exchanger of {} weights listens on {address}", state.length);
        Ok(Self { state, address, listener, acceptor: Some(acceptor), snapshots: Mutex::new(snapshots) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The center now. Exchanges go on meanwhile.
    pub fn center(&self) -> Result<Vec<f32>> {
        let mut all = with_capacity(self.state.length, Purpose::Center)?;
        for shard in &self.state.shards {
            all.extend_from_slice(&shard.center().1);
        }
        Ok(all)
    }

    /// Lets the workers continue until `minibatches` of all of them are done. At first the whole budget is released.
    pub fn release(&self, minibatches: u64) {
        self.state.coordinator.release(minibatches);
    }

    /// Whether part of the budget is not released yet.
    pub fn is_held_back(&self) -> bool {
        self.state.coordinator.lock().is_held_back()
    }

    /// JSON of what happened so far; each turn is in one report only.
    pub fn report(&self) -> Result<String> {
        self.state.report()
    }
}

impl Exchanger {
    /// Ends every connection and every thread, and answers whether the last snapshot was written.
    pub fn stop(mut self) -> Result<()> {
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        let stopped = SockRef::from(&self.listener).shutdown(std::net::Shutdown::Both); // ends the accept under way
        self.state.connections.close();
        if let (Ok(()), Some(acceptor)) = (stopped, self.acceptor.take()) {
            let _ = acceptor.join(); // it logs its own errors
        }
        let snapshots = self.snapshots.get_mut().map(Option::take).unwrap_or_default();
        let Some((stop, thread)) = snapshots else { return Ok(()) };
        drop(stop);
        thread.join().unwrap_or_else(|_| Err(Error::Config("the thread of the snapshots panicked".to_owned())))
    }
}

impl Drop for Exchanger {
    fn drop(&mut self) {
        if let Err(e) = self.end() {
            log::error!("{e}"); // the snapshot before stays
        }
    }
}

fn accept(listener: &TcpListener, state: &Arc<ServerState>) {
    loop {
        let socket = match listener.accept() {
            Ok((socket, _)) => socket,
            Err(e) if e.raw_os_error() == Some(EINVAL) => return, // shut down
            Err(e) => {
                log::warn!("accept: {e}"); // for instance out of file descriptors: works again when a connection ends
                std::thread::sleep(std::time::Duration::from_millis(100));
                continue;
            }
        };
        let entered = socket.try_clone().map(|handle| state.connections.enter(handle));
        let place = match entered {
            Ok(Some(place)) => place,
            Ok(None) => return,
            Err(e) => {
                log::warn!("accept: {e}");
                continue;
            }
        };
        let shared = state.clone();
        if let Err(e) = spawn("firesteel-exchange", move || connection::serve(&shared, socket, place)) {
            log::warn!("{e}"); // the registration was dropped with the closure
        }
    }
}

const EINVAL: i32 = 22;

fn start_snapshots(state: &Arc<ServerState>, file: Option<SnapshotFile>) -> Result<Option<Snapshots>> {
    let Some(file) = file else { return Ok(None) };
    let every = file.every;
    file.save(state)?; // a path that cannot be written is an error now, not at the first snapshot
    let (stop, stopped) = bounded(0);
    let state = state.clone();
    let thread = spawn("firesteel-snapshot", move || {
        while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
            if let Err(e) = file.save(&state) {
                log::error!("{e}"); // the one before stays, and the next may be written
            }
        }
        file.save(&state)
    })?;
    Ok(Some((stop, thread)))
}

fn spawn<T: Send + 'static>(name: &str, body: impl FnOnce() -> T + Send + 'static) -> Result<JoinHandle<T>> {
    let thread = Builder::new().name(name.to_owned()).stack_size(STACK).spawn(body);
    thread.map_err(|e| Error::io(format!("start thread {name}"), &e))
}
