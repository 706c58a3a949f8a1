//! One connection of a server: the handshake, then requests in their order until the peer goes.

use std::net::TcpStream;
use std::sync::PoisonError;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::Center;
use super::door::{Id, Place};
use super::settings::Limits;
use super::shard::{Buffer, Kept, Shard};
use crate::auth::{Handshake, nonce};
use crate::codec::Codec;
use crate::ledger::{Attempt, Grant, Message, Taken, Work};
use crate::line::Line;
use crate::message::{Facts, Identity, Lane, Reply, Request, Role};
use crate::{Error, Refusal, Result};

/// Seconds for telling a stranger what was wrong; an attached peer has as long as for an exchange.
const FAREWELL: u64 = 1;
/// Characters of a refusal, so that it fits a header whatever a peer's text in it was.
const MOST_CHARACTERS: usize = 500;

/// Serves `socket` to its end, with which `place` is free again. What a peer did wrong it is told.
pub fn serve(center: &Center, socket: TcpStream, mut place: Place) {
    let mut line = match Line::accept(socket, center.tls.as_ref()) {
        Ok(line) => line,
        Err(error) => return log::info!("{error}"),
    };
    let mut connection = Connection { center, line: &mut line, id: place.id(), attached: false };
    let served = connection.run();
    let seconds = if connection.attached { center.settings.limits.exchange } else { FAREWELL };
    let Err(error) = served else { return };
    log::info!("{}: {error}", line.peer());
    let Some(reply) = refusal(&error) else { return };
    place.refuse();
    line.within(Limits::seconds(seconds));
    match line.send(&reply, &[]) {
        Ok(()) => line.finish(Limits::seconds(seconds)),
        Err(e) => log::info!("{e}"), // it went before it could be told
    }
}

/// What a peer is told of `error`; nothing where the connection broke, since half a reply may be on its way then
/// and bytes behind it would be read as the other half.
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
    };
    Some(Reply::Refused { why, message: message.chars().take(MOST_CHARACTERS).collect() })
}

struct Connection<'a> {
    center: &'a Center,
    line: &'a mut Line,
    id: Id,
    /// Whether the peer has shown the secret.
    attached: bool,
}

impl Connection<'_> {
    fn run(&mut self) -> Result<()> {
        let identity = self.handshake()?;
        let idle = Limits::seconds(self.center.settings.limits.idle);
        loop {
            self.line.within(idle);
            let max = self.max_payload(identity.lane);
            let (request, payload) = match self.line.receive::<Request>(max) {
                Err(Error::Io { .. }) => return Ok(()), // the peer went, or was silent for too long
                other => other?,
            };
            self.line.within(Limits::seconds(self.center.settings.limits.exchange));
            self.center.bytes_in.fetch_add(payload, Relaxed);
            if self.answer(&identity, request, payload)?.is_none() {
                return Ok(());
            }
        }
    }

    fn handshake(&mut self) -> Result<Identity> {
        let center = self.center;
        self.line.within(Limits::seconds(center.settings.limits.handshake));
        let server = nonce()?;
        self.line.send(&Reply::Challenge { nonce: server }, &[])?;
        let (Request::Attach { identity, nonce: client, proof }, _) = self.line.receive::<Request>(0)? else {
            return Err(Error::refused(Refusal::Denied, "the first request must be to attach"));
        };
        let handshake = Handshake { secret: &center.secret, server, client, identity: &identity };
        handshake.check_client(&proof)?;
        if identity.digest != center.settings.digest {
            let expected = center.settings.digest.clone();
            return Err(Error::Digest { expected, got: identity.digest });
        }
        center.door.admit(self.id)?;
        self.attached = true;
        let facts = self.attach(&identity)?;
        self.line.send(&Reply::Welcome { proof: handshake.server_proof()?, facts }, &[])?;
        Ok(identity)
    }

    fn attach(&self, identity: &Identity) -> Result<Facts> {
        let center = self.center;
        let settings = &center.settings;
        let mut facts = Facts {
            workers: settings.workers,
            shards: settings.shards,
            gathering: settings.rule.gathers(),
            start: settings.offset,
            length: center.length as u64,
            last: 0,
            work: Work::default(),
        };
        let shard = match identity.lane {
            Lane::Control => None,
            Lane::Shard(shard) => Some(center.shard(shard)?),
        };
        if let Some(shard) = shard {
            facts.start += shard.range.start as u64;
            facts.length = shard.range.len() as u64;
        }
        if let Role::Worker { worker, attempt } = identity.role {
            if worker >= settings.workers {
                let text = format!("worker {worker} of {} workers", settings.workers);
                return Err(Error::refused(Refusal::Mismatch, text));
            }
            let who = Attempt { worker: worker as usize, attempt };
            match shard {
                None => facts.last = center.clerk.attach(who)?,
                Some(shard) => (facts.last, facts.work) = shard.attach(who, center.door.socket(self.id)?)?,
            }
        }
        Ok(facts)
    }

    fn max_payload(&self, lane: Lane) -> u64 {
        let Lane::Shard(shard) = lane else { return 0 };
        let length = self.center.shards.get(shard as usize).map_or(0, |shard| shard.range.len());
        Codec::ALL.iter().map(|codec| codec.encoded_len(length) as u64).max().unwrap_or(0)
    }

    /// Answers one request; `None` when it was the last.
    fn answer(&mut self, identity: &Identity, request: Request, payload: u64) -> Result<Option<()>> {
        let center = self.center;
        let who = match identity.role {
            Role::Worker { worker, attempt } => Some(Attempt { worker: worker as usize, attempt }),
            Role::Observer => None,
        };
        match (request, identity.lane, who) {
            (Request::Exchange { sequence, work, lr, codec }, Lane::Shard(shard), Some(who)) => {
                let message = Message { who, sequence, work, lr };
                self.exchange(center.shard(shard)?, &message, codec, payload)?;
            }
            (Request::Pull { sequence }, Lane::Shard(shard), who) => {
                let shard = center.shard(shard)?;
                let (version, values) = who.map_or_else(|| Ok(shard.center()), |who| shard.pull(who, sequence))?;
                self.send(&Reply::Center { version }, bytemuck::cast_slice(&values))?;
            }
            (Request::Turn { turn, done }, Lane::Control, Some(who)) => {
                let line = &mut *self.line;
                let limit = Limits::seconds(center.settings.limits.exchange);
                let grant = center.clerk.turn(who, turn, &done, || say_waiting(line, limit))?;
                let Grant { policy_step, data_step, steps } = grant;
                self.line.within(limit);
                self.send(&Reply::Go { policy_step, data_step, steps }, &[])?;
            }
            (Request::Leave, Lane::Control, Some(who)) => {
                center.clerk.leave(who)?;
                center.shards.iter().try_for_each(|shard| shard.leave(who))?;
                self.send(&Reply::Left, &[])?;
                return Ok(None);
            }
            (Request::Diverged { turn }, Lane::Control, Some(who)) => {
                log::warn!("training of worker {} diverged in turn {turn}", who.worker);
                center.clerk.diverge(who, turn)?;
                self.send(&Reply::Left, &[])?;
                return Ok(None);
            }
            (Request::Report, Lane::Control, None) => {
                let report = center.report()?;
                self.send(&Reply::Report, report.as_bytes())?;
            }
            (Request::Snapshot, Lane::Control, None) => {
                let bytes = super::Picture::of(center).encode()?;
                self.send(&Reply::Snapshot, &bytes)?;
            }
            (request, lane, _) => {
                let text = format!("{request:?} is nothing for {:?} on lane {lane:?}", identity.role);
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
        let mut buffer = kept.lock().unwrap_or_else(PoisonError::into_inner); // a message that broke off is not held
        let limit = Limits::seconds(self.center.settings.limits.exchange);
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
        let line = &mut *self.line;
        let waiting = || say_waiting(line, limit);
        let folded = match repeated {
            true => shard.rejoin(message, &mut buffer.values, waiting)?,
            false => Some(shard.fold(message, &mut buffer.values, waiting)?),
        };
        self.line.within(limit);
        let Some(folded) = folded else {
            return self.send(&Reply::Exchanged { version: 0, staleness: 0, repeated: true }, &[]);
        };
        if !repeated {
            self.center.exchanges.fetch_add(1, Relaxed);
        }
        let reply = Kept { sequence: message.sequence, codec, folded };
        let Buffer { values, residual, bytes, holds } = &mut *buffer;
        if codec != Codec::F32 {
            bytes.clear();
            codec.encode(values, residual, bytes);
        }
        *holds = Some(reply);
        self.send_reply(&buffer, reply, repeated)
    }

    /// Sends the reply that was sent before, or would have been: the same bytes.
    fn send_kept(&mut self, buffer: &Buffer, reply: Kept, codec: Codec) -> Result<()> {
        if codec != reply.codec {
            let text = format!("exchange {} came as {:?} and comes again as {codec:?}", reply.sequence, reply.codec);
            return Err(Error::refused(Refusal::Mismatch, text));
        }
        self.line.within(Limits::seconds(self.center.settings.limits.exchange));
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
        buffer.values.resize(length, 0.0);
        if codec == Codec::F32 {
            return self.line.fill(bytemuck::cast_slice_mut(&mut buffer.values));
        }
        buffer.bytes.resize(payload as usize, 0);
        self.line.fill(&mut buffer.bytes)?;
        codec.decode(&buffer.bytes, &mut buffer.values)
    }

    /// Reads a payload that was read before.
    fn drain(&mut self, payload: u64) -> Result<()> {
        let mut left = payload as usize;
        let mut bytes = [0; 16 * 1024];
        while left > 0 {
            let part = left.min(bytes.len());
            self.line.fill(&mut bytes[..part])?;
            left -= part;
        }
        Ok(())
    }

    fn send(&mut self, reply: &Reply, payload: &[u8]) -> Result<()> {
        self.center.bytes_out.fetch_add(payload.len() as u64, Relaxed);
        self.line.send(reply, payload)
    }
}

fn say_waiting(line: &mut Line, limit: Duration) -> Result<()> {
    line.within(limit);
    line.send(&Reply::Waiting, &[])
}
