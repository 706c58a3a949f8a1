//! One thread's local steps: its hold on the weights, its solver and its minibatches; and what the
//! threads of a round share. Most workers have one lane, one of strategy `hogwild` has several.

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

/// Keeps what dropout draws apart from what augmentation does.
const DROPOUT: &[u8; 16] = b"fs-dropout\0\0\0\0\0\0";

/// What one thread steps with.
pub struct Lane {
    pub weights: Weights,
    pub gradient: Gradient,
    pub solver: Solver,
    pub stream: BatchStream,
}

/// What was done of a round so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    pub steps: u64,
    /// Sum of the minibatches' losses.
    pub loss: f64,
}

/// What all rounds of a worker have in common.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    pub net: &'a Net,
    pub data: &'a Dataset,
    pub normalizer: &'a Normalizer,
    pub augment: &'a Augment,
    /// Side in pixels that images are enlarged to.
    pub resize: Option<usize>,
    /// Part of a label that is shared among all classes.
    pub smoothing: f32,
    pub worker: u64,
    /// Threads of one lane.
    pub threads: usize,
}

/// One round as its lanes see it: what they read, and the steps that they take one at a time.
pub struct Course<'a> {
    subject: Subject<'a>,
    round: &'a Round,
    cancel: &'a AtomicBool,
    taken: AtomicU64,
    tally: Mutex<Tally>,
}

impl<'a> Course<'a> {
    /// A round of which nothing is done.
    pub fn new(subject: Subject<'a>, round: &'a Round, cancel: &'a AtomicBool) -> Self {
        Self { subject, round, cancel, taken: AtomicU64::new(0), tally: Mutex::default() }
    }

    /// What the lanes did.
    pub fn tally(&self) -> Tally {
        *self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the round: a step that was not taken yet is not done.
    pub fn end(&self) {
        self.taken.fetch_max(self.round.steps, Ordering::Relaxed);
    }

    /// The next step, counted from the round's start, unless the round has ended.
    fn take(&self) -> Result<Option<u64>> {
        let step = self.taken.fetch_add(1, Ordering::Relaxed);
        if step >= self.round.steps {
            return Ok(None);
        }
        if self.cancel.load(Ordering::Relaxed) {
            let at = self.round.first_step + step;
            return Err(Error::cancelled(format!("worker {} was cancelled at local step {at}", self.subject.worker)));
        }
        Ok(Some(step))
    }

    fn done(&self, loss: f64) {
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.steps += 1;
        tally.loss += loss;
        if self.round.loss_limit.is_some_and(|limit| tally.loss > limit) {
            self.end();
        }
    }
}

impl Lane {
    /// Steps until the round has ended. Whoever takes step s does it on minibatch s of its own order.
    pub fn follow(&mut self, course: &Course<'_>) -> Result<()> {
        let Subject { net, smoothing, threads, .. } = course.subject;
        set_threads(threads);
        while let Some(step) = course.take()? {
            self.solver.look_ahead(&mut self.weights);
            self.weights.refresh();
            let (images, labels, noise) = self.minibatch(course, step);
            let mut pass = Pass::new(&self.weights, Mode::Train, threads).with_noise(noise);
            let logits = net.forward(&mut pass, &images);
            let (loss, slope) = softmax_loss(&logits.value, &labels, smoothing);
            pass.backward(&logits, slope, &mut self.gradient);
            self.solver.step(&mut self.weights, self.gradient.flat(), course.round.policy_step + step);
            course.done(loss);
        }
        Ok(())
    }

    /// Takes the running statistics from the round's minibatches; there is no loss to tell.
    pub fn update_bn(&mut self, course: &Course<'_>) -> Result<()> {
        let Subject { net, threads, .. } = course.subject;
        set_threads(threads);
        while let Some(seen) = course.take()? {
            let (images, ..) = self.minibatch(course, seen);
            net.forward(&mut Pass::new(&self.weights, Mode::UpdateBn { seen }, threads), &images);
            course.done(f64::NAN);
        }
        Ok(())
    }

    /// Images, labels, and what dropout draws from.
    fn minibatch(&mut self, course: &Course<'_>, step: u64) -> (Tensor, Vec<i64>, ChaCha8Rng) {
        let Subject { data, normalizer, augment, resize, .. } = course.subject;
        self.stream.seek(course.round.first_step + step);
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
    let slope = raw::filled(&logits.size(), |slope| loss = cross_entropy(&values, labels, smoothing, slope));
    (loss, slope.to_device(logits.device()))
}
