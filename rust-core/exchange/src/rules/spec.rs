//! Every rule by name, with its parameters, their published defaults and their limits; what the server
//! and the workers are built from.

use serde::{Deserialize, Serialize};

use super::{ShardRule, adag, async_nesterov, dcasgd, downpour, dynsgd, easgd, elastic, mean};
use crate::bounds::Bounds;
use crate::outer::OuterSpec;
use crate::worker_rule::{Sends, Takes, WorkerRuleSpec};
use crate::{Error, Result, published};

/// What a shard folds by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum RuleSpec {
    /// The mean, weighted by samples, and an outer optimiser.
    Mean {
        #[serde(default)]
        outer: OuterSpec,
    },
    /// Synchronous elastic averaging. The authors set `alpha` to `beta` / K.
    Easgd {
        alpha: f32,
        #[serde(default = "easgd_beta")]
        beta: f32,
    },
    /// Asynchronous elastic averaging, one worker at a time. DeepSpark ships `alpha` 0.1; EASGD's authors use 0.9 / K.
    Elastic {
        #[serde(default = "elastic_alpha")]
        alpha: f32,
        /// The server's factor; `alpha` when absent.
        #[serde(default)]
        server_alpha: Option<f32>,
        #[serde(default)]
        decay: Option<Decay>,
    },
    /// Adds what the workers' steps added up to; with `adagrad`, its learning rate, scaled by Adagrad.
    Downpour {
        #[serde(default)]
        adagrad: Option<f32>,
    },
    /// Adds a worker's movement over its number of steps.
    Adag {},
    /// Adds a worker's movement over its staleness + 1.
    Dynsgd {},
    /// Corrects a late gradient to first order, by `lambda`.
    Dcasgd {
        #[serde(default = "dcasgd_lambda")]
        lambda: f32,
    },
    /// Delayed Nesterov: momentum moves once every `workers` arrivals.
    AsyncNesterov {
        #[serde(default = "async_nesterov_lr")]
        lr: f32,
        #[serde(default = "async_nesterov_momentum")]
        momentum: f32,
        workers: usize,
    },
}

/// Both factors of the elastic rule are multiplied by `factor` after every `every` exchanges of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decay {
    /// In 0..=1, 0 excluded.
    pub factor: f32,
    /// Exchanges of one worker, at least 1.
    pub every: u64,
}

fn easgd_beta() -> f32 {
    published::EASGD_BETA as f32
}

fn elastic_alpha() -> f32 {
    published::DEEPSPARK_ALPHA as f32
}

fn dcasgd_lambda() -> f32 {
    published::DCASGD_LAMBDA as f32
}

fn async_nesterov_lr() -> f32 {
    published::NESTEROV_LR as f32
}

fn async_nesterov_momentum() -> f32 {
    published::NESTEROV_MOMENTUM as f32
}

impl RuleSpec {
    /// The rule's name, as in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Mean { .. } => "mean",
            Self::Easgd { .. } => "easgd",
            Self::Elastic { .. } => "elastic",
            Self::Downpour { .. } => "downpour",
            Self::Adag {} => "adag",
            Self::Dynsgd {} => "dynsgd",
            Self::Dcasgd { .. } => "dcasgd",
            Self::AsyncNesterov { .. } => "async-nesterov",
        }
    }

    /// Refuses a parameter outside its limits; NaN is outside of all.
    pub fn validate(&self) -> Result<()> {
        let check = |key, value: f32, limits: Bounds| limits.check(self.name(), key, value);
        match self {
            Self::Mean { outer } => outer.validate(),
            Self::Easgd { alpha, beta } => {
                check("alpha", *alpha, Bounds::Share)?;
                check("beta", *beta, Bounds::Share)
            }
            Self::Elastic { alpha, server_alpha, decay } => {
                check("alpha", *alpha, Bounds::Share)?;
                server_alpha.map_or(Ok(()), |value| check("server-alpha", value, Bounds::Share))?;
                let Some(decay) = decay else { return Ok(()) };
                check("decay.factor", decay.factor, Bounds::Share)?;
                check("decay.factor", decay.factor, Bounds::Positive)?;
                at_least_one(self.name(), "decay.every", decay.every)
            }
            Self::Downpour { adagrad } => adagrad.map_or(Ok(()), |lr| check("adagrad", lr, Bounds::Positive)),
            Self::Adag {} | Self::Dynsgd {} => Ok(()),
            Self::Dcasgd { lambda } => check("lambda", *lambda, Bounds::NotNegative),
            Self::AsyncNesterov { lr, momentum, workers } => {
                check("lr", *lr, Bounds::Positive)?;
                check("momentum", *momentum, Bounds::BelowOne)?;
                at_least_one(self.name(), "workers", *workers as u64)
            }
        }
    }

    /// The server's part of the rule for a shard of `length` values and `workers` workers.
    pub fn shard_rule(&self, length: usize, workers: usize) -> Result<ShardRule> {
        Ok(match *self {
            Self::Mean { outer } => {
                let outer = outer.build(length, workers)?;
                ShardRule::Gathering(Box::new(mean::Averaged::new(length, outer)?))
            }
            Self::Easgd { alpha, beta } => ShardRule::Gathering(Box::new(easgd::Easgd::new(alpha, beta, length)?)),
            Self::Elastic { alpha, server_alpha, decay } => {
                ShardRule::Arrival(Box::new(elastic::Elastic::new(alpha, server_alpha.unwrap_or(alpha), decay)))
            }
            Self::Downpour { adagrad: None } => ShardRule::Arrival(Box::new(downpour::Downpour)),
            Self::Downpour { adagrad: Some(lr) } => ShardRule::Arrival(Box::new(downpour::Adagrad::new(lr, length)?)),
            Self::Adag {} => ShardRule::Arrival(Box::new(adag::Adag)),
            Self::Dynsgd {} => ShardRule::Arrival(Box::new(dynsgd::Dynsgd)),
            Self::Dcasgd { lambda } => ShardRule::Arrival(Box::new(dcasgd::Dcasgd::new(lambda, length, workers)?)),
            Self::AsyncNesterov { lr, momentum, workers } => {
                ShardRule::Arrival(Box::new(async_nesterov::AsyncNesterov::new(lr, momentum, workers, length)?))
            }
        })
    }

    /// Whether the rule folds the vectors of all workers at once.
    pub fn gathers(&self) -> bool {
        matches!(self, Self::Mean { .. } | Self::Easgd { .. })
    }

    /// The worker's part of the rule.
    pub fn worker_rule(&self) -> WorkerRuleSpec {
        let (sends, takes) = match self {
            Self::Mean { .. } => (Sends::Weights, Takes::Center),
            Self::Easgd { .. } | Self::Elastic { .. } => (Sends::Weights, Takes::Difference),
            Self::Adag {} => (Sends::DeltaPerStep, Takes::Center),
            Self::Downpour { .. } | Self::Dynsgd {} | Self::Dcasgd { .. } | Self::AsyncNesterov { .. } => {
                (Sends::Delta, Takes::Center)
            }
        };
        WorkerRuleSpec { sends, takes }
    }
}

fn at_least_one(owner: &'static str, key: &'static str, value: u64) -> Result<()> {
    if value >= 1 {
        return Ok(());
    }
    Err(Error::Setting { owner, key, value: value.to_string(), limits: "1 or above" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> serde_json::Result<RuleSpec> {
        serde_json::from_str(json)
    }

    #[test]
    fn absent_parameters_have_their_published_values() {
        let expected = RuleSpec::Elastic { alpha: 0.1, server_alpha: None, decay: None };
        assert_eq!(parse(r#"{"rule": "elastic"}"#).unwrap(), expected);
        assert_eq!(parse(r#"{"rule": "dcasgd"}"#).unwrap(), RuleSpec::Dcasgd { lambda: 0.04 });
        let expected = RuleSpec::AsyncNesterov { lr: 0.7, momentum: 0.9, workers: 3 };
        assert_eq!(parse(r#"{"rule": "async-nesterov", "workers": 3}"#).unwrap(), expected);
        assert_eq!(parse(r#"{"rule": "mean"}"#).unwrap(), RuleSpec::Mean { outer: OuterSpec::Averaging });
    }

    #[test]
    fn what_a_rule_does_not_have_is_refused() {
        for rule in ["adag", "dynsgd", "downpour", "mean", "elastic"] {
            let error = parse(&format!(r#"{{"rule": "{rule}", "lambda": 1}}"#)).unwrap_err();
            assert!(error.to_string().contains("lambda"), "{rule}: {error}");
        }
        assert!(parse(r#"{"rule": "easgd"}"#).unwrap_err().to_string().contains("alpha"));
    }

    #[test]
    fn json_and_back_is_the_same_rule() {
        let decay = Some(Decay { factor: 0.5, every: 2 });
        let spec = RuleSpec::Elastic { alpha: 0.1, server_alpha: Some(0.05), decay };
        let json = serde_json::to_string(&spec).unwrap();
        assert!(json.contains("server-alpha"), "{json}");
        assert_eq!(parse(&json).unwrap(), spec);
    }

    #[test]
    fn a_parameter_outside_its_limits_is_named() {
        let refused = |json: &str, text: &str| {
            assert_eq!(parse(json).unwrap().validate().unwrap_err().to_string(), text);
        };
        refused(r#"{"rule": "elastic", "alpha": 1.5}"#, "elastic: alpha 1.5 is not in 0..=1");
        refused(r#"{"rule": "elastic", "server-alpha": -1}"#, "elastic: server-alpha -1 is not in 0..=1");
        let decay = r#"{"rule": "elastic", "decay": {"factor": 0, "every": 1}}"#;
        refused(decay, "elastic: decay.factor 0 is not above 0 and finite");
        let decay = r#"{"rule": "elastic", "decay": {"factor": 1, "every": 0}}"#;
        refused(decay, "elastic: decay.every 0 is not 1 or above");
        refused(r#"{"rule": "easgd", "alpha": 0.2, "beta": 7}"#, "easgd: beta 7 is not in 0..=1");
        refused(r#"{"rule": "downpour", "adagrad": 0}"#, "downpour: adagrad 0 is not above 0 and finite");
        refused(r#"{"rule": "dcasgd", "lambda": -1}"#, "dcasgd: lambda -1 is not 0 or above and finite");
        let nesterov = r#"{"rule": "async-nesterov", "momentum": 1, "workers": 2}"#;
        refused(nesterov, "async-nesterov: momentum 1 is not in 0..1");
        refused(r#"{"rule": "async-nesterov", "workers": 0}"#, "async-nesterov: workers 0 is not 1 or above");
        let bmuf = r#"{"rule": "mean", "outer": {"outer": "bmuf", "h": 1}}"#;
        refused(bmuf, "outer bmuf: h 1 is not in 0..1");
        let nan = RuleSpec::Easgd { alpha: f32::NAN, beta: 0.9 };
        assert_eq!(nan.validate().unwrap_err().to_string(), "easgd: alpha NaN is not in 0..=1");
    }
}
