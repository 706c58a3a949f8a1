//! The local steps between two exchanges, where they are known before a run: constant, of post-local SGD, and by the
//! quadratic synchronisation rule.

use super::{Period, TrainConfig, known};
use crate::error::Result;

/// From local step `from` on, a period has `steps` local steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct PeriodStart {
    pub from: u64,
    pub steps: u64,
}

impl TrainConfig {
    /// The periods of a resolved configuration: the first from step 0, each until the next one. Those of `adaptive` are
    /// known only while it runs; here they are `tau`.
    pub fn periods(&self) -> Result<Vec<PeriodStart>> {
        let constant = |from| PeriodStart { from, steps: self.tau };
        Ok(match self.period {
            Period::Constant | Period::Adaptive => vec![constant(0)],
            Period::PostLocal => {
                let until = known("post-local-step", self.post_local_step)?;
                vec![PeriodStart { from: 0, steps: 1 }, constant(until)]
            }
            Period::Qsr => {
                let (alpha, base, schedule) =
                    (known("qsr-alpha", self.qsr_alpha)?, self.base_rate()?, self.schedule()?);
                // while the rate rises to its peak, the period is the peak's: the rule's authors take that of the end of
                // the warm-up during the warm-up
                let rate = |step: u64| schedule.rate(base, step.max(schedule.peak()));
                quadratic(self.tau, known("iterations", self.iterations)?, |step| alpha / rate(step))
            }
        })
    }
}

/// The quadratic synchronisation rule (Gu, Lyu, Arora, Zhang, Huang 2024, arXiv 2310.14423): a period that begins at step t
/// has max(`least`, floor(ratio(t)^2)) local steps, where `ratio` is alpha over the learning rate and never falls.
fn quadratic(least: u64, iterations: u64, ratio: impl Fn(u64) -> f64) -> Vec<PeriodStart> {
    let period = |step| least.max(ratio(step).powi(2).min(iterations as f64).floor() as u64);
    let mut starts = vec![];
    let mut from = 0;
    while from < iterations {
        let steps = period(from);
        starts.push(PeriodStart { from, steps });
        // periods never get shorter, so the number of those that are as long is found by halving, not one by one
        let (mut same, mut other) = (0, (iterations - from).div_ceil(steps));
        while other - same > 1 {
            let middle = same + (other - same) / 2;
            *(if period(from + middle * steps) == steps { &mut same } else { &mut other }) = middle;
        }
        from += other * steps;
    }
    starts
}

#[cfg(test)]
mod tests {
    use super::super::Facts;
    use super::*;

    fn periods(json: &str) -> Vec<(u64, u64)> {
        let config = TrainConfig::from_json(&format!(r#"{{"workers": 2, {json}}}"#)).unwrap();
        let resolved = config.resolve(Some(Facts { rows: 50_000, classes: 10, encoded: false })).unwrap();
        resolved.periods().unwrap().iter().map(|start| (start.from, start.steps)).collect()
    }

    /// The rule as its authors write it, one period after the other.
    fn one_by_one(tau: u64, iterations: u64, ratio: impl Fn(u64) -> f64) -> Vec<u64> {
        let mut step = 0;
        std::iter::from_fn(|| {
            let steps = tau.max((ratio(step).powi(2)).floor() as u64);
            let now = (step < iterations).then_some(step)?;
            step += steps;
            Some(now)
        })
        .collect()
    }

    #[test]
    fn constant_periods_and_post_locals_are_tau_steps() {
        assert_eq!(periods(r#""tau": 7"#), [(0, 7)]);
        assert_eq!(periods(r#""tau": 7, "period": "post-local", "post-local-step": 5"#), [(0, 1), (5, 7)]);
        assert_eq!(periods(r#""tau": 7, "strategy": "adag", "period": "adaptive""#), [(0, 7)]);
    }

    #[test]
    fn the_quadratic_rules_periods_begin_where_its_authors_begin_them() {
        let cosine = |step: u64| 0.4 * (1.0 + (std::f64::consts::PI * step as f64 / 1000.0).cos());
        for (tau, alpha) in [(1, 0.8), (4, 2.0), (4, 0.1), (3, 5.0)] {
            let starts = quadratic(tau, 1000, |step| alpha / cosine(step));
            let mut all = vec![];
            for (at, start) in starts.iter().enumerate() {
                let end = starts.get(at + 1).map_or(1000, |next| next.from);
                all.extend((start.from..end).step_by(start.steps as usize));
            }
            assert_eq!(all, one_by_one(tau, 1000, |step| alpha / cosine(step)), "tau {tau}, alpha {alpha}");
            assert!(starts.is_sorted_by(|a, b| a.steps < b.steps));
        }
    }

    #[test]
    fn periods_grow_as_the_rate_falls_and_not_before() {
        let drops = r#""period": "qsr", "tau": 2, "lr": 0.8, "qsr-alpha": 0.8, "iterations": 40, "gamma": 0.5"#;
        assert_eq!(periods(&format!(r#"{drops}, "stepvalue": [10, 21]"#)), [(0, 2), (10, 4), (22, 16)]);
        // a step of the warm-up has the period of the rate to which it rises
        assert_eq!(periods(&format!(r#"{drops}, "stepvalue": [20], "warm-up": 8"#)), [(0, 2), (20, 4)]);
        // with the scaled rate of two workers, the rule's ratio is half as large
        assert_eq!(periods(&format!(r#"{drops}, "stepvalue": [10], "lr-scale": "linear""#)), [(0, 2)]);
    }

    #[test]
    fn a_rate_that_falls_to_zero_ends_the_run_in_one_period() {
        let poly = r#""period": "qsr", "qsr-alpha": 1e-9, "lr-policy": "poly", "power": 1, "iterations": 2000000000, "tau": 1"#;
        let starts = periods(poly);
        assert!(starts.len() < 100_000 && starts.last().is_some_and(|(from, _)| *from < 2_000_000_000));
    }
}
