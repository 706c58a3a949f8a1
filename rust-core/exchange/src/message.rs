//! The messages between client and server. The headers of frames are these enums in bincode's
//! fixed-width little-endian form; weights follow the header as raw bytes. The only file that names bincode.

use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
use serde::{Deserialize, Serialize};

use crate::codec::Codec;
use crate::frame::MAX_HEADER;
use crate::work::Work;
use crate::{Error, Refusal, Result};

/// What a client may ask. A client opens one connection for each channel: one for control, and one for each shard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Request {
    /// The answer to the server's challenge; the first request of every connection.
    Attach { identity: Identity, nonce: [u8; 32], proof: [u8; 32] },
    /// One exchange with a shard; the payload is the worker's message. A message that is sent again is applied once.
    /// `sequence` is the number of the turn that it ends.
    Exchange { sequence: u64, work: Work, lr: f32, codec: Codec },
    /// Asks for the center of a shard, in f32: the one that the turn of exchange `sequence` begins from. For an
    /// observer the number has no meaning.
    Pull { sequence: u64 },
    /// On the control channel: reports what was done in the turn before, and asks for the next one.
    Turn { turn: u64, done: Done },
    /// On the control channel: this worker has finished.
    Leave,
    /// On the control channel: asks for a report of what happened since the last report, for observers.
    Report,
    /// On the control channel: in `turn` this worker's weights or loss became NaN or infinite, and it stops.
    Diverged { turn: u64 },
    /// On the control channel: asks for everything that a restarted server needs to go on, for observers.
    Snapshot,
}

/// Who attaches, and to which channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub role: Role,
    pub channel: Channel,
    /// Hexadecimal SHA-256 of the layout: both sides must have the same net.
    pub digest: String,
}

/// Who a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// A worker's task. A newer attempt fences the older ones.
    Worker { worker: u32, attempt: u64 },
    /// Reads centers, reports and snapshots, and changes nothing.
    Observer,
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Channel {
    /// Requests for turns, leaving, reports and snapshots.
    Control,
    /// The exchanges of one shard.
    Shard(u32),
}

/// What a worker did in one turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Done {
    /// The local steps of the turn.
    pub work: Work,
    /// Center updates between the worker's last two exchanges, on its first shard.
    pub staleness: u64,
    /// Bytes of weights, sent and received, of the last exchange.
    pub bytes: u64,
    /// Seconds of local steps.
    pub computing: f64,
    /// Seconds of exchanging, and the part of them in which the worker had to wait (the rest overlapped with local
    /// steps).
    pub exchanging: f64,
    pub waiting: f64,
}

/// What a server may answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Reply {
    /// The first frame of every connection.
    Challenge {
        nonce: [u8; 32],
    },
    Welcome {
        proof: [u8; 32],
        info: ChannelInfo,
    },
    /// The payload is the rule's reply; it is empty when `repeated` and the reply is no longer kept.
    Exchanged {
        version: u64,
        staleness: u64,
        repeated: bool,
    },
    /// The payload is the shard's center, f32.
    Center {
        version: u64,
    },
    /// Steps that the worker may do next; with `steps` 0 the budget is spent, or the rest of it is not released yet.
    Go {
        policy_step: u64,
        data_step: u64,
        steps: u64,
    },
    /// The server waits for other workers. Sent every second, so that a client can tell a waiting server from a dead
    /// one.
    Waiting,
    Left,
    /// The payload is JSON.
    Report,
    Refused {
        why: Refusal,
        message: String,
    },
    /// The payload is a snapshot file.
    Snapshot,
}

/// What the server tells about a channel when a client attaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ChannelInfo {
    pub workers: u32,
    pub shards: u32,
    /// Whether the rule folds the vectors of all workers at once.
    pub gathering: bool,
    /// The range of the flat vector that this channel's shard holds; on a control channel, all that the server holds.
    pub start: u64,
    pub length: u64,
    /// The last exchange that was folded for this worker; on the control channel the last turn that it asked for.
    pub last: u64,
    /// The work behind that exchange; empty on the control channel.
    pub work: Work,
}

type Config = Configuration<LittleEndian, Fixint, Limit<{ MAX_HEADER as usize }>>;
const CONFIG: Config = bincode::config::standard().with_fixed_int_encoding().with_limit();

/// The bytes of a header.
pub fn encode<T: Serialize>(header: &T) -> Result<Vec<u8>> {
    bincode::serde::encode_to_vec(header, CONFIG).map_err(|e| Error::Frame(format!("write a header: {e}")))
}

/// Reads a header; bytes that are left over are refused.
pub fn decode<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T> {
    let (header, read) = bincode::serde::decode_from_slice(bytes, CONFIG)
        .map_err(|e| Error::Frame(format!("no header of this protocol: {e}")))?;
    if read < bytes.len() {
        return Err(Error::Frame(format!("{} bytes behind a header", bytes.len() - read)));
    }
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WORK: Work = Work { steps: 10, samples: 1000, loss: 2.5 };

    /// docs/protocol.md shows these bytes; implementations in other languages can test against the same file.
    #[test]
    fn the_example_frames_of_the_document_are_what_is_sent() {
        let examples: Vec<(String, String)> =
            serde_json::from_str(include_str!("../../../testdata/exchange-frames.json")).unwrap();
        let ours = [
            ("challenge", encode(&Reply::Challenge { nonce: [7; 32] })),
            ("attach", encode(&attach())),
            ("exchange", encode(&Request::Exchange { sequence: 3, work: WORK, lr: 0.001, codec: Codec::Bf16 })),
            ("pull", encode(&Request::Pull { sequence: 4 })),
            ("turn", encode(&Request::Turn { turn: 2, done: Done { work: WORK, ..Done::default() } })),
            ("exchanged", encode(&Reply::Exchanged { version: 9, staleness: 2, repeated: false })),
            ("go", encode(&Reply::Go { policy_step: 40, data_step: 30, steps: 10 })),
            ("refused", encode(&Reply::Refused { why: Refusal::Fenced, message: "fenced".to_owned() })),
        ];
        for ((name, bytes), (expected_name, expected)) in ours.into_iter().zip(&examples) {
            let hex: String = bytes.unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!((name, &hex), (expected_name.as_str(), expected));
        }
        assert_eq!(examples.len(), 8);
    }

    fn attach() -> Request {
        let identity = Identity {
            role: Role::Worker { worker: 1, attempt: 5 },
            channel: Channel::Shard(0),
            digest: "ab".to_owned(),
        };
        Request::Attach { identity, nonce: [1; 32], proof: [2; 32] }
    }

    #[test]
    fn bytes_behind_a_header_are_refused() {
        let mut bytes = encode(&Request::Pull { sequence: 1 }).unwrap();
        bytes.push(0);
        assert_eq!(decode::<Request>(&bytes), Err(Error::Frame("1 bytes behind a header".to_owned())));
    }

    #[test]
    fn a_string_that_claims_more_than_a_header_holds_is_refused_before_it_is_allocated() {
        let mut bytes = encode(&attach()).unwrap();
        let length = 4 + 4 + 4 + 8 + 4 + 4; // of the fields before the digest
        bytes[length..length + 8].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(matches!(decode::<Request>(&bytes), Err(Error::Frame(_))));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_header_or_an_error(bytes: Vec<u8>) {
            let _ = decode::<Request>(&bytes);
            let _ = decode::<Reply>(&bytes);
        }
    }
}
