//! One training thread: its view of the weights, its gradient, its solver and its minibatches; and the state of a round
//! that the threads of a worker share. Most workers have one training thread; with strategy `hogwild` a worker has
//! several.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rand_chacha::ChaCha8Rng;
use tch::Tensor;

use super::batch;
use crate::data::{Augment, BatchStream, Dataset, Normalizer};
use crate::device::set_threads;
use crate::error::{Error, Result};
use crate::kernels::loss::cross_entropy;
use crate::memory::{Purpose, filled, or_unwind};
use crate::nets::Net;
use crate::pass::{Mode, Pass};
use crate::raw;
use crate::round::Round;
use crate::solver::Solver;
use crate::weights::{Gradient, Weights};

/// Makes the random numbers of dropout different from those of augmentation for the same seed.
const DROPOUT: &[u8; 16] = b"fs-dropout\0\0\0\0\0\0";

/// What one thread needs for its local steps.
pub struct TrainingThread {
    pub weights: Weights,
    pub gradient: Gradient,
    pub solver: Solver,
    pub stream: BatchStream,
}

/// What was done so far in a round.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RoundTotals {
    pub steps: u64,
    /// Sum of the minibatches' losses.
    pub loss: f64,
}

/// What is the same in all rounds of a worker.
#[derive(Clone, Copy)]
pub struct RoundContext<'a> {
    pub net: &'a Net,
    pub data: &'a Dataset,
    pub normalizer: &'a Normalizer,
    pub augment: &'a Augment,
    /// Side in pixels to which images are enlarged.
    pub resize: Option<usize>,
    /// Label smoothing.
    pub smoothing: f32,
    pub worker: u64,
    /// libtorch's threads for each training thread.
    pub intra_op_threads: usize,
}

/// A round in progress. Its training threads share it and take one step after another from it.
pub struct ActiveRound<'a> {
    context: RoundContext<'a>,
    round: &'a Round,
    cancel: &'a AtomicBool,
    /// Steps that threads have taken.
    taken: AtomicU64,
    totals: Mutex<RoundTotals>,
}

impl<'a> ActiveRound<'a> {
    /// A round of which no step has been taken.
    pub fn new(context: RoundContext<'a>, round: &'a Round, cancel: &'a AtomicBool) -> Self {
        Self { context, round, cancel, taken: AtomicU64::new(0), totals: Mutex::default() }
    }

    /// What the threads have done.
    pub fn totals(&self) -> RoundTotals {
        *self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the round: no further step can be taken.
    pub fn end(&self) {
        self.taken.fetch_max(self.round.steps, Ordering::Relaxed);
    }

    /// Takes the next step, counted from the start of the round; none if the round has ended.
    fn take_step(&self) -> Result<Option<u64>> {
        let step = self.taken.fetch_add(1, Ordering::Relaxed);
        if step >= self.round.steps {
            return Ok(None);
        }
        if self.cancel.load(Ordering::Relaxed) {
            let at = self.round.first_step + step;
            return Err(Error::cancelled(format!("worker {} was cancelled at local step {at}", self.context.worker)));
        }
        Ok(Some(step))
    }

    /// Records a step that is done; ends the round if the sum of the losses is above its limit.
    fn record(&self, loss: f64) {
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        totals.steps += 1;
        totals.loss += loss;
        if self.round.loss_limit.is_some_and(|limit| totals.loss > limit) {
            self.end();
        }
    }
}

impl TrainingThread {
    /// Does local steps until the round has ended. Step s is done on minibatch s of the order of the thread that takes
    /// it.
    pub fn train(&mut self, round: &ActiveRound<'_>) -> Result<()> {
        let RoundContext { net, smoothing, intra_op_threads, .. } = round.context;
        set_threads(intra_op_threads);
        while let Some(step) = round.take_step()? {
            self.solver.look_ahead(&mut self.weights);
            self.weights.refresh();
            let (images, labels, noise) = self.minibatch(round, step);
            let mut pass = Pass::new(&self.weights, Mode::Train, intra_op_threads).with_noise(noise);
            let logits = net.forward(&mut pass, &images);
            let (loss, logits_gradient) = softmax_loss(&logits.value, &labels, smoothing);
            pass.backward(&logits, logits_gradient, &mut self.gradient);
            self.solver.step(&mut self.weights, self.gradient.flat(), round.round.policy_step + step);
            round.record(loss);
        }
        Ok(())
    }

    /// Computes the running statistics anew from the round's minibatches. No loss is computed.
    pub fn update_bn(&mut self, round: &ActiveRound<'_>) -> Result<()> {
        let RoundContext { net, intra_op_threads, .. } = round.context;
        set_threads(intra_op_threads);
        while let Some(seen) = round.take_step()? {
            let (images, ..) = self.minibatch(round, seen);
            net.forward(&mut Pass::new(&self.weights, Mode::UpdateBn { seen }, intra_op_threads), &images);
            round.record(f64::NAN);
        }
        Ok(())
    }

    /// Images, labels, and the random generator of dropout.
    fn minibatch(&mut self, round: &ActiveRound<'_>, step: u64) -> (Tensor, Vec<i64>, ChaCha8Rng) {
        let RoundContext { data, normalizer, augment, resize, .. } = round.context;
        self.stream.seek(round.round.first_step + step);
        let minibatch = self.stream.next_batch();
        let (images, labels) = batch::augmented(data, &minibatch, augment, normalizer, self.weights.compute());
        (batch::resized(images, resize), labels, minibatch.random(DROPOUT))
    }
}

/// The mean loss of a minibatch, and its gradient with respect to the logits.
fn softmax_loss(logits: &Tensor, labels: &[i64], smoothing: f32) -> (f64, Tensor) {
    let mut values = or_unwind(filled(logits.numel(), 0f32, Purpose::Minibatch));
    logits.copy_data(&mut values, logits.numel());
    let mut loss = 0.0;
    let gradient = raw::filled(&logits.size(), |gradient| loss = cross_entropy(&values, labels, smoothing, gradient));
    (loss, gradient.to_device(logits.device()))
}
