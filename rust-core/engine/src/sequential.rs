//! The single-machine baseline: one worker, no Spark, no exchange, the same configuration and the same
//! files as the Spark driver. One worker through Spark must give these bits.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use firesteel_exchange::Entry;
use serde_json::{Map, Value};
use tch::Device;

use crate::config::{Facts, SolverState, Strategy, TrainConfig, known};
use crate::data::{CHANNELS, Dataset, Normalizer, PIXELS, RecordFormat, SIDE, Split};
use crate::error::{Error, Result};
use crate::machine::Machine;
use crate::memory::{Limit, estimate, readable};
use crate::metrics::{DataFacts, Event, Executor, Hardware, MetricsFile};
use crate::round::{Evaluation, Round, StateIn, Work};
use crate::tensors::{FileLayout, encode};
use crate::worker::{Worker, WorkerSpec};

/// A run in the making: data in memory, worker built, output directory open.
pub struct Sequential {
    asked: TrainConfig,
    config: TrainConfig,
    out: PathBuf,
    metrics: MetricsFile,
    trainer: Worker,
    tester: Option<Worker>,
    normalizer: Normalizer,
    weights: Vec<f32>,
    digest: String,
}

/// Where a run stands, for a display.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    pub round: u64,
    pub rounds: u64,
    pub loss: f64,
    pub accuracy: Option<f64>,
    /// Of the run so far.
    pub images_per_second: f64,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub accuracy: Option<f64>,
    pub seconds: f64,
    pub images_per_second: f64,
    pub model: PathBuf,
}

impl Sequential {
    /// Reads the data, resolves the configuration and claims the output directory. Nothing is written
    /// before all of it is known to fit.
    pub fn prepare(mut config: TrainConfig) -> Result<Self> {
        let data = known("data", config.data.clone())?;
        let out = PathBuf::from(known("out", config.out.clone())?);
        if config.resume {
            return Err(Error::config("resume: the sequential program keeps no checkpoint, the Spark driver does"));
        }
        config.strategy = Strategy::Sequential;
        config.solver_state = SolverState::Local;
        let asked = config.clone();
        config = config.resolve(None)?;
        let Split { kind, train, test } = Dataset::read_dir(Path::new(&data), config.dataset)?;
        config.dataset = Some(kind);
        config = config.resolve(Some(Facts { rows: train.rows() as u64, classes: train.classes() }))?;
        let facts = DataFacts {
            train_rows: train.rows(),
            test_rows: test.as_ref().map_or(0, Dataset::rows),
            classes: known("classes", config.classes)?,
        };
        check_memory(&config, train.rows(), facts.test_rows)?;
        let statistics = train.statistics();
        let normalizer = Normalizer::fit(config.normalize, &statistics)?;
        let build = |data: Dataset| -> Result<Worker> {
            // the rows are decoded already, so the record format of the spec is not used
            let spec =
                WorkerSpec { config: config.clone(), worker: 0, rows: 0, record: RecordFormat::Cifar10, gpu: None };
            let mut worker = Worker::new(&spec)?;
            worker.load(data)?;
            worker.prepare(normalizer.clone());
            Ok(worker)
        };
        let (trainer, tester) = (build(train)?, test.map(build).transpose()?);
        let net = config.build_net()?;
        let weights = net.initial_weights(config.seed, Some(&statistics))?;
        fs::create_dir_all(&out).map_err(|e| Error::io(&out, e))?;
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
        let digest = net.layout().digest();
        Ok(Self { asked, config, out, metrics, trainer, tester, normalizer, weights, digest })
    }

    /// Trains, evaluates every `eval-every` rounds and at the end, and writes the model.
    pub fn run(mut self, mut show: impl FnMut(Progress)) -> Result<Outcome> {
        let iterations = known("iterations", self.config.iterations)?;
        let rounds = iterations.div_ceil(self.config.tau);
        let (mut samples, mut seconds, started) = (0, 0.0, Instant::now());
        let mut paused = Duration::ZERO; // by evaluations
        let mut last: Option<Evaluation> = None;
        for round in 0..rounds {
            let first_step = round * self.config.tau;
            let steps = self.config.tau.min(iterations - first_step);
            let ask = Round {
                work: Work::Train,
                digest: self.digest.clone(),
                round,
                first_step,
                policy_step: first_step,
                steps,
                loss_limit: None,
                state: StateIn::Keep,
            };
            let report = self.trainer.round(&mut self.weights, &ask, &AtomicBool::new(false))?;
            let before = std::mem::replace(&mut seconds, (started.elapsed() - paused).as_secs_f64());
            samples += report.samples;
            let number = round + 1;
            self.metrics.write(&Event::Round {
                round: number,
                local_steps: first_step + steps,
                samples,
                seconds,
                loss: report.loss,
                images_per_second: report.samples as f64 / (seconds - before),
                exchange_bytes: 0,
            })?;
            let loss = report.loss.ok_or_else(|| diverged(number))?;
            if let Some(steps) = self.config.update_bn.filter(|_| number == rounds) {
                let ask = Round { work: Work::UpdateBn, first_step: 0, steps, ..ask };
                self.trainer.round(&mut self.weights, &ask, &AtomicBool::new(false))?;
            }
            if number % self.config.eval_every == 0 || number == rounds {
                let from = Instant::now();
                last = self.evaluate(number, samples, seconds, started)?.or(last);
                paused += from.elapsed();
            }
            let accuracy = last.map(|evaluation| evaluation.correct as f64 / evaluation.rows as f64);
            show(Progress { round: number, rounds, loss, accuracy, images_per_second: samples as f64 / seconds });
        }
        // a loss is that before its step, so the last step's weights are judged by themselves
        if last.is_some_and(|evaluation| !evaluation.loss.is_finite()) || !self.weights.iter().all(|x| x.is_finite()) {
            return Err(diverged(rounds));
        }
        self.finish(rounds, samples, seconds, started, last)
    }

    fn evaluate(&mut self, round: u64, samples: u64, seconds: f64, started: Instant) -> Result<Option<Evaluation>> {
        let Some(tester) = &mut self.tester else { return Ok(None) };
        let evaluation = tester.evaluate(&self.weights, &self.digest, &AtomicBool::new(false))?;
        self.metrics.write(&Event::Eval {
            round,
            samples,
            seconds,
            wall_seconds: started.elapsed().as_secs_f64(),
            accuracy: evaluation.correct as f64 / evaluation.rows as f64,
            loss: evaluation.loss / evaluation.rows as f64,
            split: "test",
        })?;
        Ok(Some(evaluation))
    }

    fn finish(
        mut self,
        rounds: u64,
        samples: u64,
        seconds: f64,
        started: Instant,
        last: Option<Evaluation>,
    ) -> Result<Outcome> {
        let model = self.out.join("model.safetensors");
        let config = Value::Object(self.config.record(&self.asked));
        let text = serde_json::to_vec_pretty(&config).map_err(|e| Error::internal("write JSON").caused_by(e))?;
        write_whole(&self.out.join("config.json"), &text)?;
        let tensors = self.config.build_net()?.layout().entries().to_vec();
        write_whole(&model, &encode(&pytorch_file(tensors), &self.weights)?)?;
        let side = SIDE;
        let tensors = vec![entry("mean", &[CHANNELS, side, side]), entry("scale", &[CHANNELS])];
        let preprocessing = encode(&pytorch_file(tensors), &self.normalizer.to_vec())?;
        write_whole(&self.out.join("preprocessing.safetensors"), &preprocessing)?;
        let accuracy = last.map(|evaluation| evaluation.correct as f64 / evaluation.rows as f64);
        let images_per_second = samples as f64 / seconds;
        self.metrics.write(&Event::End {
            rounds,
            samples,
            seconds,
            wall_seconds: started.elapsed().as_secs_f64(),
            accuracy,
            loss: last.map(|evaluation| evaluation.loss / evaluation.rows as f64),
            images_per_second,
            model: model.clone(),
        })?;
        Ok(Outcome { accuracy, seconds, images_per_second, model })
    }
}

/// Refuses what surely does not fit into this process; warns where it fits into the machine but not into what is free.
fn check_memory(config: &TrainConfig, train_rows: usize, test_rows: usize) -> Result<()> {
    if config.device.resolve(None, 0)? != Device::Cpu {
        return Ok(());
    }
    let (trainer, tester) = (estimate(config, train_rows as u64)?, estimate(config, test_rows as u64)?);
    // the rows were read already
    let held = trainer.resident + tester.resident - ((train_rows + test_rows) * PIXELS) as u64;
    let wanted = held + trainer.step.max(tester.evaluation);
    let limit = Limit::of_this_process();
    let figures = || {
        let (step, batch) = (readable(trainer.step), config.batch.unwrap_or_default());
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

/// `format: pt` is what PyTorch's own writer says.
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

/// Writes beside `path` and renames, so that a file is whole or not there.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let partial = path.with_extension("partial");
    let written = fs::write(&partial, bytes).and_then(|()| fs::File::open(&partial)?.sync_all());
    written.and_then(|()| fs::rename(&partial, path)).map_err(|e| Error::io(path, e))
}
