//! Outer optimisers: previous center and the workers' mean give the next center. Averaging is the one
//! without a step of its own; it is what SparkNet does. The others write the next center as the mean less a
//! correction, so that where their parameters make averages of them they are averaging to the bit.

mod bmuf;
mod nesterov;
mod slowmo;

use serde::{Deserialize, Serialize};

use crate::bounds::Bounds;
pub use crate::rule_state::RuleState;
use crate::{Result, published};
pub use bmuf::Bmuf;
pub use nesterov::Nesterov;
pub use slowmo::SlowMo;

/// One step of the outer optimiser, once a round.
pub trait Outer: RuleState + Send {
    /// Moves `center` given the workers' `mean`, of the same length. `lr` is the learning rate of their
    /// local steps, now.
    fn step(&mut self, center: &mut [f32], mean: &[f32], lr: f32);
}

/// `c <- mean`: plain averaging.
#[derive(Clone, Copy, Debug, Default)]
pub struct Averaging;

impl RuleState for Averaging {}

impl Outer for Averaging {
    fn step(&mut self, center: &mut [f32], mean: &[f32], _lr: f32) {
        center.copy_from_slice(mean);
    }
}

/// An outer optimiser by name, with its parameters and their published defaults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outer", rename_all = "kebab-case", deny_unknown_fields)]
pub enum OuterSpec {
    /// None: the mean is the next center.
    #[default]
    #[serde(rename = "none")]
    Averaging,
    Nesterov {
        #[serde(default = "nesterov_lr")]
        lr: f32,
        #[serde(default = "nesterov_momentum")]
        momentum: f32,
    },
    Slowmo {
        #[serde(default = "slowmo_alpha")]
        alpha: f32,
        /// The paper's for the number of workers when absent.
        #[serde(default)]
        beta: Option<f32>,
    },
    Bmuf {
        /// Block momentum; 1 - 1/K when absent.
        #[serde(default)]
        h: Option<f32>,
        /// Block learning rate.
        #[serde(default = "bmuf_zeta")]
        z: f32,
    },
}

fn nesterov_lr() -> f32 {
    published::NESTEROV_LR as f32
}

fn nesterov_momentum() -> f32 {
    published::NESTEROV_MOMENTUM as f32
}

fn slowmo_alpha() -> f32 {
    published::SLOWMO_ALPHA as f32
}

fn bmuf_zeta() -> f32 {
    published::BMUF_ZETA as f32
}

impl OuterSpec {
    /// Refuses a parameter outside its limits.
    pub fn validate(&self) -> Result<()> {
        match *self {
            Self::Averaging => Ok(()),
            Self::Nesterov { lr, momentum } => {
                Bounds::Positive.check("outer nesterov", "lr", lr)?;
                Bounds::BelowOne.check("outer nesterov", "momentum", momentum)
            }
            Self::Slowmo { alpha, beta } => {
                Bounds::Positive.check("outer slowmo", "alpha", alpha)?;
                beta.map_or(Ok(()), |beta| Bounds::BelowOne.check("outer slowmo", "beta", beta))
            }
            Self::Bmuf { h, z } => {
                h.map_or(Ok(()), |h| Bounds::BelowOne.check("outer bmuf", "h", h))?;
                Bounds::Positive.check("outer bmuf", "z", z)
            }
        }
    }

    /// The optimiser of a center of `length` values and `workers` workers.
    pub fn build(&self, length: usize, workers: usize) -> Result<Box<dyn Outer>> {
        Ok(match *self {
            Self::Averaging => Box::new(Averaging),
            Self::Nesterov { lr, momentum } => Box::new(Nesterov::new(lr, momentum, length)?),
            Self::Slowmo { alpha, beta } => {
                let beta = beta.unwrap_or_else(|| published::slowmo_beta(workers) as f32);
                Box::new(SlowMo::new(alpha, beta, length)?)
            }
            Self::Bmuf { h, z } => Box::new(Bmuf::new(h, z, length, workers)?),
        })
    }
}

/// `mean - correction`, where a correction of either zero leaves the bits of the mean, -0.0 too.
#[inline]
fn corrected(mean: f32, correction: f32) -> f32 {
    if correction == 0.0 { mean } else { mean - correction }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn averaging_takes_the_mean_bit_for_bit() {
        let mean = [0.1, -0.0, f32::MIN_POSITIVE, 1.0 / 3.0];
        let mut center = [9.0; 4];
        Averaging.step(&mut center, &mean, 0.1);
        assert_eq!(center.map(f32::to_bits), mean.map(f32::to_bits));
    }

    #[test]
    fn names_are_those_of_the_configuration_and_nothing_unknown_is_taken() {
        let parse = |json| serde_json::from_str::<OuterSpec>(json);
        assert_eq!(parse(r#"{"outer": "none"}"#).unwrap(), OuterSpec::Averaging);
        assert_eq!(parse(r#"{"outer": "nesterov"}"#).unwrap(), OuterSpec::Nesterov { lr: 0.7, momentum: 0.9 });
        assert_eq!(parse(r#"{"outer": "slowmo"}"#).unwrap(), OuterSpec::Slowmo { alpha: 1.0, beta: None });
        assert_eq!(parse(r#"{"outer": "bmuf", "h": 0.5}"#).unwrap(), OuterSpec::Bmuf { h: Some(0.5), z: 1.0 });
        assert!(parse(r#"{"outer": "nesterov", "beta": 0.5}"#).is_err());
    }

    proptest! {
        #[test]
        fn an_outer_step_of_one_without_momentum_is_averaging_bit_for_bit(
            start in vec(value(), 9),
            means in vec(vec(value(), 9), 1..5),
            lr in 1e-4f32..1.0,
        ) {
            let plain = [
                (OuterSpec::Nesterov { lr: 1.0, momentum: 0.0 }, 4),
                (OuterSpec::Slowmo { alpha: 1.0, beta: Some(0.0) }, 4),
                (OuterSpec::Slowmo { alpha: 1.0, beta: None }, 3),
                (OuterSpec::Bmuf { h: None, z: 1.0 }, 1),
                (OuterSpec::Bmuf { h: Some(0.0), z: 0.25 }, 4),
            ];
            for (spec, workers) in plain {
                let mut outer = spec.build(start.len(), workers).unwrap();
                let mut center = start.clone();
                for mean in &means {
                    outer.step(&mut center, mean, lr);
                    let bits = |v: &[f32]| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
                    prop_assert_eq!(bits(&center), bits(mean), "{:?}", spec);
                }
            }
        }
    }

    fn value() -> impl Strategy<Value = f32> {
        prop_oneof![Just(0.0), Just(-0.0), Just(f32::MIN_POSITIVE), -1e30f32..1e30, -1f32..1.0]
    }
}
