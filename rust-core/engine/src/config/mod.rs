//! The one configuration of a run: the options of the command line, the keys of a JSON file, what
//! crosses JNI and what `OUT/config.json` keeps. Names, defaults, recipes and limits stand here only.
//! Fields that a recipe or the data set decides are `None` until [`TrainConfig::resolve`] fills them.

mod resolve;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::data::{DatasetKind, Normalize};
use crate::device::{Precision, PrecisionName};
use crate::error::{Error, Result};
use crate::names::{names, nearest};
use crate::nets::{Net, NetName};
use crate::solver::{Policy, PolicyName, SgdSettings};

names! {
    /// Who exchanges what with whom, and when.
    pub enum Strategy("strategy") {
        Sequential = "sequential",
        Sparknet = "sparknet",
    }
}

names! {
    /// What becomes of a worker's momentum between rounds.
    pub enum SolverState("solver-state") {
        Local = "local",
        Average = "average",
        Reset = "reset",
    }
}

names! {
    /// The outer optimiser of a synchronous strategy.
    pub enum OuterName("outer") {
        None = "none",
    }
}

/// Everything that can be set of a run. Keys in JSON are the option names of the command line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct TrainConfig {
    /// Directory of the data set.
    pub data: Option<String>,
    /// Told from the files when absent.
    pub dataset: Option<DatasetKind>,
    /// Classes of the net; those of the data set when absent.
    pub classes: Option<usize>,
    pub net: NetName,
    pub strategy: Strategy,
    /// Partitions of the training set, each with a net and a solver of its own.
    pub workers: Option<usize>,
    /// Local steps between two exchanges.
    pub tau: u64,
    /// Images of one minibatch of one worker.
    pub batch: Option<usize>,
    /// Local steps of each worker.
    pub iterations: Option<u64>,
    /// Passes over the whole training set, all workers together; `resolve` turns it into `iterations`.
    pub epochs: Option<f64>,
    pub lr: Option<f64>,
    pub momentum: Option<f64>,
    pub weight_decay: Option<f64>,
    pub lr_policy: Option<PolicyName>,
    pub gamma: Option<f64>,
    pub power: Option<f64>,
    /// Local steps, for policy `step`.
    pub stepsize: Option<u64>,
    /// Local steps, for policy `multistep`.
    pub stepvalue: Option<Vec<u64>>,
    pub solver_state: SolverState,
    pub outer: OuterName,
    /// What is subtracted from the pixels, and what they are divided by.
    pub normalize: Normalize,
    pub precision: PrecisionName,
    /// Threads of one worker.
    pub threads: usize,
    pub seed: u64,
    /// Rounds between two evaluations; the last round is always evaluated.
    pub eval_every: u64,
    /// Directory of the run's results.
    pub out: Option<String>,
    /// Go on from the checkpoint in `out`.
    pub resume: bool,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            data: None,
            dataset: None,
            classes: None,
            net: NetName::Cifar10Quick,
            strategy: Strategy::Sparknet,
            workers: None,
            tau: 10, // SparkNet's; below 5 a Spark job costs more than the steps
            batch: None,
            iterations: None,
            epochs: None,
            lr: None,
            momentum: None,
            weight_decay: None,
            lr_policy: None,
            gamma: None,
            power: None,
            stepsize: None,
            stepvalue: None,
            solver_state: SolverState::Local,
            outer: OuterName::None,
            normalize: Normalize::MeanImage,
            precision: PrecisionName::F32,
            threads: 1,
            seed: 0,
            eval_every: 50,
            out: None,
            resume: false,
        }
    }
}

/// What the data set decides about a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// Images of the training set.
    pub rows: u64,
    pub classes: usize,
}

impl TrainConfig {
    /// Every key, sorted.
    pub fn keys() -> Vec<String> {
        match serde_json::to_value(Self::default()) {
            Ok(Value::Object(map)) => map.keys().cloned().collect(),
            other => unreachable!("the configuration is a JSON object, not {other:?}"),
        }
    }

    /// Reads a JSON object; an unknown key is refused and the nearest known one named.
    pub fn from_json(text: &str) -> Result<Self> {
        let map: Map<String, Value> = serde_json::from_str(text)
            .map_err(|e| Error::config("the configuration is no JSON object").caused_by(e))?;
        Self::from_map(map)
    }

    /// The configuration that the keys of `map` describe.
    pub fn from_map(map: Map<String, Value>) -> Result<Self> {
        let keys = Self::keys();
        let known: Vec<&str> = keys.iter().map(String::as_str).collect();
        if let Some(key) = map.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(Error::config(match nearest(key, &known) {
                Some(near) => format!("unknown key {key}, did you mean {near}?"),
                None => format!("unknown key {key}, known: {}", keys.join(", ")),
            }));
        }
        for (key, value) in &map {
            let alone = Map::from_iter([(key.clone(), value.clone())]);
            serde_json::from_value::<Self>(Value::Object(alone)).map_err(|e| Error::config(format!("{key}: {e}")))?;
        }
        serde_json::from_value(Value::Object(map)).map_err(|e| Error::config(e.to_string()))
    }

    /// JSON with every key of the struct, keys without a value left out.
    pub fn to_map(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(map)) => map.into_iter().filter(|(_, value)| !value.is_null()).collect(),
            other => unreachable!("the configuration is a JSON object, not {other:?}"),
        }
    }

    /// What the solver needs; the configuration must be resolved.
    pub fn solver(&self) -> Result<SgdSettings> {
        Ok(SgdSettings {
            lr: known("lr", self.lr)?,
            momentum: known("momentum", self.momentum)?,
            weight_decay: known("weight-decay", self.weight_decay)?,
            policy: self.policy()?,
        })
    }

    fn policy(&self) -> Result<Policy> {
        Ok(match known("lr-policy", self.lr_policy)? {
            PolicyName::Fixed => Policy::Fixed,
            PolicyName::Step => {
                Policy::Step { gamma: known("gamma", self.gamma)?, stepsize: known("stepsize", self.stepsize)? }
            }
            PolicyName::Multistep => Policy::Multistep {
                gamma: known("gamma", self.gamma)?,
                stepvalue: known("stepvalue", self.stepvalue.clone())?,
            },
            PolicyName::Inv => Policy::Inv { gamma: known("gamma", self.gamma)?, power: known("power", self.power)? },
            PolicyName::Exp => Policy::Exp { gamma: known("gamma", self.gamma)? },
            PolicyName::Poly => {
                Policy::Poly { power: known("power", self.power)?, max_iter: known("iterations", self.iterations)? }
            }
        })
    }

    /// The net, for the classes that the data set decided.
    pub fn build_net(&self) -> Result<Net> {
        Ok(self.net.build(known("classes", self.classes)?))
    }

    /// What the layers compute in.
    pub fn precision(&self) -> Precision {
        self.precision.resolve()
    }
}

/// A value that `resolve` has filled in, or one that its user must give.
pub(crate) fn known<T>(key: &str, value: Option<T>) -> Result<T> {
    value.ok_or_else(|| Error::config(format!("{key} is not set")))
}
