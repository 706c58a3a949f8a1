//! Settings of the solver: what contradicts each other, and the published values as defaults.

use super::super::readers::{ADAM, Choice};
use super::super::{Strategy, TrainConfig};
use crate::error::{Error, Result};
use crate::solver::SolverName;

/// Adam's beta2 and epsilon, Kingma and Ba's (2015).
pub const MOMENTUM2: f64 = 0.999;
pub const DELTA: f64 = 1e-8;
/// Keller Jordan's (2024).
pub const MUON_LR: f64 = 0.02;
/// Zhang, Lucas, Hinton and Ba's (2019).
pub const LOOKAHEAD_ALPHA: f64 = 0.5;

impl TrainConfig {
    /// Checks every key of the solver and fills in those that are absent.
    pub(super) fn settle_solver(&mut self) -> Result<()> {
        let (solver, strategy) = (self.solver, self.strategy);
        if strategy == Strategy::Eamsgd && (solver != SolverName::Sgd || self.decoupled_decay) {
            let key = if self.decoupled_decay { "decoupled-decay".to_owned() } else { format!("solver {solver}") };
            return Err(Error::config(format!(
                "{key} means nothing to strategy eamsgd, which has a step of its own; leave it out"
            )));
        }
        if strategy == Strategy::Hogwild && self.lookahead_every.is_some() {
            return Err(Error::config(
                "lookahead-every means nothing to strategy hogwild, whose threads would undo each other's steps; \
                 leave it out",
            ));
        }
        self.refuse_unread(Choice::Solver, &format!("solver {solver}"))?;
        if self.lookahead_every.is_some() {
            self.lookahead_alpha.get_or_insert(LOOKAHEAD_ALPHA);
        } else if self.lookahead_alpha.is_some() {
            return Err(Error::config("lookahead-alpha means nothing without lookahead-every; give both or neither"));
        }
        if (ADAM.reads)(self) {
            self.momentum2.get_or_insert(MOMENTUM2);
            self.delta.get_or_insert(DELTA);
        }
        if solver == SolverName::Muon {
            self.muon_lr.get_or_insert(MUON_LR);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Facts;
    use super::*;

    fn resolve(json: &str) -> Result<TrainConfig> {
        let config = TrainConfig::from_json(&format!("{{{json}}}"))?;
        config.resolve(Some(Facts { rows: 50_000, classes: 10, encoded: false }))
    }

    #[test]
    fn what_is_left_out_gets_its_published_value() {
        for (solver, momentum2, delta, muon_lr) in [
            ("sgd", None, None, None),
            ("nesterov", None, None, None),
            ("adam", Some(0.999), Some(1e-8), None),
            ("adamw", Some(0.999), Some(1e-8), None),
            ("muon", None, None, Some(0.02)),
        ] {
            let config = resolve(&format!(r#""solver": "{solver}""#)).unwrap();
            assert_eq!((config.momentum2, config.delta, config.muon_lr), (momentum2, delta, muon_lr), "{solver}");
            assert_eq!((config.lr, config.momentum, config.lookahead_alpha), (Some(0.001), Some(0.9), None));
            assert_eq!(config.clone().resolve(None).unwrap(), config, "{solver}");
        }
        assert_eq!(resolve("").unwrap().solver, SolverName::Sgd);
        assert_eq!(resolve(r#""lookahead-every": 5"#).unwrap().lookahead_alpha, Some(0.5));
    }

    #[test]
    fn every_key_is_taken_where_it_is_read() {
        for json in [
            r#""solver": "adam", "momentum2": 0, "delta": 1e-6, "clip-gradients": 1, "label-smoothing": 0.2"#,
            r#""solver": "adamw", "momentum2": 0.99, "lookahead-every": 1, "lookahead-alpha": 1"#,
            r#""solver": "muon", "muon-lr": 0.2, "test-flip": true, "label-smoothing": 0"#,
            r#""solver": "nesterov", "decoupled-decay": true, "strategy": "deepspark""#,
            r#""decoupled-decay": true, "strategy": "hogwild", "threads": 2, "clip-gradients": 0.5"#,
            r#""strategy": "eamsgd", "clip-gradients": 0.5, "lookahead-every": 5"#,
        ] {
            resolve(json).unwrap_or_else(|error| panic!("{json}: {error}"));
        }
    }

    #[test]
    fn a_key_that_the_solver_does_not_read_is_refused_by_name() {
        for (json, expected) in [
            (r#""solver": "adan""#, "solver: unknown solver adan, did you mean adam"),
            (r#""momentum2": 0.9"#, "momentum2 means nothing to solver sgd; leave it out or choose adam or adamw"),
            (r#""solver": "muon", "delta": 1"#, "delta means nothing to solver muon; leave it out or choose adam"),
            (
                r#""solver": "adamw", "muon-lr": 1"#,
                "muon-lr means nothing to solver adamw; leave it out or choose muon",
            ),
            (
                r#""solver": "adam", "decoupled-decay": true"#,
                "decoupled-decay means nothing to solver adam; leave it out or choose sgd or nesterov",
            ),
            (r#""solver": "adamw", "decoupled-decay": true"#, "decoupled-decay means nothing to solver adamw"),
            (r#""solver": "muon", "decoupled-decay": true"#, "decoupled-decay means nothing to solver muon"),
            (r#""strategy": "eamsgd", "solver": "adam""#, "solver adam means nothing to strategy eamsgd, which has"),
            (r#""strategy": "eamsgd", "solver": "nesterov""#, "solver nesterov means nothing to strategy eamsgd"),
            (r#""strategy": "eamsgd", "decoupled-decay": true"#, "decoupled-decay means nothing to strategy eamsgd"),
            (r#""strategy": "hogwild", "lookahead-every": 5"#, "lookahead-every means nothing to strategy hogwild"),
            (r#""lookahead-alpha": 0.5"#, "lookahead-alpha means nothing without lookahead-every"),
            (r#""momentum2": 1"#, "momentum2 must be at least 0 and below 1, not 1"),
            (r#""delta": 0"#, "delta must be above 0, not 0"),
            (r#""muon-lr": 0"#, "muon-lr must be above 0, not 0"),
            (r#""clip-gradients": 0"#, "clip-gradients must be above 0, not 0"),
            (r#""lookahead-every": 0"#, "lookahead-every must be at least 1, not 0"),
            (r#""lookahead-alpha": 0"#, "lookahead-alpha must be above 0 and at most 1, not 0"),
            (r#""label-smoothing": 1"#, "label-smoothing must be at least 0 and below 1, not 1"),
            (r#""test-flip": 1"#, "test-flip: invalid type: integer `1`, expected a boolean"),
        ] {
            let error = resolve(json).expect_err(json);
            assert_eq!(error.kind(), crate::error::Kind::Config, "{json}");
            assert!(error.to_string().starts_with(expected), "{json}: {error}");
        }
    }

    #[test]
    fn a_configuration_tells_the_length_of_the_state_that_its_solver_has() {
        let net = crate::nets::NetName::Cifar10Quick.build(10);
        let weights = net.layout().length();
        for (json, expected) in [
            ("", weights),
            (r#""strategy": "eamsgd""#, weights),
            (r#""solver": "nesterov""#, weights),
            (r#""solver": "adam""#, 2 * weights + 1),
            (r#""solver": "adamw", "lookahead-every": 5"#, 3 * weights + 1),
            (r#""solver": "muon""#, weights),
            (r#""lookahead-every": 5"#, 2 * weights + 1),
        ] {
            let unresolved = TrainConfig::from_json(&format!("{{{json}}}")).unwrap();
            let solver = resolve(json).unwrap().build_solver(&net).unwrap();
            assert_eq!((unresolved.state_length(weights), solver.state_length()), (expected, expected), "{json}");
        }
    }

    #[test]
    fn adamw_and_muon_decouple_decay_and_adam_does_not() {
        let net = crate::nets::NetName::Cifar10Quick.build(10);
        // without a gradient the momentum stays zero, and coupled decay is all that Adam sees
        let moved = |json: &str| {
            let config = resolve(&format!(r#"{json}, "lr": 0.5, "weight-decay": 0.1, "momentum": 0.9"#)).unwrap();
            let mut weights = crate::weights::Weights::new(net.params(), config.compute(0, None).unwrap());
            let ones = vec![1.0; net.layout().length()];
            weights.set(&ones).unwrap();
            let gradient = weights.flat().zeros_like();
            config.build_solver(&net).unwrap().step(&mut weights, &gradient, 0);
            let mut after = ones;
            weights.copy_to(&mut after).unwrap();
            let [filter, linear] = ["conv1.weight", "ip1.weight"].map(|name| {
                let range = net.layout().ranges().find(|(entry, _)| entry.name == name).map(|(_, range)| range.start);
                f64::from(1.0 - after[range.unwrap()])
            });
            (filter, linear)
        };
        let is = |(filter, linear): (f64, f64), expected: (f64, f64)| {
            assert!((filter - expected.0).abs() < 1e-6 && (linear - expected.1).abs() < 1e-6, "{filter}, {linear}");
        };
        is(moved(r#""solver": "adam""#), (0.5, 0.5));
        is(moved(r#""solver": "adamw""#), (0.05, 0.05));
        is(moved(r#""solver": "muon", "muon-lr": 2"#), (0.2, 0.05));
    }
}
