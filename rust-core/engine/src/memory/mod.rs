//! Memory that a user's sizes decide: how much a run will take ([`estimate`]), and what is said when the machine does not
//! have it. Rust's collections abort a process that has no memory left and libtorch throws, so neither is used bare:
//! whatever grows with rows, minibatch or weights is allocated through this module.

mod estimate;
mod failure;
mod limit;

use std::mem::size_of;
use std::panic::resume_unwind;

use crate::error::{Error, Result};

pub use estimate::{Estimate, estimate};
pub use failure::{guarded, one_line, panic_text, quiet_panics};
pub use limit::Limit;

/// What memory is wanted for, which decides what its user can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The images and labels of one worker.
    Rows,
    /// The activations of a minibatch.
    Minibatch,
    /// The activations of an evaluation, whose minibatch is fixed.
    Evaluation,
    /// Weights, gradients and solver states.
    Weights,
}

impl Purpose {
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Rows => ("the rows of a worker", "raise workers, so that each holds fewer rows"),
            Self::Minibatch => ("a local step on one minibatch", "lower batch, or resize where it is set"),
            Self::Evaluation => ("an evaluation", "lower resize where it is set"),
            Self::Weights => ("weights, gradients and solver state", "choose a smaller net or fewer threads"),
        }
    }

    /// The error where `wanted` bytes could not be had; `None` where their number is not known or beyond counting.
    pub fn refused(self, wanted: Option<u64>) -> Error {
        let (what, remedy) = self.words();
        let wanted = wanted.map_or(String::new(), |bytes| format!("{} of ", readable(bytes)));
        Error::memory(format!(
            "no memory for {wanted}{what}: {remedy}, or give the process more memory \
             (spark.executor.memoryOverhead on a cluster)"
        ))
    }
}

/// Bytes as people say them, in binary units.
pub fn readable(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} bytes");
    }
    let (mut value, mut unit) = (bytes as f64 / 1024.0, 0);
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// An empty vector with room for `length` values.
pub fn with_capacity<T>(length: usize, purpose: Purpose) -> Result<Vec<T>> {
    let mut values = Vec::new();
    reserve(&mut values, length, purpose)?;
    Ok(values)
}

/// `length` times `value`.
pub fn filled<T: Clone>(length: usize, value: T, purpose: Purpose) -> Result<Vec<T>> {
    let mut values = with_capacity(length, purpose)?;
    values.resize(length, value);
    Ok(values)
}

/// A copy of `values`.
pub fn copied<T: Clone>(values: &[T], purpose: Purpose) -> Result<Vec<T>> {
    let mut copy = with_capacity(values.len(), purpose)?;
    copy.extend_from_slice(values);
    Ok(copy)
}

/// Makes room for `more` values behind those of `values`.
pub fn reserve<T>(values: &mut Vec<T>, more: usize, purpose: Purpose) -> Result<()> {
    let bytes = || (more as u64).checked_mul(size_of::<T>() as u64);
    values.try_reserve(more).map_err(|cause| purpose.refused(bytes()).caused_by(cause))
}

/// The product of sizes that a user or a file chose.
pub fn product(sizes: &[usize], purpose: Purpose) -> Result<usize> {
    let product = sizes.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
    product.ok_or_else(|| purpose.refused(None))
}

/// The value, or the error as a panic that [`guarded`] turns back into it. For operations of a pass, where libtorch's own
/// failures are panics too, so that a net's forward function need not be written with results.
pub fn or_unwind<T>(result: Result<T>) -> T {
    result.unwrap_or_else(|error| resume_unwind(Box::new(error)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn what_cannot_be_allocated_is_an_error_that_says_how_much_for_what_and_what_to_change() {
        const ABSURD: usize = 1 << 60; // bytes: more than any machine addresses, fewer than a vector may have
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
        assert_eq!(with_capacity::<u64>(usize::MAX, Purpose::Rows).unwrap_err().kind(), Kind::Memory);
        assert_eq!(product(&[1 << 40, 1 << 40], Purpose::Rows).unwrap_err().kind(), Kind::Memory);
        assert_eq!(product(&[3, 5, 7], Purpose::Rows).unwrap(), 105);
    }

    #[test]
    fn bytes_are_said_in_the_unit_that_fits() {
        for (bytes, said) in [(7, "7 bytes"), (1536, "1.5 KiB"), (614_400_000, "585.9 MiB"), (3 << 30, "3.0 GiB")] {
            assert_eq!(readable(bytes), said);
        }
    }
}
