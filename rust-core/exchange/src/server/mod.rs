//! The parameter exchanger: a center that workers exchange with over TCP, whenever each is ready. Each
//! connection has a thread; shards have locks of their own, and the clerk says who may go on.

mod clerk;
mod connection;
mod door;
mod picture;
mod settings;
mod shard;
mod snapshot;

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};

use crossbeam::channel::{RecvTimeoutError, Sender, bounded};
use serde::Serialize;
use socket2::SockRef;

pub use picture::Picture;
pub(crate) use settings::check_seconds;
pub use settings::{Limits, Settings, SnapshotSettings};

pub use crate::ledger::{Budget, Period};

use crate::auth::Secret;
use crate::ledger::TurnReport;
use crate::tls::TlsIdentity;
use crate::{Error, Refusal, Result};
use clerk::Clerk;
use door::Door;
use shard::Shard;
use snapshot::SnapshotFile;

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
    door: Arc<Door>,
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
    fn new(settings: Settings, secret: Secret, tls: Option<&TlsIdentity>, initial: &[f32]) -> Result<Arc<Self>> {
        settings.validate(initial.len())?;
        let shards = (0..settings.shards as usize)
            .map(|shard| settings.range(initial.len(), shard))
            .map(|range| Shard::new(range.clone(), initial[range].to_vec(), &settings))
            .collect();
        Ok(Arc::new(Self {
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
            door: Arc::new(Door::new(settings.connections(), settings.pending())),
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
    snapshots: Mutex<Option<Snapshots>>,
}

/// Dropping the sender ends the thread, which answers what became of its last snapshot.
type Snapshots = (Sender<()>, JoinHandle<Result<()>>);

impl Exchanger {
    /// Serves `initial`, or goes on from the moment in `restored`, whose name stands in messages.
    pub fn start(
        settings: Settings,
        secret: Secret,
        tls: Option<&TlsIdentity>,
        initial: &[f32],
        restored: Option<(Picture, &str)>,
    ) -> Result<Self> {
        let center = Center::new(settings, secret, tls, initial)?;
        let file = SnapshotFile::of(&center.settings)?;
        if let Some((picture, name)) = restored {
            picture.restore(&center, name)?;
        }
        Self::begin(center, file)
    }

    /// Serves what its own file of snapshots holds, or `initial` where there is none yet, and tells which. The file
    /// is claimed before it is read, or another server could write its last snapshot in between.
    pub fn resume(
        settings: Settings,
        secret: Secret,
        tls: Option<&TlsIdentity>,
        initial: &[f32],
    ) -> Result<(Self, bool)> {
        let center = Center::new(settings, secret, tls, initial)?;
        let file = SnapshotFile::of(&center.settings)?;
        let restored = file.as_ref().map_or(Ok(false), |file| file.restore(&center))?;
        Ok((Self::begin(center, file)?, restored))
    }

    fn begin(center: Arc<Center>, file: Option<SnapshotFile>) -> Result<Self> {
        let bind = &center.settings.bind;
        let bound =
            TcpListener::bind(bind).and_then(|listener| Ok((listener.local_addr()?, listener.try_clone()?, listener)));
        let (address, accepting, listener) = bound.map_err(|e| Error::io(format!("listen on {bind}"), &e))?;
        let snapshots = start_snapshots(&center, file)?;
        let shared = center.clone();
        let acceptor = spawn("firesteel-accept", move || accept(&accepting, &shared))?;
        log::info!("exchanger of {} weights listens on {address}", center.length);
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

    /// Lets the workers go on until so many minibatches of all of them are done; then their work ends, until more are
    /// released. At first the whole budget is.
    pub fn release(&self, minibatches: u64) {
        self.center.clerk.release(minibatches);
    }

    /// Whether part of the budget is still to be released.
    pub fn is_held_back(&self) -> bool {
        self.center.clerk.lock().is_held_back()
    }

    /// What a server started anew needs to go on.
    pub fn snapshot(&self) -> Result<Vec<u8>> {
        Picture::of(&self.center).encode()
    }

    /// JSON of what happened so far; the turns in it are told once.
    pub fn report(&self) -> Result<String> {
        self.center.report()
    }
}

impl Exchanger {
    /// Ends every connection and every thread, and answers whether the last snapshot was written.
    pub fn stop(mut self) -> Result<()> {
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        let stopped = SockRef::from(&self.listener).shutdown(std::net::Shutdown::Both); // ends the accept under way
        self.center.door.close();
        if let (Ok(()), Some(acceptor)) = (stopped, self.acceptor.take()) {
            let _ = acceptor.join(); // it logs what goes wrong itself
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
        let place = match entered {
            Ok(Some(place)) => place,
            Ok(None) => return,
            Err(e) => {
                log::warn!("accept: {e}");
                continue;
            }
        };
        let shared = center.clone();
        if let Err(e) = spawn("firesteel-exchange", move || connection::serve(&shared, socket, place)) {
            log::warn!("{e}"); // the place went with what was to be run
        }
    }
}

const EINVAL: i32 = 22;

fn start_snapshots(center: &Arc<Center>, file: Option<SnapshotFile>) -> Result<Option<Snapshots>> {
    let Some(file) = file else { return Ok(None) };
    let every = file.every;
    file.save(center)?; // a place that cannot be written is told of at once
    let (stop, stopped) = bounded(0);
    let center = center.clone();
    let thread = spawn("firesteel-snapshot", move || {
        while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
            if let Err(e) = file.save(&center) {
                log::error!("{e}"); // the one before stays, and the next may be written
            }
        }
        file.save(&center)
    })?;
    Ok(Some((stop, thread)))
}

fn spawn<T: Send + 'static>(name: &str, body: impl FnOnce() -> T + Send + 'static) -> Result<JoinHandle<T>> {
    let thread = Builder::new().name(name.to_owned()).stack_size(STACK).spawn(body);
    thread.map_err(|e| Error::io(format!("start thread {name}"), &e))
}
