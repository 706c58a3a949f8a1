//! A simulated run of a program: its data in memory, its workers, and the files that it leaves.

mod lines;
mod recorder;
mod summary;
mod workers;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use firesteel_engine::config::{Consistency, SolverState, Strategy};
use firesteel_engine::data::{Dataset, Normalizer, RecordFormat};
use firesteel_engine::estimate::estimate;
use firesteel_engine::local::{self, LocalData};
use firesteel_engine::machine::Machine;
use firesteel_engine::metrics::{DataFacts, Event, Executor, Hardware, MetricsFile};
use firesteel_engine::results;
use firesteel_engine::{Error, Result, StateIn, TrainConfig};
use firesteel_strategy::{TurnSpec, budget, codec, settings};

use crate::cluster::Cluster;
use crate::plan::{Exchange, Plan, StagePlan};
use crate::rounds::Rounds;
use crate::stage::Stage;
use lines::Started;
pub use recorder::{Outcome, RunStatus};
use recorder::{Recorder, RunFiles};
pub use summary::{Point, Summary};
pub use workers::LocalWorkers;

/// Local steps by which the time of a step is measured, after as many that warm up.
const MEASURED_STEPS: u64 = 10;

/// The configuration with what a cluster would decide: `sparknet` runs in one stage, as it does where each worker has a slot.
pub fn decided(mut config: TrainConfig) -> Result<TrainConfig> {
    if config.strategy == Strategy::Hogwild {
        return Err(Error::config(
            "strategy hogwild is threads of one worker, whose times are not simulated; choose another",
        ));
    }
    if config.workers.is_none() && !config.strategy.is_alone() {
        return Err(Error::config("workers is not set: a simulation has no task slots from which to tell it"));
    }
    let resolved = config.clone().resolve(None)?;
    if resolved.strategy == Strategy::Sparknet && resolved.consistency.is_none() {
        config.consistency = Some(Consistency::Bsp);
    }
    Ok(config)
}

/// What a run of a resolved configuration is going to do.
pub fn plan(config: &TrainConfig, step_seconds: Option<f64>) -> Result<Plan> {
    let net = config.build_net()?;
    let (length, digest) = (net.layout().length(), net.layout().digest());
    let state = match config.solver_state {
        SolverState::Average => StateIn::Given,
        SolverState::Local => StateIn::Keep,
        SolverState::Reset => StateIn::Reset,
    };
    let exchange = if config.in_stage() {
        Exchange::Stage(Box::new(StagePlan {
            settings: settings(config)?,
            codec: codec(config.codec),
            overlap: config.overlap,
            parts: config.exchangers,
        }))
    } else {
        Exchange::Rounds { state }
    };
    let missing = |key: &str| Error::config(format!("{key} is not set"));
    Ok(Plan {
        workers: config.workers.ok_or_else(|| missing("workers"))?,
        iterations: config.iterations.ok_or_else(|| missing("iterations"))?,
        budget: budget(config)?,
        turns: TurnSpec::new(config, digest),
        exchange,
        values: length + if config.state_travels() { config.state_length(length) } else { 0 },
        eval_every: config.eval_every,
        seed: config.seed,
        step_seconds,
    })
}

/// A prepared run: its data are in memory, its workers are built.
pub struct Simulation {
    cluster: Cluster,
    plan: Plan,
    workers: LocalWorkers,
    recorder: Recorder,
    center: Vec<f32>,
}

/// The images of a run, in memory.
pub struct Images {
    pub train: Dataset,
    pub test: Option<Dataset>,
}

impl Simulation {
    /// Reads the data, completes the configuration and creates the output directory. Nothing is written before all checks
    /// have passed.
    pub fn prepare(config: TrainConfig, cluster: Cluster) -> Result<Self> {
        cluster.validate()?;
        let asked = decided(config)?;
        let LocalData { config, out, train, test, facts } = LocalData::read(asked.clone(), "simulate")?;
        let files = |normalizer, cluster: &Cluster, workers: &LocalWorkers| {
            fs::create_dir_all(&out).map_err(|e| Error::io(&out, e).context("create the output directory"))?;
            let mut metrics = MetricsFile::create(&out.join("metrics.jsonl"))?;
            let start = started(&config, facts)?;
            metrics.write(&Started { start: &start, cluster })?;
            metrics.write(&Event::Workers { devices: workers.devices() })?;
            Ok(Some(RunFiles { out, asked, normalizer, metrics }))
        };
        Self::build(config.clone(), Images { train, test }, cluster, Arc::default(), files)
    }

    /// A run of a completed configuration that writes no files. `cancel` ends it within a minibatch.
    pub fn in_memory(config: TrainConfig, images: Images, cluster: Cluster, cancel: Arc<AtomicBool>) -> Result<Self> {
        Self::build(config, images, cluster, cancel, |_, _, _| Ok(None))
    }

    fn build(
        config: TrainConfig,
        Images { train, test }: Images,
        mut cluster: Cluster,
        cancel: Arc<AtomicBool>,
        files: impl FnOnce(Normalizer, &Cluster, &LocalWorkers) -> Result<Option<RunFiles>>,
    ) -> Result<Self> {
        // the time of a step is measured once the workers are there
        let mut plan = plan(&config, cluster.step_seconds)?;
        plan.check(&cluster)?;
        check_memory(&config, train.rows(), test.as_ref().map_or(0, Dataset::rows))?;
        let statistics = train.statistics();
        let normalizer = Normalizer::fit(config.normalize, &statistics)?;
        let mut center = config.build_net()?.initial_weights(config.seed, Some(&statistics))?;
        center.resize(plan.values, 0.0);
        let parts = train.divided(plan.workers, config.seed)?;
        let mut workers = LocalWorkers::new(&config, parts, &normalizer, cancel.clone())?;
        let test_worker = test.map(|rows| workers::worker(&config, 0, rows, &normalizer)).transpose()?;
        if plan.step_seconds.is_none() && !cluster.measure_steps {
            cluster.step_seconds = Some(workers.measured(&center, MEASURED_STEPS)?);
            plan.step_seconds = cluster.step_seconds;
        }
        let files = files(normalizer, &cluster, &workers)?;
        Ok(Self { recorder: Recorder::new(config, files, &plan, test_worker, cancel), cluster, plan, workers, center })
    }

    /// Trains, evaluates every `eval-every` rounds and at the end, and writes the model. Calls `show` after every round, or
    /// exchange.
    pub fn run(self, show: impl FnMut(RunStatus) + 'static) -> Result<Outcome> {
        let Self { cluster, plan, mut workers, mut recorder, center } = self;
        recorder.shows(Box::new(show));
        let uses = {
            let told = (&mut workers as &mut dyn crate::training::Training, &mut recorder as &mut _);
            match &plan.exchange {
                Exchange::Rounds { state } => Rounds::new(&plan, *state, &cluster, told, center).run()?,
                Exchange::Stage(stage) => Stage::new(&plan, stage, &cluster, told, &center)?.run()?,
            }
        };
        recorder.finish(&mut workers, uses)
    }
}

fn started(config: &TrainConfig, data: DataFacts) -> Result<Event> {
    Ok(Event::Start {
        time: jiff::Timestamp::now().to_string(),
        config: config.to_map(),
        versions: results::versions(),
        hardware: Hardware::of_this_machine(),
        executors: vec![Executor { executor: "driver", machine: Machine::of_this_process(config.threads) }],
        data,
        parameters: config.build_net()?.parameters(),
    })
}

/// Refuses a run whose workers surely do not fit into memory together.
fn check_memory(config: &TrainConfig, train_rows: usize, test_rows: usize) -> Result<()> {
    let workers = config.workers.unwrap_or(1) as u64;
    let of_rows = |rows: u64| estimate(config, rows, RecordFormat::Cifar10); // as of every format without weights
    let (train, test) = (of_rows((train_rows as u64).div_ceil(workers))?, of_rows(test_rows as u64)?);
    let vector = config.build_net()?.layout().length() as u64 * size_of::<f32>() as u64;
    // of each worker beside its engine: its weights, the center it pulled, its last message, the exchanger's copy of it
    let exchanged = 4 * vector;
    let resident = workers * (train.resident + exchanged) + test.resident;
    let read = ((train_rows + test_rows) * config.shape().values()) as u64; // in memory already
    local::check_memory(config, resident.saturating_sub(read), [train, test], "lower workers or batch")
}
