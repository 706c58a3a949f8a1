//! What a rule or an outer optimiser remembers beside the center: what a snapshot keeps of it.

use crate::layout::check_length;
use crate::{Error, Result};

/// State that outlives a fold. A rule that remembers nothing takes the three defaults.
pub trait Memory {
    /// Vectors of the shard's length, in an order that does not change.
    fn state(&self) -> Vec<&[f32]> {
        Vec::new()
    }

    /// What is counted, in an order that does not change.
    fn counters(&self) -> Vec<u64> {
        Vec::new()
    }

    /// Takes back what [`state`](Self::state) and [`counters`](Self::counters) gave. Refuses, and changes
    /// nothing, when their numbers or lengths are not those of this rule.
    fn restore(&mut self, state: Vec<Vec<f32>>, counters: &[u64]) -> Result<()> {
        take_back(&mut [], state, &mut [], counters)
    }
}

/// Puts `state` and `given` in the places of `vectors` and `counters`, all or nothing.
pub(crate) fn take_back(
    vectors: &mut [&mut Vec<f32>],
    state: Vec<Vec<f32>>,
    counters: &mut [&mut u64],
    given: &[u64],
) -> Result<()> {
    if vectors.len() != state.len() || counters.len() != given.len() {
        return Err(Error::Snapshot {
            vectors: vectors.len(),
            counters: counters.len(),
            got_vectors: state.len(),
            got_counters: given.len(),
        });
    }
    for (ours, kept) in vectors.iter().zip(&state) {
        check_length(ours.len(), kept)?;
    }
    for (ours, kept) in vectors.iter_mut().zip(state) {
        **ours = kept;
    }
    for (ours, kept) in counters.iter_mut().zip(given) {
        **ours = *kept;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_that_does_not_fit_changes_nothing() {
        let (mut a, mut b, mut count) = (vec![1.0, 2.0], vec![3.0, 4.0], 5);
        let mut put = |state, given: &[u64]| take_back(&mut [&mut a, &mut b], state, &mut [&mut count], given);
        assert_eq!(put(vec![vec![9.0; 2], vec![9.0]], &[9]), Err(Error::Length { expected: 2, got: 1 }));
        assert!(matches!(put(vec![vec![9.0; 2]], &[9]), Err(Error::Snapshot { got_vectors: 1, .. })));
        assert!(matches!(put(vec![vec![9.0; 2]; 2], &[]), Err(Error::Snapshot { got_counters: 0, .. })));
        assert_eq!((a, b, count), (vec![1.0, 2.0], vec![3.0, 4.0], 5));
    }
}
