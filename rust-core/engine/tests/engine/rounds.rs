//! Single rounds: the learning rate, the loss limit, evaluation with flips, and the update of running statistics.

use std::sync::atomic::AtomicBool;

use firesteel_engine::{Report, Round, RoundKind, StateIn, TrainConfig, Worker};

use crate::fixtures::{ask, config, initial, rows, run, worker};

fn do_one(config: &TrainConfig, round: &Round) -> (Vec<f32>, Report) {
    let mut vector = initial(config);
    let report = run(&mut worker(config, 0, &rows(0, 30)), &mut vector, round);
    (vector, report)
}

#[test]
fn the_learning_rate_follows_the_policy_step_and_the_data_the_first_step() {
    let dropping = config(r#"{"batch": 8, "lr": 0.01, "gamma": 0.1, "stepvalue": [7]}"#);
    let high = config(r#"{"batch": 8, "lr": 0.01, "lr-policy": "fixed"}"#);
    let low = config(r#"{"batch": 8, "lr": 0.001, "lr-policy": "fixed"}"#);
    let at = |first_step, policy_step| Round { policy_step, ..ask(&high, 0, first_step, 2, StateIn::Keep) };
    let before = do_one(&dropping, &at(9, 5)).0;
    let after = do_one(&dropping, &at(9, 7)).0;
    assert_eq!(before, do_one(&high, &at(9, 9)).0);
    assert_eq!(after, do_one(&low, &at(9, 9)).0);
    assert_ne!(before, after);
    assert_ne!(before, do_one(&dropping, &at(4, 5)).0);
    let worker = worker(&dropping, 0, &rows(0, 1));
    assert_eq!(worker.rate(6), 0.01);
    assert!((worker.rate(7) - 0.001).abs() < 1e-12);
}

#[test]
fn a_loss_limit_ends_the_round_after_the_step_that_exceeds_it() {
    let config = config(r#"{"batch": 8, "lr": 0.001}"#);
    let all = ask(&config, 0, 0, 9, StateIn::Keep);
    let sums: Vec<f64> = (1..=9)
        .map(|steps| {
            let report = do_one(&config, &Round { steps, ..all.clone() }).1;
            assert_eq!(report.steps, steps);
            report.loss.unwrap() * steps as f64
        })
        .collect();
    let between = (sums[2] + sums[3]) / 2.0;
    for (limit, steps) in [(0.0, 1), (between, 4), (2.0 * sums[8], 9)] {
        let (vector, report) = do_one(&config, &Round { loss_limit: Some(limit), ..all.clone() });
        assert_eq!((report.steps, report.samples), (steps, steps * 8), "limit {limit}");
        assert!((report.loss.unwrap() * steps as f64 - sums[steps as usize - 1]).abs() < 1e-9);
        assert_eq!(vector, do_one(&config, &Round { steps, ..all.clone() }).0, "limit {limit}");
    }
}

#[test]
fn a_round_without_rows_does_no_steps() {
    let config = config(r#"{"batch": 8, "normalize": "none"}"#);
    let mut vector = initial(&config);
    let report = run(&mut worker(&config, 0, &[]), &mut vector, &ask(&config, 0, 0, 5, StateIn::Keep));
    assert_eq!((report.steps, report.samples, report.loss), (0, 0, None));
}

#[test]
fn a_request_is_read_with_or_without_a_loss_limit_and_never_without_a_policy_step() {
    let json = r#"{"digest":"d","round":1,"first-step":2,"policy-step":3,"steps":4,"state":"keep"}"#;
    let round: Round = serde_json::from_str(json).unwrap();
    assert_eq!((round.first_step, round.policy_step, round.loss_limit), (2, 3, None));
    let limited: Round = serde_json::from_str(&json.replace("\"state\"", "\"loss-limit\":2.5,\"state\"")).unwrap();
    assert_eq!(limited.loss_limit, Some(2.5));
    assert!(serde_json::from_str::<Round>(&json.replace("\"policy-step\":3,", "")).is_err());
}

/// The rows with every image flipped horizontally.
fn mirrored(records: &[u8]) -> Vec<u8> {
    let mirror = |record: &[u8]| {
        let lines = record[1..].chunks_exact(32).flat_map(|line| line.iter().rev().copied());
        std::iter::once(record[0]).chain(lines).collect::<Vec<u8>>()
    };
    records.chunks_exact(3073).flat_map(mirror).collect()
}

#[test]
fn with_test_flip_an_image_counts_as_its_mirror_image_does() {
    let records = rows(0, 40);
    let loss = |json: &str, records: &[u8]| {
        let config = config(json);
        let mut vector = initial(&config);
        run(&mut worker(&config, 0, &rows(0, 40)), &mut vector, &ask(&config, 0, 0, 5, StateIn::Reset));
        let digest = config.net.build(10).layout().digest();
        worker(&config, 0, records).evaluate(&vector, &digest, &AtomicBool::new(false)).unwrap().loss
    };
    let json = r#"{"batch": 20, "lr": 0.01, "normalize": "none", "test-flip": true}"#;
    let (plain, mirror) = (loss(json, &records), loss(json, &mirrored(&records)));
    assert!((plain - mirror).abs() < 1e-4 * plain, "{plain} and {mirror}");
    let without = json.replace("true", "false");
    assert!((loss(&without, &records) - loss(&without, &mirrored(&records))).abs() > 1e-4 * plain);
}

#[test]
fn updated_statistics_are_the_mean_over_the_minibatches_and_nothing_else_changes() {
    for precision in ["f32", "bf16"] {
        let config = config(&format!(
            r#"{{"net": "resnet20", "normalize": "channel", "batch": 8, "precision": "{precision}"}}"#
        ));
        let net = config.net.build(10);
        let updated = |first_step, steps| {
            let mut vector = initial(&config);
            let ask = Round { kind: RoundKind::UpdateBn, ..ask(&config, 0, first_step, steps, StateIn::Keep) };
            let report = run(&mut worker(&config, 0, &rows(0, 30)), &mut vector, &ask);
            assert_eq!((report.steps, report.samples, report.loss), (steps, steps * 8, None));
            vector
        };
        let before = initial(&config);
        let (whole, parts) = (updated(0, 3), [0, 1, 2].map(|step| updated(step, 1)));
        for ((entry, range), param) in net.layout().ranges().zip(net.params()) {
            for at in range {
                let mean = parts.iter().map(|part| f64::from(part[at])).sum::<f64>() / 3.0;
                let expected = if param.is_statistic() { mean } else { f64::from(before[at]) };
                assert!((f64::from(whole[at]) - expected).abs() <= 1e-5 * expected.abs().max(1.0), "{}", entry.name);
            }
        }
        assert_ne!(whole, before);
    }
}

#[test]
fn an_update_of_running_statistics_does_not_change_the_rounds_after_it() {
    let config = config(r#"{"net": "resnet20", "normalize": "channel", "batch": 8}"#);
    let done = |between: bool| {
        let mut worker = worker(&config, 0, &rows(0, 30));
        let mut vector = initial(&config);
        run(&mut worker, &mut vector, &ask(&config, 0, 0, 2, StateIn::Keep));
        if between {
            let ask = Round { kind: RoundKind::UpdateBn, ..ask(&config, 1, 0, 3, StateIn::Keep) };
            run(&mut worker, &mut vector.clone(), &ask);
        }
        let report = run(&mut worker, &mut vector, &ask(&config, 1, 2, 2, StateIn::Keep));
        assert!(!report.fresh);
        vector
    };
    assert_eq!(done(true), done(false));
}

/// What a checkpoint inside one stage takes from the workers, and what a resumed run gives to new ones.
#[test]
fn a_round_of_no_steps_hands_the_state_out_or_takes_it_and_training_goes_on_as_without_it() {
    let config = config(r#"{"batch": 8, "lr": 0.01, "lookahead-every": 3}"#);
    let worker_of = || worker(&config, 0, &rows(0, 30));
    let (mut plain, mut asked, mut resumed) = (worker_of(), worker_of(), worker_of());
    let state = asked.state_length();
    let last = ask(&config, 4, 8, 2, StateIn::Keep);
    let next = ask(&config, 5, 10, 2, StateIn::Keep);
    let mut vector = initial(&config);
    run(&mut plain, &mut vector.clone(), &last);
    run(&mut asked, &mut vector, &last);
    let mut whole = [vector.clone(), vec![0.0; state]].concat();
    let report = run(&mut asked, &mut whole, &Round { steps: 0, ..next.clone() });
    assert_eq!((report.steps, report.samples, report.fresh), (0, 0, false));
    assert_eq!(whole[..vector.len()], vector);
    assert!(whole[vector.len()..].iter().any(|value| *value != 0.0));
    run(&mut resumed, &mut whole, &ask(&config, 4, 10, 0, StateIn::Given));
    let after = |worker: &mut Worker| {
        let mut vector = vector.clone();
        assert!(!run(worker, &mut vector, &next).fresh);
        vector
    };
    let expected = after(&mut plain);
    assert_eq!(after(&mut asked), expected);
    assert_eq!(after(&mut resumed), expected);
}
