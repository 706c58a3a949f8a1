//! What every solver promises: what is frozen stays, and a solver is its settings and its state.

use firesteel_exchange::Entry;
use tch::Tensor;

use super::testing::settings;
use super::{Adam, Lookahead, Muon, Rule, Settings, Solver};
use crate::nets::{Init, Param};

/// A filter and a vector that move, and one of each that must not.
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

/// Every rule with all that may be added to it, decay coupled and decoupled.
fn all() -> Vec<Settings> {
    let adam = Rule::Adam(Adam { beta2: 0.99, delta: 1e-8 });
    let rules = [Rule::Sgd, Rule::Nesterov, adam, Rule::Muon(Muon { lr: 0.05 }), Rule::Eamsgd];
    let lookaheads = [None, Some(Lookahead { every: 2, alpha: 0.3 })];
    let mut all = Vec::new();
    for rule in rules {
        for decoupled_decay in [false, true] {
            for lookahead in lookaheads {
                let (lr, momentum, weight_decay, clip_gradients) = (0.1, 0.9, 0.05, Some(1.0));
                let more = settings(rule);
                all.push(Settings { lr, momentum, weight_decay, decoupled_decay, clip_gradients, lookahead, ..more });
            }
        }
    }
    all
}

/// Values of no pattern between -1 and 1.
fn values(seed: usize) -> Vec<f32> {
    (0..LENGTH).map(|i| ((i * 37 + seed * 11) % 41) as f32 / 20.0 - 1.0).collect()
}

/// Step `step`, each with a gradient of its own.
fn advance(solver: &mut Solver, x: &mut Tensor, step: usize) {
    solver.lead(x);
    solver.advance(x, &Tensor::from_slice(&values(step + 1)), step as u64);
}

fn read(x: &Tensor) -> Vec<f32> {
    Vec::try_from(x).unwrap()
}

#[test]
fn a_frozen_weight_never_moves_and_every_other_does() {
    for settings in all() {
        let mut solver = Solver::new(&params(), settings.clone());
        let mut x = Tensor::from_slice(&values(0));
        for step in 0..5 {
            advance(&mut solver, &mut x, step);
        }
        for (at, (before, after)) in values(0).into_iter().zip(read(&x)).enumerate() {
            assert_eq!(before.to_bits() == after.to_bits(), frozen(at), "value {at}, {settings:?}");
        }
    }
}

#[test]
fn what_others_write_to_a_frozen_weight_stays_under_lookahead() {
    let lookahead = Some(Lookahead { every: 2, alpha: 0.3 });
    let mut solver = Solver::new(&params(), Settings { lookahead, ..settings(Rule::Sgd) });
    let mut x = Tensor::from_slice(&values(0));
    for step in 0..5 {
        let mean = x.narrow(0, 19, 3);
        let _ = mean.shallow_clone().g_add_scalar_(0.1); // as a forward pass does to a running mean
        let written = read(&mean);
        advance(&mut solver, &mut x, step);
        assert_eq!(read(&x.narrow(0, 19, 3)), written, "step {step}");
    }
}

#[test]
fn a_solver_goes_on_from_its_state_with_the_same_bits() {
    for settings in all() {
        let mut whole = Solver::new(&params(), settings.clone());
        let (mut x, mut y) = (Tensor::from_slice(&values(0)), Tensor::from_slice(&values(0)));
        let mut state = vec![0.0; whole.state_length()];
        for step in 0..5 {
            advance(&mut whole, &mut x, step);
            let mut rebuilt = Solver::new(&params(), settings.clone());
            rebuilt.set_state(&state).unwrap();
            advance(&mut rebuilt, &mut y, step);
            rebuilt.copy_state(&mut state).unwrap();
            assert_eq!(read(&x), read(&y), "step {step}, {settings:?}");
        }
    }
}

#[test]
fn a_solver_that_is_reset_is_a_new_one() {
    for settings in all() {
        let run = |solver: &mut Solver| {
            let mut x = Tensor::from_slice(&values(0));
            for step in 0..3 {
                advance(solver, &mut x, step);
            }
            read(&x)
        };
        let mut solver = Solver::new(&params(), settings.clone());
        let first = run(&mut solver);
        assert_ne!(run(&mut solver), first, "{settings:?}");
        solver.reset();
        assert_eq!(run(&mut solver), first, "{settings:?}");
    }
}
