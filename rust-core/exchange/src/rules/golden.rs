//! Replays every trajectory of testdata/exchange through both sides of its rule: `make-exchange.py` computed
//! them in float64 from the papers' equations and knows nothing of this code.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::{Arrival, ExchangeInfo, Gathering, RuleSpec, ShardRule};
use crate::worker_rule::WorkerRule;

const KNOWN: [&str; 16] = [
    "adag",
    "async-nesterov",
    "dcasgd",
    "downpour",
    "downpour-adagrad",
    "dynsgd",
    "easgd",
    "easgd-async",
    "elastic",
    "elastic-decay",
    "mean",
    "outer-bmuf",
    "outer-bmuf-z",
    "outer-nesterov",
    "outer-slowmo",
    "outer-slowmo-alpha",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Trajectory {
    rule: RuleSpec,
    workers: usize,
    initial: Vec<f32>,
    #[serde(default)]
    exchanges: Vec<OneExchange>,
    #[serde(default)]
    rounds: Vec<Round>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OneExchange {
    worker: usize,
    movement: Vec<f32>,
    steps: u64,
    lr: f32,
    center: Vec<f64>,
    x: Vec<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Round {
    lr: f32,
    workers: Vec<Part>,
    center: Vec<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    movement: Vec<f32>,
    samples: u64,
    x: Vec<f64>,
}

/// A worker of the replay: its weights, and what the server counts of it.
struct Worker {
    x: Vec<f32>,
    worker_rule: WorkerRule,
    exchanges: u64,
    updates_at_pull: u64,
}

impl Worker {
    fn message(&mut self, movement: &[f32], steps: u64) -> Vec<f32> {
        self.x.iter_mut().zip(movement).for_each(|(x, movement)| *x += movement);
        let mut out = vec![f32::NAN; self.x.len()];
        self.worker_rule.message(&self.x, steps, &mut out);
        out
    }
}

/// 1e-5 of the largest value: a value near zero is as exact as its neighbours, not as itself.
fn assert_close(got: &[f32], expected: &[f64], what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let tolerance = 1e-5 * expected.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    for (got, expected) in got.iter().zip(expected) {
        assert!((f64::from(*got) - expected).abs() <= tolerance, "{what}: {got} where {expected} was expected");
    }
}

fn replay_exchanges(name: &str, rule: &mut dyn Arrival, golden: &Trajectory, workers: &mut [Worker]) {
    let mut center = golden.initial.clone();
    (0..workers.len()).for_each(|k| rule.pulled(k, &center));
    for (updates, exchange) in (0..).zip(&golden.exchanges) {
        let worker = &mut workers[exchange.worker];
        let mut message = worker.message(&exchange.movement, exchange.steps);
        let known = ExchangeInfo {
            worker: exchange.worker,
            staleness: updates - worker.updates_at_pull,
            exchanges: worker.exchanges,
            lr: exchange.lr,
            steps: exchange.steps,
        };
        rule.fold(&mut center, &mut message, &known);
        worker.worker_rule.apply(&mut worker.x, &message);
        worker.exchanges += 1;
        worker.updates_at_pull = updates + 1;
        assert_close(&center, &exchange.center, &format!("{name}, center after exchange {updates}"));
        assert_close(&worker.x, &exchange.x, &format!("{name}, worker {} after exchange {updates}", exchange.worker));
    }
}

fn replay_rounds(name: &str, rule: &mut dyn Gathering, golden: &Trajectory, workers: &mut [Worker]) {
    let mut center = golden.initial.clone();
    for (round, expected) in golden.rounds.iter().enumerate() {
        assert_eq!(expected.workers.len(), workers.len(), "{name}");
        let parts = workers.iter_mut().zip(&expected.workers);
        let mut messages: Vec<_> = parts.map(|(worker, part)| worker.message(&part.movement, 1)).collect();
        let samples = expected.workers.iter().map(|part| part.samples);
        let mut vectors: Vec<_> = messages.iter_mut().map(Vec::as_mut_slice).zip(samples).collect();
        rule.fold(&mut center, &mut vectors, expected.lr);
        assert_close(&center, &expected.center, &format!("{name}, center after round {round}"));
        for (k, (worker, part)) in workers.iter_mut().zip(&expected.workers).enumerate() {
            worker.worker_rule.apply(&mut worker.x, &messages[k]);
            assert_close(&worker.x, &part.x, &format!("{name}, worker {k} after round {round}"));
        }
    }
}

fn replay(name: &str, golden: &Trajectory) {
    golden.rule.validate().unwrap();
    let initial = &golden.initial;
    let worker = |_| Worker {
        x: initial.clone(),
        worker_rule: WorkerRule::new(golden.rule.worker_rule(), initial.clone()).unwrap(),
        exchanges: 0,
        updates_at_pull: 0,
    };
    let mut workers: Vec<_> = (0..golden.workers).map(worker).collect();
    match golden.rule.shard_rule(initial.len(), golden.workers).unwrap() {
        ShardRule::Arrival(mut rule) => {
            assert_eq!((golden.exchanges.len(), golden.rounds.len()), (12, 0), "{name}");
            replay_exchanges(name, &mut *rule, golden, &mut workers);
        }
        ShardRule::Gathering(mut rule) => {
            assert_eq!((golden.exchanges.len(), golden.rounds.len()), (0, 4), "{name}");
            replay_rounds(name, &mut *rule, golden, &mut workers);
        }
    }
}

#[test]
fn every_rule_follows_its_paper() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/exchange");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let golden = serde_json::from_str(&fs::read_to_string(&path).unwrap());
        replay(&name, &golden.unwrap_or_else(|error| panic!("{name}: {error}")));
        names.push(name);
    }
    names.sort();
    assert_eq!(names, KNOWN, "the files of {}", folder.display());
}
