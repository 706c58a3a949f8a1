//! The baseline on one machine: one worker, without Spark and without exchanges, with the same configuration and the
//! same output files as the Spark driver. A run of the driver with one worker has the same bits.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use firesteel_exchange::Entry;
use serde_json::{Map, Value};
use tch::Device;

use crate::config::{Facts, SolverState, Strategy, TrainConfig, known};
use crate::data::{Dataset, Normalizer, RecordFormat, Split};
use crate::error::{Error, Result};
use crate::estimate::estimate;
use crate::machine::Machine;
use crate::memory::{MemoryLimit, Purpose, copied, readable};
use crate::metrics::{DataFacts, EndReason, Event, Executor, Hardware, MetricsFile};
use crate::round::{Evaluation, Round, RoundKind, StateIn};
use crate::tensors::{FileLayout, encode};
use crate::worker::{Worker, WorkerSpec};

/// The evaluation with the highest accuracy so far; of equal ones the first.
struct Best {
    round: u64,
    evaluation: Evaluation,
    /// Evaluations after it.
    since: u64,
    /// Of the evaluation, if the model will have them.
    weights: Option<Vec<f32>>,
}

/// How far a run came.
#[derive(Default)]
struct Progress {
    rounds: u64,
    samples: u64,
    seconds: f64,
    last: Option<Evaluation>,
    best: Option<Best>,
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
        let data = known("data", config.data.clone())?;
        let out = PathBuf::from(known("out", config.out.clone())?);
        if config.resume {
            return Err(Error::config("resume: the sequential program keeps no checkpoint, the Spark driver does"));
        }
        if config.validation.is_some() {
            return Err(Error::config(
                "validation: the sequential program reads no class folders, which alone are divided; the Spark driver does",
            ));
        }
        config.strategy = Strategy::Sequential;
        config.solver_state = SolverState::Local;
        let asked = config.clone();
        config = config.resolve(None)?;
        let Split { kind, train, test } = Dataset::read_dir(Path::new(&data), config.dataset, config.shape())?;
        config.dataset = Some(kind);
        config = config.resolve(Some(Facts { rows: train.rows() as u64, classes: train.classes(), encoded: false }))?;
        let facts = DataFacts {
            train_rows: train.rows(),
            test_rows: test.as_ref().map_or(0, Dataset::rows),
            classes: known("classes", config.classes)?,
        };
        let needing = [("patience", config.patience.is_some()), ("restore-best-weights", config.restore_best_weights)];
        if let Some((key, _)) = needing.into_iter().find(|(_, given)| *given && facts.test_rows == 0) {
            return Err(Error::config(format!("{key} needs images to evaluate, and {data} has only a training set")));
        }
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
            versions: versions(),
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
        while progress.rounds < rounds && !self.is_out_of_patience(&progress) {
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
            let accuracy = progress.last.map(accuracy);
            let images_per_second = progress.samples as f64 / progress.seconds;
            show(RunStatus { round: progress.rounds, rounds, loss, accuracy, images_per_second });
        }
        // the loss of a round is computed before its last step, so the weights after that step are checked here
        if progress.last.is_some_and(|evaluation| !evaluation.loss.is_finite())
            || !self.weights.iter().all(|x| x.is_finite())
        {
            return Err(diverged(progress.rounds));
        }
        let reason = if progress.rounds == rounds { EndReason::Budget } else { EndReason::Patience };
        self.finish(progress, reason, started)
    }

    fn is_out_of_patience(&self, progress: &Progress) -> bool {
        let since = progress.best.as_ref().map(|best| best.since);
        self.config.patience.zip(since).is_some_and(|(patience, since)| since >= patience)
    }

    fn evaluate(&mut self, progress: &mut Progress, started: Instant) -> Result<()> {
        let Some(worker) = &mut self.test_worker else { return Ok(()) };
        let evaluation = worker.evaluate(&self.weights, &self.digest, &AtomicBool::new(false))?;
        self.metrics.write(&Event::Eval {
            round: progress.rounds,
            samples: progress.samples,
            seconds: progress.seconds,
            wall_seconds: started.elapsed().as_secs_f64(),
            accuracy: accuracy(evaluation),
            loss: evaluation.loss / evaluation.rows as f64,
            split: "test",
        })?;
        progress.last = Some(evaluation);
        match &mut progress.best {
            Some(best) if evaluation.correct <= best.evaluation.correct => best.since += 1,
            best => {
                let weights = self.config.restore_best_weights.then(|| copied(&self.weights, Purpose::Weights));
                *best = Some(Best { round: progress.rounds, evaluation, since: 0, weights: weights.transpose()? });
            }
        }
        Ok(())
    }

    fn finish(mut self, progress: Progress, reason: EndReason, started: Instant) -> Result<Outcome> {
        let Progress { rounds, samples, seconds, mut last, best } = progress;
        let (best_round, best_accuracy) = best.as_ref().map(|best| (best.round, accuracy(best.evaluation))).unzip();
        if let Some(Best { evaluation, weights: Some(weights), .. }) = best {
            (self.weights, last) = (weights, Some(evaluation));
        }
        let model = self.out.join("model.safetensors");
        let config = Value::Object(self.config.record(&self.asked));
        let text = serde_json::to_vec_pretty(&config).map_err(|e| Error::internal("write JSON").caused_by(e))?;
        write_whole(&self.out.join("config.json"), &text)?;
        let tensors = self.config.build_net()?.layout().entries().to_vec();
        write_whole(&model, &encode(&pytorch_file(tensors), &self.weights)?)?;
        let shape = self.normalizer.shape();
        let tensors =
            vec![entry("mean", &[shape.channels, shape.height, shape.width]), entry("scale", &[shape.channels])];
        let preprocessing = encode(&pytorch_file(tensors), &self.normalizer.to_vec())?;
        write_whole(&self.out.join("preprocessing.safetensors"), &preprocessing)?;
        let accuracy = last.map(accuracy);
        let images_per_second = samples as f64 / seconds;
        self.metrics.write(&Event::End {
            rounds,
            samples,
            seconds,
            wall_seconds: started.elapsed().as_secs_f64(),
            accuracy,
            loss: last.map(|evaluation| evaluation.loss / evaluation.rows as f64),
            images_per_second,
            best_round,
            best_accuracy,
            reason,
            model: model.clone(),
        })?;
        Ok(Outcome { accuracy, seconds, images_per_second, model })
    }
}

fn accuracy(evaluation: Evaluation) -> f64 {
    evaluation.correct as f64 / evaluation.rows as f64
}

/// Refuses a run that needs more memory than this process can get; warns about one that needs more than is free now.
fn check_memory(config: &TrainConfig, train_rows: usize, test_rows: usize) -> Result<()> {
    if config.device.resolve(None, 0)? != Device::Cpu {
        return Ok(());
    }
    let of_rows = |rows: usize| estimate(config, rows as u64, RecordFormat::Cifar10); // as of every format without weights
    let (train, test) = (of_rows(train_rows)?, of_rows(test_rows)?);
    // the rows are in memory already
    let resident = train.resident + test.resident - ((train_rows + test_rows) * config.shape().values()) as u64;
    let weights = config.build_net()?.layout().length() * size_of::<f32>();
    let best = if config.restore_best_weights { weights as u64 } else { 0 };
    let wanted = resident + best + train.step.max(test.evaluation);
    let limit = MemoryLimit::of_this_process();
    let figures = || {
        let (step, batch) = (readable(train.step), config.batch.unwrap_or_default());
        format!("about {} more memory are wanted, {step} of them for a step on batch {batch}", readable(wanted))
    };
    if wanted > limit.bytes {
        let (bytes, by) = (readable(limit.bytes), limit.by);
        return Err(Error::memory(format!("{}, and {bytes} is what {by} leaves: lower batch", figures())));
    }
    if wanted > limit.available {
        log::warn!("{}, and {} are free: the run may be killed", figures(), readable(limit.available));
    }
    log::info!("{}", figures());
    Ok(())
}

fn entry(name: &str, shape: &[usize]) -> Entry {
    Entry { name: name.to_owned(), shape: shape.to_vec() }
}

/// With the metadata `format: pt`, which PyTorch's own writer sets.
fn pytorch_file(tensors: Vec<Entry>) -> FileLayout {
    FileLayout { tensors, metadata: [("format".to_owned(), "pt".to_owned())].into() }
}

fn versions() -> Map<String, Value> {
    let text = |text: &str| Value::String(text.to_owned());
    [("firesteel".to_owned(), text(env!("CARGO_PKG_VERSION"))), ("libtorch".to_owned(), text(crate::LIBTORCH))]
        .into_iter()
        .collect()
}

fn diverged(round: u64) -> Error {
    Error::internal(format!("training diverged in round {round}: the loss is not finite; try a smaller lr"))
}

/// Writes to a temporary file beside `path` and renames it, so that the file exists only when it is complete.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let partial = path.with_extension("partial");
    let written = fs::write(&partial, bytes).and_then(|()| fs::File::open(&partial)?.sync_all());
    written.and_then(|()| fs::rename(&partial, path)).map_err(|e| Error::io(path, e))
}
