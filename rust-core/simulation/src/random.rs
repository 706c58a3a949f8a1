//! The random numbers of a simulation: a generator for each worker and use, apart from those of the training itself, so
//! that another jitter does not change the minibatches.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use rand_distr::{Distribution, StandardNormal};

/// What random numbers are for. Each has a domain of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    Speed,
    Step,
    Failure,
}

impl Use {
    fn domain(self) -> &'static [u8; 16] {
        match self {
            Self::Speed => b"fs-virtual-speed",
            Self::Step => b"fs-virtual-steps",
            Self::Failure => b"fs-virtual-fails",
        }
    }
}

/// Random numbers of one worker: ChaCha8, whose 32-byte key is seed, worker (u64, little-endian) and the domain of the use.
pub struct Random(ChaCha8Rng);

impl Random {
    /// A generator at its start.
    pub fn new(seed: u64, worker: usize, what: Use) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&(worker as u64).to_le_bytes());
        key[16..].copy_from_slice(what.domain());
        Self(ChaCha8Rng::from_seed(key))
    }

    /// Above 0 and at most 1.
    fn unit(&mut self) -> f64 {
        ((self.0.next_u64() >> 11) + 1) as f64 / (1u64 << 53) as f64
    }

    /// A factor of mean 1 whose logarithm has standard deviation `sigma`.
    pub fn log_normal(&mut self, sigma: f64) -> f64 {
        if sigma == 0.0 {
            return 1.0;
        }
        let normal: f64 = StandardNormal.sample(&mut self.0);
        (sigma * normal - sigma * sigma / 2.0).exp()
    }

    /// Whether something of `probability` happens.
    pub fn happens(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.unit() <= probability
    }

    /// The time until an event that happens once in `mean` on average, at any time with the same probability.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * self.unit().ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean and standard deviation of many draws.
    fn of(mut draw: impl FnMut() -> f64) -> (f64, f64) {
        let draws: Vec<f64> = (0..20_000).map(|_| draw()).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / draws.len() as f64;
        (mean, variance.sqrt())
    }

    #[test]
    fn factors_have_mean_one_and_their_logarithms_the_deviation() {
        let mut random = Random::new(1, 2, Use::Step);
        assert!((of(|| random.log_normal(0.3)).0 - 1.0).abs() < 0.01);
        let (_, deviation) = of(|| random.log_normal(0.3).ln());
        assert!((deviation - 0.3).abs() < 0.01, "{deviation}");
        assert_eq!(random.log_normal(0.0), 1.0);
    }

    #[test]
    fn failures_have_their_mean_and_probabilities_are_met() {
        let mut random = Random::new(1, 2, Use::Failure);
        let (mean, deviation) = of(|| random.exponential(5.0));
        assert!((mean - 5.0).abs() < 0.2 && (deviation - 5.0).abs() < 0.2, "{mean} {deviation}");
        let (share, _) = of(|| if random.happens(0.25) { 1.0 } else { 0.0 });
        assert!((share - 0.25).abs() < 0.02, "{share}");
        assert!(random.happens(1.0) && !random.happens(0.0));
    }

    #[test]
    fn seed_worker_and_use_each_give_other_numbers_and_the_same_give_the_same() {
        let first = |seed, worker, what| Random::new(seed, worker, what).unit();
        let all = [first(0, 0, Use::Step), first(1, 0, Use::Step), first(0, 1, Use::Step), first(0, 0, Use::Speed)];
        assert!(all.iter().enumerate().all(|(at, x)| !all[at + 1..].contains(x)), "{all:?}");
        assert_eq!(first(0, 0, Use::Step), all[0]);
    }
}
