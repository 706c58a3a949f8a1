//! Weights of rows in the loss, through whole local steps: what they mean, and what does not depend on them.

use std::sync::atomic::AtomicBool;

use firesteel_engine::data::{Normalize, Normalizer, RecordFormat};
use firesteel_engine::{Report, StateIn, TrainConfig, Worker, WorkerSpec};

use crate::fixtures::{ask, config, initial, run};

/// Side of the images in pixels.
const SIDE: u32 = 32;

/// The number of an image and of its label, and its weight.
type Row = (u8, f32);

/// A record of an image that depends on `number`, whose label that is, too; without a weight if there is none.
fn record(at: usize, number: u8, weight: Option<f32>) -> Vec<u8> {
    let head = [&SIDE.to_le_bytes()[..], &SIDE.to_le_bytes(), &[1, 0, 0, 0]].concat();
    let pixels = (0..SIDE * SIDE).map(|at| (at.wrapping_mul(u32::from(number) * 2 + 0x9e37_79b1) >> 13) as u8);
    let weight = weight.map_or(vec![], |weight| weight.to_le_bytes().to_vec());
    let body = [&u32::from(number % 10).to_le_bytes()[..], &weight, &head, &pixels.collect::<Vec<_>>()].concat();
    [&(at as u64).to_le_bytes()[..], &(body.len() as u32).to_le_bytes(), &body].concat()
}

/// A worker of these rows, with their weights or without.
fn worker(config: &TrainConfig, rows: &[Row], weighted: bool) -> Worker {
    let spec = WorkerSpec {
        config: config.clone(),
        worker: 0,
        rows: rows.len(),
        record: RecordFormat::Pixels { weighted },
        gpu: None,
    };
    let mut worker = Worker::new(&spec).unwrap();
    let records = rows
        .iter()
        .enumerate()
        .flat_map(|(at, &(number, weight))| record(at, number, Some(weight).filter(|_| weighted)));
    worker.append(&records.collect::<Vec<_>>(), rows.len()).unwrap();
    // not that of the rows, which would differ between sets of other rows
    let normalizer = Normalizer::fit(Normalize::None, &worker.statistics()).unwrap();
    worker.prepare(&normalizer.to_vec()).unwrap();
    worker
}

/// What weights and report become by `steps` local steps.
fn trained(json: &str, rows: &[Row], weighted: bool, steps: u64) -> (Vec<f32>, Report) {
    let config = config(json);
    let mut vector = initial(&config);
    let report = run(&mut worker(&config, rows, weighted), &mut vector, &ask(&config, 0, 0, steps, StateIn::Keep));
    (vector, report)
}

/// How far both runs moved from the start, and how far they are apart, as Euclidean distances.
fn distances(json: &str, one: &[f32], other: &[f32]) -> (f64, f64) {
    let between = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt();
    (between(one, &initial(&config(json))), between(one, other))
}

/// Settings of one step on all rows at once (minibatches are not larger than the rows), without decay.
fn whole(precision: &str, more: &str) -> String {
    format!(r#"{{"batch": 100, "lr": 0.0001, "weight-decay": 0, "precision": "{precision}"{more}}}"#)
}

/// Precisions, and how far two orders of the same sums may be apart, as a part of what a step moves.
const PRECISIONS: [(&str, f64); 2] = [("f32", 1e-4), ("bf16", 2e-2)];

#[test]
fn weights_of_one_give_the_bits_of_no_weights() {
    let rows: Vec<Row> = (0..20).map(|number| (number, 1.0)).collect();
    for precision in ["f32", "bf16"] {
        let json = format!(
            r#"{{"batch": 8, "lr": 0.0001, "label-smoothing": 0.1, "augment": "flip,crop:4", "precision": "{precision}"}}"#
        );
        let (weighted, report) = trained(&json, &rows, true, 5);
        let (plain, expected) = trained(&json, &rows, false, 5);
        assert_eq!(weighted, plain, "{precision}");
        assert_eq!((report.loss, report.samples), (expected.loss, expected.samples), "{precision}");
        assert_ne!(plain, initial(&config(&json)));
    }
}

#[test]
fn a_weight_is_a_number_of_copies_of_the_row() {
    for (precision, tolerance) in PRECISIONS {
        for more in ["", r#", "label-smoothing": 0.2"#] {
            let json = whole(precision, more);
            let (weighted, report) = trained(&json, &[(0, 3.0), (1, 1.0), (2, 2.0), (3, 0.0)], true, 1);
            let (copies, expected) = trained(&json, &[(0, 1.), (0, 1.), (0, 1.), (1, 1.), (2, 1.), (2, 1.)], false, 1);
            let (moved, apart) = distances(&json, &weighted, &copies);
            assert!(moved > 0.0 && apart < tolerance * moved, "{json}: moved {moved}, apart {apart}");
            let (loss, expected) = (report.loss.unwrap(), expected.loss.unwrap());
            assert!((loss - expected).abs() < 1e-2 * tolerance * expected.abs() + tolerance, "{loss} {expected}");
            let unweighted = trained(&json, &[(0, 1.), (1, 1.), (2, 1.), (3, 1.)], false, 1).0;
            assert!(distances(&json, &weighted, &unweighted).1 > 10.0 * tolerance * moved);
        }
    }
}

#[test]
fn rows_of_weight_zero_count_as_samples_and_change_nothing_else() {
    for (precision, tolerance) in PRECISIONS {
        let json = whole(precision, "");
        let rows = [(0, 1.0), (11, 0.0), (1, 1.0), (12, 0.0), (13, 0.0), (2, 1.0)];
        let (weighted, report) = trained(&json, &rows, true, 3);
        let (others, expected) = trained(&json, &[(0, 1.0), (1, 1.0), (2, 1.0)], false, 3);
        let (moved, apart) = distances(&json, &weighted, &others);
        assert!(moved > 0.0 && apart < tolerance * moved, "{precision}: moved {moved}, apart {apart}");
        assert_eq!((report.samples, expected.samples), (18, 9));
    }
}

#[test]
fn a_minibatch_without_any_weight_has_loss_zero_and_moves_no_weight() {
    for precision in ["f32", "bf16"] {
        let json = whole(precision, "");
        let (vector, report) = trained(&json, &[(0, 0.0), (1, 0.0)], true, 2);
        assert_eq!(vector, initial(&config(&json)));
        assert_eq!((report.loss, report.samples), (Some(0.0), 4));
    }
}

#[test]
fn the_reported_loss_is_the_mean_over_the_minibatches_of_their_weighted_means() {
    // minibatches of one row, whose weight divides out, and which nothing moves
    let json = r#"{"batch": 1, "lr": 1e-30, "momentum": 0, "weight-decay": 0}"#;
    let each = [0, 1, 2].map(|number| trained(json, &[(number, 5.0)], true, 1).1.loss.unwrap());
    let loss = trained(json, &[(0, 5.0), (1, 0.25), (2, 0.0)], true, 3).1.loss.unwrap();
    assert!((loss - (each[0] + each[1]) / 3.0).abs() < 1e-6, "{loss} {each:?}");
    assert!(each[2] > 0.0);
}

/// Each minibatch is all rows, in another order for each thread, so that it does not matter which thread does a step.
#[test]
fn every_thread_steps_with_the_weights_of_its_own_minibatch() {
    let rows = [(0, 3.0), (1, 0.0), (2, 1.0), (3, 2.0)];
    let copies = [(0, 1.0), (0, 1.0), (0, 1.0), (2, 1.0), (3, 1.0), (3, 1.0)];
    let alone = whole("f32", "");
    let expected = trained(&alone, &copies, false, 1);
    for more in ["", r#", "threads": 2"#, r#", "strategy": "hogwild", "threads": 3"#] {
        let json = whole("f32", more);
        let (moved, apart) = distances(&alone, &expected.0, &trained(&json, &rows, true, 1).0);
        assert!(apart < 1e-4 * moved, "{more}: moved {moved}, apart {apart}");
        // of steps that move nothing
        let report = trained(&json.replace("0.0001", "1e-30"), &rows, true, 12).1;
        assert_eq!(report.steps, 12);
        let (loss, of_copies) = (report.loss.unwrap(), expected.1.loss.unwrap());
        assert!((loss - of_copies).abs() < 1e-5 * of_copies, "{more}: {loss} is not {of_copies}");
    }
}

#[test]
fn an_evaluation_counts_rows_and_not_weights() {
    let config = config(&whole("f32", ""));
    let digest = ask(&config, 0, 0, 0, StateIn::Keep).digest;
    let of = |rows: &[Row], weighted| {
        let mut worker = worker(&config, rows, weighted);
        worker.evaluate(&initial(&config), &digest, &AtomicBool::new(false)).unwrap()
    };
    let weighted = of(&[(0, 3.0), (1, 0.0), (2, 0.5)], true);
    assert_eq!(weighted, of(&[(0, 1.0), (1, 1.0), (2, 1.0)], false));
    assert_eq!(weighted.rows, 3);
}
