//! Memory whose size depends on the user's settings, and the error message when the machine does not have it. Rust's
//! collections abort the process when an allocation fails, and libtorch throws an exception that tch turns into a
//! panic. So everything whose size grows with rows, minibatch or weights is allocated through this module or inside
//! [`guarded`].

mod failure;
mod limit;

use std::mem::size_of;
use std::panic::resume_unwind;

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

    /// The error for `wanted` bytes that could not be allocated; `None` if their number is unknown or overflows.
    pub fn refused(self, wanted: Option<u64>) -> Error {
        let (what, remedy) = self.words();
        let wanted = wanted.map_or(String::new(), |bytes| format!("{} of ", readable(bytes)));
        Error::memory(format!(
            "no memory for {wanted}{what}: {remedy}, or give the process more memory \
             (spark.executor.memoryOverhead on a cluster)"
        ))
    }
}

/// A number of bytes for people, in binary units.
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

/// A vector of `length` copies of `value`.
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

/// Reserves room in `values` for `more` values.
pub fn reserve<T>(values: &mut Vec<T>, more: usize, purpose: Purpose) -> Result<()> {
    let bytes = || (more as u64).checked_mul(size_of::<T>() as u64);
    values.try_reserve(more).map_err(|cause| purpose.refused(bytes()).caused_by(cause))
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
        assert_eq!(with_capacity::<u64>(usize::MAX, Purpose::Rows).unwrap_err().kind(), Kind::Memory);
        assert_eq!(product(&[1 << 40, 1 << 40], Purpose::Rows).unwrap_err().kind(), Kind::Memory);
        assert_eq!(product(&[3, 5, 7], Purpose::Rows).unwrap(), 105);
    }

    #[test]
    fn bytes_are_shown_in_a_fitting_unit() {
        for (bytes, said) in [(7, "7 bytes"), (1536, "1.5 KiB"), (614_400_000, "585.9 MiB"), (3 << 30, "3.0 GiB")] {
            assert_eq!(readable(bytes), said);
        }
    }
}
