//! The one error type of this crate: what can be wrong with a vector, a setting, a message or a connection.

use std::io;

use serde::{Deserialize, Serialize};

/// The result of everything in this crate that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// A failure. A vector, message or snapshot that is refused has changed nothing.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// A vector of another length than the layout's.
    #[error("a vector of {got} values where {expected} were expected")]
    Length { expected: usize, got: usize },
    /// The other side has another net, or another version of it.
    #[error("layout digest {got} where {expected} was expected: the two sides do not hold the same net")]
    Digest { expected: String, got: String },
    /// Two tensors of one layout share a name.
    #[error("the layout names tensor {0} twice")]
    Duplicate(String),
    /// A setting of a rule or of a server that is not allowed.
    #[error("{0}")]
    Config(String),
    /// A parameter of a rule or an outer optimiser is outside its limits.
    #[error("{owner}: {key} {value} is not {limits}")]
    Setting { owner: &'static str, key: &'static str, value: String, limits: &'static str },
    /// A snapshot that another rule wrote, or the same rule for another number of workers.
    #[error(
        "a snapshot of {got_vectors} vectors and {got_counters} counters where the rule keeps {vectors} and {counters}"
    )]
    Snapshot { vectors: usize, counters: usize, got_vectors: usize, got_counters: usize },
    /// Encoded values of another length than that of their number.
    #[error("{got} encoded bytes where {expected} were expected")]
    Encoded { expected: usize, got: usize },
    /// The sender's values were NaN or infinite: its training diverged.
    #[error("the scale of int8 block {block} is not finite: the sender's weights are NaN or infinite")]
    Scale { block: usize },
    /// A worker's weights or loss are NaN or infinite, so there is nothing to exchange.
    #[error("training diverged: the weights or the loss are NaN or infinite")]
    Diverged,
    /// Bytes that are not a frame of this protocol, or a message that does not fit here.
    #[error("{0}")]
    Frame(String),
    /// A failed operation on a connection, a certificate or a file, as the operating system or TLS reports it.
    #[error("{what}: {cause}")]
    Io { what: String, kind: io::ErrorKind, cause: String },
    /// The other side refused the request.
    #[error("the exchanger refused: {message}")]
    Refused { why: Refusal, message: String },
    /// An allocation failed.
    #[error("no memory for {}{what}: {advice}, or give the process more memory", crate::memory::size_of_what(*bytes))]
    Memory { bytes: Option<u64>, what: &'static str, advice: &'static str },
    /// The call was cancelled by its caller.
    #[error("{0} was cancelled")]
    Cancelled(String),
}

impl Error {
    /// A failed operation on what `what` names: an address, a path.
    pub fn io(what: impl Into<String>, cause: &io::Error) -> Self {
        Self::Io { what: what.into(), kind: cause.kind(), cause: cause.to_string() }
    }

    /// A refusal whose text is sent to the peer unchanged.
    pub fn refused(why: Refusal, message: impl Into<String>) -> Self {
        Self::Refused { why, message: message.into() }
    }

    /// Whether the same request may succeed over a new connection.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Io { .. }) || matches!(self, Self::Refused { why: Refusal::Busy, .. })
    }
}

/// The kind of a refusal; programs decide by it, never by the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// The secret, or the role, is not one that may ask for this.
    Denied,
    /// A newer attempt of the same worker is attached.
    Fenced,
    /// The request does not fit this center: another net, sequence number or length.
    Mismatch,
    /// The wait for other workers took longer than the limit.
    Overdue,
    /// Too many connections, too little memory, or a server that is about to stop. The same request may succeed later.
    Busy,
}
