//! What a rule or an outer optimiser remembers from one fold to the next, beside the center; a snapshot keeps it.

use crate::layout::check_length;
use crate::{Error, Result};

/// State that outlives a fold. A rule without any takes the three defaults.
pub trait RuleState {
    /// Vectors of the shard's length, always in the same order.
    fn vectors(&self) -> Vec<&[f32]> {
        Vec::new()
    }

    /// Numbers that are counted, always in the same order.
    fn counters(&self) -> Vec<u64> {
        Vec::new()
    }

    /// Restores what [`vectors`](Self::vectors) and [`counters`](Self::counters) gave. Fails, and changes nothing, when
    /// their numbers or lengths are not those of this rule.
    fn restore(&mut self, vectors: Vec<Vec<f32>>, counters: &[u64]) -> Result<()> {
        restore_all(&mut [], vectors, &mut [], counters)
    }
}

/// Replaces `vectors` by `saved_vectors` and `counters` by `saved_counters`: all of them, or none where they do not
/// fit.
pub(crate) fn restore_all(
    vectors: &mut [&mut Vec<f32>],
    saved_vectors: Vec<Vec<f32>>,
    counters: &mut [&mut u64],
    saved_counters: &[u64],
) -> Result<()> {
    if vectors.len() != saved_vectors.len() || counters.len() != saved_counters.len() {
        return Err(Error::Snapshot {
            vectors: vectors.len(),
            counters: counters.len(),
            got_vectors: saved_vectors.len(),
            got_counters: saved_counters.len(),
        });
    }
    for (vector, saved) in vectors.iter().zip(&saved_vectors) {
        check_length(vector.len(), saved.len())?;
    }
    for (vector, saved) in vectors.iter_mut().zip(saved_vectors) {
        **vector = saved;
    }
    for (counter, saved) in counters.iter_mut().zip(saved_counters) {
        **counter = *saved;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_that_does_not_fit_changes_nothing() {
        let (mut a, mut b, mut count) = (vec![1.0, 2.0], vec![3.0, 4.0], 5);
        let mut restore =
            |vectors, counters: &[u64]| restore_all(&mut [&mut a, &mut b], vectors, &mut [&mut count], counters);
        assert_eq!(restore(vec![vec![9.0; 2], vec![9.0]], &[9]), Err(Error::Length { expected: 2, got: 1 }));
        assert!(matches!(restore(vec![vec![9.0; 2]], &[9]), Err(Error::Snapshot { got_vectors: 1, .. })));
        assert!(matches!(restore(vec![vec![9.0; 2]; 2], &[]), Err(Error::Snapshot { got_counters: 0, .. })));
        assert_eq!((a, b, count), (vec![1.0, 2.0], vec![3.0, 4.0], 5));
    }
}
