//! What the boundary promises below JNI: handles that are refused instead of believed, workers that
//! stay and go with their run, and a mean that follows the laws of averaging. The JVM's half of the
//! promises is tested from Java.

use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use firesteel::calls::{WORKERS, class_counts, describe, open_worker, resolve};
use firesteel::error::Failure;
use firesteel::handle::Table;
use firesteel::{hosts, lifetime, registry};
use firesteel_engine::{Cell, ClassEvaluation, Evaluation, Facts, Kind, TrainConfig};
use firesteel_exchange::rules::mean::Mean;
use firesteel_exchange::server::Snapshot;
use firesteel_strategy::{average, settings};

const WEIGHTS: usize = 145_578; // cifar10_quick with ten classes

fn config(json: &str) -> TrainConfig {
    TrainConfig::from_json(json).unwrap().resolve(Some(Facts { rows: 100, classes: 10, encoded: false })).unwrap()
}

fn kind(failure: &Failure) -> Kind {
    match failure {
        Failure::Engine(error) => error.kind(),
        Failure::Jni(error) => panic!("{error} is not ours"),
    }
}

#[test]
fn a_handle_that_is_closed_or_was_never_given_is_refused() {
    static NUMBERS: Table<u8> = Table::new("number");
    let handle = NUMBERS.open(7);
    assert_ne!(handle, 0);
    assert_eq!(*NUMBERS.get(handle).unwrap(), 7);
    NUMBERS.close(handle).unwrap();
    for refused in [handle, 0, -1, i64::MAX] {
        assert_eq!(kind(&NUMBERS.get(refused).unwrap_err()), Kind::Closed);
        assert_eq!(kind(&NUMBERS.close(refused).unwrap_err()), Kind::Closed);
    }
    assert_ne!(NUMBERS.open(7), handle, "a number is given out once");
}

/// One test at a time sweeps what all of this process share.
static SHARED: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    SHARED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A handle on a worker without rows, as a task opens one.
fn empty_worker() -> i64 {
    let spec = serde_json::json!({
        "config": config("{}").to_map(), "worker": 0, "rows": 0, "record": { "format": "cifar10" }
    });
    open_worker(&spec.to_string()).unwrap()
}

#[test]
fn a_worker_in_use_is_never_freed_and_one_that_nobody_used_for_an_hour_is() {
    let _alone = alone();
    let handle = empty_worker();
    let resident = WORKERS.get(handle).unwrap().resident.clone();
    for name in ["run-idle/loading", "run-idle"] {
        registry::keep(name.to_owned(), 0, resident.clone());
    }
    drop(resident);
    let hours = |count: u32| Instant::now() + count * Duration::from_secs(3600) + Duration::from_secs(1);
    registry::sweep(hours(2)); // a round of two hours, whose task holds the handle
    WORKERS.close(handle).unwrap();
    registry::sweep(hours(2));
    assert_eq!(registry::count("run-idle"), 2, "used until a moment ago");
    registry::sweep(hours(4));
    assert_eq!(registry::count("run-idle"), 0);
}

#[test]
fn workers_that_moved_away_are_freed_and_no_others() {
    let _alone = alone();
    let handle = empty_worker();
    let resident = WORKERS.get(handle).unwrap().resident.clone();
    for (run, partition) in [("run-moved", 0), ("run-moved", 1), ("run-moved/eval", 1)] {
        registry::keep(run.to_owned(), partition, resident.clone());
    }
    WORKERS.close(handle).unwrap();
    registry::retain("run-moved", &[0]);
    let found = |run: &str, partition| registry::find(run.to_owned(), partition).is_some();
    assert!(found("run-moved", 0) && !found("run-moved", 1) && found("run-moved/eval", 1));
    registry::end("run-moved");
}

#[test]
fn a_hosted_part_is_counted_and_goes_with_its_run_or_when_nobody_speaks_to_it() {
    let _alone = alone();
    let hosted = |run: &str| {
        let config = config(r#"{"strategy": "easgd", "workers": 2, "exchangers": 1, "iterations": 4}"#);
        let request = serde_json::json!({
            "run": run, "config": config.to_map(), "secret": "ab".repeat(32), "part": 0, "offset": 0, "host": "127.0.0.1"
        });
        let part = Snapshot::fresh(&settings(&config).unwrap(), &vec![0.0; WEIGHTS]).unwrap().encode().unwrap();
        let server = hosts::host(serde_json::from_value(request).unwrap(), &part).unwrap();
        move || TcpStream::connect(&server.address).is_ok()
    };
    let (ended, silent) = (hosted("run-hosted"), hosted("run-silent"));
    assert!(lifetime::LIVE.load(Ordering::Relaxed) >= 2);
    hosts::end("run-host");
    assert!(ended(), "another run's name begins the same");
    hosts::end("run-hosted");
    assert!(!ended());
    hosts::sweep(Instant::now() + Duration::from_secs(1800));
    assert!(silent());
    hosts::sweep(Instant::now() + Duration::from_secs(3 * 3600));
    assert!(!silent());
}

#[test]
fn residents_stay_for_their_run_and_end_with_it() {
    let _alone = alone();
    let handle = empty_worker();
    let resident = WORKERS.get(handle).unwrap().resident.clone();
    registry::keep("run-a".to_owned(), 3, resident.clone());
    registry::keep("run-a/eval".to_owned(), 3, resident.clone());
    registry::keep("run-ab".to_owned(), 3, resident);
    WORKERS.close(handle).unwrap();
    assert!(registry::find("run-a".to_owned(), 3).is_some());
    assert!(registry::find("run-a".to_owned(), 4).is_none());
    registry::end("run-a");
    assert!(registry::find("run-a".to_owned(), 3).is_none());
    assert!(registry::find("run-a/eval".to_owned(), 3).is_none());
    assert!(registry::find("run-ab".to_owned(), 3).is_some());
    registry::end("run-ab");
}

/// The mean of vectors in memory.
fn mean(vectors: &[(Vec<f32>, u64)]) -> firesteel_engine::Result<Vec<f32>> {
    let samples: Vec<u64> = vectors.iter().map(|(_, samples)| *samples).collect();
    let mut mean = vec![0.0; vectors[0].0.len()];
    average(
        mean.len(),
        &samples,
        |worker, from, into| {
            into.copy_from_slice(&vectors[worker].0[from..from + into.len()]);
            Ok(())
        },
        |from, values| {
            mean[from..from + values.len()].copy_from_slice(values);
            Ok(())
        },
    )?;
    Ok(mean)
}

#[test]
fn plain_averaging_gives_one_worker_back_bit_for_bit() {
    let vector: Vec<f32> = (0..WEIGHTS).map(|i| 1.0 / (i as f32 - 7.5)).collect();
    assert_eq!(mean(&[(vector.clone(), 990)]).unwrap(), vector);
    let without_samples = vec![f32::NAN; WEIGHTS];
    assert_eq!(mean(&[(without_samples, 0), (vector.clone(), 10)]).unwrap(), vector);
}

#[test]
fn a_mean_in_pieces_has_the_bits_of_the_rule() {
    let vectors: Vec<(Vec<f32>, u64)> =
        (1..4).map(|k| ((0..WEIGHTS).map(|i| k as f32 / (i as f32 + 3.3)).collect(), 7 * k)).collect();
    let mut rule = Mean::new(WEIGHTS).unwrap();
    vectors.iter().for_each(|(vector, samples)| rule.add(vector, *samples).unwrap());
    let mut expected = vec![0.0; WEIGHTS];
    assert!(rule.take(&mut expected).unwrap());
    assert_eq!(mean(&vectors).unwrap(), expected);
}

#[test]
fn a_mean_of_nobodys_samples_is_refused() {
    assert_eq!(mean(&[(vec![1.0], 0), (vec![2.0], 0)]).unwrap_err().kind(), Kind::Layout);
}

#[test]
fn the_state_of_a_described_net_is_that_of_its_solver() {
    for (solver, vectors, steps) in [("sgd", 1, 0), ("adam", 2, 1)] {
        let config = config(&format!(r#"{{"solver-state": "average", "solver": "{solver}"}}"#));
        let described = describe(&serde_json::Value::Object(config.to_map()).to_string()).unwrap();
        let described: serde_json::Value = serde_json::from_str(&described).unwrap();
        assert_eq!(described["length"], WEIGHTS);
        assert_eq!(described["state"], vectors * WEIGHTS + steps, "{solver}");
    }
}

#[test]
fn a_request_with_facts_completes_the_configuration() {
    let request = r#"{"config": {"workers": 2, "epochs": 3}, "facts": {"rows": 1000, "classes": 10}}"#;
    let config = TrainConfig::from_json(&resolve(request).unwrap()).unwrap();
    assert_eq!((config.iterations, config.classes), (Some(15), Some(10)));
    let unknown = resolve(r#"{"config": {"tua": 2}}"#).unwrap_err();
    assert_eq!(unknown.to_string(), "unknown key tua, did you mean tau?");
}

#[test]
fn an_evaluation_by_class_crosses_as_integers_that_keep_the_bits_of_the_loss() {
    let counted = |loss: f64| {
        let cells = vec![Cell { label: 0, predicted: 0, rows: 2 }, Cell { label: 1, predicted: 0, rows: 1 }];
        ClassEvaluation { evaluation: Evaluation { rows: 3, correct: 2, loss }, among_five: 3, cells }
    };
    for loss in [0.1 + 0.2, f64::NAN, -0.0] {
        let expected = [3, 2, loss.to_bits() as i64, 3, 0, 0, 2, 1, 0, 1];
        assert_eq!(class_counts(&counted(loss)).unwrap(), expected);
    }
}
