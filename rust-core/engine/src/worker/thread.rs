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
use crate::kernels::loss::{Targets, cross_entropy};
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
            let Drawn { images, labels, weights, noise } = self.minibatch(round, step);
            let mut pass = Pass::new(&self.weights, Mode::Train, intra_op_threads).with_noise(noise);
            let logits = net.forward(&mut pass, &images);
            let targets = Targets { labels: &labels, weights: weights.as_deref(), smoothing };
            let (loss, logits_gradient) = softmax_loss(&logits.value, targets);
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
            let images = self.minibatch(round, seen).images;
            net.forward(&mut Pass::new(&self.weights, Mode::UpdateBn { seen }, intra_op_threads), &images);
            round.record(f64::NAN);
        }
        Ok(())
    }

    /// The minibatch of that step of the round.
    fn minibatch(&mut self, round: &ActiveRound<'_>, step: u64) -> Drawn {
        let RoundContext { data, normalizer, augment, resize, .. } = round.context;
        self.stream.seek(round.round.first_step + step);
        let minibatch = self.stream.next_batch();
        let (images, labels) = batch::augmented(data, &minibatch, augment, normalizer, self.weights.compute());
        let weights = or_unwind(data.gather_weights(minibatch.rows));
        Drawn { images: batch::resized(images, resize), labels, weights, noise: minibatch.random(DROPOUT) }
    }
}

/// What one step is done on.
struct Drawn {
    images: Tensor,
    labels: Vec<i64>,
    /// Of the rows in the loss.
    weights: Option<Vec<f32>>,
    /// The random generator of dropout.
    noise: ChaCha8Rng,
}

/// The mean loss of a minibatch, and its gradient with respect to the logits.
fn softmax_loss(logits: &Tensor, targets: Targets<'_>) -> (f64, Tensor) {
    let mut values = or_unwind(filled(logits.numel(), 0f32, Purpose::Minibatch));
    logits.copy_data(&mut values, logits.numel());
    let mut loss = 0.0;
    let gradient = raw::filled(&logits.size(), |gradient| loss = cross_entropy(&values, targets, gradient));
    (loss, gradient.to_device(logits.device()))
}

#[cfg(test)]
mod tests {
    use tch::{Kind, Reduction};

    use super::*;
    use crate::testing::normal;

    /// Asserts that our loss and gradient are those that autograd finds for `theirs`, a function of the logits.
    fn assert_same(logits: &Tensor, targets: Targets<'_>, theirs: impl Fn(&Tensor) -> Tensor) {
        let (loss, gradient) = softmax_loss(logits, targets);
        let leaf = logits.detach().copy().set_requires_grad(true);
        let expected = theirs(&leaf);
        expected.backward();
        assert!((loss - expected.double_value(&[])).abs() < 1e-5, "{loss} is not {expected:?}");
        let apart = (gradient - leaf.grad()).abs().max().double_value(&[]);
        assert!(apart < 5e-7, "{targets:?}: {apart}"); // a few units in the last place of f32
    }

    #[test]
    fn the_loss_of_weighted_rows_is_libtorchs_by_its_autograd() {
        let (logits, labels) = (normal(&[6, 4], 1) * 3, [0, 3, 1, 1, 2, 0]);
        let target = Tensor::from_slice(&labels);
        let of_class = [0.5f32, 3.0, 0.0, 1.25];
        let weights: Vec<f32> = labels.iter().map(|&label| of_class[label as usize]).collect();
        let targets = Targets { labels: &labels, weights: Some(&weights), smoothing: 0.0 };
        assert_same(&logits, targets, |logits| {
            logits.cross_entropy_loss(&target, Some(Tensor::from_slice(&of_class)), Reduction::Mean, -100, 0.0)
        });
        let weights = [0.3f32, 2.0, 7.5, 0.0, 1.0, 1e-3];
        for smoothing in [0.0, 0.1] {
            assert_same(&logits, Targets { labels: &labels, weights: Some(&weights), smoothing }, |logits| {
                let each = logits.cross_entropy_loss::<Tensor>(&target, None, Reduction::None, -100, smoothing.into());
                let weights = Tensor::from_slice(&weights);
                (each * &weights).sum(Kind::Float) / weights.sum(Kind::Float)
            });
        }
    }
}
