//! What a simulated run writes: the events of a real run, each with `virtual_seconds`, and at the end the model. `seconds`
//! and `wall_seconds` are those of this machine; all other times of a line are virtual.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use firesteel_engine::data::Normalizer;
use firesteel_engine::evaluations::Evaluations;
use firesteel_engine::metrics::{EndReason, Event, MetricsFile};
use firesteel_engine::results::{self, Configuration};
use firesteel_engine::{Error, Result, TrainConfig, Worker};
use firesteel_exchange::ledger::TurnDone;
use serde::Serialize;

use super::workers::LocalWorkers;
use crate::cluster::Cluster;
use crate::plan::{Exchange, Plan};
use crate::training::{Observer, Pause, RoundDone};

/// The first line: that of a real run, and the cluster.
#[derive(Serialize)]
pub(super) struct Started<'a> {
    #[serde(flatten)]
    pub start: &'a Event,
    pub cluster: &'a Cluster,
}

/// A line with its virtual time.
#[derive(Serialize)]
struct Timed<'a> {
    #[serde(flatten)]
    event: &'a Event,
    #[serde(flatten)]
    totals: Option<Totals>,
    virtual_seconds: f64,
}

/// What the last line of a run inside one stage says of its exchanges.
#[derive(Clone, Debug, Serialize)]
struct Totals {
    exchanges: u64,
    exchange_bytes: u64,
    staleness: [u64; 17],
}

/// Events of simulated workers that the program `sequential` does not have.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum WorkerEvent<'a> {
    Exchange {
        worker: usize,
        exchange: u64,
        steps: u64,
        total_steps: u64,
        samples: u64,
        seconds: f64,
        loss: f64,
        staleness: u64,
        computing: f64,
        exchanging: f64,
        waiting: f64,
        virtual_seconds: f64,
    },
    Fault {
        round: u64,
        what: &'a str,
        action: &'a str,
        virtual_seconds: f64,
    },
}

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
    pub virtual_seconds: f64,
    /// Of this machine, without evaluations.
    pub seconds: f64,
    pub model: PathBuf,
}

/// What the files of a run are made of beside its weights.
pub(super) struct RunFiles {
    pub out: PathBuf,
    pub asked: TrainConfig,
    pub config: TrainConfig,
    pub normalizer: Normalizer,
}

/// Writes the events, evaluates, and keeps what the end of the run needs.
pub(super) struct Recorder {
    files: RunFiles,
    metrics: MetricsFile,
    test_worker: Option<Worker>,
    digest: String,
    budget: u64,
    workers: u64,
    is_synchronous: bool,
    in_stage: bool,
    show: Box<dyn FnMut(RunStatus)>,
    started: Instant,
    evaluating: Duration,
    evaluations: Evaluations,
    totals: Totals,
    samples: u64,
    round: u64,
    /// The center as it was looked at last, and when.
    center: Vec<f32>,
    reached: f64,
    ended: Option<EndReason>,
}

impl Recorder {
    pub fn new(files: RunFiles, metrics: MetricsFile, plan: &Plan, test_worker: Option<Worker>) -> Self {
        Self {
            files,
            metrics,
            test_worker,
            digest: plan.turns.digest.clone(),
            budget: plan.budget.steps,
            workers: plan.workers as u64,
            is_synchronous: plan.is_synchronous(),
            in_stage: matches!(plan.exchange, Exchange::Stage(_)),
            show: Box::new(|_| ()),
            started: Instant::now(),
            evaluating: Duration::ZERO,
            evaluations: Evaluations::default(),
            totals: Totals { exchanges: 0, exchange_bytes: 0, staleness: [0; 17] },
            samples: 0,
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
    pub fn finish(mut self, workers: &mut LocalWorkers, virtual_seconds: f64) -> Result<Outcome> {
        let reason = self.ended.unwrap_or(EndReason::Budget);
        let length = self.files.config.build_net()?.layout().length();
        let mut center = std::mem::take(&mut self.center);
        center.truncate(length);
        if reason == EndReason::Budget {
            if let Some(steps) = self.files.config.update_bn {
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
        let best = self.evaluations.best().map(|best| (best.round, best.evaluation.accuracy()));
        let (best_round, best_accuracy) = best.unzip();
        let (weights, last) = self.evaluations.chosen(center);
        let RunFiles { out, asked, config, normalizer } = &self.files;
        let model = results::write(out, Configuration { asked, completed: config }, &weights, normalizer)?;
        let (seconds, wall_seconds) = self.seconds();
        let accuracy = last.map(|evaluation| evaluation.accuracy());
        let end = Event::End {
            rounds: self.round,
            samples: self.samples,
            seconds,
            wall_seconds,
            accuracy,
            loss: last.map(|evaluation| evaluation.mean_loss()),
            images_per_second: self.samples as f64 / virtual_seconds,
            best_round,
            best_accuracy,
            reason,
            model: model.clone(),
        };
        let totals = self.in_stage.then(|| self.totals.clone());
        self.metrics.write(&Timed { event: &end, totals, virtual_seconds })?;
        Ok(Outcome { accuracy, virtual_seconds, seconds, model })
    }

    fn evaluate(&mut self, center: &[f32]) -> Result<()> {
        let Some(worker) = &mut self.test_worker else { return Ok(()) };
        let from = Instant::now();
        let evaluation = worker.evaluate(center, &self.digest, &AtomicBool::new(false))?;
        self.evaluating += from.elapsed();
        let (seconds, wall_seconds) = self.seconds();
        let event = Event::Eval {
            round: self.round,
            samples: self.samples,
            seconds,
            wall_seconds,
            accuracy: evaluation.accuracy(),
            loss: evaluation.mean_loss(),
            split: "test",
        };
        self.metrics.write(&Timed { event: &event, totals: None, virtual_seconds: self.reached })?;
        self.evaluations.add(self.round, evaluation, center, self.files.config.restore_best_weights)
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
        let last = self.totals.staleness.len() - 1;
        self.totals.staleness[usize::try_from(turn.staleness).unwrap_or(last).min(last)] += 1;
        self.totals.exchanges += 1;
        self.totals.exchange_bytes += turn.bytes;
        if !self.is_synchronous {
            self.samples = turn.total_samples;
        }
        let line = WorkerEvent::Exchange {
            worker: turn.worker,
            exchange: turn.exchange,
            steps: turn.steps,
            total_steps: turn.total_steps,
            samples: turn.total_samples,
            seconds: self.seconds().0,
            loss: turn.loss,
            staleness: turn.staleness,
            computing: turn.computing,
            exchanging: turn.exchanging,
            waiting: turn.waiting,
            virtual_seconds: now,
        };
        self.metrics.write(&line)?;
        self.shown(turn.total_steps, turn.loss, now);
        Ok(())
    }

    fn round(&mut self, now: f64, round: &RoundDone) -> Result<()> {
        self.samples += round.samples;
        self.round = round.round;
        let event = Event::Round {
            round: round.round,
            local_steps: round.local_steps,
            samples: self.samples,
            seconds: self.seconds().0,
            loss: Some(round.loss),
            images_per_second: round.samples as f64 / round.lasted,
            exchange_bytes: round.bytes,
        };
        self.metrics.write(&Timed { event: &event, totals: None, virtual_seconds: now })?;
        self.shown(round.local_steps * self.workers, round.loss, now);
        Ok(())
    }

    fn fault(&mut self, now: f64, worker: usize, restart: f64) -> Result<()> {
        let (what, action) = (format!("worker {worker} failed"), format!("it begins again in {restart} s"));
        let round = self.round;
        self.metrics.write(&WorkerEvent::Fault { round, what: &what, action: &action, virtual_seconds: now })
    }

    fn pause(&mut self, now: f64, pause: Pause, center: Vec<f32>) -> Result<bool> {
        (self.round, self.reached, self.center) = (pause.round, now, center);
        if pause.last {
            return Ok(true); // the end evaluates it
        }
        let length = self.files.config.build_net()?.layout().length();
        let center = std::mem::take(&mut self.center);
        self.evaluate(&center[..length])?;
        self.center = center;
        let goes_on = !self.evaluations.is_out_of_patience(self.files.config.patience);
        if !goes_on {
            self.ended = Some(EndReason::Patience);
        }
        Ok(goes_on)
    }
}
