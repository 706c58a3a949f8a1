//! The strategies whose local steps differ from SparkNet's: EAMSGD and Hogwild.

use std::sync::atomic::AtomicBool;

use firesteel_engine::{Kind, Round, StateIn, TrainConfig, Worker};

use crate::fixtures::{LEARNING, TINY, ask, config, initial, rows, run, worker};

/// The weights followed by the solver state, after three rounds of different lengths.
fn three_rounds(config: &TrainConfig, worker: &mut Worker) -> Vec<f32> {
    let mut vector = initial(config);
    vector.resize(2 * vector.len(), 0.0);
    for (round, first, steps) in [(0, 0, 3), (1, 3, 1), (2, 4, 5)] {
        run(worker, &mut vector, &ask(config, round, first, steps, StateIn::Keep));
    }
    vector
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn eamsgd_gives_the_same_bits_twice_and_other_bits_than_sgd() {
    let eamsgd = config(r#"{"strategy": "eamsgd", "batch": 8, "momentum": 0.9}"#);
    let sgd = config(r#"{"strategy": "easgd-async", "batch": 8}"#);
    let once = three_rounds(&eamsgd, &mut worker(&eamsgd, 0, &rows(0, 30)));
    let twice = three_rounds(&eamsgd, &mut worker(&eamsgd, 0, &rows(0, 30)));
    assert_eq!(bits(&once), bits(&twice));
    assert_ne!(once, three_rounds(&sgd, &mut worker(&sgd, 0, &rows(0, 30))));
}

#[test]
fn eamsgd_does_a_round_again_from_the_same_start() {
    let config = config(r#"{"strategy": "eamsgd", "batch": 8, "momentum": 0.9}"#);
    let mut worker = worker(&config, 0, &rows(0, 30));
    let mut vector = initial(&config);
    run(&mut worker, &mut vector, &ask(&config, 0, 0, 3, StateIn::Keep));
    let second = ask(&config, 1, 3, 3, StateIn::Keep);
    let (mut first, mut again) = (vector.clone(), vector.clone());
    run(&mut worker, &mut first, &second);
    run(&mut worker, &mut again, &second);
    assert_eq!(bits(&first), bits(&again));
    assert_ne!(first, vector);
}

#[test]
fn hogwild_with_one_thread_is_the_sequential_run_bit_for_bit() {
    let hogwild = config(r#"{"strategy": "hogwild", "batch": 8, "lr": 0.01}"#);
    let sequential = config(r#"{"strategy": "sequential", "batch": 8, "lr": 0.01}"#);
    let one = three_rounds(&hogwild, &mut worker(&hogwild, 0, &rows(0, 30)));
    let other = three_rounds(&sequential, &mut worker(&sequential, 0, &rows(0, 30)));
    assert_eq!(bits(&one), bits(&other));
    assert_ne!(one[..one.len() / 2], initial(&hogwild)[..]);
}

#[test]
fn hogwild_with_two_threads_learns_and_counts_every_step() {
    // stale gradients act like additional momentum; with a momentum of 0.9 training on so few rows can diverge
    let config = config(r#"{"strategy": "hogwild", "threads": 2, "batch": 20, "lr": 0.001, "momentum": 0.5}"#);
    let mut worker = worker(&config, 0, TINY);
    let mut vector = initial(&config);
    let cancel = AtomicBool::new(false);
    let digest = ask(&config, 0, 0, 1, StateIn::Keep).digest;
    let before = worker.evaluate(&vector, &digest, &cancel).unwrap();
    let tau = LEARNING / 4;
    for round in 0..4 {
        let report = run(&mut worker, &mut vector, &ask(&config, round, round * tau, tau, StateIn::Keep));
        assert_eq!((report.steps, report.samples, report.fresh), (tau, tau * 20, round == 0));
    }
    let after = worker.evaluate(&vector, &digest, &cancel).unwrap();
    assert!(after.loss < before.loss / 2.0 && after.correct > 100, "{before:?} {after:?}");
}

/// There is one row, so that all threads have the same minibatch and it does not matter which of them does a step.
#[test]
fn the_state_of_hogwild_is_the_mean_of_the_threads_and_is_given_to_each() {
    let hogwild = config(r#"{"strategy": "hogwild", "threads": 2, "normalize": "none"}"#);
    let sequential = config(r#"{"strategy": "sequential", "normalize": "none"}"#);
    let (mut two, mut one) = (worker(&hogwild, 0, &rows(0, 1)), worker(&sequential, 0, &rows(0, 1)));
    let mut vector = initial(&hogwild);
    let length = vector.len();
    vector.resize(2 * length, 0.0);
    let mut expected = vector.clone();
    run(&mut two, &mut vector, &ask(&hogwild, 0, 0, 1, StateIn::Keep));
    run(&mut one, &mut expected, &ask(&sequential, 0, 0, 1, StateIn::Keep));
    expected[length..].iter_mut().for_each(|v| *v /= 2.0);
    assert_eq!(vector, expected);
    assert!(vector[length..].iter().any(|&v| v != 0.0));
    run(&mut two, &mut vector, &ask(&hogwild, 1, 1, 1, StateIn::Given));
    run(&mut one, &mut expected, &ask(&sequential, 1, 1, 1, StateIn::Given));
    assert_eq!(vector[..length], expected[..length]);
}

#[test]
fn a_hogwild_round_that_is_cancelled_or_limited_ends_for_all_threads() {
    let config = config(r#"{"strategy": "hogwild", "threads": 3, "batch": 4}"#);
    let mut worker = worker(&config, 0, &rows(0, 30));
    let mut vector = initial(&config);
    let endless = ask(&config, 0, 0, u64::MAX / 2, StateIn::Keep);
    let error = worker.round(&mut vector[..], &endless, &AtomicBool::new(true)).unwrap_err();
    assert_eq!(error.kind(), Kind::Cancelled);
    assert_eq!(vector, initial(&config));
    let report = run(&mut worker, &mut vector, &Round { loss_limit: Some(20.0), ..endless });
    // the initial loss of ten classes is 2.3; the other two threads may finish the steps that they have begun
    assert!((5..=60).contains(&report.steps), "{report:?}");
    assert_eq!(report.samples, report.steps * 4);
}
