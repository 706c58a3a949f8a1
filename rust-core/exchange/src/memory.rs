//! Memory whose size depends on the net, on the number of workers or on a peer, and the error when there is none. `Vec`
//! and `vec!` abort the process when an allocation fails, and that process may be the JVM of a driver or an executor
//! with all its other tasks. So vectors of weights, and everything whose size a message or a file tells, are allocated
//! here.

use std::mem::size_of;

use crate::{Error, Result};

/// What memory is needed for; it decides the advice in the error message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The center of a server, and what its rule remembers.
    Center,
    /// Messages of workers and the replies to them, of which a server keeps one for each worker.
    Message,
    /// The sessions that a server keeps for each worker on each shard.
    Sessions,
    /// A snapshot of a center.
    Snapshot,
    /// A server's answer to an observer: a report or a snapshot.
    Answer,
    /// A worker's own copies of the weights.
    Worker,
    /// The sum of all workers' weights in a round.
    Mean,
}

impl Purpose {
    /// The purpose and the setting to change.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Center => ("the center and the state of its rule", "raise exchangers, so that each holds less of it"),
            Self::Message => ("a message and its reply", "lower workers, or raise exchangers"),
            Self::Sessions => ("the sessions of the workers", "lower workers or shards"),
            Self::Snapshot => ("a snapshot of the center", "raise exchangers, so that each holds less of it"),
            Self::Answer => ("a report or a snapshot", "raise exchangers, so that each sends less"),
            Self::Worker => ("a worker's copies of the weights", "choose a smaller net"),
            Self::Mean => ("the mean of the workers' weights", "choose a smaller net"),
        }
    }

    /// The error for `length` values of `size` bytes that could not be allocated.
    fn refused(self, length: usize, size: usize) -> Error {
        let (what, advice) = self.words();
        Error::Memory { bytes: (length as u128) * (size as u128), what, advice }
    }
}

/// Reserves room in `values` for `more` values.
pub fn reserve<T>(values: &mut Vec<T>, more: usize, purpose: Purpose) -> Result<()> {
    values.try_reserve_exact(more).map_err(|_| purpose.refused(more, size_of::<T>()))
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
pub fn copied<T: Copy>(values: &[T], purpose: Purpose) -> Result<Vec<T>> {
    let mut copy = with_capacity(values.len(), purpose)?;
    copy.extend_from_slice(values);
    Ok(copy)
}

/// Makes `values` `length` long; values that are new are `value`.
pub fn resize<T: Clone>(values: &mut Vec<T>, length: usize, value: T, purpose: Purpose) -> Result<()> {
    reserve(values, length.saturating_sub(values.len()), purpose)?;
    values.resize(length, value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_allocation_is_an_error_with_size_purpose_and_the_setting_to_change() {
        const ABSURD: usize = 1 << 58; // f32 values: more than can be addressed, fewer than the limit of a vector
        for (purpose, key) in [
            (Purpose::Center, "raise exchangers"),
            (Purpose::Message, "lower workers"),
            (Purpose::Sessions, "lower workers or shards"),
            (Purpose::Snapshot, "raise exchangers"),
            (Purpose::Answer, "raise exchangers"),
            (Purpose::Worker, "smaller net"),
            (Purpose::Mean, "smaller net"),
        ] {
            let text = filled(ABSURD, 0.0f32, purpose).unwrap_err().to_string();
            let what = purpose.words().0;
            assert!(text.starts_with(&format!("no memory for 1152921504606846976 bytes of {what}: ")), "{text}");
            assert!(text.contains(key) && text.ends_with("or give the process more memory"), "{text}");
        }
        assert!(matches!(with_capacity::<u64>(usize::MAX, Purpose::Mean), Err(Error::Memory { .. })));
    }

    #[test]
    fn a_vector_is_made_longer_and_shorter() {
        let mut values = copied(&[1, 2, 3], Purpose::Message).unwrap();
        resize(&mut values, 5, 9, Purpose::Message).unwrap();
        assert_eq!(values, [1, 2, 3, 9, 9]);
        resize(&mut values, 2, 9, Purpose::Message).unwrap();
        assert_eq!(values, [1, 2]);
    }
}
