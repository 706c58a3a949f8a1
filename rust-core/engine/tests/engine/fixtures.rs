//! Data, workers and requests that the tests of this directory share.

use std::sync::atomic::AtomicBool;

use firesteel_engine::data::{Normalizer, RecordFormat, Shape, Statistics};
use firesteel_engine::{Report, Round, RoundKind, StateIn, TrainConfig, Worker, WorkerSpec};

const ROW: usize = 3073;
/// 200 rows that a net can learn.
pub const TINY: &[u8] = include_bytes!("../../../../testdata/cifar10-tiny/data_batch_1.bin");
/// Local steps in which the net learns [`TINY`].
pub const LEARNING: u64 = 60;

/// Pseudo-random rows whose brightness depends on the label.
pub fn rows(from: usize, count: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(count * ROW);
    for row in from..from + count {
        let label = (row * 7 % 10) as u8;
        bytes.push(label);
        let mut noise = row as u64 + 1;
        bytes.extend((1..ROW).map(|_| {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (noise >> 58) as u8 + label * 18
        }));
    }
    bytes
}

pub fn config(json: &str) -> TrainConfig {
    let facts = firesteel_engine::Facts { rows: 1_000_000, classes: 10, encoded: false };
    TrainConfig::from_json(json).unwrap().resolve(Some(facts)).unwrap()
}

pub fn worker(config: &TrainConfig, number: u64, records: &[u8]) -> Worker {
    let count = records.len() / ROW;
    let spec =
        WorkerSpec { config: config.clone(), worker: number, rows: count, record: RecordFormat::Cifar10, gpu: None };
    let mut worker = Worker::new(&spec).unwrap();
    worker.append(records, count).unwrap();
    let mut statistics = Statistics::empty(Shape::CIFAR);
    statistics.merge(&worker.statistics()).unwrap();
    let normalize = if count == 0 { firesteel_engine::data::Normalize::None } else { config.normalize };
    worker.prepare(&Normalizer::fit(normalize, &statistics).unwrap().to_vec()).unwrap();
    worker
}

pub fn initial(config: &TrainConfig) -> Vec<f32> {
    config.net.build(10).initial_weights(config.seed, None).unwrap()
}

pub fn ask(config: &TrainConfig, round: u64, first_step: u64, steps: u64, state: StateIn) -> Round {
    let digest = config.net.build(10).layout().digest();
    Round { kind: RoundKind::Train, digest, round, first_step, policy_step: first_step, steps, loss_limit: None, state }
}

pub fn run(worker: &mut Worker, vector: &mut [f32], round: &Round) -> Report {
    worker.round(vector, round, &AtomicBool::new(false)).unwrap()
}
