//! The snapshot file, from which a restarted server goes on. It is replaced in one step, so a reader finds the old one
//! or the new one, whole; `snapshot.rs` says what is in it.

use std::ffi::OsString;
use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::{ExchangerSettings, ServerLimits, ServerState, Snapshot, SnapshotSettings};
use crate::{Error, Result};

/// The file of a server's snapshots, and the lock beside it that keeps other servers from writing it. The operating
/// system releases the lock of a process that dies.
pub struct SnapshotFile {
    path: PathBuf,
    directory: PathBuf,
    /// The file that is written first and then renamed to `path`.
    partial: PathBuf,
    /// Between two snapshots.
    pub every: Duration,
    _lock: fs::File,
}

impl SnapshotFile {
    /// Claims the file that `settings` name, if they do, and removes what a server that died while it wrote has left.
    pub fn of(settings: &ExchangerSettings) -> Result<Option<Self>> {
        let Some(SnapshotSettings { path, every }) = &settings.snapshot else { return Ok(None) };
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let name = path.file_name().ok_or_else(|| Error::Config(format!("snapshot {}: no file", path.display())))?;
        let beside = |end: &str| {
            let mut hidden = OsString::from(".");
            hidden.push(name);
            hidden.push(end);
            directory.join(hidden)
        };
        let failed = |e: std::io::Error| write_failed(path, &e);
        let mut lock = fs::OpenOptions::new();
        let lock = lock.write(true).create(true).truncate(false).mode(0o600).open(beside(".lock")).map_err(failed)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => (),
            Err(Errno::WOULDBLOCK) => {
                return Err(Error::Config(format!("snapshot {}: another exchanger writes it", path.display())));
            }
            Err(e) => return Err(failed(e.into())),
        }
        let partial = beside(".new");
        match fs::remove_file(&partial) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(failed(e)),
            _ => (),
        }
        let (every, directory) = (ServerLimits::seconds(*every), directory.to_owned());
        Ok(Some(Self { path: path.clone(), directory, partial, every, _lock: lock }))
    }

    /// Restores `state` from the file, and answers whether there was one.
    pub fn restore(&self, state: &ServerState) -> Result<bool> {
        let name = self.path.display().to_string();
        match fs::read(&self.path) {
            Ok(bytes) => Snapshot::decode(&bytes, &name)?.restore(state, &name).map(|()| true),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
            Err(e) => Err(Error::io(format!("read snapshot {name}"), &e)),
        }
    }

    /// Writes a snapshot: a file beside it, fsync, rename, fsync of the directory. Logs the steps done before
    /// it was taken, so the file holds at least these. When it fails, the snapshot before stays.
    pub fn save(&self, state: &ServerState) -> Result<()> {
        let steps = state.coordinator.steps();
        let written = Snapshot::of(state)
            .and_then(|snapshot| snapshot.encode())
            .and_then(|bytes| self.replace(&bytes).map_err(|e| write_failed(&self.path, &e)));
        match written {
            Ok(()) => log::info!("snapshot {} holds {steps} steps", self.path.display()),
            Err(_) => drop(fs::remove_file(&self.partial)), // the next snapshot must not find half a file there
        }
        written
    }

    fn replace(&self, bytes: &[u8]) -> std::io::Result<()> {
        // readable by its owner only, and never written through a link that somebody put there
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&self.partial, &self.path)?;
        fs::File::open(&self.directory)?.sync_all()
    }
}

fn write_failed(path: &Path, cause: &std::io::Error) -> Error {
    Error::io(format!("write snapshot {}", path.display()), cause)
}
