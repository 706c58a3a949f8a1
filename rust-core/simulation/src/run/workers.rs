//! The real training of all workers of a simulated run, one after the other in this process. Each has its part of the rows
//! only, so that together they take the memory of the data set.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use firesteel_engine::data::{Dataset, Normalizer, RecordFormat};
use firesteel_engine::{Error, Report, Result, Round, RoundKind, StateIn, TrainConfig, Worker, WorkerSpec};

use crate::training::Training;

/// The number of a round that no run has, and whose successor none has either.
const NO_ROUND: u64 = u64::MAX / 2;

/// Worker `number` with `rows`.
pub(super) fn worker(config: &TrainConfig, number: u64, rows: Dataset, normalizer: &Normalizer) -> Result<Worker> {
    // the record format is not used, because the rows are decoded already
    let spec = WorkerSpec { config: config.clone(), worker: number, rows: 0, record: RecordFormat::Cifar10, gpu: None };
    let mut worker = Worker::new(&spec)?;
    worker.load(rows)?;
    worker.prepare(&normalizer.to_vec())?;
    Ok(worker)
}

/// The workers, of which at least one is there.
pub struct LocalWorkers {
    workers: Vec<Worker>,
    /// Those whose solver has no state, because their process was lost.
    rebuilt: Vec<bool>,
    digest: String,
    cancel: Arc<AtomicBool>,
}

impl LocalWorkers {
    /// A worker for each of `parts`. `cancel` ends its steps.
    pub fn new(
        config: &TrainConfig,
        parts: Vec<Dataset>,
        normalizer: &Normalizer,
        cancel: Arc<AtomicBool>,
    ) -> Result<Self> {
        let digest = config.build_net()?.layout().digest();
        let numbered = (0..).zip(parts);
        let workers: Vec<Worker> =
            numbered.map(|(number, rows)| worker(config, number, rows, normalizer)).collect::<Result<_>>()?;
        Ok(Self { rebuilt: vec![false; workers.len()], workers, digest, cancel })
    }

    /// What each worker computes on.
    pub fn devices(&self) -> Vec<String> {
        self.workers.iter().map(Worker::device).collect()
    }

    /// Seconds of a local step of the first worker, measured over `steps` after as many that warm up. It leaves no trace in
    /// the training: a round that is asked for next starts from its own weights and, since it has another number, from a
    /// solver without state.
    pub fn measured(&mut self, center: &[f32], steps: u64) -> Result<f64> {
        let mut seconds = 0.0;
        for _ in 0..2 {
            let round = self.request(RoundKind::Train, NO_ROUND, steps, StateIn::Reset);
            let mut scratch = center.to_vec();
            let report = self.workers[0].round(&mut scratch[..], &round, &self.cancel)?;
            seconds = report.seconds / report.steps.max(1) as f64;
        }
        Ok(seconds)
    }

    /// The mean of the running statistics that the workers compute with the weights in `center` over `steps` minibatches
    /// each, as `update-bn` has it after the last round.
    pub fn update_bn(&mut self, center: &mut [f32], round: u64, steps: u64) -> Result<()> {
        let request = self.request(RoundKind::UpdateBn, round, steps, StateIn::Keep);
        let (mut vectors, mut samples) = (Vec::new(), Vec::new());
        for worker in &mut self.workers {
            let mut vector = center.to_vec();
            samples.push(worker.round(&mut vector[..], &request, &self.cancel)?.samples);
            vectors.push(vector);
        }
        let read = |worker: usize, from: usize, out: &mut [f32]| {
            out.copy_from_slice(&vectors[worker][from..][..out.len()]);
            Ok(())
        };
        let write = |from: usize, mean: &[f32]| {
            center[from..][..mean.len()].copy_from_slice(mean);
            Ok(())
        };
        firesteel_strategy::average(vectors[0].len(), &samples, read, write)
    }

    fn request(&self, kind: RoundKind, round: u64, steps: u64, state: StateIn) -> Round {
        let digest = self.digest.clone();
        Round { kind, digest, round, first_step: 0, policy_step: 0, steps, loss_limit: None, state }
    }
}

impl Training for LocalWorkers {
    fn round(&mut self, worker: usize, vector: &mut [f32], round: &Round) -> Result<Report> {
        let trained = self.workers.get_mut(worker).ok_or_else(|| Error::internal(format!("worker {worker}")))?;
        let rebuilt = std::mem::take(&mut self.rebuilt[worker]);
        let mut round = round.clone();
        if rebuilt && round.state == StateIn::Keep {
            round.state = StateIn::Reset; // what a new worker's own state is
        }
        trained.round(vector, &round, &self.cancel)
    }

    fn rate(&self, policy_step: u64) -> f64 {
        self.workers[0].rate(policy_step)
    }

    fn rebuild(&mut self, worker: usize) {
        self.rebuilt[worker] = true;
    }
}
