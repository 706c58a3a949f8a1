//! Properties of synchronous training that hold for any transport: this file averages the vectors of its workers
//! itself, with the exchange's `Mean`.

use std::sync::atomic::AtomicBool;

use firesteel_engine::{Cell, Kind, StateIn, Worker};
use firesteel_exchange::rules::mean::Mean;

use crate::fixtures::{LEARNING, TINY, ask, config, initial, rows, run, worker};

/// The weights after `steps` local steps of one worker in rounds of `tau`, with an average over this worker after each
/// round.
fn alone(json: &str, tau: u64, steps: u64, average_state: bool) -> Vec<f32> {
    let config = config(json);
    let mut worker = worker(&config, 0, &rows(0, 50));
    let mut center = initial(&config);
    let length = center.len();
    if average_state {
        center.resize(length + config.state_length(length), 0.0);
    }
    let state = if average_state { StateIn::Given } else { StateIn::Keep };
    let mut rule = Mean::new(center.len()).unwrap();
    for (number, first) in (0..steps).step_by(tau as usize).enumerate() {
        let mut vector = center.clone();
        let report = run(&mut worker, &mut vector, &ask(&config, number as u64, first, tau.min(steps - first), state));
        rule.add(&vector, report.samples).unwrap();
        assert!(rule.take(&mut center).unwrap());
    }
    center.truncate(length);
    center
}

#[test]
fn one_worker_is_the_sequential_run_bit_for_bit_for_any_period() {
    for json in [r#"{"batch": 8, "lr": 0.01}"#, r#"{"batch": 8, "lr": 0.01, "precision": "bf16"}"#] {
        let sequential = alone(json, 7, 7, false);
        assert_ne!(sequential, initial(&config(json)));
        for tau in [1, 2, 3] {
            assert_eq!(alone(json, tau, 7, false), sequential, "state local, tau {tau}, {json}");
            assert_eq!(alone(json, tau, 7, true), sequential, "state average, tau {tau}, {json}");
        }
    }
}

#[test]
fn one_worker_is_the_sequential_run_with_every_solver() {
    for solver in ["nesterov", "adam", "adamw", "muon"] {
        let json = format!(r#"{{"batch": 8, "solver": "{solver}", "lookahead-every": 2, "clip-gradients": 50}}"#);
        let sequential = alone(&json, 5, 5, false);
        assert_ne!(sequential, alone(r#"{"batch": 8}"#, 5, 5, false), "{solver}");
        assert_eq!(alone(&json, 3, 5, false), sequential, "state local, {solver}");
        assert_eq!(alone(&json, 3, 5, true), sequential, "state average, {solver}");
    }
}

#[test]
fn one_worker_is_the_sequential_run_with_running_statistics_and_augmentation() {
    for precision in ["f32", "bf16"] {
        let json = format!(
            r#"{{"net": "resnet20", "normalize": "channel", "batch": 8, "precision": "{precision}", "label-smoothing": 0.1,
                "augment": "alternating-flip,crop:4,cutout:8"}}"#
        );
        let sequential = alone(&json, 5, 5, false);
        assert_ne!(sequential, initial(&config(&json)));
        assert_eq!(alone(&json, 2, 5, false), sequential, "state local, {precision}");
        assert_eq!(alone(&json, 2, 5, true), sequential, "state average, {precision}");
    }
}

#[test]
fn one_worker_is_the_sequential_run_with_dropout_and_enlarged_images() {
    for precision in ["f32", "bf16"] {
        let json = format!(
            r#"{{"net": "mobilenet_v2", "normalize": "channel", "batch": 4, "lr": 0.001, "resize": 40, "precision": "{precision}"}}"#
        );
        let sequential = alone(&json, 3, 3, false);
        assert_ne!(sequential, alone(&json.replace("40", "41"), 3, 3, false));
        assert_eq!(alone(&json, 2, 3, false), sequential, "state local, {precision}");
        assert_eq!(alone(&json, 2, 3, true), sequential, "state average, {precision}");
    }
}

#[test]
fn averaging_after_every_step_is_one_machine_with_the_minibatches_of_all_workers() {
    let (workers, batch, steps) = (3, 6, 4);
    let small = config(r#"{"batch": 6, "lr": 0.005, "normalize": "none"}"#);
    let large = config(r#"{"batch": 18, "lr": 0.005, "normalize": "none"}"#);
    // each worker has the rows of one minibatch, so their order does not matter
    let mut small_workers: Vec<Worker> =
        (0..workers).map(|k| worker(&small, k as u64, &rows(k * batch, batch))).collect();
    let mut machine = worker(&large, 0, &rows(0, workers * batch));
    let length = initial(&small).len();
    let mut center = initial(&small);
    center.resize(2 * length, 0.0);
    let mut single = center.clone();
    for step in 0..steps {
        let mut rule = Mean::new(2 * length).unwrap();
        for worker in &mut small_workers {
            let mut vector = center.clone();
            let report = run(worker, &mut vector, &ask(&small, step, step, 1, StateIn::Given));
            rule.add(&vector, report.samples).unwrap();
        }
        rule.take(&mut center).unwrap();
        run(&mut machine, &mut single, &ask(&large, step, step, 1, StateIn::Given));
    }
    let moved = distance(&single[..length], &initial(&small));
    let apart = distance(&single[..length], &center[..length]);
    assert!(moved > 0.0 && apart < 1e-3 * moved, "moved {moved}, apart {apart}");
}

fn distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt()
}

#[test]
fn equal_workers_stay_equal() {
    let config = config(r#"{"batch": 8, "lr": 0.01}"#);
    let records = rows(0, 30);
    let mut center = initial(&config);
    let mut one = center.clone();
    let mut twins: Vec<Worker> = (0..3).map(|_| worker(&config, 0, &records)).collect();
    for round in 0..2 {
        let mut rule = Mean::new(center.len()).unwrap();
        for twin in &mut twins {
            let mut vector = center.clone();
            let report = run(twin, &mut vector, &ask(&config, round, round * 3, 3, StateIn::Keep));
            rule.add(&vector, report.samples).unwrap();
        }
        rule.take(&mut center).unwrap();
    }
    let mut single = worker(&config, 0, &records);
    for round in 0..2 {
        run(&mut single, &mut one, &ask(&config, round, round * 3, 3, StateIn::Keep));
    }
    assert_eq!(center, one);
}

#[test]
fn a_worker_weighs_what_it_trained() {
    let config = config(r#"{"batch": 100, "normalize": "none"}"#);
    let expected = [(0, 0), (1, 2), (99, 198), (10_000, 200)];
    for (count, samples) in expected {
        let mut vector = initial(&config);
        let before = vector.clone();
        let report = run(&mut worker(&config, 0, &rows(0, count)), &mut vector, &ask(&config, 0, 0, 2, StateIn::Keep));
        assert_eq!(report.samples, samples, "{count} rows");
        assert_eq!(report.loss.is_none(), count == 0);
        assert_eq!(vector == before, count == 0, "{count} rows");
    }
}

#[test]
fn a_round_asked_again_gives_the_same_bits() {
    let config = config(r#"{"batch": 8, "lr": 0.01}"#);
    let mut worker = worker(&config, 0, &rows(0, 30));
    let mut vector = initial(&config);
    assert!(run(&mut worker, &mut vector, &ask(&config, 0, 0, 3, StateIn::Keep)).fresh);
    let center = vector.clone();
    let second = ask(&config, 1, 3, 3, StateIn::Keep);
    assert!(!run(&mut worker, &mut vector, &second).fresh);
    let mut again = center.clone();
    assert!(!run(&mut worker, &mut again, &second).fresh);
    assert_eq!(vector, again);
    assert_ne!(vector, center);
}

#[test]
fn a_round_asked_again_counts_its_steps_once() {
    let config = config(r#"{"batch": 8, "solver": "adam", "lookahead-every": 2}"#);
    let (mut once, mut twice) = (worker(&config, 0, &rows(0, 30)), worker(&config, 0, &rows(0, 30)));
    let mut vector = initial(&config);
    let length = vector.len();
    vector.resize(length + config.state_length(length), 0.0);
    let mut other = vector.clone();
    for (round, first) in [(0, 0), (1, 3)] {
        let asked = ask(&config, round, first, 3, StateIn::Keep);
        run(&mut once, &mut vector, &asked);
        let start = other.clone();
        run(&mut twice, &mut other, &asked);
        other = start;
        run(&mut twice, &mut other, &asked);
    }
    assert_eq!(vector, other);
    assert_eq!(vector.last(), Some(&6.0), "the number of steps");
}

#[test]
fn a_worker_that_missed_a_round_starts_from_zero_momentum_and_says_so() {
    let config = config(r#"{"batch": 8, "lr": 0.01}"#);
    let mut stale = worker(&config, 0, &rows(0, 30));
    run(&mut stale, &mut initial(&config), &ask(&config, 0, 0, 3, StateIn::Keep));
    let mut rebuilt = worker(&config, 0, &rows(0, 30));
    let (mut from_stale, mut from_rebuilt) = (initial(&config), initial(&config));
    let third = ask(&config, 2, 6, 3, StateIn::Keep);
    assert!(run(&mut stale, &mut from_stale, &third).fresh);
    assert!(run(&mut rebuilt, &mut from_rebuilt, &third).fresh);
    assert_eq!(from_stale, from_rebuilt);
}

#[test]
fn a_cancelled_round_leaves_the_vector_and_can_be_asked_again() {
    let config = config(r#"{"batch": 8, "lr": 0.01}"#);
    let mut worker = worker(&config, 0, &rows(0, 30));
    let mut vector = initial(&config);
    let first = ask(&config, 0, 0, 3, StateIn::Keep);
    let error = worker.round(&mut vector[..], &first, &AtomicBool::new(true)).unwrap_err();
    assert_eq!(error.kind(), Kind::Cancelled);
    assert_eq!(vector, initial(&config));
    run(&mut worker, &mut vector, &first);
    assert_ne!(vector, initial(&config));
}

#[test]
fn a_vector_of_another_net_is_refused() {
    let config = config("{}");
    let mut worker = worker(&config, 0, &rows(0, 3));
    let cancel = AtomicBool::new(false);
    let mut other = ask(&config, 0, 0, 1, StateIn::Keep);
    other.digest = "0".repeat(64);
    let mut vector = initial(&config);
    let wrong_digest = worker.round(&mut vector[..], &other, &cancel).unwrap_err();
    let short = worker.round(&mut vector[1..], &ask(&config, 0, 0, 1, StateIn::Keep), &cancel).unwrap_err();
    let stateless = worker.round(&mut vector[..], &ask(&config, 0, 0, 1, StateIn::Given), &cancel).unwrap_err();
    for error in [wrong_digest, short, stateless] {
        assert_eq!(error.kind(), Kind::Layout, "{error}");
    }
}

#[test]
fn training_learns_and_evaluation_leaves_it_alone() {
    let config = config(r#"{"batch": 20, "lr": 0.001}"#);
    let records = TINY;
    let mut trained = worker(&config, 0, records);
    let cancel = AtomicBool::new(false);
    let digest = ask(&config, 0, 0, 1, StateIn::Keep).digest;
    let mut vector = initial(&config);
    let before = trained.evaluate(&vector, &digest, &cancel).unwrap();
    run(&mut trained, &mut vector, &ask(&config, 0, 0, LEARNING, StateIn::Keep));
    let after = trained.evaluate(&vector, &digest, &cancel).unwrap();
    assert_eq!((before.rows, after.rows), (200, 200));
    assert!(after.loss < before.loss / 2.0 && after.correct > 100, "{before:?} {after:?}");
    let mut other = worker(&config, 0, records);
    let mut evaluated = vector.clone();
    let second = ask(&config, 1, LEARNING, 2, StateIn::Keep);
    run(&mut trained, &mut evaluated, &second);
    let mut unevaluated = initial(&config);
    run(&mut other, &mut unevaluated, &ask(&config, 0, 0, LEARNING, StateIn::Keep));
    run(&mut other, &mut unevaluated, &second);
    assert_eq!(evaluated, unevaluated);
}

#[test]
fn counts_by_class_come_beside_the_same_bits_and_add_up_to_them() {
    for json in [r#"{"batch": 20, "lr": 0.001}"#, r#"{"batch": 20, "lr": 0.001, "test-flip": true}"#] {
        let config = config(json);
        let (mut trained, cancel) = (worker(&config, 0, TINY), AtomicBool::new(false));
        let mut vector = initial(&config);
        run(&mut trained, &mut vector, &ask(&config, 0, 0, LEARNING / 6, StateIn::Keep)); // not all rows are right yet
        let digest = ask(&config, 0, 0, 1, StateIn::Keep).digest;
        let counted = trained.evaluate_classes(&vector, &digest, &cancel).unwrap();
        assert_eq!(counted.evaluation, trained.evaluate(&vector, &digest, &cancel).unwrap());
        let sum = |of: fn(&Cell) -> bool| counted.cells.iter().filter(|cell| of(cell)).map(|cell| cell.rows).sum();
        let (all, right): (u64, u64) = (sum(|_| true), sum(|cell| cell.label == cell.predicted));
        assert_eq!((all, right), (counted.evaluation.rows, counted.evaluation.correct));
        assert!(0 < right && right < counted.among_five && counted.among_five < all, "{counted:?}");
        for label in 0..10u8 {
            let rows = counted.cells.iter().filter(|cell| cell.label == u32::from(label)).map(|cell| cell.rows);
            let expected = TINY.chunks_exact(3073).filter(|record| record[0] == label).count();
            assert_eq!(rows.sum::<u64>(), expected as u64, "class {label}");
        }
    }
}

#[test]
fn counting_by_class_refuses_another_net_is_cancelled_and_counts_nothing_without_rows() {
    let config = config("{}");
    let (vector, digest) = (initial(&config), ask(&config, 0, 0, 1, StateIn::Keep).digest);
    let mut empty = worker(&config, 0, &[]);
    let none = empty.evaluate_classes(&vector, &digest, &AtomicBool::new(false)).unwrap();
    assert_eq!((none.evaluation.rows, none.among_five, none.cells), (0, 0, vec![]));
    let mut worker = worker(&config, 0, &rows(0, 3));
    let foreign = worker.evaluate_classes(&vector, &"0".repeat(64), &AtomicBool::new(false)).unwrap_err();
    let cancelled = worker.evaluate_classes(&vector, &digest, &AtomicBool::new(true)).unwrap_err();
    assert_eq!((foreign.kind(), cancelled.kind()), (Kind::Layout, Kind::Cancelled));
}
