//! The engine's one error type: a [`Kind`] for programs, and a message with all its causes in one line for people.
//!
//! `native` turns the kind into the kind of a Java exception; tests compare both lists with `testdata/kinds.txt`.

use std::error::Error as StdError;
use std::fmt;
use std::path::Path;

/// What went wrong. Programs decide by it, never by the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A setting is missing, unknown or contradicts another.
    Config,
    /// The bytes of a data set are not what their format says.
    Data,
    /// The operating system refused a read or a write.
    Io,
    /// A handle was used after it was closed.
    Closed,
    /// The caller cancelled the call.
    Cancelled,
    /// A flat vector or a file of tensors does not fit the net.
    Layout,
    /// The native library is missing or of another version.
    Library,
    /// An exchanger cannot be reached, or refuses a request.
    Exchange,
    /// An allocation failed, or more memory is needed than the machine has.
    Memory,
    /// A defect of Firesteel or of libtorch.
    Internal,
}

impl Kind {
    /// Every kind, in the order of `testdata/kinds.txt`.
    pub const ALL: [Kind; 10] = [
        Kind::Config,
        Kind::Data,
        Kind::Io,
        Kind::Closed,
        Kind::Cancelled,
        Kind::Layout,
        Kind::Library,
        Kind::Exchange,
        Kind::Memory,
        Kind::Internal,
    ];

    /// The name in Java.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Config => "config",
            Kind::Data => "data",
            Kind::Io => "io",
            Kind::Closed => "closed",
            Kind::Cancelled => "cancelled",
            Kind::Layout => "layout",
            Kind::Library => "library",
            Kind::Exchange => "exchange",
            Kind::Memory => "memory",
            Kind::Internal => "internal",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A failure of the engine. `Display` writes the message and all its causes in one line, outermost first.
#[derive(Debug, thiserror::Error)]
pub struct Error {
    kind: Kind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The engine's result.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error without a cause. The message is lower case, has no full stop and names the path, key or offset.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Error { kind, message: message.into(), source: None }
    }

    /// An error of [`Kind::Config`].
    pub fn config(message: impl Into<String>) -> Self {
        Error::new(Kind::Config, message)
    }

    /// An error of [`Kind::Data`].
    pub fn data(message: impl Into<String>) -> Self {
        Error::new(Kind::Data, message)
    }

    /// An error of [`Kind::Io`] about `path`.
    pub fn io(path: impl AsRef<Path>, cause: std::io::Error) -> Self {
        Error::new(Kind::Io, path.as_ref().display().to_string()).caused_by(cause)
    }

    /// An error of [`Kind::Closed`].
    pub fn closed(message: impl Into<String>) -> Self {
        Error::new(Kind::Closed, message)
    }

    /// An error of [`Kind::Cancelled`].
    pub fn cancelled(message: impl Into<String>) -> Self {
        Error::new(Kind::Cancelled, message)
    }

    /// An error of [`Kind::Layout`].
    pub fn layout(message: impl Into<String>) -> Self {
        Error::new(Kind::Layout, message)
    }

    /// An error of [`Kind::Library`].
    pub fn library(message: impl Into<String>) -> Self {
        Error::new(Kind::Library, message)
    }

    /// An error of [`Kind::Memory`].
    pub fn memory(message: impl Into<String>) -> Self {
        Error::new(Kind::Memory, message)
    }

    /// An error of [`Kind::Internal`].
    pub fn internal(message: impl Into<String>) -> Self {
        Error::new(Kind::Internal, message)
    }

    /// Adds the cause.
    pub fn caused_by(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(cause.into());
        self
    }

    /// A new error of the same kind with this one as its cause; `message` says what failed, such as the file being
    /// read.
    pub fn context(self, message: impl Into<String>) -> Self {
        Error::new(self.kind, message).caused_by(self)
    }

    /// What went wrong.
    pub fn kind(&self) -> Kind {
        self.kind
    }
}

impl From<firesteel_exchange::Error> for Error {
    fn from(cause: firesteel_exchange::Error) -> Self {
        use firesteel_exchange::Error as Cause;
        let kind = match cause {
            Cause::Length { .. } | Cause::Digest { .. } | Cause::Duplicate(_) => Kind::Layout,
            Cause::Config(_) | Cause::Setting { .. } | Cause::Snapshot { .. } => Kind::Config,
            Cause::Cancelled(_) => Kind::Cancelled,
            Cause::Frame(_) | Cause::Io { .. } | Cause::Refused { .. } => Kind::Exchange,
            Cause::Encoded { .. } | Cause::Scale { .. } => Kind::Exchange,
            Cause::Memory { .. } => Kind::Memory,
            Cause::Diverged => Kind::Internal,
        };
        Error::new(kind, cause.to_string())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        let mut cause = StdError::source(self);
        while let Some(error) = cause {
            // an `Error` writes its causes itself
            write!(f, ": {error}")?;
            cause = if error.is::<Error>() { None } else { error.source() };
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn kinds_are_those_of_java() {
        let listed: Vec<_> = include_str!("../../../testdata/kinds.txt").lines().collect();
        let ours: Vec<_> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(ours, listed);
    }

    #[test]
    fn the_whole_chain_is_one_line_and_keeps_the_kind() {
        let cause = io::Error::new(io::ErrorKind::PermissionDenied, "permission denied");
        let error = Error::io("data/test_batch.bin", cause).context("read the test set");
        assert_eq!(error.to_string(), "read the test set: data/test_batch.bin: permission denied");
        assert_eq!(error.kind(), Kind::Io);
    }

    #[test]
    fn causes_stay_reachable_for_programs() {
        let error = Error::io("a", io::Error::from(io::ErrorKind::NotFound)).context("b");
        let inner = error.source().and_then(|cause| cause.source()).expect("two causes");
        assert_eq!(inner.downcast_ref::<io::Error>().map(io::Error::kind), Some(io::ErrorKind::NotFound));
    }
}
