//! One connection of a server: the handshake, then requests in their order until the peer goes.

use std::net::TcpStream;
use std::sync::PoisonError;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::ServerState;
use super::connection_table::{Id, Registration};
use super::settings::ServerLimits;
use super::shard::{Buffer, Kept, Shard};
use crate::auth::{Handshake, nonce};
use crate::codec::Codec;
use crate::ledger::{Attempt, Grant, Message, Taken};
use crate::memory::{Purpose, resize};
use crate::message::{Channel, ChannelInfo, Identity, Reply, Request, Role};
use crate::transport::Transport;
use crate::work::Work;
use crate::{Error, Refusal, Result};

/// Seconds in which a refusal must reach a peer that has not shown the secret; an attached peer has as long as for an
/// exchange.
const REFUSAL_SECONDS: u64 = 1;
/// The most characters of a refusal, so that it fits a header although a peer's own text may be in it.
const MOST_CHARACTERS: usize = 500;

/// Serves `socket` until it ends, and then frees its entry in the table. A peer that did something wrong is told what.
pub fn serve(state: &ServerState, socket: TcpStream, mut place: Registration) {
    let mut transport = match Transport::accept(socket, state.tls.as_ref()) {
        Ok(transport) => transport,
        Err(error) => return log::info!("{error}"),
    };
    let mut connection = Connection { state, transport: &mut transport, id: place.id(), attached: false };
    let served = connection.run();
    let seconds = if connection.attached { state.settings.limits.exchange } else { REFUSAL_SECONDS };
    let Err(error) = served else { return };
    log::info!("{}: {error}", transport.peer());
    let Some(reply) = refusal(&error) else { return };
    place.refuse();
    transport.within(ServerLimits::seconds(seconds));
    match transport.send(&reply, &[]) {
        Ok(()) => transport.finish(ServerLimits::seconds(seconds)),
        Err(e) => log::info!("{e}"), // it closed the connection first
    }
}

/// The refusal that tells a peer of `error`. None where the connection broke: half a reply may have been sent by then,
/// and the peer would read the refusal as its other half.
fn refusal(error: &Error) -> Option<Reply> {
    let (why, message) = match error {
        Error::Io { .. } | Error::Cancelled(_) => return None,
        Error::Refused { why, message } => (*why, message.clone()),
        Error::Length { .. }
        | Error::Digest { .. }
        | Error::Duplicate(_)
        | Error::Config(_)
        | Error::Setting { .. }
        | Error::Snapshot { .. }
        | Error::Encoded { .. }
        | Error::Scale { .. }
        | Error::Diverged
        | Error::Frame(_) => (Refusal::Mismatch, error.to_string()),
        Error::Memory { .. } => (Refusal::Busy, error.to_string()), // there may be some when the peer asks again
    };
    Some(Reply::Refused { why, message: message.chars().take(MOST_CHARACTERS).collect() })
}

struct Connection<'a> {
    state: &'a ServerState,
    transport: &'a mut Transport,
    id: Id,
    /// Whether the peer has shown the secret.
    attached: bool,
}

impl Connection<'_> {
    fn run(&mut self) -> Result<()> {
        let identity = self.handshake()?;
        let idle = ServerLimits::seconds(self.state.settings.limits.idle);
        loop {
            self.transport.within(idle);
            let max = self.max_payload(identity.channel);
            let (request, payload) = match self.transport.receive::<Request>(max) {
                Err(Error::Io { .. }) => return Ok(()), // the peer closed the connection, or was silent for too long
                other => other?,
            };
            self.transport.within(ServerLimits::seconds(self.state.settings.limits.exchange));
            self.state.bytes_in.fetch_add(payload, Relaxed);
            if self.answer(&identity, request, payload)?.is_none() {
                return Ok(());
            }
        }
    }

    fn handshake(&mut self) -> Result<Identity> {
        let state = self.state;
        self.transport.within(ServerLimits::seconds(state.settings.limits.handshake));
        let server = nonce()?;
        self.transport.send(&Reply::Challenge { nonce: server }, &[])?;
        let (Request::Attach { identity, nonce: client, proof }, _) = self.transport.receive::<Request>(0)? else {
            return Err(Error::refused(Refusal::Denied, "the first request must be to attach"));
        };
        let handshake = Handshake { secret: &state.secret, server, client, identity: &identity };
        handshake.check_client(&proof)?;
        if identity.digest != state.settings.digest {
            let expected = state.settings.digest.clone();
            return Err(Error::Digest { expected, got: identity.digest });
        }
        state.connections.admit(self.id)?;
        self.attached = true;
        let info = self.attach(&identity)?;
        self.transport.send(&Reply::Welcome { proof: handshake.server_proof()?, info }, &[])?;
        Ok(identity)
    }

    fn attach(&self, identity: &Identity) -> Result<ChannelInfo> {
        let state = self.state;
        let settings = &state.settings;
        let mut info = ChannelInfo {
            workers: settings.workers,
            shards: settings.shards,
            gathering: settings.rule.gathers(),
            start: settings.offset,
            length: state.length as u64,
            last: 0,
            work: Work::default(),
        };
        let shard = match identity.channel {
            Channel::Control => None,
            Channel::Shard(shard) => Some(state.shard(shard)?),
        };
        if let Some(shard) = shard {
            info.start += shard.range.start as u64;
            info.length = shard.range.len() as u64;
        }
        if let Role::Worker { worker, attempt } = identity.role {
            if worker >= settings.workers {
                let text = format!("worker {worker} of {} workers", settings.workers);
                return Err(Error::refused(Refusal::Mismatch, text));
            }
            let who = Attempt { worker: worker as usize, attempt };
            match shard {
                None => info.last = state.coordinator.attach(who)?,
                Some(shard) => (info.last, info.work) = shard.attach(who, state.connections.socket(self.id)?)?,
            }
        }
        Ok(info)
    }

    fn max_payload(&self, channel: Channel) -> u64 {
        let Channel::Shard(shard) = channel else { return 0 };
        let length = self.state.shards.get(shard as usize).map_or(0, |shard| shard.range.len());
        Codec::ALL.iter().map(|codec| codec.encoded_len(length) as u64).max().unwrap_or(0)
    }

    /// Answers one request; `None` when it was the last.
    fn answer(&mut self, identity: &Identity, request: Request, payload: u64) -> Result<Option<()>> {
        let state = self.state;
        let who = match identity.role {
            Role::Worker { worker, attempt } => Some(Attempt { worker: worker as usize, attempt }),
            Role::Observer => None,
        };
        match (request, identity.channel, who) {
            (Request::Exchange { sequence, work, lr, codec }, Channel::Shard(shard), Some(who)) => {
                let message = Message { who, sequence, work, lr };
                self.exchange(state.shard(shard)?, &message, codec, payload)?;
            }
            (Request::Pull { sequence }, Channel::Shard(shard), who) => {
                let shard = state.shard(shard)?;
                let (version, values) = who.map_or_else(|| Ok(shard.center()), |who| shard.pull(who, sequence))?;
                self.send(&Reply::Center { version }, bytemuck::cast_slice(&values[..]))?;
            }
            (Request::Turn { turn, done }, Channel::Control, Some(who)) => {
                let transport = &mut *self.transport;
                let limit = ServerLimits::seconds(state.settings.limits.exchange);
                let grant = state.coordinator.turn(who, turn, &done, || say_waiting(transport, limit))?;
                let Grant { policy_step, data_step, steps } = grant;
                self.transport.within(limit);
                self.send(&Reply::Go { policy_step, data_step, steps }, &[])?;
            }
            (Request::Leave, Channel::Control, Some(who)) => {
                state.coordinator.leave(who)?;
                state.shards.iter().try_for_each(|shard| shard.leave(who))?;
                self.send(&Reply::Left, &[])?;
                return Ok(None);
            }
            (Request::Diverged { turn }, Channel::Control, Some(who)) => {
                log::warn!("training of worker {} diverged in turn {turn}", who.worker);
                state.coordinator.diverge(who, turn)?;
                self.send(&Reply::Left, &[])?;
                return Ok(None);
            }
            (Request::Report, Channel::Control, None) => {
                let report = state.report()?;
                self.send(&Reply::Report, report.as_bytes())?;
            }
            (Request::Snapshot, Channel::Control, None) => {
                let bytes = super::Snapshot::of(state)?.encode()?;
                self.send(&Reply::Snapshot, &bytes)?;
            }
            (request, channel, _) => {
                let text = format!("{request:?} is nothing for {:?} on channel {channel:?}", identity.role);
                return Err(Error::refused(Refusal::Mismatch, text));
            }
        }
        Ok(Some(()))
    }

    fn exchange(&mut self, shard: &Shard, message: &Message, codec: Codec, payload: u64) -> Result<()> {
        let expected = codec.encoded_len(shard.range.len()) as u64;
        if payload != expected {
            let text = format!("a message of {payload} bytes where {expected} were expected");
            return Err(Error::refused(Refusal::Mismatch, text));
        }
        let kept = shard.buffer(message.who.worker);
        // usable after a panic: `holds` is set only once a reply is complete
        let mut buffer = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let limit = ServerLimits::seconds(self.state.settings.limits.exchange);
        let repeated = shard.check(message)? == Taken::Repeat;
        if repeated {
            self.drain(payload)?;
            if let Some(reply) = buffer.holds.filter(|kept| kept.sequence == message.sequence) {
                return self.send_kept(&buffer, reply, codec);
            }
        } else {
            self.read_message(&mut buffer, shard.range.len(), codec, payload)?;
            message.check_values(&buffer.values)?;
        }
        let transport = &mut *self.transport;
        let waiting = || say_waiting(transport, limit);
        let folded = match repeated {
            true => shard.rejoin(message, &mut buffer.values, waiting)?,
            false => Some(shard.fold(message, &mut buffer.values, waiting)?),
        };
        self.transport.within(limit);
        let Some(folded) = folded else {
            return self.send(&Reply::Exchanged { version: 0, staleness: 0, repeated: true }, &[]);
        };
        if !repeated {
            self.state.exchanges.fetch_add(1, Relaxed);
        }
        let reply = Kept { sequence: message.sequence, codec, folded };
        let Buffer { values, residual, bytes, holds } = &mut *buffer;
        if codec != Codec::F32 {
            bytes.clear();
            codec.encode(values, residual, bytes)?;
        }
        *holds = Some(reply);
        self.send_reply(&buffer, reply, repeated)
    }

    /// Sends a kept reply again: the same bytes.
    fn send_kept(&mut self, buffer: &Buffer, reply: Kept, codec: Codec) -> Result<()> {
        if codec != reply.codec {
            let text = format!("exchange {} came as {:?} and comes again as {codec:?}", reply.sequence, reply.codec);
            return Err(Error::refused(Refusal::Mismatch, text));
        }
        self.transport.within(ServerLimits::seconds(self.state.settings.limits.exchange));
        self.send_reply(buffer, reply, true)
    }

    fn send_reply(&mut self, buffer: &Buffer, reply: Kept, repeated: bool) -> Result<()> {
        let header = Reply::Exchanged { version: reply.folded.version, staleness: reply.folded.staleness, repeated };
        match reply.codec {
            Codec::F32 => self.send(&header, bytemuck::cast_slice(&buffer.values)),
            Codec::Bf16 | Codec::Int8 => self.send(&header, &buffer.bytes),
        }
    }

    fn read_message(&mut self, buffer: &mut Buffer, length: usize, codec: Codec, payload: u64) -> Result<()> {
        buffer.holds = None;
        resize(&mut buffer.values, length, 0.0, Purpose::Message)?;
        if codec == Codec::F32 {
            return self.transport.fill(bytemuck::cast_slice_mut(&mut buffer.values));
        }
        resize(&mut buffer.bytes, payload as usize, 0, Purpose::Message)?;
        self.transport.fill(&mut buffer.bytes)?;
        codec.decode(&buffer.bytes, &mut buffer.values)
    }

    /// Reads and drops a payload that was received before.
    fn drain(&mut self, payload: u64) -> Result<()> {
        let mut left = payload as usize;
        let mut bytes = [0; 16 * 1024];
        while left > 0 {
            let part = left.min(bytes.len());
            self.transport.fill(&mut bytes[..part])?;
            left -= part;
        }
        Ok(())
    }

    fn send(&mut self, reply: &Reply, payload: &[u8]) -> Result<()> {
        self.state.bytes_out.fetch_add(payload.len() as u64, Relaxed);
        self.transport.send(reply, payload)
    }
}

fn say_waiting(transport: &mut Transport, limit: Duration) -> Result<()> {
    transport.within(limit);
    transport.send(&Reply::Waiting, &[])
}
