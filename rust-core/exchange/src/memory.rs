//! Memory whose size depends on the net, on the number of workers or on a peer, and the error when there is none. `Vec`
//! and `vec!` abort the process when an allocation fails, and that process may be the JVM of a driver or an executor
//! with all its other tasks. So vectors of weights, and everything whose size a message or a file tells, are allocated
//! here.

use std::mem::size_of;

use crate::Error;

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
}

impl Allocation for Purpose {
    type Error = Error;

    fn refused(self, bytes: Option<u64>) -> Error {
        let (what, advice) = self.words();
        Error::Memory { bytes, what, advice }
    }
}

/// What memory is allocated for, in this crate or in one above it.
pub trait Allocation: Copy {
    type Error;

    /// The error for `bytes` that could not be allocated; `None` if their number is unknown or overflows.
    fn refused(self, bytes: Option<u64>) -> Self::Error;
}

/// Reserves room in `values` for `more` values.
pub fn reserve<T, P: Allocation>(values: &mut Vec<T>, more: usize, purpose: P) -> Result<(), P::Error> {
    let bytes = || (more as u64).checked_mul(size_of::<T>() as u64);
    values.try_reserve(more).map_err(|_| purpose.refused(bytes()))
}

/// An empty vector with room for `length` values.
pub fn with_capacity<T, P: Allocation>(length: usize, purpose: P) -> Result<Vec<T>, P::Error> {
    let mut values = Vec::new();
    reserve(&mut values, length, purpose)?;
    Ok(values)
}

/// A vector of `length` copies of `value`.
pub fn filled<T: Clone, P: Allocation>(length: usize, value: T, purpose: P) -> Result<Vec<T>, P::Error> {
    let mut values = with_capacity(length, purpose)?;
    values.resize(length, value);
    Ok(values)
}

/// A copy of `values`.
pub fn copied<T: Clone, P: Allocation>(values: &[T], purpose: P) -> Result<Vec<T>, P::Error> {
    let mut copy = with_capacity(values.len(), purpose)?;
    copy.extend_from_slice(values);
    Ok(copy)
}

/// Makes `values` `length` long; values that are new are `value`.
pub fn resize<T: Clone, P: Allocation>(
    values: &mut Vec<T>,
    length: usize,
    value: T,
    purpose: P,
) -> Result<(), P::Error> {
    reserve(values, length.saturating_sub(values.len()), purpose)?;
    values.resize(length, value);
    Ok(())
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

/// The size in the message of a failed allocation, before what it was for.
pub fn size_of_what(bytes: Option<u64>) -> String {
    bytes.map_or(String::new(), |bytes| format!("{} of ", readable(bytes)))
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
            assert!(text.starts_with(&format!("no memory for 1048576.0 TiB of {what}: ")), "{text}");
            assert!(text.contains(key) && text.ends_with("or give the process more memory"), "{text}");
        }
        assert!(matches!(with_capacity::<u64, _>(usize::MAX, Purpose::Mean), Err(Error::Memory { .. })));
    }

    #[test]
    fn a_vector_is_made_longer_and_shorter() {
        let mut values = copied(&[1, 2, 3], Purpose::Message).unwrap();
        resize(&mut values, 5, 9, Purpose::Message).unwrap();
        assert_eq!(values, [1, 2, 3, 9, 9]);
        resize(&mut values, 2, 9, Purpose::Message).unwrap();
        assert_eq!(values, [1, 2]);
    }

    #[test]
    fn bytes_are_shown_in_a_fitting_unit() {
        for (bytes, said) in [(7, "7 bytes"), (1536, "1.5 KiB"), (614_400_000, "585.9 MiB"), (3 << 30, "3.0 GiB")] {
            assert_eq!(readable(bytes), said);
        }
    }
}
