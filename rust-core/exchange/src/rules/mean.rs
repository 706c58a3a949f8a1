//! SparkNet's rule, weighted: `mean = sum n_k x_k / sum n_k`, where worker k used n_k samples.
//! Moritz, Nishihara, Stoica, Jordan, "SparkNet: Training Deep Networks in Spark" (2016), algorithm 2.
//!
//! Sums are in f64: the product of an f32 and a sample count below 2^29 is exact there, so that one
//! worker's mean is its own weights bit for bit, and equal workers stay equal. The order of the calls
//! is the order of the sum: adding in partition order gives the same bits every time.

use super::Gathering;
use crate::memory::{Purpose, filled};
use crate::outer::Outer;
use crate::rule_state::RuleState;
use crate::{Result, layout::check_length};

/// A weighted mean under way.
#[derive(Clone, Debug)]
pub struct Mean {
    sum: Vec<f64>,
    samples: u64,
}

impl Mean {
    /// A mean of vectors of `length` values.
    pub fn new(length: usize) -> Result<Self> {
        Ok(Self { sum: filled(length, 0.0, Purpose::Mean)?, samples: 0 })
    }

    /// Adds worker k's vector, which it reached with `samples` samples; with 0 it adds nothing.
    pub fn add(&mut self, x: &[f32], samples: u64) -> Result<()> {
        check_length(self.sum.len(), x.len())?;
        self.fold_in(x, samples);
        Ok(())
    }

    /// [`add`](Self::add) for a vector whose length was checked.
    pub(super) fn fold_in(&mut self, x: &[f32], samples: u64) {
        if samples == 0 {
            return; // even a vector of NaN weighs nothing
        }
        self.samples += samples;
        let weight = samples as f64;
        for (sum, &value) in self.sum.iter_mut().zip(x) {
            *sum += weight * f64::from(value);
        }
    }

    /// Writes the mean and starts the next one; answers `false`, and leaves `out` alone, when nobody
    /// had a sample.
    pub fn take(&mut self, out: &mut [f32]) -> Result<bool> {
        check_length(self.sum.len(), out.len())?;
        Ok(self.draw(out))
    }

    /// [`take`](Self::take) into a vector whose length was checked.
    pub(super) fn draw(&mut self, out: &mut [f32]) -> bool {
        let samples = std::mem::take(&mut self.samples);
        for (value, sum) in out.iter_mut().zip(&mut self.sum) {
            let total = std::mem::take(sum);
            if samples > 0 {
                *value = (total / samples as f64) as f32;
            }
        }
        samples > 0
    }
}

/// The rule: the mean, then a step of the outer optimiser; a reply is the new center.
pub struct Averaged {
    sums: Mean,
    mean: Vec<f32>,
    outer: Box<dyn Outer>,
}

impl Averaged {
    /// Means of `length` values, folded by `outer`.
    pub fn new(length: usize, outer: Box<dyn Outer>) -> Result<Self> {
        Ok(Self { sums: Mean::new(length)?, mean: filled(length, 0.0, Purpose::Mean)?, outer })
    }
}

impl RuleState for Averaged {
    fn vectors(&self) -> Vec<&[f32]> {
        self.outer.vectors()
    }

    fn counters(&self) -> Vec<u64> {
        self.outer.counters()
    }

    fn restore(&mut self, vectors: Vec<Vec<f32>>, counters: &[u64]) -> Result<()> {
        self.outer.restore(vectors, counters)
    }
}

impl Gathering for Averaged {
    fn fold(&mut self, center: &mut [f32], vectors: &mut [(&mut [f32], u64)], lr: f32) {
        for (x, samples) in vectors.iter() {
            self.sums.fold_in(x, *samples);
        }
        if self.sums.draw(&mut self.mean) {
            self.outer.step(center, &self.mean, lr);
        }
        for (reply, _) in vectors {
            reply.copy_from_slice(center);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    /// Values whose sums in f32 would round: a third, a tenth, and neighbours far apart in size.
    const AWKWARD: [f32; 5] = [1.0 / 3.0, -0.1, 1.234_567_9e-20, 7.654_321e18, f32::MIN_POSITIVE];

    fn mean(workers: &[(&[f32], u64)]) -> Vec<f32> {
        let mut rule = Mean::new(workers[0].0.len()).unwrap();
        for (x, samples) in workers {
            rule.add(x, *samples).unwrap();
        }
        let mut out = vec![0.0; workers[0].0.len()];
        assert!(rule.take(&mut out).unwrap());
        out
    }

    #[test]
    fn one_worker_is_its_own_mean_bit_for_bit() {
        for samples in [1, 3, 99, 1_000, 500_000_000] {
            assert_eq!(mean(&[(&AWKWARD, samples)]), AWKWARD);
        }
    }

    #[test]
    fn equal_workers_stay_equal_bit_for_bit() {
        for workers in [2, 3, 7, 64] {
            let all: Vec<(&[f32], u64)> = (0..workers).map(|k| (&AWKWARD[..], 990 + k)).collect();
            assert_eq!(mean(&all), AWKWARD, "{workers} workers");
        }
    }

    #[test]
    fn a_worker_weighs_the_samples_it_used() {
        let got = mean(&[(&[9.0], 0), (&[1.0], 10), (&[2.0], 990), (&[4.0], 1_000)]);
        assert_eq!(got, [((10.0 + 2.0 * 990.0 + 4.0 * 1_000.0) / 2_000.0) as f32]);
    }

    #[test]
    fn a_worker_without_samples_contributes_nothing_not_even_nan() {
        assert_eq!(mean(&[(&[f32::NAN], 0), (&[2.5], 4)]), [2.5]);
        let mut rule = Mean::new(1).unwrap();
        rule.add(&[7.0], 0).unwrap();
        let mut center = [3.0];
        assert!(!rule.take(&mut center).unwrap());
        assert_eq!(center, [3.0]);
    }

    #[test]
    fn the_next_mean_starts_empty() {
        let mut rule = Mean::new(1).unwrap();
        let mut out = [0.0];
        for value in [5.0, 7.0] {
            rule.add(&[value], 2).unwrap();
            rule.take(&mut out).unwrap();
            assert_eq!(out, [value]);
        }
    }

    #[test]
    fn a_mean_without_memory_is_an_error() {
        let refused = Mean::new(1 << 58).err(); // values of f64: more bytes than any machine can address
        assert!(matches!(refused, Some(Error::Memory { .. })), "{refused:?}");
    }

    #[test]
    fn a_vector_of_another_length_is_refused() {
        let refused = Mean::new(2).unwrap().add(&[1.0], 1);
        assert_eq!(refused, Err(Error::Length { expected: 2, got: 1 }));
    }
}
