//! Memory whose size depends on the user's settings, and the error message when the machine does not have it. Rust's
//! collections abort the process when an allocation fails, and libtorch throws an exception that tch turns into a
//! panic. So everything whose size grows with rows, minibatch or weights is allocated through this module or inside
//! [`guarded`].

mod failure;
mod limit;

use std::panic::resume_unwind;

use firesteel_exchange::memory::size_of_what;
pub use firesteel_exchange::memory::{Allocation, copied, filled, readable, reserve, with_capacity};

use crate::error::{Error, Result};

pub use failure::{guarded, one_line, panic_text, quiet_panics};
pub use limit::MemoryLimit;

/// What memory is needed for, which decides the advice in the error message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The images and labels of one worker.
    Rows,
    /// The activations of a minibatch.
    Minibatch,
    /// The activations of an evaluation, whose minibatch the user cannot choose.
    Evaluation,
    /// Weights, gradients and solver states.
    Weights,
}

impl Purpose {
    /// The purpose and the advice.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Rows => ("the rows of a worker", "raise workers, so that each holds fewer rows"),
            Self::Minibatch => ("a local step on one minibatch", "lower batch, or resize where it is set"),
            Self::Evaluation => ("an evaluation", "lower resize where it is set"),
            Self::Weights => ("weights, gradients and solver state", "choose a smaller net or fewer threads"),
        }
    }
}

impl Allocation for Purpose {
    type Error = Error;

    fn refused(self, bytes: Option<u64>) -> Error {
        let (what, advice) = self.words();
        Error::memory(format!(
            "no memory for {}{what}: {advice}, or give the process more memory \
             (spark.executor.memoryOverhead on a cluster)",
            size_of_what(bytes)
        ))
    }
}

/// The product of sizes that come from a user or a file; an overflow is an error.
pub fn product(sizes: &[usize], purpose: Purpose) -> Result<usize> {
    let product = sizes.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
    product.ok_or_else(|| purpose.refused(None))
}

/// Returns the value, or panics with the error, which [`guarded`] turns back into an error. For the operations of a
/// pass: libtorch's failures are panics there too, so the forward functions of nets need not return results.
pub fn or_unwind<T>(result: Result<T>) -> T {
    result.unwrap_or_else(|error| resume_unwind(Box::new(error)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn a_failed_allocation_is_an_error_with_size_purpose_and_advice() {
        const ABSURD: usize = 1 << 60; // bytes: more than any machine can address, fewer than the limit of a vector
        for (purpose, remedy) in [
            (Purpose::Rows, "raise workers"),
            (Purpose::Minibatch, "lower batch"),
            (Purpose::Evaluation, "lower resize"),
            (Purpose::Weights, "smaller net"),
        ] {
            let error = filled(ABSURD, 0u8, purpose).unwrap_err();
            assert_eq!(error.kind(), Kind::Memory);
            let text = error.to_string();
            assert!(text.starts_with("no memory for 1048576.0 TiB of "), "{text}");
            assert!(text.contains(remedy) && text.contains("spark.executor.memoryOverhead"), "{text}");
        }
        assert_eq!(with_capacity::<u64, _>(usize::MAX, Purpose::Rows).unwrap_err().kind(), Kind::Memory);
        assert_eq!(product(&[1 << 40, 1 << 40], Purpose::Rows).unwrap_err().kind(), Kind::Memory);
        assert_eq!(product(&[3, 5, 7], Purpose::Rows).unwrap(), 105);
    }
}
