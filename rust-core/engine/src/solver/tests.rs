//! What holds for every solver: frozen weights do not change, and hyperparameters and state determine the next step.

use firesteel_exchange::Entry;
use tch::{Device, Kind, Tensor};

use super::testing::plain;
use super::{Adam, Algorithm, Hyperparameters, Lookahead, Muon, Solver, part};
use crate::device::set_threads;
use crate::params::{Init, Param};

/// A filter and a vector that learn, and a filter and a vector that are frozen.
const SHAPES: [(&str, &[usize], f64); 4] =
    [("a", &[2, 1, 2, 2], 1.0), ("b", &[2, 1, 2, 2], 0.0), ("c", &[3], 2.0), ("d", &[3], 0.0)];
const LENGTH: usize = 22;

fn params() -> Vec<Param> {
    let param = |(name, shape, lr_mult): (&str, &[usize], f64)| Param {
        entry: Entry { name: name.to_owned(), shape: shape.to_vec() },
        init: Init::Constant(0.0),
        lr_mult,
        decay_mult: 1.0,
    };
    SHAPES.into_iter().map(param).collect()
}

fn frozen(at: usize) -> bool {
    (8..16).contains(&at) || at >= 19
}

/// Every algorithm with clipping, with and without decoupled decay and Lookahead.
fn all() -> Vec<Hyperparameters> {
    let adam = Algorithm::Adam(Adam { beta2: 0.99, delta: 1e-8 });
    let algorithms = [Algorithm::Sgd, Algorithm::Nesterov, adam, Algorithm::Muon(Muon { lr: 0.05 }), Algorithm::Eamsgd];
    let lookaheads = [None, Some(Lookahead { every: 2, alpha: 0.3 })];
    let mut all = Vec::new();
    for algorithm in algorithms {
        for decoupled_decay in [false, true] {
            for lookahead in lookaheads {
                let (lr, momentum, weight_decay, clip_gradients) = (0.1, 0.9, 0.05, Some(1.0));
                let more = plain(algorithm);
                all.push(Hyperparameters {
                    lr,
                    momentum,
                    weight_decay,
                    decoupled_decay,
                    clip_gradients,
                    lookahead,
                    ..more
                });
            }
        }
    }
    all
}

/// Irregular values between -1 and 1.
fn values(seed: usize) -> Vec<f32> {
    (0..LENGTH).map(|i| ((i * 37 + seed * 11) % 41) as f32 / 20.0 - 1.0).collect()
}

/// Does step `step`, whose gradient is different from that of every other step.
fn do_step(solver: &mut Solver, x: &mut Tensor, step: usize) {
    solver.look_ahead_on(x);
    solver.step_on(x, &Tensor::from_slice(&values(step + 1)), step as u64);
}

fn read(x: &Tensor) -> Vec<f32> {
    Vec::try_from(x).unwrap()
}

#[test]
fn a_frozen_weight_never_changes_and_every_other_does() {
    for hyper in all() {
        let mut solver = Solver::new(&params(), hyper.clone());
        let mut x = Tensor::from_slice(&values(0));
        for step in 0..5 {
            do_step(&mut solver, &mut x, step);
        }
        for (at, (before, after)) in values(0).into_iter().zip(read(&x)).enumerate() {
            assert_eq!(before.to_bits() == after.to_bits(), frozen(at), "value {at}, {hyper:?}");
        }
    }
}

#[test]
fn what_the_forward_pass_writes_to_a_frozen_weight_stays_under_lookahead() {
    let lookahead = Some(Lookahead { every: 2, alpha: 0.3 });
    let mut solver = Solver::new(&params(), Hyperparameters { lookahead, ..plain(Algorithm::Sgd) });
    let mut x = Tensor::from_slice(&values(0));
    for step in 0..5 {
        let mean = x.narrow(0, 19, 3);
        let _ = mean.shallow_clone().g_add_scalar_(0.1); // as a forward pass does to a running mean
        let written = read(&mean);
        do_step(&mut solver, &mut x, step);
        assert_eq!(read(&x.narrow(0, 19, 3)), written, "step {step}");
    }
}

#[test]
fn a_solver_that_is_given_a_state_continues_with_the_same_bits() {
    for hyper in all() {
        let mut whole = Solver::new(&params(), hyper.clone());
        let (mut x, mut y) = (Tensor::from_slice(&values(0)), Tensor::from_slice(&values(0)));
        let mut state = vec![0.0; whole.state_length()];
        for step in 0..5 {
            do_step(&mut whole, &mut x, step);
            let mut rebuilt = Solver::new(&params(), hyper.clone());
            rebuilt.set_state(&state).unwrap();
            do_step(&mut rebuilt, &mut y, step);
            rebuilt.copy_state(&mut state).unwrap();
            assert_eq!(read(&x), read(&y), "step {step}, {hyper:?}");
        }
    }
}

#[test]
fn a_solver_after_a_reset_behaves_as_a_new_one() {
    for hyper in all() {
        let run = |solver: &mut Solver| {
            let mut x = Tensor::from_slice(&values(0));
            for step in 0..3 {
                do_step(solver, &mut x, step);
            }
            read(&x)
        };
        let mut solver = Solver::new(&params(), hyper.clone());
        let first = run(&mut solver);
        assert_ne!(run(&mut solver), first, "{hyper:?}");
        solver.reset();
        assert_eq!(run(&mut solver), first, "{hyper:?}");
    }
}

/// With one thread 100,003 values are four parts, with seven threads one.
#[test]
fn the_length_of_the_parts_does_not_change_bits() {
    const LONG: usize = 100_003;
    let param = Param {
        entry: Entry { name: "long".to_owned(), shape: vec![LONG] },
        init: Init::Constant(0.0),
        lr_mult: 1.0,
        decay_mult: 1.0,
    };
    let run = |hyper: &Hyperparameters, threads: usize| {
        set_threads(threads);
        let mut solver = Solver::new(std::slice::from_ref(&param), hyper.clone());
        let wave =
            |step: usize| Tensor::arange(LONG as i64, (Kind::Float, Device::Cpu)).g_add_scalar(step as f64).sin();
        let mut x = wave(0);
        assert_eq!(part::length_for(&x), LONG.min(32_768 * threads) as i64);
        for step in 0..3 {
            solver.look_ahead_on(&mut x);
            solver.step_on(&mut x, &wave(step + 1), step as u64);
        }
        read(&x)
    };
    for hyper in all() {
        assert_eq!(run(&hyper, 1), run(&hyper, 7), "{hyper:?}");
    }
}
