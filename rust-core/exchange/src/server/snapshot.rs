//! The state of a center at one moment, from which a restarted server, or one that replaces a lost server, goes on. Its
//! bytes: `FSSNAP02`, the length of a JSON record as u64, the record, then each shard's floats, little-endian, and
//! SHA-256 over all of it.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Exchanger, ExchangerSettings, ServerLimits, ServerState};
use crate::ledger::{FoldLedger, ShardRecord, TurnLedger, TurnRecord};
use crate::memory::{Purpose, copied, filled, with_capacity};
use crate::rules::RuleSpec;
use crate::{Error, Result};

const MAGIC: &[u8; 8] = b"FSSNAP02";
const DIGEST: usize = 32;
/// An upper limit of the bytes of one session in the record, and of everything else in it.
const RECORD_BYTES: usize = 1024;

/// Everything that is needed to serve a center from this moment on, whole or in parts.
#[derive(Debug)]
pub struct Snapshot {
    record: Record,
    /// Of each shard: its center, then the vectors of its rule's state.
    floats: Vec<Vec<f32>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    /// Of the layout.
    digest: String,
    rule: RuleSpec,
    /// Where the first shard begins in the flat vector.
    offset: u64,
    turns: TurnRecord,
    shards: Vec<ShardRecord>,
    /// Weights of each shard.
    lengths: Vec<usize>,
}

impl Snapshot {
    /// The state before the first exchange, in the shards of `settings`.
    pub fn fresh(settings: &ExchangerSettings, initial: &[f32]) -> Result<Self> {
        let (workers, wait) = (settings.workers as usize, ServerLimits::seconds(settings.limits.wait));
        let turns = TurnLedger::new(settings.budget.clone(), settings.consistency, workers, wait).record().clone();
        let shards = (0..settings.shards as usize).map(|shard| &initial[settings.range(initial.len(), shard)]);
        let record =
            |values| FoldLedger::new(copied(values, Purpose::Snapshot)?, &settings.rule, workers, wait, 0)?.record();
        Ok(Self::with(settings, turns, shards.map(record).collect::<Result<_>>()?))
    }

    fn with(settings: &ExchangerSettings, turns: TurnRecord, shards: Vec<(ShardRecord, Vec<f32>)>) -> Self {
        let (shards, floats): (Vec<_>, Vec<_>) = shards.into_iter().unzip();
        let lengths = shards.iter().zip(&floats).map(|(record, floats)| floats.len() / (record.vectors + 1)).collect();
        let ExchangerSettings { digest, rule, offset, .. } = settings.clone();
        Self { record: Record { digest, rule, offset, turns, shards, lengths }, floats }
    }

    /// One moment of `state`: nothing is granted, recorded or folded while its ledgers are copied.
    pub(super) fn of(state: &ServerState) -> Result<Self> {
        let turns = state.coordinator.lock();
        let held: Vec<_> = state.shards.iter().map(|shard| shard.hold()).collect();
        let shards = held.iter().map(|shard| shard.record()).collect::<Result<_>>()?;
        Ok(Self::with(&state.settings, turns.record().clone(), shards))
    }

    /// This snapshot's turns, together with the shards of `parts`, which hold the whole vector.
    pub fn over(mut self, parts: Vec<Self>) -> Self {
        for part in parts {
            self.record.shards.extend(part.record.shards);
            self.record.lengths.extend(part.record.lengths);
            self.floats.extend(part.floats);
        }
        self
    }

    /// The `part`-th of `parts`, which have equally many shards.
    pub fn part(&self, part: usize, parts: usize) -> Result<Self> {
        let each = self.floats.len() / parts;
        let range = part * each..(part + 1) * each;
        let before: usize = self.record.lengths[..range.start].iter().sum();
        let record = Record {
            offset: self.record.offset + before as u64,
            shards: self.record.shards[range.clone()].to_vec(),
            lengths: self.record.lengths[range.clone()].to_vec(),
            ..self.record.clone()
        };
        let floats =
            self.floats[range].iter().map(|floats| copied(floats, Purpose::Snapshot)).collect::<Result<_>>()?;
        Ok(Self { record, floats })
    }

    /// An estimate of the bytes of the snapshot file.
    pub fn bytes(&self) -> u64 {
        let sessions: usize = self.record.shards.iter().map(|shard| shard.sessions.len()).sum();
        let floats: usize = self.floats.iter().map(|floats| size_of_val(&floats[..])).sum();
        (floats + RECORD_BYTES * (1 + sessions)) as u64
    }

    /// The weights of all shards.
    pub fn center(&self) -> Result<Vec<f32>> {
        let mut center = with_capacity(self.record.lengths.iter().sum(), Purpose::Snapshot)?;
        for (floats, length) in self.floats.iter().zip(&self.record.lengths) {
            center.extend_from_slice(&floats[..*length]);
        }
        Ok(center)
    }

    /// Whether parts that were copied one after the other, the turns first, are those of one moment of a gathering
    /// rule: all folded the same rounds, and each worker has folded its last turn, or the one before it.
    pub fn is_one_moment(&self) -> bool {
        let Some(first) = self.record.shards.first() else { return true };
        self.record.shards.iter().all(|shard| shard.version == first.version)
            && self.record.turns.asked().enumerate().all(|(worker, asked)| {
                let folded = first.sessions.get(worker).map_or(0, |session| session.folded);
                asked == folded || asked == folded + 1
            })
    }

    /// The bytes of a snapshot file.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let json = serde_json::to_vec(&self.record).map_err(|e| Error::Config(format!("write a snapshot: {e}")))?;
        let floats: usize = self.floats.iter().map(|floats| size_of_val(&floats[..])).sum();
        let length = MAGIC.len() + size_of::<u64>() + json.len() + floats + DIGEST;
        let mut bytes = with_capacity(length, Purpose::Snapshot)?;
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&(json.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&json);
        self.floats.iter().for_each(|floats| bytes.extend_from_slice(bytemuck::cast_slice(floats)));
        let digest = Sha256::digest(&bytes);
        bytes.extend_from_slice(&digest);
        Ok(bytes)
    }

    /// Reads what [`encode`](Self::encode) wrote; `name` is for error messages.
    pub fn decode(bytes: &[u8], name: &str) -> Result<Self> {
        let wrong = |what: &str| Error::Config(format!("snapshot {name}: {what}"));
        let body = bytes.len().checked_sub(DIGEST).ok_or_else(|| wrong("too short"))?;
        let (body, digest) = bytes.split_at(body);
        let rest = body.strip_prefix(MAGIC.as_slice()).ok_or_else(|| wrong("not a snapshot of this version"))?;
        if Sha256::digest(body).as_slice() != digest {
            return Err(wrong("damaged: its checksum does not hold"));
        }
        let (length, rest) = rest.split_first_chunk::<8>().ok_or_else(|| wrong("too short"))?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| wrong("too long a record"))?;
        let (json, rest) = rest.split_at_checked(length).ok_or_else(|| wrong("too long a record"))?;
        let record: Record = serde_json::from_slice(json).map_err(|e| wrong(&e.to_string()))?;
        let counts = record.shards.iter().zip(&record.lengths);
        let counts = counts.map(|(shard, length)| shard.vectors.saturating_add(1).saturating_mul(*length));
        let expected = counts.clone().fold(0, usize::saturating_add).saturating_mul(size_of::<f32>());
        if rest.len() != expected || record.lengths.len() != record.shards.len() {
            return Err(wrong(&format!("{} bytes of weights where {expected} were expected", rest.len())));
        }
        let (mut rest, mut floats) = (rest, Vec::new());
        for count in counts {
            let mut values = filled(count, 0.0f32, Purpose::Snapshot)?;
            let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut values);
            let (mine, others) = rest.split_at(bytes.len()); // the sum of these lengths was compared above
            bytes.copy_from_slice(mine);
            floats.push(values);
            rest = others;
        }
        Ok(Self { record, floats })
    }

    /// Restores `state` to this moment; `name` is for error messages.
    pub(super) fn restore(self, state: &ServerState, name: &str) -> Result<()> {
        let wrong = |what: String| Error::Config(format!("snapshot {name}: {what}"));
        let Self { record, floats } = self;
        let settings = &state.settings;
        let lengths = state.shards.iter().map(|shard| shard.range.len());
        if record.rule != settings.rule {
            let (was, is) = (rule_text(&record.rule)?, rule_text(&settings.rule)?);
            return Err(wrong(format!("of another rule: it was {was}, is {is}")));
        }
        let fits = record.digest == settings.digest
            && record.offset == settings.offset
            && lengths.eq(record.lengths.iter().copied());
        if !fits {
            return Err(wrong("of another net or part of it, or of another number of shards".to_owned()));
        }
        for (shard, (record, floats)) in state.shards.iter().zip(record.shards.iter().zip(&floats)) {
            shard.restore(record, floats).map_err(|e| wrong(e.to_string()))?;
        }
        state.coordinator.restore(record.turns).map_err(|e| wrong(e.to_string()))
    }
}

impl Exchanger {
    /// What a server that is started anew needs to go on from this moment.
    pub fn snapshot(&self) -> Result<Snapshot> {
        Snapshot::of(&self.state)
    }

    /// Puts the turns back to those of `snapshot`, an earlier moment of this run. Attempts that are attached now, or
    /// were, are fenced only by newer ones: none may be at work.
    pub fn turn_back(&self, snapshot: &Snapshot) -> Result<()> {
        self.state.coordinator.restore(snapshot.record.turns.clone())
    }
}

fn rule_text(rule: &RuleSpec) -> Result<String> {
    serde_json::to_string(rule).map_err(|e| Error::Config(format!("write a rule: {e}")))
}
