//! Follows a simulated run: evaluates the center, sums up what happened, and where there is a directory for it writes the
//! metrics and at the end the model.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use firesteel_engine::data::Normalizer;
use firesteel_engine::evaluations::Evaluations;
use firesteel_engine::metrics::{EndReason, Event, MetricsFile};
use firesteel_engine::results::{self, Configuration};
use firesteel_engine::{Error, Result, TrainConfig, Worker};
use firesteel_exchange::ledger::TurnDone;

use super::lines::{Timed, Totals, WorkerEvent};
use super::summary::{Point, Summary};
use super::workers::LocalWorkers;
use crate::plan::{Exchange, Plan};
use crate::stage::Uses;
use crate::training::{Observer, Pause, RoundDone};

/// The state of a run, for a display.
#[derive(Clone, Copy, Debug)]
pub struct RunStatus {
    /// Minibatches of all workers, and those of the whole run.
    pub steps: u64,
    pub budget: u64,
    pub loss: f64,
    pub accuracy: Option<f64>,
    pub virtual_seconds: f64,
}

/// The result of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub accuracy: Option<f64>,
    pub summary: Summary,
    /// Where files are written.
    pub model: Option<PathBuf>,
}

/// The files of a run, and what they are made of beside its weights.
pub(super) struct RunFiles {
    pub out: PathBuf,
    pub asked: TrainConfig,
    pub normalizer: Normalizer,
    pub metrics: MetricsFile,
}

/// What a run has beside its files.
pub(super) struct Recorder {
    config: TrainConfig,
    files: Option<RunFiles>,
    test_worker: Option<Worker>,
    cancel: Arc<AtomicBool>,
    digest: String,
    budget: u64,
    workers: u64,
    is_synchronous: bool,
    in_stage: bool,
    show: Box<dyn FnMut(RunStatus)>,
    started: Instant,
    evaluating: Duration,
    evaluations: Evaluations,
    summary: Summary,
    round: u64,
    /// The center as it was looked at last, and when.
    center: Vec<f32>,
    reached: f64,
    ended: Option<EndReason>,
}

impl Recorder {
    /// `cancel` ends an evaluation.
    pub fn new(
        config: TrainConfig,
        files: Option<RunFiles>,
        plan: &Plan,
        test_worker: Option<Worker>,
        cancel: Arc<AtomicBool>,
    ) -> Self {
        Self {
            config,
            files,
            test_worker,
            cancel,
            digest: plan.turns.digest.clone(),
            budget: plan.budget.steps,
            workers: plan.workers as u64,
            is_synchronous: plan.is_synchronous(),
            in_stage: matches!(plan.exchange, Exchange::Stage(_)),
            show: Box::new(|_| ()),
            started: Instant::now(),
            evaluating: Duration::ZERO,
            evaluations: Evaluations::default(),
            summary: Summary::default(),
            round: 0,
            center: Vec::new(),
            reached: 0.0,
            ended: None,
        }
    }

    pub fn shows(&mut self, show: Box<dyn FnMut(RunStatus)>) {
        self.show = show;
        self.started = Instant::now();
    }

    /// Computes the running statistics where they are asked for, evaluates the last center, and writes the model.
    pub fn finish(mut self, workers: &mut LocalWorkers, uses: Uses) -> Result<Outcome> {
        let reason = self.ended.unwrap_or(EndReason::Budget);
        let length = self.config.build_net()?.layout().length();
        let mut center = std::mem::take(&mut self.center);
        center.truncate(length);
        if reason == EndReason::Budget {
            if let Some(steps) = self.config.update_bn {
                workers.update_bn(&mut center, self.round, steps)?;
            }
            self.evaluate(&center)?;
        }
        if self.evaluations.last().is_some_and(|evaluation| !evaluation.loss.is_finite())
            || !center.iter().all(|x| x.is_finite())
        {
            let round = self.round;
            return Err(Error::internal(format!(
                "training diverged in round {round}: the loss is not finite; try a smaller lr"
            )));
        }
        let (weights, last) = self.evaluations.chosen(center);
        let (seconds, wall_seconds) = self.seconds();
        self.summary.seconds = seconds;
        self.summary.virtual_seconds = uses.seconds;
        self.summary.computing = uses.computing;
        let accuracy = last.map(|evaluation| evaluation.accuracy());
        let best = self.evaluations.best().map(|best| (best.round, best.evaluation.accuracy()));
        let (best_round, best_accuracy) = best.unzip();
        let mut written = None;
        if let Some(files) = &mut self.files {
            let configuration = Configuration { asked: &files.asked, completed: &self.config };
            let model = results::write(&files.out, configuration, &weights, &files.normalizer)?;
            let end = Event::End {
                rounds: self.round,
                samples: self.summary.samples,
                seconds,
                wall_seconds,
                accuracy,
                loss: last.map(|evaluation| evaluation.mean_loss()),
                images_per_second: self.summary.samples as f64 / uses.seconds,
                best_round,
                best_accuracy,
                reason,
                model: model.clone(),
            };
            let Summary { exchanges, bytes, staleness, .. } = self.summary;
            let totals = self.in_stage.then_some(Totals { exchanges, exchange_bytes: bytes, staleness });
            files.metrics.write(&Timed { event: &end, totals, virtual_seconds: uses.seconds })?;
            written = Some(model);
        }
        Ok(Outcome { accuracy, summary: self.summary, model: written })
    }

    fn evaluate(&mut self, center: &[f32]) -> Result<()> {
        let Some(worker) = &mut self.test_worker else { return Ok(()) };
        let from = Instant::now();
        let evaluation = worker.evaluate(center, &self.digest, &self.cancel)?;
        self.evaluating += from.elapsed();
        let (accuracy, loss) = (evaluation.accuracy(), evaluation.mean_loss());
        let Summary { samples, bytes, .. } = self.summary;
        let (round, virtual_seconds) = (self.round, self.reached);
        self.summary.points.push(Point { round, samples, virtual_seconds, bytes, accuracy, loss });
        let (seconds, wall_seconds) = self.seconds();
        let event = Event::Eval { round, samples, seconds, wall_seconds, accuracy, loss, split: "test" };
        if let Some(files) = &mut self.files {
            files.metrics.write(&Timed { event: &event, totals: None, virtual_seconds })?;
        }
        self.evaluations.add(self.round, evaluation, center, self.config.restore_best_weights)
    }

    /// Of this machine since training began, without and with evaluations.
    fn seconds(&self) -> (f64, f64) {
        let wall = self.started.elapsed();
        ((wall - self.evaluating).as_secs_f64(), wall.as_secs_f64())
    }

    fn shown(&mut self, steps: u64, loss: f64, virtual_seconds: f64) {
        let accuracy = self.evaluations.last().map(|evaluation| evaluation.accuracy());
        (self.show)(RunStatus { steps, budget: self.budget, loss, accuracy, virtual_seconds });
    }
}

impl Observer for Recorder {
    fn exchange(&mut self, now: f64, turn: &TurnDone) -> Result<()> {
        self.summary.add(turn);
        if !self.is_synchronous {
            self.summary.samples = turn.total_samples;
        }
        let seconds = self.seconds().0;
        if let Some(files) = &mut self.files {
            files.metrics.write(&WorkerEvent::Exchange {
                worker: turn.worker,
                exchange: turn.exchange,
                steps: turn.steps,
                total_steps: turn.total_steps,
                samples: turn.total_samples,
                seconds,
                loss: turn.loss,
                staleness: turn.staleness,
                computing: turn.computing,
                exchanging: turn.exchanging,
                waiting: turn.waiting,
                virtual_seconds: now,
            })?;
        }
        self.shown(turn.total_steps, turn.loss, now);
        Ok(())
    }

    fn round(&mut self, now: f64, round: &RoundDone) -> Result<()> {
        self.summary.samples += round.samples;
        if !self.in_stage {
            self.summary.bytes += round.bytes; // inside one stage the turns tell them
        }
        self.round = round.round;
        let event = Event::Round {
            round: round.round,
            local_steps: round.local_steps,
            samples: self.summary.samples,
            seconds: self.seconds().0,
            loss: Some(round.loss),
            images_per_second: round.samples as f64 / round.lasted,
            exchange_bytes: round.bytes,
        };
        if let Some(files) = &mut self.files {
            files.metrics.write(&Timed { event: &event, totals: None, virtual_seconds: now })?;
        }
        self.shown(round.local_steps * self.workers, round.loss, now);
        Ok(())
    }

    fn fault(&mut self, now: f64, worker: usize, restart: f64) -> Result<()> {
        let (what, action) = (format!("worker {worker} failed"), format!("it begins again in {restart} s"));
        let round = self.round;
        match &mut self.files {
            Some(files) => {
                files.metrics.write(&WorkerEvent::Fault { round, what: &what, action: &action, virtual_seconds: now })
            }
            None => Ok(()),
        }
    }

    fn pause(&mut self, now: f64, pause: Pause, center: Vec<f32>) -> Result<bool> {
        (self.round, self.reached, self.center) = (pause.round, now, center);
        if pause.last {
            return Ok(true); // the end evaluates it
        }
        let length = self.config.build_net()?.layout().length();
        let center = std::mem::take(&mut self.center);
        self.evaluate(&center[..length])?;
        self.center = center;
        let goes_on = !self.evaluations.is_out_of_patience(self.config.patience);
        if !goes_on {
            self.ended = Some(EndReason::Patience);
        }
        Ok(goes_on)
    }
}
