//! A center on disk: what a restarted server goes on from. The file is replaced in one step, so a reader
//! finds the old one or the new one, whole. Bytes: `FSSNAP01`, the length of a JSON record as u64, the
//! record, then each shard's floats, little-endian, and SHA-256 over all of it.

use std::fs;
use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Center;
use super::clerk::ClerkRecord;
use super::shard::ShardRecord;
use crate::{Error, Result};

const MAGIC: &[u8; 8] = b"FSSNAP01";
const DIGEST: usize = 32;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    digest: String,
    length: usize,
    clerk: ClerkRecord,
    shards: Vec<ShardRecord>,
}

/// The bytes of a snapshot. Exchanges go on meanwhile; each shard is copied under its lock.
pub fn encode(center: &Center) -> Result<Vec<u8>> {
    let clerk = center.clerk.record(); // first: steps that are folded and not booked are done again, not lost
    let (shards, floats): (Vec<_>, Vec<_>) = center.shards.iter().map(|shard| shard.record()).unzip();
    let record = Record { digest: center.settings.digest.clone(), length: center.length, clerk, shards };
    let json = serde_json::to_vec(&record).map_err(|e| Error::Config(format!("write a snapshot: {e}")))?;
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&(json.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&json);
    floats.iter().for_each(|floats| bytes.extend_from_slice(bytemuck::cast_slice(floats)));
    let digest = Sha256::digest(&bytes);
    bytes.extend_from_slice(&digest);
    Ok(bytes)
}

/// Writes a snapshot to `path`: a file beside it, fsync, rename, fsync of the directory. Logs how far it is, a
/// number that the file does not fall short of.
pub fn save(center: &Center, path: &Path) -> Result<()> {
    let failed = |e: std::io::Error| Error::io(format!("write snapshot {}", path.display()), &e);
    let steps = center.clerk.steps();
    let bytes = encode(center)?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(directory).map_err(failed)?;
    file.write_all(&bytes).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|e| failed(e.error))?;
    fs::File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed)?;
    log::info!("snapshot {} holds {steps} steps", path.display());
    Ok(())
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
    let fits = record.digest == center.settings.digest
        && record.length == center.length
        && record.shards.len() == center.shards.len();
    if !fits {
        return Err(wrong("of another net, or of another number of shards"));
    }
    let floats: Vec<f32> = bytemuck::pod_collect_to_vec(floats);
    let mut floats = floats.as_slice();
    for (shard, record) in center.shards.iter().zip(&record.shards) {
        let (mine, others) = floats
            .split_at_checked(shard.range.len().saturating_mul(record.vectors.saturating_add(1)))
            .ok_or_else(|| wrong("floats are missing"))?;
        shard.restore(record, mine)?;
        floats = others;
    }
    center.clerk.restore(record.clerk)
}
