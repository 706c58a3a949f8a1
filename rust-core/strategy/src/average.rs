//! The driver's part of rounds that are Spark jobs: SparkNet's mean of the workers' vectors, weighted by their samples.

use firesteel_engine::memory::{Purpose, filled};
use firesteel_engine::vector::pieces;
use firesteel_engine::{Error, Result};
use firesteel_exchange::rules::mean::Mean;

/// Writes the mean of vectors of `length` values, of which worker k's was reached with `samples[k]` samples. `read` copies
/// values of a worker's vector, given its number and the index of the first value, and `write` stores values of the mean.
/// Both are called for one piece after the other, since vectors may be larger than the processor's cache. The order of
/// the workers is the order of the sums. Refused if no worker had a sample.
pub fn average(
    length: usize,
    samples: &[u64],
    mut read: impl FnMut(usize, usize, &mut [f32]) -> Result<()>,
    mut write: impl FnMut(usize, &[f32]) -> Result<()>,
) -> Result<()> {
    if samples.iter().all(|&samples| samples == 0) {
        return Err(Error::layout("a mean of no samples"));
    }
    let mut values = Vec::new();
    for (from, size) in pieces(length) {
        if values.len() != size {
            values = filled(size, 0.0, Purpose::Weights)?;
        }
        let mut mean = Mean::new(size)?;
        for (worker, &samples) in samples.iter().enumerate() {
            read(worker, from, &mut values)?;
            mean.add(&values, samples)?;
        }
        mean.take(&mut values)?;
        write(from, &values)?;
    }
    Ok(())
}
