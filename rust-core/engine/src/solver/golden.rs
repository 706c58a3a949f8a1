//! Compares the solvers with the trajectories and schedules in testdata/solvers, which PyTorch's optimisers produced.

use std::fs;

use firesteel_exchange::Entry;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tch::Tensor;

use super::testing::plain;
use super::{Adam, Algorithm, Hyperparameters, Lookahead, Muon, Policy, Schedule, Solver};
use crate::params::{Init, Param};

const TOLERANCE: f64 = 1e-5; // of f32 against f64, relative, and absolute below 1

#[derive(Deserialize)]
struct NetFile {
    tensors: Vec<TensorRow>,
    start: Vec<f32>,
    slope: Vec<f32>,
    offset: Vec<f32>,
}

#[derive(Deserialize)]
struct TensorRow {
    name: String,
    shape: Vec<usize>,
    lr_mult: f64,
    decay_mult: f64,
}

#[derive(Deserialize)]
struct Trajectory {
    settings: Given,
    rates: Vec<f64>,
    after: Vec<Vec<f64>>,
}

/// The hyperparameters of a trajectory; one that it does not have is zero.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Given {
    momentum: f64,
    decay: f64,
    beta2: f64,
    delta: f64,
    /// Muon's learning rate divided by that of the other tensors.
    factor: f64,
    limit: f64,
    every: u64,
    alpha: f64,
}

#[derive(Deserialize)]
struct ScheduleFile {
    base: f64,
    rates: Vec<f64>,
}

fn read<T: DeserializeOwned>(name: &str) -> T {
    let path = format!("{}/../../testdata/solvers/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap()
}

fn params(net: &NetFile) -> Vec<Param> {
    let param = |row: &TensorRow| Param {
        entry: Entry { name: row.name.clone(), shape: row.shape.clone() },
        init: Init::Constant(0.0),
        lr_mult: row.lr_mult,
        decay_mult: row.decay_mult,
    };
    net.tensors.iter().map(param).collect()
}

/// Compares trajectory `name` with the solver whose hyperparameters `build` makes, for a learning rate of 1. Each step
/// is done by a new solver that has the learning rate of the file and the state of the solver before it.
fn follow(name: &str, build: impl Fn(&Given) -> Hyperparameters) {
    let (net, trajectory): (NetFile, Trajectory) = (read("net"), read(name));
    let params = params(&net);
    let [mut x, slope, offset] = [&net.start, &net.slope, &net.offset].map(|values| Tensor::from_slice(values));
    let given = &trajectory.settings;
    let at_rate = |rate: f64| {
        // the policy scales both of Muon's learning rates
        let schedule = Policy::Exp { gamma: rate }.into();
        Solver::new(
            &params,
            Hyperparameters { lr: 1.0, momentum: given.momentum, weight_decay: given.decay, schedule, ..build(given) },
        )
    };
    let mut state = vec![0.0; at_rate(1.0).state_length()];
    assert_eq!(trajectory.after.len(), 6, "{name}");
    for (step, (rate, expected)) in trajectory.rates.iter().zip(&trajectory.after).enumerate() {
        let mut solver = at_rate(*rate);
        solver.set_state(&state).unwrap();
        let gradient = &x * &slope + &offset;
        solver.step_on(&mut x, &gradient, 1);
        solver.copy_state(&mut state).unwrap();
        let got: Vec<f32> = Vec::try_from(&x).unwrap();
        assert_eq!(got.len(), expected.len());
        for (at, (got, expected)) in got.into_iter().zip(expected).enumerate() {
            let apart = (f64::from(got) - expected).abs();
            assert!(apart <= TOLERANCE * expected.abs().max(1.0), "{name}, step {step}, value {at}: {got}, {expected}");
        }
    }
}

fn adam(given: &Given) -> Hyperparameters {
    plain(Algorithm::Adam(Adam { beta2: given.beta2, delta: given.delta }))
}

#[test]
fn sgd_and_nesterov_are_pytorchs_at_a_constant_rate() {
    follow("sgd", |_| plain(Algorithm::Sgd));
    follow("nesterov", |_| plain(Algorithm::Nesterov));
}

#[test]
fn nesterov_is_caffes_where_the_rate_changes() {
    follow("nesterov-caffe", |_| plain(Algorithm::Nesterov));
}

#[test]
fn decoupled_decay_is_not_part_of_the_momentum() {
    follow("sgd-decoupled", |_| Hyperparameters { decoupled_decay: true, ..plain(Algorithm::Sgd) });
    follow("nesterov-decoupled", |_| Hyperparameters { decoupled_decay: true, ..plain(Algorithm::Nesterov) });
}

#[test]
fn adam_is_pytorchs_and_with_decoupled_decay_adamw() {
    follow("adam", adam);
    follow("adamw", |given| Hyperparameters { decoupled_decay: true, ..adam(given) });
}

#[test]
fn muon_is_pytorchs_for_filters_and_nesterov_for_the_rest() {
    follow("muon", |given| plain(Algorithm::Muon(Muon { lr: given.factor })));
}

#[test]
fn a_gradient_over_the_limit_is_scaled_down_as_a_whole() {
    follow("clip", |given| Hyperparameters { clip_gradients: Some(given.limit), ..plain(Algorithm::Nesterov) });
}

#[test]
fn lookahead_follows_its_paper_around_adamw() {
    follow("lookahead", |given| {
        let lookahead = Some(Lookahead { every: given.every, alpha: given.alpha });
        Hyperparameters { decoupled_decay: true, lookahead, ..adam(given) }
    });
}

#[test]
fn schedules_are_pytorchs() {
    let triangular = |max_iter| Policy::Triangular { start: 0.2, peak: 0.23, end: 0.07, max_iter };
    let rows = [
        ("cosine", Policy::Cosine { max_iter: 9 }, None),
        ("cosine-warm-up", Policy::Cosine { max_iter: 9 }, Some(4)),
        ("triangular", triangular(12), None),
    ];
    for (name, policy, warm_up) in rows {
        let file: ScheduleFile = read(name);
        let schedule = Schedule { policy, warm_up };
        let solver = Solver::new(&[], Hyperparameters { lr: file.base, schedule, ..plain(Algorithm::Sgd) });
        assert!(file.rates.len() >= 9, "{name}");
        for (step, expected) in file.rates.into_iter().enumerate() {
            let rate = solver.rate(step as u64);
            assert!((rate - expected).abs() <= 1e-12, "{name} at {step}: {rate} is not {expected}");
        }
    }
}
