//! One thread's local steps: its hold on the weights, its solver and its minibatches; and what the
//! threads of a round share. Most workers have one lane, one of strategy `hogwild` has several.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use tch::Tensor;

use super::image_tensor;
use crate::data::{BatchStream, Dataset, Normalizer, PIXELS};
use crate::device::set_threads;
use crate::error::{Error, Result};
use crate::nets::Net;
use crate::round::Round;
use crate::solver::Solver;
use crate::weights::Weights;

/// What one thread steps with.
pub struct Lane {
    pub weights: Weights,
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

/// One round as its lanes see it: what they read, and the steps that they take one at a time.
pub struct Course<'a> {
    pub net: &'a Net,
    pub data: &'a Dataset,
    pub normalizer: &'a Normalizer,
    pub round: &'a Round,
    pub cancel: &'a AtomicBool,
    pub worker: u64,
    /// libtorch's threads of one lane.
    pub threads: usize,
    taken: AtomicU64,
    tally: Mutex<Tally>,
}

impl<'a> Course<'a> {
    /// A round of which nothing is done.
    pub fn new(
        (net, data, normalizer): (&'a Net, &'a Dataset, &'a Normalizer),
        (round, cancel): (&'a Round, &'a AtomicBool),
        worker: u64,
        threads: usize,
    ) -> Self {
        let (taken, tally) = (AtomicU64::new(0), Mutex::default());
        Self { net, data, normalizer, round, cancel, worker, threads, taken, tally }
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
            return Err(Error::cancelled(format!("worker {} was cancelled at local step {at}", self.worker)));
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
        set_threads(course.threads);
        let mut images = vec![0.0; self.stream.batch() * PIXELS];
        let mut labels = vec![0; self.stream.batch()];
        while let Some(step) = course.take()? {
            self.stream.seek(course.round.first_step + step);
            course.data.gather(self.stream.next_batch().rows, course.normalizer, &mut images, &mut labels);
            self.solver.look_ahead(&mut self.weights);
            let logits = course.net.forward(&self.weights, &image_tensor(&images));
            let loss = logits.cross_entropy_for_logits(&Tensor::from_slice(&labels));
            let gradient = self.weights.gradient(&loss);
            self.solver.step(&mut self.weights, &gradient, course.round.policy_step + step);
            course.done(loss.double_value(&[]));
        }
        Ok(())
    }
}
