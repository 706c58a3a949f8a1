//! The configuration of a run: the options of the command line, the keys of a JSON file, what crosses JNI, and what
//! `OUT/config.json` contains. Names, defaults and limits are defined only here. A field whose default depends on the
//! net's recipe or on the data set is `None` until [`TrainConfig::resolve`] fills it.

mod choices;
mod options;
mod parts;
mod record;
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
pub use options::{ConfigOption, OptionKind, options};
pub(crate) use parts::known;
pub use record::laid_over;

/// Everything that can be set of a run. Keys in JSON are the option names of the command line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct TrainConfig {
    /// Directory of the data set.
    pub data: Option<String>,
    /// Detected from the names of the files when absent.
    pub dataset: Option<DatasetKind>,
    /// Classes of the net; those of the data set when absent.
    pub classes: Option<usize>,
    pub net: NetName,
    pub strategy: Strategy,
    /// Number of workers: partitions of the training set, each with its own net and solver.
    pub workers: Option<usize>,
    /// Local steps between two exchanges.
    pub tau: u64,
    /// Images of one minibatch of one worker.
    pub batch: Option<usize>,
    /// Local steps of each worker. Inside one long stage the workers share `workers * iterations` minibatches.
    pub iterations: Option<u64>,
    /// Passes over the whole training set, all workers together; `resolve` turns it into `iterations`.
    pub epochs: Option<f64>,
    /// How a gradient updates the weights; strategy `eamsgd` has its own local step.
    pub solver: SolverName,
    pub lr: Option<f64>,
    /// Adam's beta1.
    pub momentum: Option<f64>,
    /// Adam's beta2.
    pub momentum2: Option<f64>,
    /// Adam's epsilon.
    pub delta: Option<f64>,
    /// Learning rate of the filters that Muon updates; `lr` is that of all other weights.
    pub muon_lr: Option<f64>,
    pub weight_decay: Option<f64>,
    /// Whether weight decay is applied to the weights directly instead of being added to the gradient; with `adamw` and
    /// `muon` it always is.
    pub decoupled_decay: bool,
    /// Upper limit on the L2 norm of the whole gradient.
    pub clip_gradients: Option<f64>,
    /// Local steps between two updates of Lookahead's slow weights; without it Lookahead is off.
    pub lookahead_every: Option<u64>,
    /// Fraction of the distance to the weights that Lookahead's slow weights move in an update.
    pub lookahead_alpha: Option<f64>,
    /// Fraction of the target that is spread over all classes.
    pub label_smoothing: Option<f64>,
    pub lr_policy: Option<PolicyName>,
    pub gamma: Option<f64>,
    pub power: Option<f64>,
    /// Local steps, for policy `step`.
    pub stepsize: Option<u64>,
    /// Local steps, for policy `multistep`.
    pub stepvalue: Option<Vec<u64>>,
    /// Fraction of `lr` in the first step, for policy `triangular`.
    pub lr_start: Option<f64>,
    /// Fraction of the run after which the rate is `lr`, for policy `triangular`.
    pub lr_peak: Option<f64>,
    /// Fraction of `lr` in the last step, for policy `triangular`.
    pub lr_end: Option<f64>,
    /// Local steps in which the rate rises linearly to the policy's, for all policies except `triangular`.
    pub warm_up: Option<u64>,
    pub solver_state: SolverState,
    /// Who waits for whom. `sparknet` is one long stage with `bsp` and a Spark job a round with `rounds`; without either
    /// the cluster decides.
    pub consistency: Option<Consistency>,
    /// How many exchanges a worker may be ahead of the slowest one, for consistency `ssp`.
    pub staleness: Option<u64>,
    /// How the number of local steps between two exchanges is chosen; `tau` is the unit.
    pub period: Period,
    /// For period `post-local`: workers exchange after every local step until this one, and every `tau` steps after it.
    pub post_local_step: Option<u64>,
    /// Fraction of the difference to the center that an elastic exchange subtracts from the worker.
    pub alpha: Option<f64>,
    /// Fraction of the difference that it adds to the center; `alpha` when absent.
    pub server_alpha: Option<f64>,
    /// Factor on `alpha` and `server-alpha` after every `alpha-every` exchanges of a worker.
    pub alpha_decay: Option<f64>,
    /// Exchanges of one worker.
    pub alpha_every: Option<u64>,
    /// Learning rate of Adagrad on the center, for `downpour`; without it updates are added unscaled.
    pub adagrad_lr: Option<f64>,
    /// Strength of the delay compensation of `dcasgd`.
    pub lambda: Option<f64>,
    pub outer: OuterName,
    /// Learning rate of `nesterov` and `async-nesterov`, `slowmo`'s alpha, `bmuf`'s zeta.
    pub outer_lr: Option<f64>,
    /// Momentum of the outer optimiser or of `async-nesterov`: beta, `bmuf`'s eta.
    pub outer_momentum: Option<f64>,
    /// Whether a worker continues its local steps during its exchange.
    pub overlap: bool,
    /// How the values of an exchange are encoded.
    pub codec: CodecName,
    /// Ranges of the center that are exchanged in parallel, each over its own connection.
    pub shards: usize,
    /// Executors that host the center, a part each; with 0 the driver hosts it.
    pub exchangers: usize,
    /// Whether exchanges are encrypted; Spark's settings decide when absent.
    pub tls: Option<bool>,
    /// Address that the center listens on.
    pub bind: Option<String>,
    /// Address at which workers reach the center, if it is another than `bind`.
    pub advertise: Option<String>,
    /// Seconds after which an exchange without a reply has failed.
    pub exchange_deadline: u64,
    /// Seconds that a worker waits for others (`bsp`, `ssp`, rules that gather) before the run has failed.
    pub exchange_wait: u64,
    /// Normalisation of the pixels.
    pub normalize: Normalize,
    /// Random augmentation of the training images.
    pub augment: Augment,
    /// Side in pixels to which images are enlarged for the net.
    pub resize: Option<usize>,
    pub precision: PrecisionName,
    pub device: DeviceName,
    /// Threads of one worker.
    pub threads: usize,
    pub seed: u64,
    /// Rounds between two evaluations; the last round is always evaluated.
    pub eval_every: u64,
    /// Minibatches of each worker from which the running statistics of the final weights are computed; when absent they
    /// are the average of the workers' own.
    pub update_bn: Option<u64>,
    /// Whether an evaluation averages the logits of an image and of its mirror image.
    pub test_flip: bool,
    /// Directory of the run's results.
    pub out: Option<String>,
    /// Continue from the checkpoint in `out`.
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
            tau: 10, // SparkNet's; below 5 a Spark job takes longer than the steps
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
            exchange_wait: 600, // longer than a replacement of a lost executor takes to start and to load its rows
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

/// The properties of the data set on which a configuration depends.
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

    /// Every key with a truth value that is false by default: on the command line an option without a value.
    pub fn flags() -> Vec<String> {
        Self::default().to_object().into_iter().filter(|(_, value)| value.is_boolean()).map(|(key, _)| key).collect()
    }

    /// Reads a JSON object; an unknown key is refused with the most similar known one in the message.
    pub fn from_json(text: &str) -> Result<Self> {
        let map: Map<String, Value> = serde_json::from_str(text)
            .map_err(|e| Error::config("the configuration is no JSON object").caused_by(e))?;
        Self::from_map(map)
    }

    /// The configuration with the keys of `map`, and defaults for all others.
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

    /// The JSON object with all keys that have a value.
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
