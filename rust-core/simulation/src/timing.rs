//! How long a worker's local steps take, and how long it lives.

use crate::cluster::Cluster;
use crate::random::{Random, Use};

/// The times of one worker.
pub struct Timing {
    speed: f64,
    jitter: f64,
    straggler_probability: f64,
    straggler_factor: f64,
    steps: Random,
    mtbf: Option<f64>,
    failures: Random,
}

impl Timing {
    /// Of worker `worker`; its speed is drawn here.
    pub fn new(cluster: &Cluster, seed: u64, worker: usize) -> Self {
        let spread = Random::new(seed, worker, Use::Speed).log_normal(cluster.speed_spread);
        Self {
            speed: cluster.speed.of(worker) * spread,
            jitter: cluster.jitter,
            straggler_probability: cluster.straggler_probability,
            straggler_factor: cluster.straggler_factor,
            steps: Random::new(seed, worker, Use::Step),
            mtbf: cluster.mtbf,
            failures: Random::new(seed, worker, Use::Failure),
        }
    }

    /// Seconds of `steps` local steps, each of which takes `step_seconds` on a worker of speed 1.
    pub fn steps(&mut self, steps: u64, step_seconds: f64) -> f64 {
        let even = self.jitter == 0.0 && self.straggler_probability == 0.0;
        let factors = if even { steps as f64 } else { (0..steps).map(|_| self.factor()).sum() };
        factors * step_seconds / self.speed
    }

    /// Seconds from a start of the worker until it fails.
    pub fn lifetime(&mut self) -> Option<f64> {
        self.mtbf.map(|mean| self.failures.exponential(mean))
    }

    fn factor(&mut self) -> f64 {
        let straggles = self.steps.happens(self.straggler_probability);
        self.steps.log_normal(self.jitter) * if straggles { self.straggler_factor } else { 1.0 }
    }
}

/// The times of `workers` workers.
pub fn timings(cluster: &Cluster, seed: u64, workers: usize) -> Vec<Timing> {
    (0..workers).map(|worker| Timing::new(cluster, seed, worker)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::PerWorker;

    #[test]
    fn equal_workers_without_jitter_take_their_steps_exactly() {
        let cluster = Cluster { speed: PerWorker::Each(vec![1.0, 0.5]), ..Cluster::default() };
        let seconds: Vec<f64> = timings(&cluster, 0, 2).iter_mut().map(|timing| timing.steps(10, 0.25)).collect();
        assert_eq!(seconds, [2.5, 5.0]);
        assert_eq!(Timing::new(&cluster, 0, 0).lifetime(), None);
    }

    #[test]
    fn jitter_keeps_the_mean_and_stragglers_raise_it() {
        let jitter = Cluster { jitter: 0.5, ..Cluster::default() };
        let mean = Timing::new(&jitter, 1, 0).steps(20_000, 1.0) / 20_000.0;
        assert!((mean - 1.0).abs() < 0.02, "{mean}");
        let stragglers = Cluster { straggler_probability: 0.1, straggler_factor: 11.0, ..Cluster::default() };
        let mean = Timing::new(&stragglers, 1, 0).steps(20_000, 1.0) / 20_000.0;
        assert!((mean - 2.0).abs() < 0.1, "{mean}");
    }
}
