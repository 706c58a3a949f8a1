//! SparkNet under the virtual clock (Moritz, Nishihara, Stoica, Jordan 2016, algorithm 2): each round is a Spark job. The
//! driver sends the center to all workers, each does its local steps and sends its weights back, and the driver averages
//! them. Spark runs the task of a lost worker again.

use firesteel_engine::memory::{Purpose, copied};
use firesteel_engine::{Error, Report, Result, Round, RoundKind, StateIn};
use firesteel_strategy::average;

use crate::cluster::Cluster;
use crate::events::EventQueue;
use crate::network::{NextEnd, SharedLink};
use crate::plan::Plan;
use crate::stage::{Uses, check_failures};
use crate::timing::{Timing, timings};
use crate::training::{Observer, Pause, RoundDone, Training};

enum Event {
    /// A worker has the center, in its attempt of that number.
    Begins(usize, u64),
    Stepped(usize, u64),
    /// A transfer to the driver ends, if no other began or ended since.
    Uploaded(NextEnd),
    Arrived(usize, u64),
    Fails(usize),
    /// The driver has averaged.
    Averaged,
}

/// What a worker does in a round.
#[derive(Default)]
struct Task {
    attempt: u64,
    /// The weights after its steps, and what was done.
    result: Option<(Vec<f32>, Report)>,
    arrived: bool,
    /// When a worker that failed is there again.
    back: f64,
}

/// The simulation of one run in rounds.
pub struct Rounds<'a> {
    plan: &'a Plan,
    cluster: &'a Cluster,
    training: &'a mut dyn Training,
    observer: &'a mut dyn Observer,
    state: StateIn,
    queue: EventQueue<Event>,
    timings: Vec<Timing>,
    up: SharedLink<(usize, u64)>,
    tasks: Vec<Task>,
    center: Vec<f32>,
    uses: Uses,
    /// In this round.
    failures: usize,
}

impl<'a> Rounds<'a> {
    /// A run that starts from `center`, in which each worker's solver starts a round from `state`.
    pub fn new(
        plan: &'a Plan,
        state: StateIn,
        cluster: &'a Cluster,
        (training, observer): (&'a mut dyn Training, &'a mut dyn Observer),
        center: Vec<f32>,
    ) -> Self {
        let mut rounds = Self {
            queue: EventQueue::new(),
            timings: timings(cluster, plan.seed, plan.workers),
            up: SharedLink::new(cluster.server_link()),
            tasks: (0..plan.workers).map(|_| Task::default()).collect(),
            uses: Uses::default(),
            failures: 0,
            plan,
            cluster,
            training,
            observer,
            state,
            center,
        };
        (0..plan.workers).for_each(|worker| rounds.lives(worker));
        rounds
    }

    /// Trains until the budget is spent or the observer ends the run, and answers what the links and processors did.
    pub fn run(mut self) -> Result<Uses> {
        let (mut round, mut first, mut goes_on) = (0, 0, true);
        while first < self.plan.iterations && goes_on {
            let began = self.queue.now();
            let steps = self.plan.steps(first);
            self.start_round();
            self.finish_round(&self.request(round, first, steps))?;
            let (samples, loss) = self.average(round)?;
            (round, first) = (round + 1, first + steps);
            let (now, bytes) = (self.queue.now(), 2 * self.plan.workers as u64 * self.plan.message_bytes());
            let done = RoundDone { round, local_steps: first, samples, loss, lasted: now - began, bytes };
            self.observer.round(now, &done)?;
            let last = first == self.plan.iterations;
            if last || round.is_multiple_of(self.plan.eval_every) {
                goes_on = self.observer.pause(now, Pause { round, last }, self.center.clone())?;
            }
        }
        self.uses.seconds = self.queue.now();
        self.uses.up = (self.up.bytes(), self.up.busy());
        Ok(self.uses)
    }

    fn request(&self, round: u64, first_step: u64, steps: u64) -> Round {
        let digest = self.plan.turns.digest.clone();
        let (policy_step, state) = (first_step, self.state);
        Round { kind: RoundKind::Train, digest, round, first_step, policy_step, steps, loss_limit: None, state }
    }

    /// Spark starts the tasks, and each gets the center. Spark's broadcast is in blocks that executors pass on to each other,
    /// so that the center leaves the driver once, in as many hops as it takes to double the copies.
    fn start_round(&mut self) {
        self.failures = 0;
        let bytes = self.plan.message_bytes();
        let hops = ((self.plan.workers + 1) as f64).log2().ceil();
        self.uses.down.0 += bytes as f64;
        self.uses.down.1 += bytes as f64 * 8.0 / self.cluster.server_link();
        for worker in 0..self.plan.workers {
            let link = self.cluster.bandwidth.of(worker).min(self.cluster.server_link());
            let sending = bytes as f64 * 8.0 / link + hops * self.cluster.latency.of(worker);
            let task = &mut self.tasks[worker];
            *task = Task { attempt: task.attempt + 1, back: task.back, ..Task::default() };
            let begins = (self.queue.now() + self.cluster.spark_round + sending).max(task.back);
            self.queue.at(begins, Event::Begins(worker, task.attempt));
        }
    }

    /// Until the results of all workers are at the driver and averaged.
    fn finish_round(&mut self, round: &Round) -> Result<()> {
        while let Some(event) = self.queue.pop() {
            match event {
                Event::Begins(worker, attempt) if self.tasks[worker].attempt == attempt => {
                    self.begins(worker, round)?
                }
                Event::Stepped(worker, attempt) if self.tasks[worker].attempt == attempt => {
                    let (now, most) = (self.queue.now(), self.cluster.bandwidth.of(worker));
                    self.up.begin(now, self.plan.message_bytes(), most, (worker, attempt));
                    self.expect_upload();
                }
                Event::Uploaded(end) => {
                    if let Some((worker, attempt)) = self.up.ended(end) {
                        self.queue.after(self.cluster.latency.of(worker), Event::Arrived(worker, attempt));
                        self.expect_upload();
                    }
                }
                Event::Arrived(worker, attempt) if self.tasks[worker].attempt == attempt => {
                    self.tasks[worker].arrived = true;
                    if self.tasks.iter().all(|task| task.arrived) {
                        let seconds = self.plan.workers as f64 * self.plan.values as f64 / self.cluster.fold_rate;
                        self.uses.folding += seconds;
                        self.queue.after(seconds, Event::Averaged);
                    }
                }
                Event::Fails(worker) => self.fails(worker)?,
                Event::Averaged => return Ok(()),
                Event::Begins(..) | Event::Stepped(..) | Event::Arrived(..) => (), // of a lost attempt
            }
        }
        Err(Error::internal("a simulated round in which nothing can happen any more"))
    }

    fn begins(&mut self, worker: usize, round: &Round) -> Result<()> {
        let task = &mut self.tasks[worker];
        let mut vector = copied(&self.center, Purpose::Weights)?;
        let report = self.training.round(worker, &mut vector, round)?;
        let seconds = if report.steps == 0 {
            0.0
        } else {
            let step_seconds = self.plan.step_seconds.unwrap_or(report.seconds / report.steps as f64);
            self.timings[worker].steps(report.steps, step_seconds)
        };
        self.uses.computing += seconds;
        task.result = Some((vector, report));
        self.queue.after(seconds, Event::Stepped(worker, task.attempt));
        Ok(())
    }

    /// The next failure of a worker that is there.
    fn lives(&mut self, worker: usize) {
        let task = &self.tasks[worker];
        if let Some(seconds) = self.timings[worker].lifetime() {
            self.queue.at(self.queue.now().max(task.back) + seconds, Event::Fails(worker));
        }
    }

    /// A lost worker begins the round again once it is back; a result that was at the driver counts.
    fn fails(&mut self, worker: usize) -> Result<()> {
        self.failures += 1;
        check_failures(self.failures, self.plan.workers)?;
        let now = self.queue.now();
        let task = &mut self.tasks[worker];
        task.back = now + self.cluster.restart;
        if !task.arrived {
            let lost = task.attempt;
            task.attempt += 1;
            self.up.cancel(now, |(of, attempt)| *of == worker && *attempt == lost);
            self.queue.at(task.back, Event::Begins(worker, task.attempt));
            self.expect_upload();
        }
        self.training.rebuild(worker);
        self.lives(worker);
        self.observer.fault(now, worker, self.cluster.restart)
    }

    /// The mean of the workers' vectors is the next center. Answers the round's samples and loss.
    fn average(&mut self, round: u64) -> Result<(u64, f64)> {
        let results: Vec<(Vec<f32>, Report)> = self.tasks.iter_mut().filter_map(|task| task.result.take()).collect();
        let samples: Vec<u64> = results.iter().map(|(_, report)| report.samples).collect();
        let center = &mut self.center;
        let read = |worker: usize, from: usize, out: &mut [f32]| {
            out.copy_from_slice(&results[worker].0[from..][..out.len()]);
            Ok(())
        };
        let write = |from: usize, mean: &[f32]| {
            center[from..][..mean.len()].copy_from_slice(mean);
            Ok(())
        };
        average(results[0].0.len(), &samples, read, write)?;
        let mut loss = 0.0;
        for (_, report) in results.iter().filter(|(_, report)| report.samples > 0) {
            let mean = report.loss.ok_or_else(|| diverged(round + 1))?;
            loss += mean * report.samples as f64;
        }
        let all = samples.iter().sum::<u64>();
        Ok((all, loss / all as f64))
    }

    fn expect_upload(&mut self) {
        if let Some(end) = self.up.next_end() {
            self.queue.at(end.seconds, Event::Uploaded(end));
        }
    }
}

fn diverged(round: u64) -> Error {
    Error::internal(format!("training diverged in round {round}: the loss is not finite; try a smaller lr"))
}
