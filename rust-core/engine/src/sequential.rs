//! The baseline on one machine: one worker, without Spark and without exchanges, with the same configuration and the
//! same output files as the Spark driver. A run of the driver with one worker has the same bits.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use crate::config::{SolverState, Strategy, TrainConfig, known};
use crate::data::{Dataset, Normalizer, RecordFormat};
use crate::error::{Error, Result};
use crate::estimate::estimate;
use crate::evaluations::Evaluations;
use crate::local::{self, LocalData};
use crate::machine::Machine;
use crate::metrics::{EndReason, Event, Executor, Hardware, MetricsFile};
use crate::results::{self, Configuration};
use crate::round::{Round, RoundKind, StateIn};
use crate::worker::{Worker, WorkerSpec};

/// How far a run came.
#[derive(Default)]
struct Progress {
    rounds: u64,
    samples: u64,
    seconds: f64,
    evaluations: Evaluations,
}

/// A prepared run: its data are in memory, its workers are built, its metrics file is open.
pub struct Sequential {
    asked: TrainConfig,
    config: TrainConfig,
    out: PathBuf,
    metrics: MetricsFile,
    train_worker: Worker,
    test_worker: Option<Worker>,
    normalizer: Normalizer,
    weights: Vec<f32>,
    digest: String,
}

/// The state of a run after a round, for a display.
#[derive(Clone, Copy, Debug)]
pub struct RunStatus {
    pub round: u64,
    pub rounds: u64,
    pub loss: f64,
    pub accuracy: Option<f64>,
    /// Mean over the run so far.
    pub images_per_second: f64,
}

/// The result of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub accuracy: Option<f64>,
    pub seconds: f64,
    pub images_per_second: f64,
    pub model: PathBuf,
}

impl Sequential {
    /// Reads the data, resolves the configuration and creates the output directory. Nothing is written before all
    /// checks have passed.
    pub fn prepare(mut config: TrainConfig) -> Result<Self> {
        config.strategy = Strategy::Sequential;
        config.solver_state = SolverState::Local;
        let asked = config.clone();
        let LocalData { config, out, train, test, facts } = LocalData::read(config, "sequential")?;
        check_memory(&config, train.rows(), facts.test_rows)?;
        let statistics = train.statistics();
        let normalizer = Normalizer::fit(config.normalize, &statistics)?;
        let build = |data: Dataset| -> Result<Worker> {
            // the record format is not used, because the rows are decoded already
            let spec =
                WorkerSpec { config: config.clone(), worker: 0, rows: 0, record: RecordFormat::Cifar10, gpu: None };
            let mut worker = Worker::new(&spec)?;
            worker.load(data)?;
            worker.prepare(&normalizer.to_vec())?;
            Ok(worker)
        };
        let (train_worker, test_worker) = (build(train)?, test.map(build).transpose()?);
        let net = config.build_net()?;
        let weights = net.initial_weights(config.seed, Some(&statistics))?;
        fs::create_dir_all(&out).map_err(|e| Error::io(&out, e).context("create the output directory"))?;
        let mut metrics = MetricsFile::create(&out.join("metrics.jsonl"))?;
        metrics.write(&Event::Start {
            time: jiff::Timestamp::now().to_string(),
            config: config.to_map(),
            versions: results::versions(),
            hardware: Hardware::of_this_machine(),
            executors: vec![Executor { executor: "driver", machine: Machine::of_this_process(config.threads) }],
            data: facts,
            parameters: net.parameters(),
        })?;
        metrics.write(&Event::Workers { devices: vec![train_worker.device()] })?;
        let digest = net.layout().digest();
        Ok(Self { asked, config, out, metrics, train_worker, test_worker, normalizer, weights, digest })
    }

    /// Trains, evaluates every `eval-every` rounds and at the end, and writes the model. Calls `show` after every
    /// round.
    pub fn run(mut self, mut show: impl FnMut(RunStatus)) -> Result<Outcome> {
        let iterations = known("iterations", self.config.iterations)?;
        let rounds = iterations.div_ceil(self.config.tau);
        let (mut progress, started) = (Progress::default(), Instant::now());
        let mut evaluating = Duration::ZERO;
        while progress.rounds < rounds && !progress.evaluations.is_out_of_patience(self.config.patience) {
            let round = progress.rounds;
            let first_step = round * self.config.tau;
            let steps = self.config.tau.min(iterations - first_step);
            let ask = Round {
                kind: RoundKind::Train,
                digest: self.digest.clone(),
                round,
                first_step,
                policy_step: first_step,
                steps,
                loss_limit: None,
                state: StateIn::Keep,
            };
            let report = self.train_worker.round(&mut self.weights[..], &ask, &AtomicBool::new(false))?;
            let before = std::mem::replace(&mut progress.seconds, (started.elapsed() - evaluating).as_secs_f64());
            progress.samples += report.samples;
            progress.rounds = round + 1;
            self.metrics.write(&Event::Round {
                round: progress.rounds,
                local_steps: first_step + steps,
                samples: progress.samples,
                seconds: progress.seconds,
                loss: report.loss,
                images_per_second: report.samples as f64 / (progress.seconds - before),
                exchange_bytes: 0,
            })?;
            let loss = report.loss.ok_or_else(|| diverged(progress.rounds))?;
            if let Some(steps) = self.config.update_bn.filter(|_| progress.rounds == rounds) {
                let ask = Round { kind: RoundKind::UpdateBn, first_step: 0, steps, ..ask };
                self.train_worker.round(&mut self.weights[..], &ask, &AtomicBool::new(false))?;
            }
            if progress.rounds % self.config.eval_every == 0 || progress.rounds == rounds {
                let from = Instant::now();
                self.evaluate(&mut progress, started)?;
                evaluating += from.elapsed();
            }
            let accuracy = progress.evaluations.last().map(|evaluation| evaluation.accuracy());
            let images_per_second = progress.samples as f64 / progress.seconds;
            show(RunStatus { round: progress.rounds, rounds, loss, accuracy, images_per_second });
        }
        // the loss of a round is computed before its last step, so the weights after that step are checked here
        if progress.evaluations.last().is_some_and(|evaluation| !evaluation.loss.is_finite())
            || !self.weights.iter().all(|x| x.is_finite())
        {
            return Err(diverged(progress.rounds));
        }
        let reason = if progress.rounds == rounds { EndReason::Budget } else { EndReason::Patience };
        self.finish(progress, reason, started)
    }

    fn evaluate(&mut self, progress: &mut Progress, started: Instant) -> Result<()> {
        let Some(worker) = &mut self.test_worker else { return Ok(()) };
        let evaluation = worker.evaluate(&self.weights, &self.digest, &AtomicBool::new(false))?;
        self.metrics.write(&Event::Eval {
            round: progress.rounds,
            samples: progress.samples,
            seconds: progress.seconds,
            wall_seconds: started.elapsed().as_secs_f64(),
            accuracy: evaluation.accuracy(),
            loss: evaluation.mean_loss(),
            split: "test",
        })?;
        progress.evaluations.add(progress.rounds, evaluation, &self.weights, self.config.restore_best_weights)
    }

    fn finish(mut self, progress: Progress, reason: EndReason, started: Instant) -> Result<Outcome> {
        let Progress { rounds, samples, seconds, mut evaluations } = progress;
        let best = evaluations.best().map(|best| (best.round, best.evaluation.accuracy()));
        let (best_round, best_accuracy) = best.unzip();
        let (weights, last) = evaluations.chosen(self.weights);
        let configuration = Configuration { asked: &self.asked, completed: &self.config };
        let model = results::write(&self.out, configuration, &weights, &self.normalizer)?;
        let accuracy = last.map(|evaluation| evaluation.accuracy());
        let images_per_second = samples as f64 / seconds;
        self.metrics.write(&Event::End {
            rounds,
            samples,
            seconds,
            wall_seconds: started.elapsed().as_secs_f64(),
            accuracy,
            loss: last.map(|evaluation| evaluation.mean_loss()),
            images_per_second,
            best_round,
            best_accuracy,
            reason,
            model: model.clone(),
        })?;
        Ok(Outcome { accuracy, seconds, images_per_second, model })
    }
}

/// Refuses a run that surely does not fit into memory.
fn check_memory(config: &TrainConfig, train_rows: usize, test_rows: usize) -> Result<()> {
    let of_rows = |rows: usize| estimate(config, rows as u64, RecordFormat::Cifar10); // as of every format without weights
    let (train, test) = (of_rows(train_rows)?, of_rows(test_rows)?);
    // the rows are in memory already
    let resident = train.resident + test.resident - ((train_rows + test_rows) * config.shape().values()) as u64;
    let weights = config.build_net()?.layout().length() * size_of::<f32>();
    let best = if config.restore_best_weights { weights as u64 } else { 0 };
    local::check_memory(config, resident + best, [train, test], "lower batch")
}

fn diverged(round: u64) -> Error {
    Error::internal(format!("training diverged in round {round}: the loss is not finite; try a smaller lr"))
}
