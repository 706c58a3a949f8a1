//! The one configuration of a run: the options of the command line, the keys of a JSON file, what
//! crosses JNI and what `OUT/config.json` keeps. Names, defaults, recipes and limits stand here only.
//! Fields that a recipe or the data set decides are `None` until [`TrainConfig::resolve`] fills them.

mod choices;
mod parts;
mod resolve;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::data::{Augment, DatasetKind, Normalize};
use crate::device::{DeviceName, PrecisionName};
use crate::error::{Error, Result};
use crate::names::nearest;
use crate::nets::NetName;
use crate::solver::{PolicyName, SolverName};

pub use choices::{CodecName, Consistency, OuterName, Period, SolverState, Strategy};
pub(crate) use parts::known;

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
    /// Local steps of each worker. Inside one long stage the workers share `workers * iterations` minibatches.
    pub iterations: Option<u64>,
    /// Passes over the whole training set, all workers together; `resolve` turns it into `iterations`.
    pub epochs: Option<f64>,
    /// How a gradient moves the weights; `eamsgd` has a step of its own.
    pub solver: SolverName,
    pub lr: Option<f64>,
    /// Adam's beta1.
    pub momentum: Option<f64>,
    /// Adam's beta2.
    pub momentum2: Option<f64>,
    /// Adam's epsilon.
    pub delta: Option<f64>,
    /// Learning rate of Muon's filters; the rest of the net steps at `lr`.
    pub muon_lr: Option<f64>,
    pub weight_decay: Option<f64>,
    /// Whether decay shrinks the weights by themselves; `adamw`'s and `muon`'s always does.
    pub decoupled_decay: bool,
    /// The most that the L2 norm of the whole gradient may be.
    pub clip_gradients: Option<f64>,
    /// Local steps between two moves of Lookahead's slow weights; without it there are none.
    pub lookahead_every: Option<u64>,
    /// Part of the way to the fast weights that the slow ones go.
    pub lookahead_alpha: Option<f64>,
    /// Part of a label that is shared among all classes.
    pub label_smoothing: Option<f64>,
    pub lr_policy: Option<PolicyName>,
    pub gamma: Option<f64>,
    pub power: Option<f64>,
    /// Local steps, for policy `step`.
    pub stepsize: Option<u64>,
    /// Local steps, for policy `multistep`.
    pub stepvalue: Option<Vec<u64>>,
    /// Part of `lr` in the first step, for policy `triangular`.
    pub lr_start: Option<f64>,
    /// Part of the run after which the rate is `lr`, for policy `triangular`.
    pub lr_peak: Option<f64>,
    /// Part of `lr` in the last step, for policy `triangular`.
    pub lr_end: Option<f64>,
    /// Local steps in which the rate rises to the policy's, for all policies but `triangular`.
    pub warm_up: Option<u64>,
    pub solver_state: SolverState,
    /// Who waits for whom. `sparknet` is one long stage with `bsp` and a Spark job a round with `rounds`; without either
    /// the cluster decides.
    pub consistency: Option<Consistency>,
    /// Exchanges that a worker may be ahead of the slowest, for consistency `ssp`.
    pub staleness: Option<u64>,
    /// How long a worker goes on before it exchanges, `tau` being the unit.
    pub period: Period,
    /// Local steps after which `tau` holds, for period `post-local`; until then every step is exchanged.
    pub post_local_step: Option<u64>,
    /// Part of the difference to the center that an elastic exchange takes from the worker.
    pub alpha: Option<f64>,
    /// Part of the difference that the center takes; `alpha` when absent.
    pub server_alpha: Option<f64>,
    /// Factor on `alpha` and `server-alpha` after every `alpha-every` exchanges of a worker.
    pub alpha_decay: Option<f64>,
    /// Exchanges of one worker.
    pub alpha_every: Option<u64>,
    /// Learning rate of the center's Adagrad, for `downpour`; without it updates are added as they are.
    pub adagrad_lr: Option<f64>,
    /// Strength of `dcasgd`'s compensation of the delay.
    pub lambda: Option<f64>,
    pub outer: OuterName,
    /// Learning rate of `nesterov` and `async-nesterov`, `slowmo`'s alpha, `bmuf`'s zeta.
    pub outer_lr: Option<f64>,
    /// Momentum of the outer optimiser or of `async-nesterov`: beta, `bmuf`'s eta.
    pub outer_momentum: Option<f64>,
    /// Whether a worker goes on stepping while its exchange is under way.
    pub overlap: bool,
    /// How values lie on the wire.
    pub codec: CodecName,
    /// Ranges of the center that are exchanged side by side, each over a connection of its own.
    pub shards: usize,
    /// Executors that host the center, a part each; with 0 the driver hosts it.
    pub exchangers: usize,
    /// Whether exchanges are encrypted; where nothing is said, Spark's own settings decide.
    pub tls: Option<bool>,
    /// Address that the center listens on.
    pub bind: Option<String>,
    /// Address at which workers find the center, where it is another than it listens on.
    pub advertise: Option<String>,
    /// Seconds after which an exchange that was not answered has failed.
    pub exchange_deadline: u64,
    /// Seconds that a worker waits for others (`bsp`, `ssp`, rules that gather) before the run has failed.
    pub exchange_wait: u64,
    /// What is subtracted from the pixels, and what they are divided by.
    pub normalize: Normalize,
    /// Random changes of the training images.
    pub augment: Augment,
    /// Side in pixels that images are enlarged to before the net sees them.
    pub resize: Option<usize>,
    pub precision: PrecisionName,
    pub device: DeviceName,
    /// Threads of one worker.
    pub threads: usize,
    pub seed: u64,
    /// Rounds between two evaluations; the last round is always evaluated.
    pub eval_every: u64,
    /// Minibatches of each worker from which the running statistics of the last center come, instead of from averages.
    pub update_bn: Option<u64>,
    /// Whether an evaluation takes the mean of an image and its mirror image.
    pub test_flip: bool,
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
            solver: SolverName::Sgd,
            lr: None,
            momentum: None,
            momentum2: None,
            delta: None,
            muon_lr: None,
            weight_decay: None,
            decoupled_decay: false,
            clip_gradients: None,
            lookahead_every: None,
            lookahead_alpha: None,
            label_smoothing: None,
            lr_policy: None,
            gamma: None,
            power: None,
            stepsize: None,
            stepvalue: None,
            lr_start: None,
            lr_peak: None,
            lr_end: None,
            warm_up: None,
            solver_state: SolverState::Local,
            consistency: None,
            staleness: None,
            period: Period::Constant,
            post_local_step: None,
            alpha: None,
            server_alpha: None,
            alpha_decay: None,
            alpha_every: None,
            adagrad_lr: None,
            lambda: None,
            outer: OuterName::None,
            outer_lr: None,
            outer_momentum: None,
            overlap: false,
            codec: CodecName::F32,
            shards: 1,
            exchangers: 0,
            tls: None,
            bind: None,
            advertise: None,
            exchange_deadline: 60,
            exchange_wait: 600, // a lost executor comes back, and loads its rows, in less
            normalize: Normalize::MeanImage,
            augment: Augment::default(),
            resize: None,
            precision: PrecisionName::F32,
            device: DeviceName::Auto,
            threads: 1,
            seed: 0,
            eval_every: 50,
            update_bn: None,
            test_flip: false,
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
        Self::default().to_object().into_iter().map(|(key, _)| key).collect()
    }

    /// Every key that is either set or not: true or false in JSON, an option without a value elsewhere.
    pub fn flags() -> Vec<String> {
        Self::default().to_object().into_iter().filter(|(_, value)| value.is_boolean()).map(|(key, _)| key).collect()
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
        self.to_object().into_iter().filter(|(_, value)| !value.is_null()).collect()
    }

    fn to_object(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(map)) => map,
            other => unreachable!("the configuration is a JSON object, not {other:?}"),
        }
    }
}
