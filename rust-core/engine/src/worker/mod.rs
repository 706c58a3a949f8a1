//! One worker: a partition of the training set, a net and a solver. It does rounds of local steps on weights that it is
//! given, and evaluates weights on its rows. The result of a call is a function of the worker's data, the
//! configuration, the vector and the round; the only state that the worker keeps between rounds is the solver's.

pub(crate) mod batch;
mod classes;
mod hogwild;
mod thread;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use firesteel_exchange::layout::check_length;
use serde::{Deserialize, Serialize};
use tch::{Kind, Reduction, Tensor};

use crate::config::{Strategy, TrainConfig, known};
use crate::data::{Augment, BadImages, BatchStream, Dataset, Normalizer, RecordFormat, Shape, Statistics};
use crate::device::{self, at_most_the_cores, set_threads};
use crate::error::{Error, Result};
use crate::memory::{Purpose, filled, guarded, with_capacity};
use crate::nets::Net;
use crate::round::{Evaluation, Report, Round, RoundKind, StateIn};
use crate::vector::{self, RoundVector};
use crate::weights::{Gradient, Weights};
use classes::ClassCounter;
pub use classes::{Cell, ClassEvaluation};
use thread::{ActiveRound, RoundContext, RoundTotals, TrainingThread};

/// What a worker is built from. It crosses JNI as JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerSpec {
    /// A resolved configuration.
    pub config: TrainConfig,
    /// Number of the partition, from 0. It is part of the seed of the order of the rows.
    pub worker: u64,
    /// Rows to reserve memory for.
    pub rows: usize,
    pub record: RecordFormat,
    /// The GPU that Spark assigned to the task: its number on the machine.
    #[serde(default)]
    pub gpu: Option<usize>,
}

/// The last round of a worker. A repeated round starts from its `start`; the following round may keep the solver's
/// state.
struct LastRound {
    round: u64,
    /// The state of each training thread's solver at the start of the round.
    start: Vec<Vec<f32>>,
    /// Whether the round was completed.
    done: bool,
}

/// One worker.
pub struct Worker {
    net: Net,
    /// At least one; they share the memory of their weights.
    threads: Vec<TrainingThread>,
    /// libtorch's threads for each training thread.
    intra_op_threads: usize,
    batch: usize,
    seed: u64,
    worker: u64,
    record: RecordFormat,
    data: Dataset,
    normalizer: Option<Normalizer>,
    augment: Augment,
    /// Side in pixels to which images are enlarged.
    resize: Option<usize>,
    smoothing: f32,
    /// Whether an evaluation averages the logits of an image and of its mirror image.
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
        let (training_threads, intra_op_threads) =
            if hogwild { (config.threads, 1) } else { (1, at_most_the_cores(config.threads)) };
        // by default libgomp starts a thread for each core at the first large tensor, and ends the process if that
        // fails
        set_threads(1);
        let weights = Weights::new(net.params(), config.compute(spec.worker, spec.gpu)?);
        let thread = |_| -> Result<TrainingThread> {
            let stream = BatchStream::new(config.seed, 0, 0, 0)?;
            let gradient = Gradient::new(net.params(), weights.compute());
            Ok(TrainingThread {
                weights: weights.share(net.params()),
                gradient,
                solver: config.build_solver(&net)?.on(weights.compute().device),
                stream,
            })
        };
        Ok(Self {
            threads: (0..training_threads).map(thread).collect::<Result<_>>()?,
            net,
            intra_op_threads,
            batch: known("batch", config.batch)?,
            seed: config.seed,
            worker: spec.worker,
            record: spec.record,
            data: Dataset::for_records(spec.record, known("classes", config.classes)?, config.shape(), spec.rows)?,
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
        device::name(self.threads[0].weights.compute().device)
    }

    /// Adds rows, given as consecutive raw records. Those that are no images are left out, see [`Worker::bad_images`].
    pub fn append(&mut self, records: &[u8], rows: usize) -> Result<()> {
        self.data.append_records(self.record, records, rows)?;
        self.restart()
    }

    /// Replaces the worker's rows by a data set that is in memory already.
    pub fn load(&mut self, data: Dataset) -> Result<()> {
        self.data = data;
        self.restart()
    }

    fn restart(&mut self) -> Result<()> {
        let rows = self.data.rows() as u32; // a partition of 2^32 images is terabytes
        let batch = u32::try_from(self.batch).unwrap_or(u32::MAX);
        for (order, thread) in (self.worker..).zip(&mut self.threads) {
            thread.stream = BatchStream::new(self.seed, order, rows, batch)?;
        }
        Ok(())
    }

    /// The rows that were left out because they are no images.
    pub fn bad_images(&self) -> &BadImages {
        self.data.bad()
    }

    /// The shape of the images.
    pub fn shape(&self) -> Shape {
        self.data.shape()
    }

    /// Exact sums over the pixels of the worker's rows.
    pub fn statistics(&self) -> Statistics {
        self.data.statistics()
    }

    /// Sets the normalisation of the pixels, which the first round and the first evaluation need: the values of
    /// [`Normalizer::to_vec`].
    pub fn prepare(&mut self, normalizer: &[f32]) -> Result<()> {
        self.normalizer = Some(Normalizer::from_slice(self.shape(), normalizer)?);
        Ok(())
    }

    /// The number of weights.
    pub fn length(&self) -> usize {
        self.net.layout().length()
    }

    /// The number of values of the solver's state.
    pub fn state_length(&self) -> usize {
        self.threads[0].solver.state_length()
    }

    /// The learning rate at a step of the policy.
    pub fn rate(&self, step: u64) -> f64 {
        self.threads[0].solver.rate(step)
    }

    /// Does one round on `vector`: the weights, or the weights followed by the solver's state. What of it is wanted is
    /// written when the round is done, and nothing after an error or `cancel`; a worker without rows writes what it was
    /// given. With several training threads the state is the mean of theirs.
    pub fn round(
        &mut self,
        vector: &mut (impl RoundVector + ?Sized),
        round: &Round,
        cancel: &AtomicBool,
    ) -> Result<Report> {
        let started = Instant::now();
        self.net.layout().check_digest(&round.digest)?;
        let (state_given, state_wanted) = (self.has_state(vector.given())?, self.has_state(vector.wanted())?);
        set_threads(self.intra_op_threads);
        let (totals, fresh) = guarded(Purpose::Minibatch, || {
            let done = match round.kind {
                RoundKind::Train => self.train(vector, state_given, round, cancel)?,
                RoundKind::UpdateBn => (self.update_bn(vector, round, cancel)?, false),
            };
            vector::copy_out(self.threads[0].weights.flat(), |from, values| vector.write(from, values))?;
            match round.kind {
                RoundKind::Train if state_wanted => self.write_state(vector)?,
                RoundKind::UpdateBn if state_wanted => self.pass_on_state(vector)?,
                _ => (),
            }
            Ok(done)
        })?;
        let loss = totals.loss / totals.steps as f64;
        Ok(Report {
            samples: totals.steps * self.threads[0].stream.batch() as u64,
            steps: totals.steps,
            loss: Some(loss).filter(|loss| loss.is_finite()),
            seconds: started.elapsed().as_secs_f64(),
            fresh,
        })
    }

    /// Whether a vector of that length has the solver's state behind the weights; another length is refused.
    fn has_state(&self, length: usize) -> Result<bool> {
        if length == self.length() + self.state_length() {
            return Ok(true);
        }
        check_length(self.length(), length)?;
        Ok(false)
    }

    /// Does local steps. Also returns whether the worker had no solver state of its own, see `start`.
    fn train(
        &mut self,
        vector: &mut (impl RoundVector + ?Sized),
        state_given: bool,
        round: &Round,
        cancel: &AtomicBool,
    ) -> Result<(RoundTotals, bool)> {
        let fresh = self.start(vector, state_given, round)?;
        let mut totals = RoundTotals::default();
        if self.data.rows() > 0 {
            totals = self.run_threads(self.threads.len(), round, cancel, TrainingThread::train)?;
        }
        if let Some(last) = &mut self.last {
            last.done = true;
        }
        Ok((totals, fresh))
    }

    /// Computes new running statistics; only the first training thread works.
    fn update_bn(
        &mut self,
        vector: &mut (impl RoundVector + ?Sized),
        round: &Round,
        cancel: &AtomicBool,
    ) -> Result<RoundTotals> {
        self.threads[0].weights.read_from(|from, into| vector.read(from, into))?;
        if self.data.rows() == 0 {
            return Ok(RoundTotals::default());
        }
        self.run_threads(1, round, cancel, TrainingThread::update_bn)
    }

    /// Sets weights and solver state to those that the round starts from, whatever was done before. Returns whether the
    /// worker had no state of its own for it: it is new, or the previous round was done by another worker object.
    fn start<V: RoundVector + ?Sized>(&mut self, vector: &mut V, state_given: bool, round: &Round) -> Result<bool> {
        let last = self.last.take();
        let repeats = last.as_ref().is_some_and(|last| last.round == round.round);
        let follows = last.as_ref().is_some_and(|last| last.done && last.round + 1 == round.round);
        let (length, expected) = (self.length(), self.state_length());
        let mut start = last.map(|last| last.start).unwrap_or_default();
        let mut solvers = self.threads.iter_mut().map(|thread| &mut thread.solver);
        match round.state {
            StateIn::Keep if repeats => {
                solvers.zip(&start).try_for_each(|(solver, start)| solver.set_state(start))?;
            }
            StateIn::Keep if follows => (),
            StateIn::Keep | StateIn::Reset => solvers.for_each(|solver| solver.reset()),
            StateIn::Given if state_given => {
                solvers.try_for_each(|solver| solver.read_state(|from, into| vector.read(length + from, into)))?;
            }
            StateIn::Given => {
                return Err(Error::layout(format!("a given solver state needs {expected} values behind the weights")));
            }
        }
        self.copy_states(&mut start)?;
        self.last = Some(LastRound { round: round.round, start, done: false });
        self.threads[0].weights.read_from(|from, into| vector.read(from, into))?;
        Ok(!repeats && !follows)
    }

    /// Copies the states of the training threads' solvers, into vectors that are there: each is as large as the weights.
    fn copy_states(&self, states: &mut Vec<Vec<f32>>) -> Result<()> {
        if states.is_empty() {
            for _ in &self.threads {
                states.push(filled(self.state_length(), 0.0, Purpose::Weights)?);
            }
        }
        self.threads.iter().zip(states).try_for_each(|(thread, state)| thread.solver.copy_state(state))
    }

    /// Writes the solver's state behind the weights: with several training threads, the mean of theirs.
    fn write_state(&self, vector: &mut (impl RoundVector + ?Sized)) -> Result<()> {
        let length = self.length();
        if let [only] = &self.threads[..] {
            return only.solver.write_state(|from, values| vector.write(length + from, values));
        }
        let mut states = Vec::new();
        self.copy_states(&mut states)?;
        let mut mean = filled(self.state_length(), 0.0, Purpose::Weights)?;
        for (at, mean) in mean.iter_mut().enumerate() {
            *mean = (states.iter().map(|state| f64::from(state[at])).sum::<f64>() / states.len() as f64) as f32;
        }
        vector.write(length, &mean)
    }

    /// Writes the solver's state that was given.
    fn pass_on_state(&self, vector: &mut (impl RoundVector + ?Sized)) -> Result<()> {
        let mut values = filled(self.state_length(), 0.0, Purpose::Weights)?;
        vector.read(self.length(), &mut values)?;
        vector.write(self.length(), &values)
    }

    /// Runs `work` on the first `count` training threads until the round has ended.
    fn run_threads(
        &mut self,
        count: usize,
        round: &Round,
        cancel: &AtomicBool,
        work: impl Fn(&mut TrainingThread, &ActiveRound<'_>) -> Result<()> + Sync,
    ) -> Result<RoundTotals> {
        let context = RoundContext {
            net: &self.net,
            data: &self.data,
            normalizer: self.normalizer.as_ref().ok_or_else(not_prepared)?,
            augment: &self.augment,
            resize: self.resize,
            smoothing: self.smoothing,
            worker: self.worker,
            intra_op_threads: self.intra_op_threads,
        };
        let active = ActiveRound::new(context, round, cancel);
        hogwild::run_all(&mut self.threads[..count], || active.end(), |thread| work(thread, &active))?;
        Ok(active.totals())
    }

    /// Evaluates `weights` on all rows, each of which counts once, whatever its own weight is. The solver's state does not
    /// change.
    pub fn evaluate(&mut self, weights: &[f32], digest: &str, cancel: &AtomicBool) -> Result<Evaluation> {
        self.net.layout().check_digest(digest)?;
        guarded(Purpose::Evaluation, || self.evaluate_rows(weights, cancel, |_, _, _| Ok(())))
    }

    /// The same, with counts by class.
    pub fn evaluate_classes(&mut self, weights: &[f32], digest: &str, cancel: &AtomicBool) -> Result<ClassEvaluation> {
        self.net.layout().check_digest(digest)?;
        guarded(Purpose::Evaluation, || {
            let mut counter = ClassCounter::new(self.data.rows())?;
            let count = |logits: &Tensor, predicted: &Tensor, labels: &[i64]| counter.add(logits, predicted, labels);
            let evaluation = self.evaluate_rows(weights, cancel, count)?;
            counter.finish(evaluation)
        })
    }

    /// Calls `each` with the logits, the predicted classes and the labels of every minibatch.
    fn evaluate_rows(
        &mut self,
        weights: &[f32],
        cancel: &AtomicBool,
        mut each: impl FnMut(&Tensor, &Tensor, &[i64]) -> Result<()>,
    ) -> Result<Evaluation> {
        set_threads(self.intra_op_threads * self.threads.len());
        self.threads[0].weights.set(weights)?;
        let weights = &self.threads[0].weights;
        let normalizer = self.normalizer.as_ref().ok_or_else(not_prepared)?;
        let mut rows = with_capacity(self.data.rows(), Purpose::Rows)?;
        rows.extend(0..self.data.rows() as u32);
        let mut total = Evaluation::default();
        for rows in rows.chunks(batch::of_evaluation(self.shape(), self.resize)) {
            if cancel.load(Ordering::Relaxed) {
                return Err(Error::cancelled(format!("evaluation on partition {} was cancelled", self.worker)));
            }
            let (images, labels) = batch::plain(&self.data, rows, normalizer, weights.compute());
            let (images, targets) = (batch::resized(images, self.resize), Tensor::from_slice(&labels));
            let logits = batch::logits(&self.net, weights, &images, self.test_flip, self.intra_op_threads);
            let predicted = logits.argmax(1, false);
            let correct = predicted.eq_tensor(&targets).sum(Kind::Int64).int64_value(&[]);
            let loss = logits.cross_entropy_loss::<Tensor>(&targets, None, Reduction::Sum, -100, 0.0);
            each(&logits, &predicted, &labels)?;
            total.rows += rows.len() as u64;
            total.correct += correct as u64;
            total.loss += loss.double_value(&[]);
        }
        Ok(total)
    }
}

fn not_prepared() -> Error {
    Error::internal("a worker was used before its normaliser was set")
}
