//! One worker: a shard of the data, a net and a solver. It does rounds of local steps on weights that
//! it is given, and evaluates weights on its rows. Everything it does is a function of its data, the
//! configuration, the vector and the round; only the solver's state lives on in it.

mod batch;
mod hogwild;
mod lane;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use firesteel_exchange::layout::check_length;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Reduction, Tensor};

use crate::config::{Strategy, TrainConfig, known};
use crate::data::{Augment, BatchStream, Dataset, Normalizer, RecordFormat, SIDE, Statistics};
use crate::device::{self, at_most_the_cores, set_threads};
use crate::error::{Error, Result};
use crate::memory::{Purpose, filled, guarded, with_capacity};
use crate::nets::Net;
use crate::round::{Evaluation, Report, Round, StateIn, Work};
use crate::weights::{Gradient, Weights};
use lane::{Course, Lane, Subject, Tally};

/// Rows of one forward pass of an evaluation, where images are not enlarged.
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
    /// The GPU that Spark gave the task, by its number on the machine.
    #[serde(default)]
    pub gpu: Option<usize>,
}

/// The round that a worker did last: what a repeat starts from, and whether the next may go on.
struct LastRound {
    round: u64,
    /// The state of each lane's solver at its start.
    start: Vec<Vec<f32>>,
    done: bool,
}

/// A partition's training state.
pub struct Worker {
    net: Net,
    /// At least one; all of them hold the same weights.
    lanes: Vec<Lane>,
    /// libtorch's threads of one lane.
    threads: usize,
    batch: usize,
    seed: u64,
    worker: u64,
    record: RecordFormat,
    data: Dataset,
    normalizer: Option<Normalizer>,
    augment: Augment,
    /// Side in pixels that images are enlarged to.
    resize: Option<usize>,
    smoothing: f32,
    /// Whether an evaluation takes the mean of an image and its mirror image.
    test_flip: bool,
    last: Option<LastRound>,
}

impl Worker {
    /// A worker without rows.
    pub fn new(spec: &WorkerSpec) -> Result<Self> {
        guarded(Purpose::Weights, || Self::build(spec))
    }

    fn build(spec: &WorkerSpec) -> Result<Self> {
        let config = &spec.config;
        spec.record.check()?;
        let net = config.build_net()?;
        let hogwild = config.strategy == Strategy::Hogwild;
        let (lanes, threads) = if hogwild { (config.threads, 1) } else { (1, at_most_the_cores(config.threads)) };
        // else libgomp starts one a core for the first large tensor, and ends the process where it cannot
        set_threads(1);
        let weights = Weights::new(&net, config.compute(spec.worker, spec.gpu)?);
        let lane = |_| -> Result<Lane> {
            let stream = BatchStream::new(config.seed, 0, 0, 0)?;
            let gradient = Gradient::new(&net, weights.compute().device);
            Ok(Lane {
                weights: weights.share(&net),
                gradient,
                solver: config.build_solver(&net)?.on(weights.compute().device),
                stream,
            })
        };
        Ok(Self {
            lanes: (0..lanes).map(lane).collect::<Result<_>>()?,
            net,
            threads,
            batch: known("batch", config.batch)?,
            seed: config.seed,
            worker: spec.worker,
            record: spec.record,
            data: Dataset::with_capacity(known("classes", config.classes)?, spec.rows)?,
            normalizer: None,
            augment: config.augment,
            resize: config.resize,
            smoothing: config.smoothing() as f32,
            test_flip: config.test_flip,
            last: None,
        })
    }

    /// What it computes on, `cpu` or `cuda:0` and so on.
    pub fn device(&self) -> String {
        device::name(self.lanes[0].weights.compute().device)
    }

    /// How the rows come.
    pub fn record(&self) -> RecordFormat {
        self.record
    }

    /// Adds rows given as raw records back to back.
    pub fn append(&mut self, records: &[u8], rows: usize) -> Result<()> {
        self.data.append_records(self.record, records, rows)?;
        self.restart()
    }

    /// Makes a data set that was read elsewhere the worker's rows.
    pub fn load(&mut self, data: Dataset) -> Result<()> {
        self.data = data;
        self.restart()
    }

    fn restart(&mut self) -> Result<()> {
        let rows = self.data.rows() as u32; // a partition of 2^32 images is 12 TB
        let batch = u32::try_from(self.batch).unwrap_or(u32::MAX);
        for (order, lane) in (self.worker..).zip(&mut self.lanes) {
            lane.stream = BatchStream::new(self.seed, order, rows, batch)?;
        }
        Ok(())
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
        self.net.layout().length()
    }

    /// The number of values of the solver's state.
    pub fn state_length(&self) -> usize {
        self.lanes[0].solver.state_length()
    }

    /// The learning rate at a step of the policy.
    pub fn rate(&self, step: u64) -> f64 {
        self.lanes[0].solver.rate(step)
    }

    /// Does one round on `vector`: the weights, or the weights and the solver's state behind them. Both
    /// are written back when the round is done; an error or `cancel` leaves `vector` as it was. A worker
    /// without rows leaves it too. Where several threads step, the state is the mean of theirs.
    pub fn round(&mut self, vector: &mut [f32], round: &Round, cancel: &AtomicBool) -> Result<Report> {
        let started = Instant::now();
        self.net.layout().check_digest(&round.digest)?;
        let (weights, state) = split(vector, self.length(), self.state_length())?;
        set_threads(self.threads);
        let (tally, fresh) = guarded(Purpose::Minibatch, || match round.work {
            Work::Train => self.train(weights, state, round, cancel),
            Work::UpdateBn => Ok((self.update_bn(weights, round, cancel)?, false)),
        })?;
        let loss = tally.loss / tally.steps as f64;
        Ok(Report {
            samples: tally.steps * self.lanes[0].stream.batch() as u64,
            steps: tally.steps,
            loss: Some(loss).filter(|loss| loss.is_finite()),
            seconds: started.elapsed().as_secs_f64(),
            fresh,
        })
    }

    /// Local steps; answers also whether the worker had no state of its own to go on with.
    fn train(
        &mut self,
        weights: &mut [f32],
        state: Option<&mut [f32]>,
        round: &Round,
        cancel: &AtomicBool,
    ) -> Result<(Tally, bool)> {
        let fresh = self.start(weights, state.as_deref(), round)?;
        let mut tally = Tally::default();
        if self.data.rows() > 0 {
            tally = self.go(self.lanes.len(), round, cancel, Lane::follow)?;
            self.lanes[0].weights.copy_to(weights)?;
            if let Some(state) = state {
                mean(&self.states()?, state);
            }
        }
        if let Some(last) = &mut self.last {
            last.done = true;
        }
        Ok((tally, fresh))
    }

    /// New running statistics in `weights`, by the first lane alone.
    fn update_bn(&mut self, weights: &mut [f32], round: &Round, cancel: &AtomicBool) -> Result<Tally> {
        self.lanes[0].weights.set(weights)?;
        if self.data.rows() == 0 {
            return Ok(Tally::default());
        }
        let tally = self.go(1, round, cancel, Lane::update_bn)?;
        self.lanes[0].weights.copy_to(weights)?;
        Ok(tally)
    }

    /// Puts weights and state to where the round starts, whatever was done before. Answers whether the
    /// worker had no state of its own to go on with: it was just built, or the round before was done
    /// elsewhere.
    fn start(&mut self, weights: &[f32], state: Option<&[f32]>, round: &Round) -> Result<bool> {
        let last = self.last.take();
        let repeats = last.as_ref().is_some_and(|last| last.round == round.round);
        let follows = last.as_ref().is_some_and(|last| last.done && last.round + 1 == round.round);
        let expected = self.state_length();
        let mut solvers = self.lanes.iter_mut().map(|lane| &mut lane.solver);
        match (round.state, last, state) {
            (StateIn::Keep, Some(last), _) if repeats => {
                solvers.zip(&last.start).try_for_each(|(solver, start)| solver.set_state(start))?;
            }
            (StateIn::Keep, ..) if follows => (),
            (StateIn::Keep | StateIn::Reset, ..) => solvers.for_each(|solver| solver.reset()),
            (StateIn::Given, _, Some(state)) => solvers.try_for_each(|solver| solver.set_state(state))?,
            (StateIn::Given, _, None) => {
                return Err(Error::layout(format!("a given solver state needs {expected} values behind the weights")));
            }
        }
        self.last = Some(LastRound { round: round.round, start: self.states()?, done: false });
        self.lanes[0].weights.set(weights)?;
        Ok(!repeats && !follows)
    }

    /// The state of each lane's solver.
    fn states(&self) -> Result<Vec<Vec<f32>>> {
        let state = |lane: &Lane| {
            let mut state = filled(self.state_length(), 0.0, Purpose::Weights)?;
            lane.solver.copy_state(&mut state).map(|()| state)
        };
        self.lanes.iter().map(state).collect()
    }

    /// Has the first `lanes` lanes do the round's steps.
    fn go(
        &mut self,
        lanes: usize,
        round: &Round,
        cancel: &AtomicBool,
        work: impl Fn(&mut Lane, &Course<'_>) -> Result<()> + Sync,
    ) -> Result<Tally> {
        let subject = Subject {
            net: &self.net,
            data: &self.data,
            normalizer: self.normalizer.as_ref().ok_or_else(not_prepared)?,
            augment: &self.augment,
            resize: self.resize,
            smoothing: self.smoothing,
            worker: self.worker,
            threads: self.threads,
        };
        let course = Course::new(subject, round, cancel);
        hogwild::together(&mut self.lanes[..lanes], || course.end(), |lane| work(lane, &course))?;
        Ok(course.tally())
    }

    /// Evaluates `weights` on all rows. The worker's solver and its place in the data stay as they are.
    pub fn evaluate(&mut self, weights: &[f32], digest: &str, cancel: &AtomicBool) -> Result<Evaluation> {
        self.net.layout().check_digest(digest)?;
        guarded(Purpose::Evaluation, || self.evaluate_rows(weights, cancel))
    }

    fn evaluate_rows(&mut self, weights: &[f32], cancel: &AtomicBool) -> Result<Evaluation> {
        set_threads(self.threads * self.lanes.len());
        self.lanes[0].weights.set(weights)?;
        let shared = &self.lanes[0].weights;
        let normalizer = self.normalizer.as_ref().ok_or_else(not_prepared)?;
        let mut rows = with_capacity(self.data.rows(), Purpose::Rows)?;
        rows.extend(0..self.data.rows() as u32);
        let mut total = Evaluation::default();
        for rows in rows.chunks(evaluation_batch(self.resize)) {
            if cancel.load(Ordering::Relaxed) {
                return Err(Error::cancelled(format!("evaluation on partition {} was cancelled", self.worker)));
            }
            let (images, labels) = batch::plain(&self.data, rows, normalizer, shared.compute());
            let (images, labels) = (batch::resized(images, self.resize), Tensor::from_slice(&labels));
            let logits = |images| self.net.logits(shared, images, self.threads).to_device(Device::Cpu);
            let logits = match self.test_flip {
                true => (logits(&images) + logits(&images.flip([3]))) / 2,
                false => logits(&images),
            };
            let correct = logits.argmax(1, false).eq_tensor(&labels).sum(Kind::Int64).int64_value(&[]);
            let loss = logits.cross_entropy_loss::<Tensor>(&labels, None, Reduction::Sum, -100, 0.0);
            total.rows += rows.len() as u64;
            total.correct += correct as u64;
            total.loss += loss.double_value(&[]);
        }
        Ok(total)
    }
}

/// Rows of one forward pass of an evaluation, of images that are enlarged to squares of `resize` pixels.
pub(crate) fn evaluation_batch(resize: Option<usize>) -> usize {
    let larger = resize.map_or(1, |side| (side * side).div_ceil(SIDE * SIDE));
    (EVALUATION_BATCH / larger).max(1)
}

/// The weights in `vector`, and the solver's state where it stands behind them.
fn split(vector: &mut [f32], length: usize, state: usize) -> Result<(&mut [f32], Option<&mut [f32]>)> {
    if vector.len() == length + state {
        let (weights, state) = vector.split_at_mut(length);
        return Ok((weights, Some(state)));
    }
    check_length(length, vector)?;
    Ok((vector, None))
}

/// Writes the mean of `states` to `mean`; that of one state is its bits.
fn mean(states: &[Vec<f32>], mean: &mut [f32]) {
    if let [only] = states {
        return mean.copy_from_slice(only);
    }
    for (at, mean) in mean.iter_mut().enumerate() {
        *mean = (states.iter().map(|state| f64::from(state[at])).sum::<f64>() / states.len() as f64) as f32;
    }
}

fn not_prepared() -> Error {
    Error::internal("a worker was used before its normaliser was set")
}
