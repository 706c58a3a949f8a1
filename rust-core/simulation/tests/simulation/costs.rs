//! Costs without training: against the closed form, and against what is known of links and processors.

use firesteel_engine::TrainConfig;
use firesteel_simulation::cluster::Cluster;
use firesteel_simulation::cost::{Cost, Limit, Sweep};
use serde_json::{Value, json};

fn costs(settings: Value, cluster: Value, weights: Option<usize>) -> Vec<Cost> {
    let config = TrainConfig::from_map(settings.as_object().cloned().unwrap()).unwrap();
    let cluster: Cluster = serde_json::from_value(cluster).unwrap();
    Sweep { config, cluster, weights }.costs().unwrap()
}

fn near(a: f64, b: f64) -> bool {
    (a / b - 1.0).abs() < 1e-6
}

#[test]
fn with_equal_workers_and_waiting_for_all_the_closed_form_is_right() {
    let on = json!({"step-seconds": 0.02, "bandwidth": 1e9, "latency": 0.002, "spark-round": 0.03, "fold-rate": 1e8});
    for settings in [
        json!({"strategy": "sparknet", "consistency": "rounds", "workers": 64, "tau": 10}),
        json!({"strategy": "sparknet", "consistency": "rounds", "workers": 64, "tau": 3}),
        json!({"strategy": "sparknet", "consistency": "bsp", "workers": 64, "tau": 10, "codec": "bf16"}),
        json!({"strategy": "easgd", "workers": 64, "tau": 10, "exchangers": 2, "shards": 2}),
    ] {
        let costs = costs(settings.clone(), on.clone(), None);
        assert_eq!(costs.iter().map(|cost| cost.workers).collect::<Vec<_>>(), [1, 2, 4, 8, 16, 32, 64]);
        for cost in costs {
            let Cost { workers, steps_per_second, closed_form, .. } = cost;
            assert!(near(steps_per_second, closed_form), "{workers} of {settings}: {steps_per_second}, {closed_form}");
        }
    }
}

#[test]
fn the_closed_form_departs_with_jitter_with_unequal_links_and_without_waiting() {
    let last = |settings: Value, more: Value| {
        let mut on = json!({"step-seconds": 0.02, "bandwidth": 1e9, "latency": 0.002});
        on.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let cost = costs(settings, on, Some(1_000_000)).pop().unwrap();
        cost.steps_per_second / cost.closed_form
    };
    let rounds = json!({"strategy": "sparknet", "consistency": "rounds", "workers": 16});
    // the slowest of 16 workers decides
    assert!(last(rounds.clone(), json!({"jitter": 0.5, "bandwidth": 1e11})) < 0.9);
    assert!(last(rounds, json!({"bandwidth": [1e9, 1e7], "server-bandwidth": 1e9})) < 0.95);
    // who waits for nobody uses the link while others compute
    assert!(last(json!({"strategy": "deepspark", "workers": 16}), json!({})) > 1.3);
}

#[test]
fn a_thousand_workers_and_sixty_million_weights_saturate_the_link_of_one_driver() {
    let on = json!({"step-seconds": 0.5, "bandwidth": 1e10, "jitter": 0.1});
    let asked = |more: Value| {
        let mut settings = json!({"strategy": "deepspark", "workers": 1024, "tau": 10});
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        costs(settings, on.clone(), Some(60_000_000))
    };
    let one = asked(json!({}));
    let (first, last) = (&one[0], one.last().unwrap());
    assert_eq!(first.limit, Limit::Compute);
    assert!(last.link_in > 0.95 || last.fold > 0.95, "{last:?}");
    // 1024 messages of 240 MB in the time of ten steps, at 70 % of 10 Gbit/s
    assert_eq!(last.hosts, (1024.0f64 * 240e6 * 8.0 / 1e10 / 5.0 / 0.7).ceil() as u64);
    let many = asked(json!({"exchangers": last.hosts, "shards": last.shards}));
    let last = many.last().unwrap();
    assert_eq!(last.limit, Limit::Compute, "{last:?}");
    assert!(near(last.bytes_in, 1024.0 * 240e6) || (last.bytes_in / (1024.0 * 240e6) - 1.0).abs() < 0.1, "{last:?}");
}

#[test]
fn all_reduce_sends_two_vectors_at_every_step() {
    let on = json!({"step-seconds": 0.1, "bandwidth": 1e9, "latency": 0.001});
    let costs = costs(json!({"strategy": "sparknet", "workers": 8}), on, Some(1_000_000));
    let step = 0.1 + 2.0 * 7.0 * (32e6 / 8.0 / 1e9 + 0.001);
    assert!(near(costs[3].all_reduce, 8.0 / step), "{:?}", costs[3]);
    assert!(near(costs[0].all_reduce, 10.0));
}

#[test]
fn a_wrong_request_for_costs_names_the_key() {
    for (settings, cluster, text) in [
        (json!({"workers": 4}), json!({}), "step-seconds is not set: no step is computed from which to tell it"),
        (json!({}), json!({"step-seconds": 1}), "workers is not set: it is the most to tell of"),
        (
            json!({"workers": 2048}),
            json!({"step-seconds": 1}),
            "workers must be at most 1024 in a simulation, not 2048",
        ),
        (
            json!({"strategy": "sequential"}),
            json!({"step-seconds": 1}),
            "strategy sequential has one worker, which exchanges with nobody; choose another",
        ),
    ] {
        let config = TrainConfig::from_map(settings.as_object().cloned().unwrap()).unwrap();
        let sweep = Sweep { config, cluster: serde_json::from_value(cluster).unwrap(), weights: None };
        assert_eq!(sweep.costs().unwrap_err().to_string(), text);
    }
}
