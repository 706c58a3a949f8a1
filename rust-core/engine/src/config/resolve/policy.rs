//! The learning-rate policy: the recipe's parameters as defaults, and which parameters each policy reads.

use super::super::readers::{Choice, GAMMA, POWER, STEP};
use super::super::{LrScale, TrainConfig};
use crate::error::{Error, Result};
use crate::nets::Recipe;
use crate::solver::PolicyName;

/// Of a run whose rate is scaled, the warm-up is this part: a twentieth.
const WARM_UP_PART: u64 = 20;

impl TrainConfig {
    /// The default policy is Caffe's multistep with the recipe's drops, scaled to the length of the run.
    pub(super) fn settle_policy(&mut self, iterations: u64, recipe: &Recipe) -> Result<()> {
        self.settle_warm_up(iterations);
        let policy = *self.lr_policy.get_or_insert(PolicyName::Multistep);
        if policy == PolicyName::Multistep {
            self.gamma.get_or_insert(0.1);
            let scaled = |drop: &u64| (*drop as f64 * iterations as f64 / recipe.max_iter as f64).round() as u64;
            self.stepvalue.get_or_insert_with(|| recipe.drops.iter().map(scaled).collect());
        }
        if policy == PolicyName::Triangular {
            // airbench's (Jordan 2024)
            self.lr_start.get_or_insert(0.2);
            self.lr_peak.get_or_insert(0.23);
            self.lr_end.get_or_insert(0.07);
        }
        let needed = [
            ("gamma", GAMMA, self.gamma.is_none()),
            ("power", POWER, self.power.is_none()),
            ("stepsize", STEP, self.stepsize.is_none()),
        ];
        match needed.into_iter().find(|(_, readers, missing)| (readers.reads)(self) && *missing) {
            Some((key, ..)) => Err(Error::config(format!("lr-policy {policy} needs {key}"))),
            None => Ok(()),
        }
    }

    /// A rate that is scaled up is reached slowly, as Goyal et al. (2017) have it: in 5 of their 90 epochs. The rate of
    /// `triangular` rises by itself.
    fn settle_warm_up(&mut self, iterations: u64) {
        let scaled = self.lr_scale != LrScale::None && self.workers.is_some_and(|workers| workers > 1);
        if scaled && self.policy_name() != PolicyName::Triangular {
            self.warm_up.get_or_insert(iterations.div_ceil(WARM_UP_PART));
        }
    }

    pub(super) fn check_policy_keys(&self) -> Result<()> {
        self.refuse_unread(Choice::Policy, &format!("lr-policy {}", self.policy_name()))
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
    fn a_triangle_that_is_left_out_is_airbenchs() {
        let config = resolve(r#""lr-policy": "triangular", "lr-end": 0.1"#).unwrap();
        assert_eq!((config.lr_start, config.lr_peak, config.lr_end), (Some(0.2), Some(0.23), Some(0.1)));
        assert_eq!(config.clone().resolve(None).unwrap(), config);
        let cosine = resolve(r#""lr-policy": "cosine""#).unwrap();
        assert_eq!((cosine.lr_start, cosine.stepvalue), (None, None));
    }

    #[test]
    fn the_policy_of_a_run_is_stretched_to_its_iterations_and_warmed_up() {
        let net = crate::nets::NetName::Cifar10Quick.build(10);
        for (json, step, expected) in [
            (r#""lr-policy": "cosine", "iterations": 20"#, 10, 0.4),
            (r#""lr-policy": "cosine", "iterations": 20, "warm-up": 20"#, 10, 0.22),
            (r#""lr-policy": "fixed", "warm-up": 4"#, 0, 0.2),
            (r#""lr-policy": "fixed", "warm-up": 4"#, 3, 0.8),
            (r#""lr-policy": "fixed", "warm-up": 4"#, 99, 0.8),
            (r#""warm-up": 10, "stepvalue": [5]"#, 5, 0.048),
            (r#""lr-policy": "triangular", "iterations": 11, "lr-peak": 0.5"#, 0, 0.16),
            (r#""lr-policy": "triangular", "iterations": 11, "lr-peak": 0.5"#, 5, 0.8),
            (r#""lr-policy": "triangular", "iterations": 11, "lr-peak": 0.5"#, 10, 0.056),
            (r#""lr-policy": "triangular", "iterations": 11, "lr-peak": 0"#, 0, 0.8),
            (r#""lr-policy": "triangular", "iterations": 1"#, 0, 0.16),
            (r#""lr-policy": "fixed", "iterations": 41, "workers": 4, "lr-scale": "linear""#, 0, 0.8 * 4.0 / 3.0),
            (r#""lr-policy": "fixed", "iterations": 41, "workers": 4, "lr-scale": "linear""#, 3, 3.2),
            (r#""lr-policy": "fixed", "iterations": 41, "workers": 4, "lr-scale": "sqrt", "warm-up": 1"#, 0, 1.6),
            (r#""lr-policy": "fixed", "workers": 1, "lr-scale": "linear""#, 0, 0.8),
            (r#""lr-policy": "triangular", "iterations": 11, "workers": 4, "lr-scale": "linear""#, 10, 0.224),
        ] {
            let config = resolve(&format!(r#""lr": 0.8, {json}"#)).unwrap();
            let rate = config.build_solver(&net).unwrap().rate(step);
            assert!((rate - expected).abs() < 1e-12, "{json} at {step}: {rate}");
        }
    }

    #[test]
    fn a_parameter_of_another_policy_is_refused_by_name() {
        for (json, expected) in [
            (r#""lr-policy": "triangular", "warm-up": 5"#, "warm-up means nothing to lr-policy triangular"),
            (r#""lr-policy": "cosine", "gamma": 0.1"#, "gamma means nothing to lr-policy cosine"),
            (r#""lr-start": 0.1"#, "lr-start means nothing to lr-policy multistep"),
            (r#""lr-policy": "cosine", "lr-peak": 0.1"#, "lr-peak means nothing to lr-policy cosine"),
            (r#""lr-policy": "poly", "power": 1, "lr-end": 0.1"#, "lr-end means nothing to lr-policy poly"),
            (r#""warm-up": 0"#, "warm-up must be at least 1, not 0"),
            (r#""lr-start": -1"#, "lr-start must be at least 0, not -1"),
            (r#""lr-peak": 1"#, "lr-peak must be at least 0 and below 1, not 1"),
            (r#""lr-end": -1"#, "lr-end must be at least 0, not -1"),
        ] {
            let error = resolve(json).expect_err(json);
            assert!(error.to_string().starts_with(expected), "{json}: {error}");
        }
    }
}
