//! What a run would cost on a cluster, without training: the same rounds and exchanges under the same virtual clock, with
//! vectors of one value for each shard whose bytes are counted as those of the net. Beside them two figures that need no
//! simulation: the closed form of SparkNet's authors, and all-reduce at every step.

mod closed_form;
#[cfg(feature = "plot")]
mod plot;
mod sweep;
mod table;

use firesteel_engine::{Report, Result, Round};
use firesteel_exchange::ledger::{Period, TurnDone};
use serde::Serialize;

use crate::cluster::Cluster;
use crate::plan::{Exchange, Plan};
use crate::rounds::Rounds;
use crate::stage::{Stage, Uses};
use crate::training::{Observer, Pause, RoundDone, Training};
pub use closed_form::{ClosedForm, all_reduce_step};
#[cfg(feature = "plot")]
pub use plot::PlotFile;
pub use sweep::Sweep;
pub use table::table;

/// Rounds that are simulated for an estimate, after as many with which a run begins: all workers pull the center then.
const ROUNDS: u64 = 8;
/// The same of an asynchronous strategy, whose workers begin together and come apart slowly where they wait for a link. The
/// estimate of 16 or 32 workers at a saturated link is a third too low after 8 rounds.
const ROUNDS_APART: u64 = 64;
/// A link or processor that is used for a larger part of the time makes the others wait.
const SATURATED: f64 = 0.7;

/// What limits a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// The local steps of the workers.
    Compute,
    /// The link of the driver or of the executors that host the center, towards it.
    LinkIn,
    LinkOut,
    /// The processor that folds or averages.
    Fold,
    /// Latencies, Spark, the workers' own links, or waiting for the slowest worker.
    Wait,
}

/// What a number of workers costs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Cost {
    pub workers: usize,
    /// Seconds between two exchanges of a worker, on average.
    pub round_seconds: f64,
    /// The part of that in which the worker does local steps, on average.
    pub computing: f64,
    /// Minibatches of all workers a second.
    pub steps_per_second: f64,
    /// How many times as many as one worker that exchanges with nobody.
    pub speed_up: f64,
    /// Bytes that one round, or one exchange of each worker, brings to the driver or exchangers, and takes from there.
    pub bytes_in: f64,
    pub bytes_out: f64,
    /// The part of the time in which the links and the processor of the driver or exchangers are used.
    pub link_in: f64,
    pub link_out: f64,
    pub fold: f64,
    pub limit: Limit,
    /// Executors that should host the center, so that no link is used for more than 70 % of the time of the local steps;
    /// and shards of each, so that no processor is.
    pub hosts: u64,
    pub shards: u64,
    /// Minibatches a second of all workers by the closed form, and with all-reduce in a ring after every step.
    pub closed_form: f64,
    pub all_reduce: f64,
}

/// Counts steps.
struct NoTraining;

impl Training for NoTraining {
    fn round(&mut self, _worker: usize, _vector: &mut [f32], round: &Round) -> Result<Report> {
        Ok(Report { samples: round.steps, steps: round.steps, loss: Some(1.0), seconds: 0.0, fresh: false })
    }

    fn rate(&self, _policy_step: u64) -> f64 {
        0.1
    }

    fn rebuild(&mut self, _worker: usize) {}
}

/// Tells nobody.
struct Nobody;

impl Observer for Nobody {
    fn exchange(&mut self, _now: f64, _turn: &TurnDone) -> Result<()> {
        Ok(())
    }

    fn round(&mut self, _now: f64, _round: &RoundDone) -> Result<()> {
        Ok(())
    }

    fn fault(&mut self, _now: f64, _worker: usize, _restart: f64) -> Result<()> {
        Ok(())
    }

    fn pause(&mut self, _now: f64, _pause: Pause, _center: Vec<f32>) -> Result<bool> {
        Ok(true)
    }
}

/// What `plan` costs on `cluster`, which names the time of a step.
pub fn cost(plan: &Plan, cluster: &Cluster) -> Result<Cost> {
    plan.check(cluster)?;
    let rounds = if plan.is_synchronous() { ROUNDS } else { ROUNDS_APART };
    let uses = simulated(&of_rounds(plan, 2 * rounds), cluster)?.since(&simulated(&of_rounds(plan, rounds), cluster)?);
    let (workers, step) = (plan.workers as f64, plan.step_seconds.unwrap_or(0.0));
    let rounds = rounds as f64;
    let steps = rounds * plan.budget.tau as f64 * workers;
    let (round_seconds, steps_per_second) = (uses.seconds / rounds, steps / uses.seconds);
    let computing = uses.computing / workers / uses.seconds;
    let part = |busy: f64| busy / uses.seconds;
    let parts = match &plan.exchange {
        Exchange::Rounds { .. } => 1.0,
        Exchange::Stage(stage) => stage.parts.max(1) as f64,
    };
    // what all workers ask for while they do nothing but local steps
    let period = plan.budget.tau as f64 * step;
    let link_wanted = workers * plan.message_bytes() as f64 * 8.0 / cluster.server_link() / period;
    let fold_wanted = workers * plan.values as f64 / cluster.fold_rate / period;
    let hosts = (link_wanted / SATURATED).ceil().max(1.0);
    let mut cost = Cost {
        workers: plan.workers,
        round_seconds,
        computing,
        steps_per_second,
        speed_up: steps_per_second * step,
        bytes_in: uses.up.0 / rounds,
        bytes_out: uses.down.0 / rounds,
        link_in: uses.up.0 * 8.0 / (cluster.server_link() * parts) / uses.seconds,
        link_out: uses.down.0 * 8.0 / (cluster.server_link() * parts) / uses.seconds,
        fold: part(uses.folding),
        limit: Limit::Wait,
        hosts: hosts as u64,
        shards: (fold_wanted / SATURATED / hosts).ceil().max(1.0) as u64,
        closed_form: workers * plan.budget.tau as f64 / ClosedForm::new(plan, cluster).round_seconds(),
        all_reduce: workers / all_reduce_step(plan, cluster),
    };
    let shares = [
        (Limit::Compute, cost.computing),
        (Limit::LinkIn, cost.link_in),
        (Limit::LinkOut, cost.link_out),
        (Limit::Fold, cost.fold),
    ];
    let rest = 1.0 - shares.iter().map(|(_, share)| share).sum::<f64>(); // below 0 where they overlap
    let largest = shares.into_iter().max_by(|a, b| a.1.total_cmp(&b.1));
    cost.limit = largest.filter(|(_, share)| *share >= rest).map_or(Limit::Wait, |(limit, _)| limit);
    Ok(cost)
}

/// The same run with so many rounds of `tau` steps, and without evaluations.
fn of_rounds(plan: &Plan, rounds: u64) -> Plan {
    let mut plan = plan.clone();
    plan.iterations = rounds * plan.budget.tau;
    plan.eval_every = u64::MAX;
    plan.budget.steps = plan.iterations * plan.workers as u64;
    plan.budget.period = Period::Constant;
    if let Exchange::Stage(stage) = &mut plan.exchange {
        stage.settings.budget = plan.budget.clone();
    }
    plan
}

/// The links and processors of the run, simulated without training.
fn simulated(plan: &Plan, cluster: &Cluster) -> Result<Uses> {
    let (mut training, mut observer) = (NoTraining, Nobody);
    let told = (&mut training as &mut dyn Training, &mut observer as &mut dyn Observer);
    match &plan.exchange {
        Exchange::Rounds { state } => Rounds::new(plan, *state, cluster, told, vec![0.0]).run(),
        Exchange::Stage(stage) => {
            let shards = stage.settings.shards as usize * stage.parts.max(1);
            Stage::new(plan, stage, cluster, told, &vec![0.0; shards])?.run()
        }
    }
}
