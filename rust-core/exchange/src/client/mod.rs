//! The client of workers: it asks for turns over a control channel and exchanges over one channel for each shard. They
//! are separate connections, so that a worker can begin its next turn while an exchange is under way.

mod channel;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde::{Deserialize, Serialize};

use crate::auth::Secret;
use crate::codec::Codec;
use crate::ledger::{ResumePoint, all_finite};
use crate::memory::{Purpose, resize};
use crate::message::{Channel as Kind, Done, Reply, Request, Role};
use crate::tls::TlsTrust;
use crate::work::Work;
use crate::{Error, Refusal, Result};
use channel::ClientChannel;

/// What a client must know. It holds the secret, so it is sent in a task's closure and nowhere else.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ClientSpec {
    /// Every server, the one with the coordinator first.
    pub servers: Vec<Server>,
    pub secret: Secret,
    pub role: Role,
    /// Digest of the layout that center and workers share.
    pub digest: String,
    /// The encoding of weights in messages and replies.
    pub codec: Codec,
    /// Seconds that a server may be silent, or away since a connection to it broke, before the client gives up.
    pub deadline: u64,
    /// The same limit for a server that is away, where it is shorter: for clients that do not depend on an answer.
    pub wait_limit: Option<u64>,
}

/// Where a server is, and the certificate to trust if it uses TLS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// `host:port`.
    pub address: String,
    pub tls: Option<TlsTrust>,
}

/// What a worker may do next. `steps` 0 ends its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Go {
    /// Position in the learning-rate policy: minibatches of all workers, divided by the number of workers.
    pub policy_step: u64,
    /// Position of this worker in its data: its own local steps so far.
    pub data_step: u64,
    /// Local steps of the turn.
    pub steps: u64,
}

/// Attaches the control channels and the channels of all shards.
pub fn attach(spec: ClientSpec, cancel: &Arc<AtomicBool>) -> Result<(Turns, Exchanges)> {
    let spec = Arc::new(spec);
    let (mut controls, mut channels) = (Vec::new(), Vec::new());
    for server in &spec.servers {
        let control = ClientChannel::attach(spec.clone(), server, Kind::Control, cancel.clone())?;
        for shard in 0..control.info.shards {
            channels.push(ClientChannel::attach(spec.clone(), server, Kind::Shard(shard), cancel.clone())?);
        }
        controls.push(control);
    }
    let Some(first) = controls.first() else { return Err(Error::Config("no exchanger was named".to_owned())) };
    let start =
        ResumePoint::new(first.info.last, channels.iter().map(|channel| (channel.info.last, channel.info.work)));
    let exchanges = Exchanges::over(spec, channels, start.turn)?;
    Ok((Turns { controls, turn: start.turn, unreported: start.unreported }, exchanges))
}

/// Whether `server` accepts a client of `spec` within its deadline.
pub fn answers(spec: ClientSpec, server: &Server) -> bool {
    ClientChannel::attach(Arc::new(spec), server, Kind::Control, Arc::default()).is_ok()
}

/// The most bytes of a report; a server limits the turns in it to a few MB.
const LONGEST_REPORT: u64 = 1 << 30;

/// The control channels of a client.
pub struct Turns {
    controls: Vec<ClientChannel>,
    turn: u64,
    unreported: Work,
}

impl Turns {
    /// Reports what was done in the turn before, and waits until the next one is granted.
    pub fn next(&mut self, done: Done) -> Result<Go> {
        self.turn += 1;
        match self.controls[0].ask(&Request::Turn { turn: self.turn, done }, 0)? {
            (Reply::Go { policy_step, data_step, steps }, _) => Ok(Go { policy_step, data_step, steps }),
            (other, _) => Err(unexpected(&other)),
        }
    }

    /// The number of the last turn: asked for here, or finished by an earlier attempt.
    pub fn number(&self) -> u64 {
        self.turn
    }

    /// The work of a lost attempt in its last turn that it did not report; the first request reports it.
    pub fn unreported(&self) -> Work {
        self.unreported
    }

    /// Says that weights or loss of this worker became NaN or infinite in its turn, and that it stops.
    pub fn diverged(mut self) -> Result<()> {
        match self.controls[0].ask(&Request::Diverged { turn: self.turn }, 0)? {
            (Reply::Left, _) => Ok(()),
            (other, _) => Err(unexpected(&other)),
        }
    }

    /// Says that this worker has finished.
    pub fn leave(mut self) -> Result<()> {
        for control in &mut self.controls {
            match control.ask(&Request::Leave, 0)? {
                (Reply::Left, _) => (),
                (other, _) => return Err(unexpected(&other)),
            }
        }
        Ok(())
    }

    /// The report of the server with the coordinator, as JSON; for observers.
    pub fn report(&mut self) -> Result<String> {
        match self.controls[0].ask(&Request::Report, LONGEST_REPORT)? {
            (Reply::Report, json) => String::from_utf8(json).map_err(|e| Error::Frame(format!("a report: {e}"))),
            (other, _) => Err(unexpected(&other)),
        }
    }

    /// Snapshot files of all servers except the one with the coordinator, in the order of the servers; for observers.
    ///
    /// `most` is the largest size of one, in bytes.
    pub fn snapshots(&mut self, most: u64) -> Result<Vec<Vec<u8>>> {
        let (_, parts) = self.controls.split_at_mut(1);
        let ask = |control: &mut ClientChannel| match control.ask(&Request::Snapshot, most)? {
            (Reply::Snapshot, bytes) => Ok(bytes),
            (other, _) => Err(unexpected(&other)),
        };
        parts.iter_mut().map(ask).collect()
    }
}

/// What is sent with a worker's values.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Contribution {
    /// The work since the last exchange.
    pub work: Work,
    /// Learning rate of the local steps, now.
    pub lr: f32,
}

/// The outcome of an exchange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exchanged {
    /// Staleness on the first shard.
    pub staleness: u64,
    /// Bytes of weights, sent and received.
    pub bytes: u64,
    /// The message was folded, but the reply of a shard is no longer kept: the center must be pulled.
    pub lost: bool,
}

/// The channel to one shard, with the buffers of its messages.
struct ShardChannel {
    channel: ClientChannel,
    encoded: Vec<u8>,
    residual: Vec<f32>,
    received: Vec<u8>,
    done: bool,
}

/// The channels of all shards of a client.
pub struct Exchanges {
    spec: Arc<ClientSpec>,
    shards: Vec<ShardChannel>,
    length: usize,
    sequence: u64,
}

impl Exchanges {
    fn over(spec: Arc<ClientSpec>, mut channels: Vec<ClientChannel>, sequence: u64) -> Result<Self> {
        channels.sort_by_key(|channel| channel.info.start);
        let mut end = 0u64;
        for channel in &channels {
            if channel.info.start != end || channel.info.length == 0 {
                return Err(Error::refused(Refusal::Mismatch, format!("no shard holds the weights from {end} on")));
            }
            let sum = end.checked_add(channel.info.length);
            end = sum.ok_or_else(|| Error::Frame(format!("a shard of {} weights", channel.info.length)))?;
        }
        let shard =
            |channel| ShardChannel { channel, encoded: vec![], residual: vec![], received: vec![], done: false };
        Ok(Self { spec, shards: channels.into_iter().map(shard).collect(), length: end as usize, sequence })
    }

    /// Weights of the whole center.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Copies the center that the next turn begins from into `out`.
    pub fn pull(&mut self, out: &mut [f32]) -> Result<()> {
        crate::layout::check_length(self.length, out.len())?;
        for shard in &mut self.shards {
            while let Err(error) = shard.pull(self.sequence + 1, &mut out[shard.range()]) {
                shard.channel.failed(error)?;
            }
        }
        Ok(())
    }

    /// Sends `message` and waits for the `reply`, both of the center's length. Every channel's message is sent before
    /// the first reply is read; a channel that breaks sends again, and the server folds the message once. A message
    /// with NaN or infinite values is not sent: [`Error::Diverged`].
    pub fn exchange(&mut self, message: &[f32], reply: &mut [f32], about: &Contribution) -> Result<Exchanged> {
        crate::layout::check_length(self.length, message.len())?;
        crate::layout::check_length(self.length, reply.len())?;
        if !all_finite(message) || !about.work.loss.is_finite() {
            return Err(Error::Diverged);
        }
        self.sequence += 1;
        let codec = self.spec.codec;
        let Contribution { work, lr } = *about;
        let request = Request::Exchange { sequence: self.sequence, work, lr, codec };
        for shard in &mut self.shards {
            shard.done = false;
            if codec != Codec::F32 {
                let range = shard.range();
                shard.encoded.clear();
                codec.encode(&message[range], &mut shard.residual, &mut shard.encoded)?;
            }
        }
        let mut exchanged = Exchanged::default();
        while self.shards.iter().any(|shard| !shard.done) {
            let mut failed = Vec::new();
            for (index, shard) in self.shards.iter_mut().enumerate().filter(|(_, shard)| !shard.done) {
                if let Err(error) = shard.send(&request, message, codec) {
                    failed.push((index, error));
                }
            }
            for (index, shard) in self.shards.iter_mut().enumerate().filter(|(_, shard)| !shard.done) {
                if failed.iter().any(|(at, _)| *at == index) {
                    continue;
                }
                match shard.receive(reply, codec, &mut exchanged) {
                    Ok(staleness) if index == 0 => exchanged.staleness = staleness,
                    Ok(_) => (),
                    Err(error) => failed.push((index, error)),
                }
            }
            for (index, error) in failed {
                self.shards[index].channel.failed(error)?;
            }
        }
        Ok(exchanged)
    }
}

impl ShardChannel {
    fn range(&self) -> std::ops::Range<usize> {
        let start = self.channel.info.start as usize;
        start..start + self.channel.info.length as usize
    }

    fn pull(&mut self, sequence: u64, slice: &mut [f32]) -> Result<()> {
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(slice);
        self.channel.send(&Request::Pull { sequence }, &[])?;
        match self.channel.receive(bytes.len() as u64)? {
            (Reply::Center { .. }, length) if length == bytes.len() as u64 => self.channel.fill(bytes),
            (other, _) => Err(unexpected(&other)),
        }
    }

    fn send(&mut self, request: &Request, message: &[f32], codec: Codec) -> Result<()> {
        let range = self.range();
        match codec {
            Codec::F32 => self.channel.send(request, bytemuck::cast_slice(&message[range])),
            _ => self.channel.send(request, &self.encoded),
        }
    }

    fn receive(&mut self, reply: &mut [f32], codec: Codec, exchanged: &mut Exchanged) -> Result<u64> {
        let slice = &mut reply[self.range()];
        let expected = codec.encoded_len(slice.len()) as u64;
        let (Reply::Exchanged { staleness, repeated, .. }, length) = self.channel.receive(expected)? else {
            return Err(Error::Frame("another reply than that of an exchange".to_owned()));
        };
        if repeated && length == 0 {
            exchanged.lost = true;
        } else if length != expected {
            return Err(Error::Frame(format!("a reply of {length} bytes where {expected} were expected")));
        } else if codec == Codec::F32 {
            self.channel.fill(bytemuck::cast_slice_mut(slice))?;
        } else {
            resize(&mut self.received, length as usize, 0, Purpose::Message)?;
            self.channel.fill(&mut self.received)?;
            codec.decode(&self.received, slice)?;
        }
        exchanged.bytes += expected + length;
        self.done = true;
        Ok(staleness)
    }
}

fn unexpected(reply: &Reply) -> Error {
    Error::Frame(format!("an exchanger answered {reply:?}"))
}
