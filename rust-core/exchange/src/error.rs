//! The one error type of this crate: every way in which two sides can disagree about a vector.

/// The result of everything in this crate that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// Why an exchange was refused. Nothing was changed when one of these comes back.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// A vector of another length than the layout's.
    #[error("a vector of {got} values where {expected} were expected")]
    Length { expected: usize, got: usize },
    /// The other side was built for another net, or another version of it.
    #[error("layout digest {got} where {expected} was expected: the two sides do not hold the same net")]
    Digest { expected: String, got: String },
    /// Two tensors of one layout share a name.
    #[error("the layout names tensor {0} twice")]
    Duplicate(String),
}
