//! Learning-rate policies: Caffe's (src/caffe/solvers/sgd_solver.cpp, GetLearningRate) and two newer ones. The rate is
//! a pure function of the local step, which is counted from 0.

use crate::names::names;

names! {
    /// The policies that can be named in a configuration.
    pub enum PolicyName("lr-policy") {
        Fixed = "fixed",
        Step = "step",
        Multistep = "multistep",
        Inv = "inv",
        Exp = "exp",
        Poly = "poly",
        Cosine = "cosine",
        Triangular = "triangular",
    }
}

/// A policy with its parameters, in local steps.
#[derive(Clone, Debug, PartialEq)]
pub enum Policy {
    /// `base`
    Fixed,
    /// `base gamma^floor(step / stepsize)`
    Step { gamma: f64, stepsize: u64 },
    /// `base gamma^(how many of the step values are reached)`
    Multistep { gamma: f64, stepvalue: Vec<u64> },
    /// `base (1 + gamma step)^-power`
    Inv { gamma: f64, power: f64 },
    /// `base gamma^step`
    Exp { gamma: f64 },
    /// `base (1 - step / max_iter)^power`, 0 from `max_iter` on
    Poly { power: f64, max_iter: u64 },
    /// `base (1 + cos(pi step / max_iter)) / 2`, 0 from `max_iter` on: torch's CosineAnnealingLR
    Cosine { max_iter: u64 },
    /// The one-cycle policy of Smith and Topin (2019) in two linear pieces: from `start base` in step 0 up to `base`
    /// after the fraction `peak` of the run, and down to `end base` in the last step
    Triangular { start: f64, peak: f64, end: f64, max_iter: u64 },
}

impl Policy {
    /// The learning rate of local step `step`.
    pub fn rate(&self, base: f64, step: u64) -> f64 {
        let at = step as f64;
        match self {
            Self::Fixed => base,
            Self::Step { gamma, stepsize } => base * gamma.powf((step / stepsize) as f64),
            Self::Multistep { gamma, stepvalue } => {
                let reached = stepvalue.iter().filter(|&&value| step >= value).count();
                base * gamma.powf(reached as f64)
            }
            Self::Inv { gamma, power } => base * (1.0 + gamma * at).powf(-power),
            Self::Exp { gamma } => base * gamma.powf(at),
            Self::Poly { power, max_iter } => base * (1.0 - at / *max_iter as f64).max(0.0).powf(*power),
            Self::Cosine { max_iter } => {
                let done = (at / *max_iter as f64).min(1.0);
                base * (1.0 + (std::f64::consts::PI * done).cos()) / 2.0
            }
            Self::Triangular { start, peak, end, max_iter } => {
                let done = (at / (*max_iter as f64 - 1.0).max(1.0)).min(1.0);
                let between = |from: f64, to: f64, fraction: f64| from + (to - from) * fraction;
                base * if done < *peak {
                    between(*start, 1.0, done / peak)
                } else {
                    between(1.0, *end, (done - peak) / (1.0 - peak))
                }
            }
        }
    }
}

/// A policy, and the warm-up before it.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    pub policy: Policy,
    /// Local steps in which the rate rises linearly from near 0 to the policy's.
    pub warm_up: Option<u64>,
}

impl From<Policy> for Schedule {
    /// The policy without a warm-up.
    fn from(policy: Policy) -> Self {
        Self { policy, warm_up: None }
    }
}

impl Schedule {
    /// The learning rate of local step `step`.
    pub fn rate(&self, base: f64, step: u64) -> f64 {
        let rising = self.warm_up.filter(|&steps| step < steps);
        let warm_up = rising.map_or(1.0, |steps| (step + 1) as f64 / steps as f64);
        warm_up * self.policy.rate(base, step)
    }

    /// A step from which the rate does not rise any more, unless a factor of the policy is above 1.
    pub fn peak(&self) -> u64 {
        match self.policy {
            Policy::Triangular { peak, max_iter, .. } => (peak * (max_iter as f64 - 1.0)).ceil() as u64,
            _ => self.warm_up.map_or(0, |steps| steps - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_its_peak_a_rate_does_not_rise() {
        let triangular = Policy::Triangular { start: 0.2, peak: 0.23, end: 0.07, max_iter: 100 };
        let warmed_up = Schedule { policy: Policy::Cosine { max_iter: 100 }, warm_up: Some(7) };
        for (schedule, expected) in [(triangular.into(), 23), (warmed_up, 6), (Policy::Fixed.into(), 0)] {
            let rates: Vec<f64> = (0..100).map(|step| schedule.rate(0.5, step)).collect();
            assert_eq!(schedule.peak(), expected, "{schedule:?}");
            assert!(rates[..expected as usize].is_sorted() && rates[expected as usize..].is_sorted_by(|a, b| a >= b));
        }
    }

    #[test]
    fn every_policy_gives_caffes_rate() {
        let multistep = Policy::Multistep { gamma: 0.1, stepvalue: vec![60, 65] };
        let rows = [
            (Policy::Fixed, 99, 0.5),
            (Policy::Step { gamma: 0.1, stepsize: 10 }, 9, 0.5),
            (Policy::Step { gamma: 0.1, stepsize: 10 }, 25, 0.005),
            (multistep.clone(), 59, 0.5),
            (multistep.clone(), 60, 0.05),
            (multistep, 65, 0.005),
            (Policy::Inv { gamma: 0.0001, power: 0.75 }, 10_000, 0.5 * 2f64.powf(-0.75)),
            (Policy::Exp { gamma: 0.99 }, 3, 0.5 * 0.970_299),
            (Policy::Poly { power: 2.0, max_iter: 100 }, 50, 0.125),
            (Policy::Poly { power: 2.0, max_iter: 100 }, 101, 0.0),
        ];
        for (policy, step, expected) in rows {
            let rate = policy.rate(0.5, step);
            assert!((rate - expected).abs() <= 1e-12, "{policy:?} at {step}: {rate} is not {expected}");
        }
    }
}
