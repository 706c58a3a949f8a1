//! One channel of a client. When its connection breaks it connects again and repeats the request, which is safe because
//! the server applies a repeated request once.

use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use super::{ClientSpec, Server};
use crate::auth::{Handshake, nonce};
use crate::memory::{Purpose, filled};
use crate::message::{Channel as Kind, ChannelInfo, Identity, Reply, Request};
use crate::server::check_seconds;
use crate::tls::TlsTrust;
use crate::transport::Transport;
use crate::{Error, Refusal, Result};

/// The least time for an attempt to connect, however little is left of the deadline.
const SHORTEST: Duration = Duration::from_millis(100);
/// The most time for it, in which TCP tries three times: it cannot be cancelled before, and a host that is away may
/// come back.
const LONGEST: Duration = Duration::from_secs(5);

/// One channel of a client.
pub struct ClientChannel {
    spec: Arc<ClientSpec>,
    tls: Option<TlsTrust>,
    address: String,
    identity: Identity,
    cancel: Arc<AtomicBool>,
    transport: Option<Transport>,
    outage: Option<Outage>,
    /// Whether what was sent last has been answered.
    answered: bool,
    /// What the server told when this channel attached.
    pub info: ChannelInfo,
}

impl ClientChannel {
    /// Attaches to `server`, and tries until the spec's deadline, whose limits are those of a server's times.
    pub fn attach(spec: Arc<ClientSpec>, server: &Server, kind: Kind, cancel: Arc<AtomicBool>) -> Result<Self> {
        check_seconds("deadline", spec.deadline)?;
        let identity = Identity { role: spec.role, channel: kind, digest: spec.digest.clone() };
        let Server { address, tls } = server.clone();
        let outage = Some(Outage::new()); // until the first answer the server counts as away
        let (transport, answered, info) = (None, false, ChannelInfo::default());
        let mut channel = Self { spec, tls, address, identity, cancel, transport, outage, answered, info };
        while let Err(error) = channel.connect() {
            channel.failed(error)?;
        }
        channel.outage = None;
        Ok(channel)
    }

    /// Sends a request and returns the reply and its payload; reconnects and repeats the request when a connection
    /// breaks.
    pub fn ask(&mut self, request: &Request, max_payload: u64) -> Result<(Reply, Vec<u8>)> {
        loop {
            let answered = self.send(request, &[]).and_then(|()| {
                let (reply, length) = self.receive(max_payload)?;
                let mut payload = filled(length as usize, 0, Purpose::Answer)?;
                self.fill(&mut payload)?;
                Ok((reply, payload))
            });
            match answered {
                Ok(answer) => return Ok(answer),
                Err(error) => self.failed(error)?,
            }
        }
    }

    /// Sends a request, connecting first where there is no connection.
    pub fn send(&mut self, request: &Request, payload: &[u8]) -> Result<()> {
        if std::mem::take(&mut self.answered) {
            self.outage = None; // the outage is over: the request before was answered
        }
        if self.transport.is_none() {
            self.connect()?;
        }
        let deadline = self.deadline();
        let transport = self.transport()?;
        transport.within(deadline);
        transport.send(request, payload)
    }

    /// Waits for the reply to what was sent; goes on waiting while the server says that it waits for other workers.
    pub fn receive(&mut self, max_payload: u64) -> Result<(Reply, u64)> {
        let deadline = self.deadline();
        loop {
            let transport = self.transport()?;
            transport.within(deadline);
            match transport.receive(max_payload)? {
                (Reply::Waiting, _) => self.outage = None,
                (Reply::Refused { why, message }, _) => return Err(Error::Refused { why, message }),
                reply => {
                    self.answered = true;
                    return Ok(reply);
                }
            }
        }
    }

    /// Reads the next bytes of a payload.
    pub fn fill(&mut self, bytes: &mut [u8]) -> Result<()> {
        self.transport()?.fill(bytes)
    }

    /// Drops the connection after `error` and waits before the next attempt. Fails if the error is not transient, or if
    /// the server has been away for the spec's wait limit since the first failure.
    pub fn failed(&mut self, error: Error) -> Result<()> {
        (self.transport, self.answered) = (None, false); // a reply that arrived in part does not count
        if self.cancel.load(Ordering::Relaxed) {
            return Err(Error::Cancelled(format!("the exchange with {}", self.address)));
        }
        if !error.is_transient() {
            return Err(error);
        }
        log::debug!("exchanger {}: {error}", self.address);
        let (wait_limit, address) = (self.wait_limit(), &self.address);
        self.outage.get_or_insert_with(Outage::new).wait(wait_limit, address, error)
    }

    fn connect(&mut self) -> Result<()> {
        self.transport = None;
        let left = self.left();
        let failed = |e: std::io::Error| Error::io(format!("exchanger {}", self.address), &e);
        let mut last = Error::Config(format!("exchanger {}: the name means no address", self.address));
        for address in self.address.to_socket_addrs().map_err(failed)? {
            match TcpStream::connect_timeout(&address, left.min(LONGEST)) {
                Ok(socket) => {
                    let mut transport = Transport::connect(socket, self.tls.as_ref(), self.cancel.clone())?;
                    self.info = self.handshake(&mut transport)?;
                    self.transport = Some(transport);
                    return Ok(());
                }
                Err(e) => last = failed(e),
            }
        }
        Err(last)
    }

    fn handshake(&self, transport: &mut Transport) -> Result<ChannelInfo> {
        transport.within(self.left());
        let (Reply::Challenge { nonce: server }, _) = transport.receive::<Reply>(0)? else {
            return Err(Error::Frame(format!("exchanger {} did not begin with a challenge", self.address)));
        };
        let handshake = Handshake { secret: &self.spec.secret, server, client: nonce()?, identity: &self.identity };
        let (identity, proof) = (self.identity.clone(), handshake.client_proof()?);
        transport.send(&Request::Attach { identity, nonce: handshake.client, proof }, &[])?;
        match transport.receive::<Reply>(0)?.0 {
            Reply::Welcome { proof, info } => handshake.check_server(&proof).map(|()| info),
            Reply::Refused { why, message } => Err(Error::Refused { why, message }),
            other => Err(Error::Frame(format!("exchanger {} answered {other:?}", self.address))),
        }
    }

    fn transport(&mut self) -> Result<&mut Transport> {
        let gone = || Error::refused(Refusal::Busy, "the connection is gone");
        self.transport.as_mut().ok_or_else(gone)
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(self.spec.deadline)
    }

    /// Time until the server has been away for too long.
    fn left(&self) -> Duration {
        let away = self.outage.as_ref().map_or(Duration::ZERO, |outage| outage.since.elapsed());
        self.wait_limit().saturating_sub(away).max(SHORTEST)
    }

    fn wait_limit(&self) -> Duration {
        self.spec.wait_limit.map_or(self.deadline(), Duration::from_secs)
    }
}

/// A time without an answer of the server: since when, and the delays between attempts to connect again.
struct Outage {
    since: Instant,
    delays: ExponentialBackoff,
}

impl Outage {
    /// It begins now.
    fn new() -> Self {
        let delays = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(20))
            .with_max_delay(Duration::from_secs(2))
            .with_jitter()
            .without_max_times();
        Self { since: Instant::now(), delays: delays.build() }
    }

    fn wait(&mut self, wait_limit: Duration, address: &str, last: Error) -> Result<()> {
        let delay = self.delays.next().unwrap_or_default();
        if self.since.elapsed() + delay > wait_limit {
            return Err(Error::Io {
                what: format!("exchanger {address} did not answer for {} s", wait_limit.as_secs()),
                kind: std::io::ErrorKind::TimedOut,
                cause: last.to_string(),
            });
        }
        std::thread::sleep(delay);
        Ok(())
    }
}
