//! The calls behind the table of `api.rs` that need no JNI: JSON in, JSON out, and the objects that
//! Java holds handles of.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use firesteel_engine::config::PeriodStart;
use firesteel_engine::data::{Normalizer, RecordFormat, Statistics};
use firesteel_engine::estimate::{Estimate, estimate};
use firesteel_engine::machine::{Inspection, Machine};
use firesteel_engine::memory::{MemoryLimit, Purpose, reserve, with_capacity};
use firesteel_engine::predictor::Prediction;
use firesteel_engine::tensors::{self, FileLayout};
use firesteel_engine::{ClassEvaluation, Error, Facts, Result, TrainConfig, Worker, WorkerSpec};
use firesteel_exchange::Entry;
use firesteel_exchange::client::Server;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::exchanger::DriverExchanger;
use crate::handle::Table;
use crate::hosts::{self, HostRequest};
use crate::link::{Link, LinkRequest};
use crate::predictors::Predictors;
use crate::registry::Resident;
use crate::sweep;

/// Java's handles on workers.
pub static WORKERS: Table<Attached> = Table::new("worker");
/// Java's handles on exchangers.
pub static EXCHANGERS: Table<DriverExchanger> = Table::new("exchanger");
/// Java's handles on bytes that may be more than a Java array holds, and are copied in pieces.
pub static BYTES: Table<Mutex<Vec<u8>>> = Table::new("bytes");
/// Java's handles on models that were opened for prediction.
pub static PREDICTORS: Table<Predictors> = Table::new("predictor");
/// Java's handles on links.
pub static LINKS: Table<Linked> = Table::new("link");

/// A task's link, with the flag that ends what it waits for.
pub struct Linked {
    pub link: Mutex<Link>,
    pub cancel: Arc<AtomicBool>,
}

/// One task's reference to a worker, with a cancel flag of its own: a new attempt is not cancelled with the old one.
pub struct Attached {
    pub resident: Arc<Resident>,
    pub cancel: AtomicBool,
}

impl Attached {
    pub fn new(resident: Arc<Resident>) -> Self {
        Self { resident, cancel: AtomicBool::new(false) }
    }
}

/// Versions of this library and of the libtorch that is loaded.
pub fn version() -> String {
    json!({ "crate": env!("CARGO_PKG_VERSION"), "libtorch": firesteel_engine::libtorch::version() }).to_string()
}

/// A request to complete a configuration.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResolveRequest {
    config: Map<String, Value>,
    facts: Option<Facts>,
}

/// Completes and checks a configuration.
pub fn resolve(request: &str) -> Result<String> {
    let request: ResolveRequest = parse("resolve request", request)?;
    let config = TrainConfig::from_map(request.config)?.resolve(request.facts)?;
    Ok(Value::Object(config.to_map()).to_string())
}

#[derive(Serialize)]
struct Description<'a> {
    tensors: &'a [Entry],
    length: usize,
    /// Of `length`, without running statistics.
    parameters: usize,
    /// Values of the solver's state.
    state: usize,
    digest: String,
    /// The local steps between two exchanges, where they are known before the run.
    periods: Vec<PeriodStart>,
}

/// Describes the tensors and lengths of a configuration's net, and its periods, as JSON.
pub fn describe(config: &str) -> Result<String> {
    let config = TrainConfig::from_json(config)?;
    let net = config.build_net()?;
    let (layout, length) = (net.layout(), net.layout().length());
    let state = config.state_length(length);
    let parameters = net.parameters();
    let (digest, periods) = (layout.digest(), config.periods()?);
    render(&Description { tensors: layout.entries(), length, parameters, state, digest, periods })
}

/// What workers of that configuration compute with in this process.
pub fn machine(config: &str) -> Result<String> {
    render(&Machine::of_this_process(TrainConfig::from_json(config)?.threads))
}

/// What this process can compute with, in that configuration's precision.
pub fn inspect(config: &str) -> Result<String> {
    render(&Inspection::of_this_process(TrainConfig::from_json(config)?.precision))
}

#[derive(Serialize)]
struct Memory {
    #[serde(flatten)]
    worker: Estimate,
    /// Of this process.
    limit: MemoryLimit,
}

/// What a worker of `rows` rows takes, whose record format JSON names, and what this process may have.
pub fn memory(config: &str, rows: u64, record: &str) -> Result<String> {
    let worker = estimate(&TrainConfig::from_json(config)?, rows, parse("record format", record)?)?;
    render(&Memory { worker, limit: MemoryLimit::of_this_process() })
}

/// Without `statistics`, of a net that starts the same on any data.
pub fn initial_weights(config: &str, statistics: &[i64]) -> Result<Vec<f32>> {
    let config = TrainConfig::from_json(config)?;
    let read = || Statistics::from_slice(config.shape(), statistics);
    let statistics = if statistics.is_empty() { None } else { Some(read()?) };
    config.build_net()?.initial_weights(config.seed, statistics.as_ref())
}

/// The values of the normaliser that fits exact sums over the pixels.
pub fn normalizer(config: &str, statistics: &[i64]) -> Result<Vec<f32>> {
    let config = TrainConfig::from_json(config)?;
    Ok(Normalizer::fit(config.normalize, &Statistics::from_slice(config.shape(), statistics)?)?.to_vec())
}

/// The header of a file of tensors.
pub fn tensors_header(layout: &str) -> Result<Vec<u8>> {
    tensors::header(&parse::<FileLayout>("layout", layout)?)
}

/// Checks the header of a file of tensors and describes it, as JSON.
pub fn read_tensors_header(header: &[u8], file_bytes: i64) -> Result<String> {
    let file_bytes = u64::try_from(file_bytes).map_err(|_| Error::layout(format!("a file of {file_bytes} bytes")))?;
    render(&tensors::read_header(header, file_bytes)?)
}

/// Opens a worker without rows, and answers its handle.
pub fn open_worker(spec: &str) -> Result<i64> {
    let worker = Worker::new(&parse::<WorkerSpec>("worker", spec)?)?;
    Ok(WORKERS.open(Attached::new(Resident::new(worker))))
}

/// An evaluation by class as one vector of integers: rows, correct rows, the bits of the sum of losses, rows whose label is
/// among the five largest logits, and for each pair of classes that occurs the label, the predicted class and the rows.
pub fn class_counts(counted: &ClassEvaluation) -> Result<Vec<i64>> {
    let sums = counted.evaluation;
    let mut values = with_capacity(4 + 3 * counted.cells.len(), Purpose::Rows)?;
    values.extend([sums.rows as i64, sums.correct as i64, sums.loss.to_bits() as i64, counted.among_five as i64]);
    for cell in &counted.cells {
        values.extend([i64::from(cell.label), i64::from(cell.predicted), cell.rows as i64]);
    }
    Ok(values)
}

/// Opens a model for prediction, and answers its handle.
pub fn open_predictor(config: &str, weights: &[f32], normalizer: &[f32]) -> Result<i64> {
    Ok(PREDICTORS.open(Predictors::open(TrainConfig::from_json(config)?, weights, normalizer)?))
}

/// The logits of `rows` records in a format that JSON names, and why some of them are no images.
pub fn predict(predictors: &Predictors, format: &str, records: &[u8], rows: usize) -> Result<Prediction> {
    predictors.predict(parse::<RecordFormat>("record format", format)?, records, rows)
}

/// Starts a run's exchanger in this process, and answers its handle.
pub fn open_exchanger(config: &str, initial: &[f32], snapshot: &[u8]) -> Result<i64> {
    Ok(EXCHANGERS.open(DriverExchanger::start(&TrainConfig::from_json(config)?, initial, snapshot)?))
}

/// The `length` bytes from `at` on.
pub fn piece(bytes: &[u8], at: i64, length: i32) -> Result<&[u8]> {
    let range = usize::try_from(at).ok().zip(usize::try_from(length).ok());
    range
        .and_then(|(at, length)| bytes.get(at..)?.get(..length))
        .ok_or_else(|| Error::layout(format!("{length} bytes from {at} on, of {}", bytes.len())))
}

/// Appends a copy of `piece`; a lack of memory is an error.
pub fn append(bytes: &mut Vec<u8>, piece: &[u8]) -> Result<()> {
    reserve(bytes, piece.len(), Purpose::Weights)?;
    bytes.extend_from_slice(piece);
    Ok(())
}

/// Hosts a part of a center, and answers its address as JSON.
pub fn host_part(request: &str, snapshot: &[u8]) -> Result<String> {
    sweep::start();
    render(&hosts::host(parse::<HostRequest>("part of a center", request)?, snapshot)?)
}

/// Tells an exchanger which servers host the parts of its center.
pub fn name_hosts(exchanger: &DriverExchanger, servers: &str) -> Result<()> {
    exchanger.hosted(parse::<Vec<Server>>("servers", servers)?);
    Ok(())
}

/// Attaches a task to an exchanger, and answers the handle of its link.
pub fn open_link(request: &str) -> Result<i64> {
    let (request, cancel) = (parse::<LinkRequest>("link", request)?, Arc::new(AtomicBool::new(false)));
    let link = Mutex::new(Link::open(request, cancel.clone())?);
    Ok(LINKS.open(Linked { link, cancel }))
}

/// Reads JSON that the Java side wrote; JSON that does not fit is a defect of Firesteel, or the library is of another
/// version.
pub fn parse<T: DeserializeOwned>(what: &str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|cause| Error::internal(format!("read the {what}")).caused_by(cause))
}

/// Writes JSON for the Java side.
pub fn render<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|cause| Error::internal("write JSON").caused_by(cause))
}
