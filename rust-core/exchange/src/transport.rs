//! One connection as frames with deadlines, plain or in TLS; both sides use it. A deadline holds for a
//! whole frame, not for each read, so that a peer that sends one byte a second is cut off like a silent one.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustls::{ClientConnection, ServerConnection, StreamOwned};
use serde::{Deserialize, Serialize};

use crate::frame::{PREFIX, Prefix};
use crate::tls::TlsTrust;
use crate::{Error, Refusal, Result, message};

/// How often a blocked read or write looks at its cancel flag: a killed task ends within a minibatch or two.
const LOOK: Duration = Duration::from_millis(100);

/// A socket whose reads and writes end at a deadline, or when they are cancelled.
struct Timed {
    socket: TcpStream,
    deadline: Instant,
    cancel: Arc<AtomicBool>,
}

impl Timed {
    /// Time until the cancel flag is read again. A socket timeout of zero would mean no timeout, so a deadline that has
    /// passed is an error here.
    fn left(&self) -> io::Result<Duration> {
        if self.cancel.load(Ordering::Relaxed) {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "cancelled"));
        }
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left.min(LOOK)) }
    }
}

/// Whether a read or write ended because its socket timeout passed, which Linux reports as "would block".
fn is_over<T>(outcome: &io::Result<T>) -> bool {
    outcome.as_ref().is_err_and(|e| matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut))
}

impl Read for Timed {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            self.socket.set_read_timeout(Some(self.left()?))?;
            let outcome = self.socket.read(bytes);
            if !is_over(&outcome) {
                return outcome;
            }
        }
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            self.socket.set_write_timeout(Some(self.left()?))?;
            let outcome = self.socket.write(bytes);
            if !is_over(&outcome) {
                return outcome;
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

enum Stream {
    Plain(Timed),
    Server(Box<StreamOwned<ServerConnection, Timed>>),
    Client(Box<StreamOwned<ClientConnection, Timed>>),
}

/// A connection that sends and receives frames.
pub struct Transport {
    stream: Stream,
    /// The other end, for messages.
    peer: String,
    header: Vec<u8>,
}

impl Transport {
    /// The server's end. The TLS handshake is part of the first frame.
    pub fn accept(socket: TcpStream, tls: Option<&Arc<rustls::ServerConfig>>) -> Result<Self> {
        let (timed, peer) = prepare(socket, Arc::default())?;
        let stream = match tls {
            None => Stream::Plain(timed),
            Some(config) => {
                let session = ServerConnection::new(config.clone()).map_err(|e| Error::Config(format!("TLS: {e}")))?;
                Stream::Server(Box::new(StreamOwned::new(session, timed)))
            }
        };
        Ok(Self { stream, peer, header: Vec::new() })
    }

    /// The client's end; `cancel` ends what it waits for.
    pub fn connect(socket: TcpStream, tls: Option<&TlsTrust>, cancel: Arc<AtomicBool>) -> Result<Self> {
        let (timed, peer) = prepare(socket, cancel)?;
        let stream = match tls {
            None => Stream::Plain(timed),
            Some(trust) => {
                let (config, name) = trust.client_config()?;
                let session = ClientConnection::new(config, name).map_err(|e| Error::Config(format!("TLS: {e}")))?;
                Stream::Client(Box::new(StreamOwned::new(session, timed)))
            }
        };
        Ok(Self { stream, peer, header: Vec::new() })
    }

    /// The other end.
    pub fn peer(&self) -> &str {
        &self.peer
    }

    /// Sets the deadline of what is read and written from now on.
    pub fn within(&mut self, time: Duration) {
        self.timed().deadline = Instant::now() + time;
    }

    /// Says that no more is sent, and reads for `time` at most what the peer still sends. A socket that is closed
    /// with bytes unread resets the connection, and the peer would lose what it was sent last.
    pub fn finish(&mut self, time: Duration) {
        self.within(time);
        let timed = self.timed();
        let _ = timed.socket.shutdown(Shutdown::Write); // it may be gone already
        let mut unread = [0; 16 * 1024];
        while matches!(timed.read(&mut unread), Ok(1..)) {}
    }

    fn timed(&mut self) -> &mut Timed {
        match &mut self.stream {
            Stream::Plain(timed) => timed,
            Stream::Server(stream) => &mut stream.sock,
            Stream::Client(stream) => &mut stream.sock,
        }
    }

    /// Sends one frame.
    pub fn send<T: Serialize>(&mut self, header: &T, payload: &[u8]) -> Result<()> {
        let header = message::encode(header)?;
        let prefix = Prefix { header: header.len() as u32, payload: payload.len() as u64 };
        let mut start = prefix.encode().to_vec();
        start.extend_from_slice(&header);
        let sent = (|| {
            let stream = self.raw();
            stream.write_all(&start)?;
            stream.write_all(payload)?;
            stream.flush()
        })();
        sent.map_err(|e| broken(&self.peer, &e))
    }

    /// Reads a frame up to its payload, of which there may be `max_payload` bytes: how many there are.
    pub fn receive<T: for<'de> Deserialize<'de>>(&mut self, max_payload: u64) -> Result<(T, u64)> {
        let mut bytes = [0; PREFIX];
        self.fill(&mut bytes)?;
        let prefix = Prefix::decode(&bytes, max_payload)?;
        let mut header = std::mem::take(&mut self.header);
        header.resize(prefix.header as usize, 0);
        let filled = self.fill(&mut header);
        let decoded = filled.and_then(|()| message::decode(&header));
        self.header = header;
        Ok((decoded?, prefix.payload))
    }

    /// Reads the next bytes of the payload.
    pub fn fill(&mut self, bytes: &mut [u8]) -> Result<()> {
        self.raw().read_exact(bytes).map_err(|e| broken(&self.peer, &e))
    }

    /// The byte stream under the frames.
    pub fn raw(&mut self) -> &mut dyn ReadWrite {
        match &mut self.stream {
            Stream::Plain(stream) => stream,
            Stream::Server(stream) => stream,
            Stream::Client(stream) => stream,
        }
    }
}

/// A wrong certificate, or a peer that does not use TLS, would be the same over a new connection, so these are not
/// transient; every other failure may be the network's.
fn broken(peer: &str, cause: &io::Error) -> Error {
    match cause.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(e @ rustls::Error::InvalidCertificate(_)) => Error::refused(Refusal::Denied, format!("{peer}: TLS: {e}")),
        Some(e @ rustls::Error::InvalidMessage(_)) => Error::Frame(format!("{peer}: TLS: {e}")),
        _ => Error::io(peer, cause),
    }
}

/// A stream that can be read and written.
pub trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

/// Closes the connection at once, so that the other end does not wait for its deadline.
impl Drop for Transport {
    fn drop(&mut self) {
        let socket = match &self.stream {
            Stream::Plain(timed) => &timed.socket,
            Stream::Server(stream) => &stream.sock.socket,
            Stream::Client(stream) => &stream.sock.socket,
        };
        let _ = socket.shutdown(Shutdown::Both); // it may be gone already
    }
}

fn prepare(socket: TcpStream, cancel: Arc<AtomicBool>) -> Result<(Timed, String)> {
    let peer = socket.peer_addr().map_or_else(|_| "a peer that is gone".to_owned(), |address| address.to_string());
    socket.set_nodelay(true).map_err(|e| Error::io(&peer, &e))?; // a small request must not wait for the next
    Ok((Timed { socket, deadline: Instant::now(), cancel }, peer))
}
