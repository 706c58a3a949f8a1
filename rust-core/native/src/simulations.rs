//! Runs that a task simulates in this process: their images arrive in pieces, and what is left of a run is its summary.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use firesteel_engine::data::{BadImages, Dataset, RecordFormat};
use firesteel_engine::{Error, Result, TrainConfig};
use firesteel_simulation::cluster::Cluster;
use firesteel_simulation::run::{self, Images, Simulation, Summary};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::calls::{parse, render};
use crate::handle::Table;
use crate::lifetime::Counted;

/// Java's handles on simulations.
pub static SIMULATIONS: Table<SimulatedRun> = Table::new("simulation");

/// What a run is simulated from.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Spec {
    /// A completed configuration.
    config: TrainConfig,
    cluster: Cluster,
    record: RecordFormat,
    train_rows: usize,
    /// None where there is nothing to evaluate.
    test_rows: Option<usize>,
}

/// A run whose images are being read, until it begins.
pub struct SimulatedRun {
    config: TrainConfig,
    cluster: Cluster,
    record: RecordFormat,
    images: Mutex<Option<Images>>,
    pub cancel: Arc<AtomicBool>,
    _counted: Counted,
}

/// A cluster of which nothing is said, as JSON: it has every key.
pub fn defaults() -> Result<String> {
    render(&Cluster::default())
}

/// The configuration with what a cluster would decide, as JSON.
pub fn decided(config: &str) -> Result<String> {
    Ok(Value::Object(run::decided(TrainConfig::from_json(config)?)?.to_map()).to_string())
}

/// All numbers of a cluster on which a completed configuration can be simulated, as JSON.
pub fn cluster(config: &str, cluster: &str) -> Result<String> {
    let cluster = Cluster::from_map(parse::<Map<String, Value>>("cluster", cluster)?)?;
    let config = TrainConfig::from_json(config)?;
    run::plan(&config, cluster.step_seconds)?.check(&cluster)?;
    render(&cluster)
}

/// Opens a run without images, and answers its handle.
pub fn open(spec: &str) -> Result<i64> {
    let Spec { config, cluster, record, train_rows, test_rows } = parse("simulation", spec)?;
    let classes = config.classes.ok_or_else(|| Error::internal("a configuration without classes"))?;
    let empty = |rows| Dataset::for_records(record, classes, config.shape(), rows);
    let images = Images { train: empty(train_rows)?, test: test_rows.map(empty).transpose()? };
    let (images, cancel) = (Mutex::new(Some(images)), Arc::default());
    Ok(SIMULATIONS.open(SimulatedRun { config, cluster, record, images, cancel, _counted: Counted::default() }))
}

impl SimulatedRun {
    /// Adds rows of the training set, or of the one that is evaluated. Those that are no images are left out.
    pub fn append(&self, test: bool, records: &[u8], rows: usize) -> Result<()> {
        self.with(test, |images| images.append_records(self.record, records, rows))
    }

    /// The rows that were left out.
    pub fn bad_images(&self, test: bool) -> Result<BadImages> {
        self.with(test, |images| Ok(images.bad().clone()))
    }

    /// Trains, once.
    pub fn run(&self) -> Result<Summary> {
        let images = self.images.lock().unwrap_or_else(PoisonError::into_inner).take().ok_or_else(begun)?;
        let run = Simulation::in_memory(self.config.clone(), images, self.cluster.clone(), self.cancel.clone())?;
        Ok(run.run(|_| ())?.summary)
    }

    fn with<R>(&self, test: bool, body: impl FnOnce(&mut Dataset) -> Result<R>) -> Result<R> {
        let mut images = self.images.lock().unwrap_or_else(PoisonError::into_inner);
        let images = images.as_mut().ok_or_else(begun)?;
        let of_test = || Error::internal("a simulation that evaluates nothing");
        body(if test { images.test.as_mut().ok_or_else(of_test)? } else { &mut images.train })
    }
}

fn begun() -> Error {
    Error::closed("a simulation that has begun")
}
