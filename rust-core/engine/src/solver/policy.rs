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

#[cfg(test)]
mod tests {
    use super::*;

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
