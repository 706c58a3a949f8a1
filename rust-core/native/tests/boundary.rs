//! What the boundary promises below JNI: handles that are refused instead of believed, workers that
//! stay and go with their run, and a center that follows the laws of averaging. The JVM's half of the
//! promises is tested from Java.

use firesteel::calls::{CENTERS, WORKERS, describe, open_center, open_worker, resolve};
use firesteel::center::Center;
use firesteel::error::Failure;
use firesteel::handle::Table;
use firesteel::registry;
use firesteel_engine::{Facts, Kind, TrainConfig};

const WEIGHTS: usize = 145_578; // cifar10_quick with ten classes

fn config(json: &str) -> TrainConfig {
    TrainConfig::from_json(json).unwrap().resolve(Some(Facts { rows: 100, classes: 10 })).unwrap()
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

#[test]
fn residents_stay_for_their_run_and_end_with_it() {
    let spec = serde_json::json!({
        "config": config("{}").to_map(), "worker": 0, "rows": 0, "record": { "format": "cifar10" }
    });
    let handle = open_worker(&spec.to_string()).unwrap();
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

#[test]
fn plain_averaging_gives_one_worker_back_bit_for_bit() {
    let vector: Vec<f32> = (0..WEIGHTS).map(|i| 1.0 / (i as f32 - 7.5)).collect();
    let mut center = Center::new(&config("{}"), vec![0.0; WEIGHTS]).unwrap();
    center.add(&vector, 990).unwrap();
    assert_eq!(center.fold().unwrap(), vector);
}

#[test]
fn a_round_in_which_nobody_had_a_sample_leaves_the_center() {
    let initial = vec![0.25; WEIGHTS];
    let mut center = Center::new(&config("{}"), initial.clone()).unwrap();
    center.add(&vec![f32::NAN; WEIGHTS], 0).unwrap();
    assert_eq!(center.fold().unwrap(), initial);
}

#[test]
fn a_vector_of_the_wrong_length_is_refused_and_the_right_one_depends_on_the_state() {
    let rows = [
        ("local", "adam", WEIGHTS),
        ("reset", "sgd", WEIGHTS),
        ("average", "sgd", 2 * WEIGHTS),
        ("average", "adam", 3 * WEIGHTS + 1),
    ];
    for (state, solver, length) in rows {
        let json = format!(r#"{{"solver-state": "{state}", "solver": "{solver}"}}"#);
        let config = serde_json::Value::Object(config(&json).to_map()).to_string();
        let described: serde_json::Value = serde_json::from_str(&describe(&config).unwrap()).unwrap();
        assert_eq!(described["length"], WEIGHTS);
        if state == "average" {
            assert_eq!(described["state"], length - WEIGHTS, "{solver}");
        }
        let handle = open_center(&config, vec![0.0; length]).unwrap();
        let center = CENTERS.get(handle).unwrap();
        assert_eq!(center.lock().unwrap().add(&[0.0], 1).unwrap_err().kind(), Kind::Layout);
        assert_eq!(open_center(&config, vec![0.0; length + 1]).unwrap_err().kind(), Kind::Layout, "{state}");
        CENTERS.close(handle).unwrap();
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
