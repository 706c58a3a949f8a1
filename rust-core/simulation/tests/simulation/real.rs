//! Simulated synchronous runs beside real ones: the same bits. The real run in rounds does what the driver does, with the
//! engine's workers; the real run inside one stage has an exchanger, and workers that exchange with it over TCP.

use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::thread;

use firesteel::exchanger::DriverExchanger;
use firesteel::link::{Link, LinkRequest};
use firesteel::registry::Parked;
use firesteel_engine::data::{Dataset, Normalizer, RecordFormat};
use firesteel_engine::local::LocalData;
use firesteel_engine::{Round, RoundKind, StateIn, TrainConfig, Worker, WorkerSpec};
use firesteel_strategy::average;
use serde_json::{Value, json};

use crate::fixtures::{data, simulated};

/// The workers of a run with their rows, the center, and the resolved configuration.
fn prepared(settings: &Value) -> (TrainConfig, Vec<Worker>, Vec<f32>) {
    let mut map = json!({"data": data(), "out": "unused", "batch": 10, "lr": 0.001, "lr-policy": "fixed", "seed": 3});
    map.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    let asked = TrainConfig::from_map(map.as_object().cloned().unwrap()).unwrap();
    let LocalData { config, train, .. } = LocalData::read(asked, "test").unwrap();
    let statistics = train.statistics();
    let normalizer = Normalizer::fit(config.normalize, &statistics).unwrap();
    let center = config.build_net().unwrap().initial_weights(config.seed, Some(&statistics)).unwrap();
    let parts = train.divided(config.workers.unwrap(), config.seed).unwrap();
    let worker = |(number, rows): (usize, Dataset)| {
        let spec = WorkerSpec {
            config: config.clone(),
            worker: number as u64,
            rows: 0,
            record: RecordFormat::Cifar10,
            gpu: None,
        };
        let mut worker = Worker::new(&spec).unwrap();
        worker.load(rows).unwrap();
        worker.prepare(&normalizer.to_vec()).unwrap();
        worker
    };
    let workers = parts.into_iter().enumerate().map(worker).collect();
    (config, workers, center)
}

fn in_rounds(settings: &Value) -> Vec<f32> {
    let (config, mut workers, mut center) = prepared(settings);
    let (length, iterations) = (center.len(), config.iterations.unwrap());
    let state = if config.state_travels() { StateIn::Given } else { StateIn::Keep };
    if config.state_travels() {
        center.resize(length + config.state_length(length), 0.0);
    }
    for round in 0..iterations.div_ceil(config.tau) {
        let first_step = round * config.tau;
        let ask = Round {
            kind: RoundKind::Train,
            digest: config.build_net().unwrap().layout().digest(),
            round,
            first_step,
            policy_step: first_step,
            steps: config.tau.min(iterations - first_step),
            loss_limit: None,
            state,
        };
        let results: Vec<(Vec<f32>, u64)> = workers
            .iter_mut()
            .map(|worker| {
                let mut vector = center.clone();
                let report = worker.round(&mut vector[..], &ask, &AtomicBool::new(false)).unwrap();
                (vector, report.samples)
            })
            .collect();
        let samples: Vec<u64> = results.iter().map(|(_, samples)| *samples).collect();
        let read = |worker: usize, from: usize, out: &mut [f32]| {
            out.copy_from_slice(&results[worker].0[from..][..out.len()]);
            Ok(())
        };
        let mut write = |from: usize, mean: &[f32]| {
            center[from..][..mean.len()].copy_from_slice(mean);
            Ok(())
        };
        average(results[0].0.len(), &samples, read, &mut write).unwrap();
    }
    center.truncate(length);
    center
}

/// With the pauses of a synchronous strategy after `pauses` minibatches of all workers.
fn in_one_stage(settings: &Value, pauses: &[u64]) -> Vec<f32> {
    let (config, workers, center) = prepared(settings);
    let exchanger = DriverExchanger::start(&config, &center, &[]).unwrap();
    let mut places: Vec<(Worker, Mutex<Option<Parked>>)> =
        workers.into_iter().map(|worker| (worker, Mutex::new(None))).collect();
    for (attempt, &minibatches) in pauses.iter().enumerate() {
        exchanger.exchanger.release(minibatches);
        let client = serde_json::to_value(exchanger.join_info()).unwrap();
        thread::scope(|scope| {
            for (number, (worker, parked)) in places.iter_mut().enumerate() {
                let request = json!({"client": client, "worker": number, "attempt": attempt});
                scope.spawn(move || {
                    let request: LinkRequest = serde_json::from_value(request).unwrap();
                    let mut link = Link::open(request, Default::default()).unwrap();
                    while !link.turn(worker, parked, &AtomicBool::new(false)).unwrap().done {}
                });
            }
        });
    }
    exchanger.center().unwrap()
}

/// The weights in the bytes of a model file, in the order of the flat vector.
fn weights(model: &[u8], settings: &Value) -> Vec<f32> {
    let header = 8 + u64::from_le_bytes(model[..8].try_into().unwrap()) as usize;
    let bytes = model[header..].chunks_exact(4);
    let values: Vec<f32> = bytes.map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect();
    let (config, _, _) = prepared(settings);
    assert_eq!(values.len(), config.build_net().unwrap().layout().length());
    values
}

fn assert_same_bits(simulated: &[f32], real: &[f32], settings: &Value) {
    let differ = simulated.iter().zip(real).filter(|(a, b)| a.to_bits() != b.to_bits()).count();
    assert_eq!(differ, 0, "{differ} of {} values differ: {settings}", real.len());
}

/// A cluster in which the workers come at different times.
fn uneven() -> Value {
    json!({"speed": [1, 3, 2], "jitter": 0.5, "bandwidth": 1e8})
}

#[test]
fn simulated_rounds_are_the_bits_of_real_ones() {
    for more in [
        json!({}),
        json!({"solver-state": "average", "solver": "adam"}),
        json!({"period": "constant", "net": "resnet20", "normalize": "channel", "batch": 4}),
    ] {
        let mut settings =
            json!({"strategy": "sparknet", "consistency": "rounds", "workers": 3, "iterations": 5, "tau": 2});
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let ran = simulated(settings.clone(), uneven());
        assert_same_bits(&weights(&ran.model, &settings), &in_rounds(&settings), &settings);
    }
}

#[test]
fn a_simulated_stage_has_the_bits_of_a_real_exchanger() {
    for more in [
        json!({"strategy": "sparknet"}),
        json!({"strategy": "sparknet", "outer": "slowmo", "outer-momentum": 0.5}),
        json!({"strategy": "easgd"}),
        json!({"strategy": "sparknet", "codec": "bf16", "shards": 2}),
        json!({"strategy": "easgd", "codec": "int8", "shards": 3}),
    ] {
        let mut settings = json!({"consistency": "bsp", "workers": 3, "iterations": 5, "tau": 1, "eval-every": 2});
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let ran = simulated(settings.clone(), uneven());
        assert_same_bits(&weights(&ran.model, &settings), &in_one_stage(&settings, &[6, 12, 15]), &settings);
    }
}

#[test]
fn one_stage_and_rounds_have_the_same_bits_and_rounds_cost_more() {
    let run = |consistency: &str| {
        let settings =
            json!({"strategy": "sparknet", "consistency": consistency, "workers": 4, "iterations": 6, "tau": 2});
        simulated(settings, json!({"spark-round": 0.1}))
    };
    let (rounds, stage) = (run("rounds"), run("bsp"));
    assert!(rounds.model == stage.model);
    assert!(rounds.end()["virtual_seconds"].as_f64() > stage.end()["virtual_seconds"].as_f64());
}

#[test]
fn one_worker_alone_is_any_strategy_of_rounds() {
    let settings = |strategy: &str| json!({"strategy": strategy, "workers": 1, "iterations": 6, "tau": 2});
    let (alone, sparknet) = (simulated(settings("sequential"), json!({})), simulated(settings("sparknet"), json!({})));
    assert!(alone.model == sparknet.model);
}
