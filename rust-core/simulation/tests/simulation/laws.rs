//! Laws that a simulated run keeps whatever its net learns.

use serde_json::{Value, json};

use crate::fixtures::{Ran, refused, simulated};

fn staleness(ran: &Ran) -> Vec<u64> {
    let exchanges = ran.of("exchange");
    exchanges.iter().map(|exchange| exchange["staleness"].as_u64().unwrap()).collect()
}

/// Every minibatch of the budget was recorded once, and every recorded turn is one exchange.
fn assert_budget(ran: &Ran, steps: u64) {
    let exchanges = ran.of("exchange");
    let sum = |key: &str| exchanges.iter().map(|exchange| exchange[key].as_u64().unwrap()).sum::<u64>();
    assert_eq!(sum("steps"), steps);
    assert_eq!(exchanges.last().unwrap()["total_steps"], steps);
    assert_eq!(ran.end()["samples"], steps * 10);
    assert_eq!(ran.end()["exchanges"], exchanges.len());
}

#[test]
fn sixteen_workers_twice_are_the_same_bits() {
    for settings in [
        json!({"strategy": "deepspark", "workers": 16, "iterations": 4, "tau": 2}),
        json!({"strategy": "sparknet", "workers": 16, "iterations": 4, "tau": 2}),
        json!({"strategy": "sparknet", "workers": 16, "iterations": 4, "tau": 2, "consistency": "rounds"}),
    ] {
        let on = json!({
            "jitter": 0.3, "speed-spread": 0.2, "straggler-probability": 0.1, "straggler-factor": 5, "mtbf": 0.5,
            "restart": 0.05, "bandwidth": 1e9, "latency": 0.001
        });
        let (first, second) = (simulated(settings.clone(), on.clone()), simulated(settings.clone(), on));
        assert!(first.model == second.model, "{settings}");
        assert_eq!(first.virtual_events(), second.virtual_events());
        let calm = simulated(settings.clone(), json!({}));
        assert!(calm.end()["virtual_seconds"].as_f64() < first.end()["virtual_seconds"].as_f64());
    }
}

#[test]
fn an_asynchronous_run_spends_its_budget_and_has_staleness_k_minus_one_with_equal_workers() {
    for workers in [1, 2, 5] {
        let ran = simulated(
            json!({"strategy": "downpour", "lr": 1e-5, "workers": workers, "iterations": 12, "tau": 2}),
            json!({}),
        );
        assert_budget(&ran, 12 * workers);
        let staleness = staleness(&ran);
        // the first exchange of each worker meets those of the others that were before it
        assert_eq!(staleness[..workers as usize], (0..workers).collect::<Vec<_>>());
        assert!(staleness[workers as usize..].iter().all(|s| *s == workers - 1), "{staleness:?}");
    }
}

#[test]
fn the_mean_staleness_is_k_minus_one_with_unequal_workers_too() {
    let settings = json!({"strategy": "dynsgd", "workers": 4, "iterations": 40, "tau": 2});
    let ran = simulated(settings, json!({"speed": [1, 2, 3, 5], "jitter": 0.2}));
    let staleness = staleness(&ran);
    assert!(staleness.iter().min() < Some(&2) && staleness.iter().max() > Some(&4), "{staleness:?}");
    let mean = staleness.iter().sum::<u64>() as f64 / staleness.len() as f64;
    assert!((mean - 3.0).abs() < 0.2, "{mean}");
}

#[test]
fn with_ssp_nobody_is_further_ahead_than_allowed_and_without_somebody_is() {
    let most_ahead = |consistency: &str| {
        let mut settings =
            json!({"strategy": "adag", "workers": 3, "iterations": 20, "tau": 1, "consistency": consistency});
        if consistency == "ssp" {
            settings["staleness"] = json!(2);
        }
        let ran = simulated(settings, json!({"speed": [1, 1, 6]}));
        let (mut finished, mut most) = ([0i64; 3], 0);
        for exchange in ran.of("exchange") {
            finished[exchange["worker"].as_u64().unwrap() as usize] += 1;
            most = most.max(finished.iter().max().unwrap() - finished.iter().min().unwrap());
        }
        most
    };
    assert_eq!(most_ahead("bsp"), 1);
    assert_eq!(most_ahead("ssp"), 3); // a clock at work is one after those finished
    assert!(most_ahead("async") > 4);
}

#[test]
fn a_failed_worker_comes_back_and_nothing_is_lost_or_counted_twice() {
    for (strategy, more) in [
        ("deepspark", json!({})),
        ("adag", json!({"consistency": "ssp"})),
        ("sparknet", json!({})),
        ("easgd", json!({})),
    ] {
        let mut settings = json!({"strategy": strategy, "workers": 4, "iterations": 12, "tau": 2});
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let ran = simulated(settings, json!({"mtbf": 0.15, "restart": 0.1, "bandwidth": 2e8}));
        assert!(ran.of("fault").len() > 3, "{strategy}: {} failures", ran.of("fault").len());
        assert_budget(&ran, 48);
        for worker in 0..4 {
            let exchanges = ran.of("exchange").into_iter().filter(|exchange| exchange["worker"] == worker);
            let numbers: Vec<u64> = exchanges.map(|exchange| exchange["exchange"].as_u64().unwrap()).collect();
            assert!(numbers.iter().copied().eq(1..=numbers.len() as u64), "{strategy}: {numbers:?}");
        }
    }
}

#[test]
fn a_failed_worker_of_a_round_does_it_again_from_the_same_center() {
    let settings = json!({
        "strategy": "sparknet", "consistency": "rounds", "solver-state": "reset", "workers": 4, "iterations": 8, "tau": 2
    });
    let calm = simulated(settings.clone(), json!({}));
    let failing = simulated(settings, json!({"mtbf": 0.1, "restart": 0.05}));
    assert!(!failing.of("fault").is_empty());
    assert!(calm.model == failing.model);
    assert!(calm.end()["virtual_seconds"].as_f64() < failing.end()["virtual_seconds"].as_f64());
}

#[test]
fn with_delay_n_every_exchange_but_the_first_meets_exactly_n_updates() {
    for (delay, workers) in [(0, 1), (0, 4), (1, 4), (3, 4), (5, 8)] {
        let settings = json!({"strategy": "dynsgd", "workers": workers, "iterations": 12, "tau": 2});
        let ran = simulated(settings, json!({"delay": delay, "speed": [1, 3], "jitter": 0.4}));
        assert_budget(&ran, 12 * workers);
        let mut sorted = staleness(&ran);
        sorted.sort_unstable();
        let mut expected: Vec<u64> = (0..delay).collect();
        expected.resize(sorted.len(), delay);
        assert_eq!(sorted, expected, "delay {delay} of {workers} workers");
    }
}

#[test]
fn with_overlap_a_run_is_shorter_where_the_network_is_slow() {
    let seconds = |overlap: bool| {
        let settings = json!({"strategy": "deepspark", "workers": 2, "iterations": 12, "tau": 2, "overlap": overlap});
        let ran = simulated(settings, json!({"bandwidth": 1e9, "latency": 0.004}));
        assert_budget(&ran, 24);
        ran.end()["virtual_seconds"].as_f64().unwrap()
    };
    assert!(seconds(true) < 0.85 * seconds(false), "{} {}", seconds(true), seconds(false));
}

#[test]
fn patience_ends_a_run_early_with_the_best_weights() {
    let settings = json!({
        "strategy": "deepspark", "workers": 2, "iterations": 40, "tau": 1, "eval-every": 1, "patience": 1, "lr": 1e-12,
        "restore-best-weights": true
    });
    let ran = simulated(settings, json!({}));
    assert_eq!((&ran.end()["reason"], ran.of("eval").len()), (&json!("patience"), 2));
    assert_eq!(ran.end()["accuracy"], ran.end()["best_accuracy"]);
}

#[test]
fn a_wrong_request_is_one_message_with_the_key() {
    let deepspark = |more: Value| {
        let mut settings = json!({"strategy": "deepspark", "workers": 4, "iterations": 4});
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        settings
    };
    for (settings, on, text) in [
        (
            json!({"strategy": "deepspark"}),
            json!({}),
            "workers is not set: a simulation has no task slots from which to tell it",
        ),
        (
            json!({"strategy": "hogwild"}),
            json!({}),
            "strategy hogwild is threads of one worker, whose times are not simulated; choose another",
        ),
        (
            deepspark(json!({})),
            json!({"delay": 1}),
            "delay means nothing to rule elastic, whose workers keep weights of their own and are compared with the center as it is; leave it out",
        ),
        (
            deepspark(json!({"strategy": "adag"})),
            json!({"delay": 4}),
            "delay 4 needs more than 4 workers, and there are 4",
        ),
        (
            deepspark(json!({"strategy": "adag", "overlap": true})),
            json!({"delay": 1}),
            "delay and overlap exclude each other",
        ),
        (
            deepspark(json!({"strategy": "adag", "consistency": "ssp"})),
            json!({"delay": 1}),
            "delay needs an asynchronous strategy with consistency async",
        ),
        (
            deepspark(json!({"strategy": "sparknet", "consistency": "rounds"})),
            json!({"delay": 1}),
            "delay means nothing to a synchronous strategy; leave it out",
        ),
        (deepspark(json!({})), json!({"jitter": -1}), "jitter must be at least 0 and at most 31536000, not -1"),
        (
            deepspark(json!({"resume": true})),
            json!({}),
            "resume: the simulate program keeps no checkpoint, the Spark driver does",
        ),
    ] {
        assert_eq!(refused(settings, on), text);
    }
}

#[test]
fn a_worker_that_waits_longer_than_exchange_wait_fails_the_run_as_a_real_one() {
    let directory = tempfile::tempdir().unwrap();
    let settings = json!({
        "data": crate::fixtures::data(), "out": directory.path().join("run"), "strategy": "sparknet", "workers": 2,
        "iterations": 4, "tau": 2, "exchange-wait": 1, "batch": 10
    });
    let config = firesteel_engine::TrainConfig::from_map(settings.as_object().cloned().unwrap()).unwrap();
    let slow = crate::fixtures::cluster(json!({"speed": [1, 0.001]}));
    let run = firesteel_simulation::run::Simulation::prepare(config, slow).unwrap();
    let error = run.run(|_| ()).unwrap_err().to_string();
    assert_eq!(error, "the exchanger refused: workers [1] did not come within 1 s (exchange-wait)");
}
