//! A center on disk: what a restarted server goes on from. The file is replaced in one step, so a reader
//! finds the old one or the new one, whole. Bytes: `FSSNAP02`, the length of a JSON record as u64, the
//! record, then each shard's floats, little-endian, and SHA-256 over all of it.

use std::ffi::OsString;
use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::clerk::ClerkRecord;
use super::shard::ShardRecord;
use super::{Center, Limits, Settings, SnapshotSettings};
use crate::rules::RuleSpec;
use crate::{Error, Result};

const MAGIC: &[u8; 8] = b"FSSNAP02";
const DIGEST: usize = 32;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    digest: String,
    rule: RuleSpec,
    offset: u64,
    length: usize,
    clerk: ClerkRecord,
    shards: Vec<ShardRecord>,
}

/// The bytes of a snapshot. Exchanges go on meanwhile; each shard is copied under its lock.
pub fn encode(center: &Center) -> Result<Vec<u8>> {
    let clerk = center.clerk.record(); // first: steps that are folded and not booked are done again, not lost
    let (shards, floats): (Vec<_>, Vec<_>) = center.shards.iter().map(|shard| shard.record()).unzip();
    let Settings { digest, rule, offset, .. } = center.settings.clone();
    let record = Record { digest, rule, offset, length: center.length, clerk, shards };
    let json = serde_json::to_vec(&record).map_err(|e| Error::Config(format!("write a snapshot: {e}")))?;
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&(json.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&json);
    floats.iter().for_each(|floats| bytes.extend_from_slice(bytemuck::cast_slice(floats)));
    let digest = Sha256::digest(&bytes);
    bytes.extend_from_slice(&digest);
    Ok(bytes)
}

/// The file of a server's snapshots, and the lock beside it that keeps other servers from writing it. The system
/// takes the lock from a process that dies.
pub struct SnapshotFile {
    path: PathBuf,
    directory: PathBuf,
    /// What is written before it takes the place of `path`.
    partial: PathBuf,
    /// Between two snapshots.
    pub every: Duration,
    _lock: fs::File,
}

impl SnapshotFile {
    /// Claims the file that `settings` name, if they do, and removes what a server that died while it wrote has left.
    pub fn of(settings: &Settings) -> Result<Option<Self>> {
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
        let (every, directory) = (Limits::seconds(*every), directory.to_owned());
        Ok(Some(Self { path: path.clone(), directory, partial, every, _lock: lock }))
    }

    /// Puts `center` to where the snapshot in the file was, and tells whether there was one.
    pub fn restore(&self, center: &Center) -> Result<bool> {
        let name = self.path.display().to_string();
        match fs::read(&self.path) {
            Ok(bytes) => restore(center, &bytes, &name).map(|()| true),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
            Err(e) => Err(Error::io(format!("read snapshot {name}"), &e)),
        }
    }

    /// Writes a snapshot: a file beside it, fsync, rename, fsync of the directory. Logs how far it is, a number that
    /// the file does not fall short of. When it fails, the snapshot before stays.
    pub fn save(&self, center: &Center) -> Result<()> {
        let steps = center.clerk.steps();
        let written = encode(center).and_then(|bytes| self.replace(&bytes).map_err(|e| write_failed(&self.path, &e)));
        match written {
            Ok(()) => log::info!("snapshot {} holds {steps} steps", self.path.display()),
            Err(_) => drop(fs::remove_file(&self.partial)), // half a file must not be in the way of the next
        }
        written
    }

    fn replace(&self, bytes: &[u8]) -> std::io::Result<()> {
        // its owner's alone, and never through a link that somebody left there
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

/// Puts `center` to where the snapshot `bytes` was; `name` stands in messages.
pub fn restore(center: &Center, bytes: &[u8], name: &str) -> Result<()> {
    let wrong = |what: &str| Error::Config(format!("snapshot {name}: {what}"));
    let body = bytes.len().checked_sub(DIGEST).ok_or_else(|| wrong("too short"))?;
    let (body, digest) = bytes.split_at(body);
    let rest = body.strip_prefix(MAGIC.as_slice()).ok_or_else(|| wrong("not a snapshot of this version"))?;
    if Sha256::digest(body).as_slice() != digest {
        return Err(wrong("damaged: its checksum does not hold"));
    }
    let (length, rest) = rest.split_first_chunk::<8>().ok_or_else(|| wrong("too short"))?;
    let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| wrong("too long a record"))?;
    let (json, floats) = rest.split_at_checked(length).ok_or_else(|| wrong("too long a record"))?;
    let record: Record = serde_json::from_slice(json).map_err(|e| wrong(&e.to_string()))?;
    let settings = &center.settings;
    if record.rule != settings.rule {
        let (was, is) = (rule_text(&record.rule)?, rule_text(&settings.rule)?);
        return Err(wrong(&format!("of another rule: it was {was}, is {is}")));
    }
    let fits = record.digest == settings.digest
        && record.offset == settings.offset
        && record.length == center.length
        && record.shards.len() == center.shards.len();
    if !fits {
        return Err(wrong("of another net or part of it, or of another number of shards"));
    }
    let vectors = |record: &ShardRecord| record.vectors.saturating_add(1);
    let values = center.shards.iter().zip(&record.shards).map(|(s, r)| s.range.len().saturating_mul(vectors(r)));
    let expected = values.fold(0, usize::saturating_add).saturating_mul(size_of::<f32>());
    if floats.len() != expected {
        return Err(wrong(&format!("{} bytes of weights where {expected} were expected", floats.len())));
    }
    let floats: Vec<f32> = bytemuck::pod_collect_to_vec(floats);
    let mut floats = floats.as_slice();
    for (shard, record) in center.shards.iter().zip(&record.shards) {
        let (mine, others) = floats
            .split_at_checked(shard.range.len().saturating_mul(vectors(record)))
            .ok_or_else(|| wrong("floats are missing"))?;
        shard.restore(record, mine)?;
        floats = others;
    }
    center.clerk.restore(record.clerk)
}

fn rule_text(rule: &RuleSpec) -> Result<String> {
    serde_json::to_string(rule).map_err(|e| Error::Config(format!("write a rule: {e}")))
}
