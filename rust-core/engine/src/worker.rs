//! One worker: a shard of the data, a net and a solver. It does rounds of local steps on weights that
//! it is given, and evaluates weights on its rows. Everything it does is a function of its data, the
//! configuration, the vector and the round; only the solver's state lives on in it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use firesteel_exchange::layout::check_length;
use serde::{Deserialize, Serialize};
use tch::{Kind, Reduction, Tensor, no_grad};

use crate::config::{TrainConfig, known};
use crate::data::{BatchStream, CHANNELS, Dataset, Normalizer, PIXELS, RecordFormat, SIDE, Statistics};
use crate::device::set_threads;
use crate::error::{Error, Result};
use crate::nets::Net;
use crate::round::{Evaluation, Report, Round, StateIn};
use crate::solver::Sgd;
use crate::weights::Weights;

/// Rows of one forward pass of an evaluation.
const EVALUATION_BATCH: usize = 250;

/// What a worker is built from; it crosses JNI as JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerSpec {
    /// Resolved.
    pub config: TrainConfig,
    /// Number of the partition, from 0: part of the seed of the worker's order.
    pub worker: u64,
    /// Rows to make room for.
    pub rows: usize,
    pub record: RecordFormat,
}

/// The round that a worker did last: what a repeat starts from, and whether the next may go on.
struct LastRound {
    round: u64,
    /// The solver's state at its start.
    start: Vec<f32>,
    done: bool,
}

/// A partition's training state.
pub struct Worker {
    net: Net,
    weights: Weights,
    solver: Sgd,
    threads: usize,
    batch: usize,
    seed: u64,
    worker: u64,
    record: RecordFormat,
    data: Dataset,
    normalizer: Option<Normalizer>,
    stream: BatchStream,
    last: Option<LastRound>,
}

impl Worker {
    /// A worker without rows.
    pub fn new(spec: &WorkerSpec) -> Result<Self> {
        let config = &spec.config;
        spec.record.check()?;
        let net = config.build_net()?;
        Ok(Self {
            weights: Weights::new(&net, config.precision()),
            solver: Sgd::new(&net, config.solver()?),
            net,
            threads: config.threads,
            batch: known("batch", config.batch)?,
            seed: config.seed,
            worker: spec.worker,
            record: spec.record,
            data: Dataset::with_capacity(known("classes", config.classes)?, spec.rows),
            normalizer: None,
            stream: BatchStream::new(config.seed, spec.worker, 0, 0),
            last: None,
        })
    }

    /// How the rows come.
    pub fn record(&self) -> RecordFormat {
        self.record
    }

    /// Adds rows given as raw records back to back.
    pub fn append(&mut self, records: &[u8], rows: usize) -> Result<()> {
        self.data.append_records(self.record, records, rows)?;
        self.restart();
        Ok(())
    }

    /// Makes a data set that was read elsewhere the worker's rows.
    pub fn load(&mut self, data: Dataset) {
        self.data = data;
        self.restart();
    }

    fn restart(&mut self) {
        let rows = self.data.rows() as u32; // a partition of 2^32 images is 12 TB
        self.stream = BatchStream::new(self.seed, self.worker, rows, u32::try_from(self.batch).unwrap_or(u32::MAX));
    }

    /// Exact sums over the worker's rows.
    pub fn statistics(&self) -> Statistics {
        self.data.statistics()
    }

    /// Sets what is subtracted from the pixels, and what they are multiplied by.
    pub fn prepare(&mut self, normalizer: Normalizer) {
        self.normalizer = Some(normalizer);
    }

    /// The number of weights.
    pub fn length(&self) -> usize {
        self.weights.length()
    }

    /// Does one round on `vector`: the weights, or the weights and the solver's state behind them. Both
    /// are written back when the round is done; an error or `cancel` leaves `vector` as it was. A worker
    /// without rows leaves it too.
    pub fn round(&mut self, vector: &mut [f32], round: &Round, cancel: &AtomicBool) -> Result<Report> {
        let started = Instant::now();
        self.net.layout().check_digest(&round.digest)?;
        let (weights, state) = split(vector, self.length())?;
        let fresh = self.start(weights, state.as_deref(), round)?;
        let (samples, loss) = match self.data.rows() {
            0 => (0, None),
            _ => {
                set_threads(self.threads);
                let loss = self.steps(round, cancel)? / round.steps as f64;
                self.weights.copy_to(weights)?;
                if let Some(state) = state {
                    self.solver.copy_state(state)?;
                }
                (round.steps * self.stream.batch() as u64, Some(loss).filter(|loss| loss.is_finite()))
            }
        };
        if let Some(last) = &mut self.last {
            last.done = true;
        }
        Ok(Report { samples, steps: round.steps, loss, seconds: started.elapsed().as_secs_f64(), fresh })
    }

    /// Puts weights, state and place in the data to where the round starts, whatever was done before.
    /// Answers whether the worker had no state of its own to go on with: it was just built, or the round
    /// before was done elsewhere.
    fn start(&mut self, weights: &[f32], state: Option<&[f32]>, round: &Round) -> Result<bool> {
        let last = self.last.take();
        let repeats = last.as_ref().is_some_and(|last| last.round == round.round);
        let follows = last.as_ref().is_some_and(|last| last.done && last.round + 1 == round.round);
        match (round.state, last, state) {
            (StateIn::Keep, Some(last), _) if repeats => self.solver.set_state(&last.start)?,
            (StateIn::Keep, ..) if follows => (),
            (StateIn::Keep | StateIn::Reset, ..) => self.solver.reset(),
            (StateIn::Given, _, Some(state)) => self.solver.set_state(state)?,
            (StateIn::Given, _, None) => {
                return Err(Error::layout("a given solver state needs a vector of twice the weights"));
            }
        }
        let mut start = vec![0.0; self.length()];
        self.solver.copy_state(&mut start)?;
        self.last = Some(LastRound { round: round.round, start, done: false });
        self.weights.set(weights)?;
        self.stream.seek(round.first_step);
        Ok(!repeats && !follows)
    }

    /// The round's local steps; the sum of the minibatches' losses.
    fn steps(&mut self, round: &Round, cancel: &AtomicBool) -> Result<f64> {
        let normalizer = self.normalizer.as_ref().ok_or_else(not_prepared)?;
        let mut images = vec![0.0; self.stream.batch() * PIXELS];
        let mut labels = vec![0; self.stream.batch()];
        let mut loss_sum = 0.0;
        for step in round.first_step..round.first_step + round.steps {
            if cancel.load(Ordering::Relaxed) {
                return Err(Error::cancelled(format!("worker {} was cancelled at local step {step}", self.worker)));
            }
            self.data.gather(self.stream.next_batch(), normalizer, &mut images, &mut labels);
            let logits = self.net.forward(&self.weights, &image_tensor(&images));
            let loss = logits.cross_entropy_for_logits(&Tensor::from_slice(&labels));
            let gradient = self.weights.gradient(&loss);
            self.solver.step(&mut self.weights, &gradient, step);
            loss_sum += loss.double_value(&[]);
        }
        Ok(loss_sum)
    }

    /// Evaluates `weights` on all rows. The worker's solver and its place in the data stay as they are.
    pub fn evaluate(&mut self, weights: &[f32], digest: &str, cancel: &AtomicBool) -> Result<Evaluation> {
        self.net.layout().check_digest(digest)?;
        self.weights.set(weights)?;
        set_threads(self.threads);
        let normalizer = self.normalizer.as_ref().ok_or_else(not_prepared)?;
        let rows: Vec<u32> = (0..self.data.rows() as u32).collect();
        let mut total = Evaluation::default();
        for rows in rows.chunks(EVALUATION_BATCH) {
            if cancel.load(Ordering::Relaxed) {
                return Err(Error::cancelled(format!("evaluation on partition {} was cancelled", self.worker)));
            }
            let (mut images, mut labels) = (vec![0.0; rows.len() * PIXELS], vec![0; rows.len()]);
            self.data.gather(rows, normalizer, &mut images, &mut labels);
            let labels = Tensor::from_slice(&labels);
            let (correct, loss) = no_grad(|| {
                let logits = self.net.forward(&self.weights, &image_tensor(&images));
                let correct = logits.argmax(1, false).eq_tensor(&labels).sum(Kind::Int64).int64_value(&[]);
                let loss = logits.cross_entropy_loss::<Tensor>(&labels, None, Reduction::Sum, -100, 0.0);
                (correct, loss.double_value(&[]))
            });
            total.rows += rows.len() as u64;
            total.correct += correct as u64;
            total.loss += loss;
        }
        Ok(total)
    }
}

/// `[n, 3, 32, 32]` in channels-last order: a permuted NHWC tensor is that, and convolutions keep it.
fn image_tensor(images: &[f32]) -> Tensor {
    let side = SIDE as i64;
    Tensor::from_slice(images).view([-1, side, side, CHANNELS as i64]).permute([0, 3, 1, 2])
}

/// The weights in `vector`, and the solver's state where it stands behind them.
fn split(vector: &mut [f32], length: usize) -> Result<(&mut [f32], Option<&mut [f32]>)> {
    if vector.len() == 2 * length {
        let (weights, state) = vector.split_at_mut(length);
        return Ok((weights, Some(state)));
    }
    check_length(length, vector)?;
    Ok((vector, None))
}

fn not_prepared() -> Error {
    Error::internal("a worker was used before its normaliser was set")
}
