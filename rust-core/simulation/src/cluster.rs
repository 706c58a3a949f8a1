//! The cluster that is simulated, as a flat set of numbers: how fast its workers are, how they fail, its network, and what
//! Spark and the exchanger's processor cost.

use firesteel_exchange::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The most workers whose timing is simulated.
pub const MOST_WORKERS: usize = 1024;

/// A number for each worker: worker k has number k, and a list that is shorter than the workers begins again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PerWorker {
    All(f64),
    Each(Vec<f64>),
}

impl PerWorker {
    /// That of worker `worker`.
    pub fn of(&self, worker: usize) -> f64 {
        match self {
            Self::All(value) => *value,
            Self::Each(values) => values[worker % values.len()],
        }
    }

    fn values(&self) -> &[f64] {
        match self {
            Self::All(value) => std::slice::from_ref(value),
            Self::Each(values) => values,
        }
    }
}

/// The cluster. The defaults are of equal workers that never fail, in a network of 10 Gbit/s.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Cluster {
    /// Seconds of a local step on a worker of speed 1; measured once before the run where it is absent.
    pub step_seconds: Option<f64>,
    /// Each turn's steps take as long as they take on this machine; a run is then not repeatable.
    pub measure_steps: bool,
    /// How many times as fast as a worker of speed 1.
    pub speed: PerWorker,
    /// Standard deviation of the logarithm of a factor on each worker's speed, drawn once.
    pub speed_spread: f64,
    /// Standard deviation of the logarithm of a factor of mean 1 on the time of each step.
    pub jitter: f64,
    /// Probability that a step is slower by `straggler_factor`.
    pub straggler_probability: f64,
    pub straggler_factor: f64,
    /// Mean seconds between two failures of one worker; none fails where it is absent.
    pub mtbf: Option<f64>,
    /// Seconds from a failure until the worker is there again with its rows.
    pub restart: f64,
    /// Bits a second of a worker's own link, in each direction.
    pub bandwidth: PerWorker,
    /// Seconds that a message takes from a worker to the server or back, beside its bits.
    pub latency: PerWorker,
    /// Bits a second of the link of the driver or of each executor that hosts a part of the center, in each direction, which
    /// all workers share; as a worker's (the fastest) where it is absent.
    pub server_bandwidth: Option<f64>,
    /// Seconds that Spark takes to start the tasks of a job and to end them.
    pub spark_round: f64,
    /// Values that one shard folds a second, or the driver adds up.
    pub fold_rate: f64,
    /// Other updates of the center between the pull of an asynchronous exchange and its fold; see `delay.rs`.
    pub delay: Option<usize>,
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            step_seconds: None,
            measure_steps: false,
            speed: PerWorker::All(1.0),
            speed_spread: 0.0,
            jitter: 0.0,
            straggler_probability: 0.0,
            straggler_factor: 1.0,
            mtbf: None,
            restart: 30.0, // of an executor on a cluster with free slots, with its rows
            bandwidth: PerWorker::All(1e10),
            latency: PerWorker::All(1e-4),
            server_bandwidth: None,
            spark_round: 0.015, // measured, see docs/design.md
            fold_rate: 1e9,     // of an elastic fold on one core, which memory limits
            delay: None,
        }
    }
}

impl Cluster {
    /// Reads the keys that are given, each by itself, so that a message names it, and checks them.
    pub fn from_map(map: Map<String, Value>) -> Result<Self> {
        for (key, value) in &map {
            let alone = Map::from_iter([(key.clone(), value.clone())]);
            serde_json::from_value::<Self>(Value::Object(alone)).map_err(|e| Error::Config(format!("{key}: {e}")))?;
        }
        let cluster: Self = serde_json::from_value(Value::Object(map)).map_err(|e| Error::Config(e.to_string()))?;
        cluster.validate()?;
        Ok(cluster)
    }

    /// Refuses a number outside its range by its key.
    pub fn validate(&self) -> Result<()> {
        type Row<'a> = (&'static str, &'a [f64], bool);
        let optional = |value: &'_ Option<f64>| value.map_or(vec![], |x| vec![x]);
        let (step, mtbf, server) =
            (optional(&self.step_seconds), optional(&self.mtbf), optional(&self.server_bandwidth));
        let above_0: [Row<'_>; 7] = [
            ("step-seconds", &step, true),
            ("speed", self.speed.values(), false),
            ("straggler-factor", &[self.straggler_factor], true),
            ("mtbf", &mtbf, true),
            ("bandwidth", self.bandwidth.values(), false),
            ("server-bandwidth", &server, true),
            ("fold-rate", &[self.fold_rate], true),
        ];
        let at_least_0: [Row<'_>; 5] = [
            ("speed-spread", &[self.speed_spread], true),
            ("jitter", &[self.jitter], true),
            ("restart", &[self.restart], true),
            ("latency", self.latency.values(), false),
            ("spark-round", &[self.spark_round], true),
        ];
        let wrong = |text: String| Err(Error::Config(text));
        for (key, values, may_be_empty) in above_0.iter().chain(&at_least_0) {
            if values.is_empty() && !may_be_empty {
                return wrong(format!("{key} is an empty list; give a number"));
            }
        }
        let range = |rows: &[Row<'_>], words: &str, holds: fn(f64) -> bool| {
            let outside = rows.iter().find_map(|(key, values, _)| Some((key, values.iter().find(|x| !holds(**x))?)));
            outside.map_or(Ok(()), |(key, x)| wrong(format!("{key} must be {words}, not {x}")))
        };
        // the largest figures: a link of 10^18 bit/s, a year; their quotients stay far inside f64
        range(&above_0, "above 0 and at most 1e18", |x| x > 0.0 && x <= 1e18)?;
        range(&at_least_0, "at least 0 and at most 31536000", |x| (0.0..=31_536_000.0).contains(&x))?;
        range(&[("straggler-probability", &[self.straggler_probability], true)], "0 to 1", |x| {
            (0.0..=1.0).contains(&x)
        })?;
        if self.step_seconds.is_some() && self.measure_steps {
            return wrong("step-seconds and measure-steps exclude each other".to_owned());
        }
        if self.delay.is_some() && self.mtbf.is_some() {
            return wrong("delay and mtbf exclude each other: a failure would change the delay".to_owned());
        }
        Ok(())
    }

    /// Bits a second of the link of each server.
    pub fn server_link(&self) -> f64 {
        self.server_bandwidth.unwrap_or_else(|| self.bandwidth.values().iter().copied().fold(0.0, f64::max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(json: &str) -> String {
        let cluster: Cluster = serde_json::from_str(json).unwrap();
        cluster.validate().unwrap_err().to_string()
    }

    #[test]
    fn every_number_outside_its_range_is_named() {
        for (json, text) in [
            (r#"{"step-seconds": 0}"#, "step-seconds must be above 0 and at most 1e18, not 0"),
            (r#"{"speed": [1, -1]}"#, "speed must be above 0 and at most 1e18, not -1"),
            (r#"{"bandwidth": []}"#, "bandwidth is an empty list; give a number"),
            (r#"{"latency": -0.1}"#, "latency must be at least 0 and at most 31536000, not -0.1"),
            (r#"{"straggler-probability": 1.5}"#, "straggler-probability must be 0 to 1, not 1.5"),
            (r#"{"mtbf": 0}"#, "mtbf must be above 0 and at most 1e18, not 0"),
            (r#"{"step-seconds": 1, "measure-steps": true}"#, "step-seconds and measure-steps exclude each other"),
            (r#"{"delay": 1, "mtbf": 9}"#, "delay and mtbf exclude each other: a failure would change the delay"),
        ] {
            assert_eq!(refused(json), text);
        }
        assert_eq!(Cluster::default().validate(), Ok(()));
        let unknown = serde_json::from_str::<Cluster>(r#"{"spede": 1}"#).unwrap_err().to_string();
        assert!(unknown.contains("spede"), "{unknown}");
    }

    #[test]
    fn a_list_begins_again_for_more_workers_and_a_servers_link_is_the_fastest_workers() {
        let cluster: Cluster = serde_json::from_str(r#"{"bandwidth": [1e9, 2e9]}"#).unwrap();
        assert_eq!([0, 1, 2].map(|worker| cluster.bandwidth.of(worker)), [1e9, 2e9, 1e9]);
        assert_eq!(cluster.server_link(), 2e9);
    }
}
