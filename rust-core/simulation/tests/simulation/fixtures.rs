//! Runs of the smallest data set, and what they leave.

use std::path::{Path, PathBuf};

use firesteel_engine::{Kind, TrainConfig};
use firesteel_simulation::cluster::Cluster;
use firesteel_simulation::run::Simulation;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

/// 400 rows.
pub fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/cifar10-tiny")
}

/// The events of a run, and its model as bytes.
pub struct Ran {
    pub events: Vec<Value>,
    pub model: Vec<u8>,
    _directory: TempDir,
}

impl Ran {
    pub fn of(&self, name: &str) -> Vec<&Value> {
        self.events.iter().filter(|event| event["event"] == name).collect()
    }

    pub fn end(&self) -> &Value {
        self.events.last().unwrap()
    }

    /// Without what the clock of this machine says.
    pub fn virtual_events(&self) -> Vec<Value> {
        let mut events = self.events.clone();
        for event in &mut events {
            let fields = event.as_object_mut().unwrap();
            for real in ["time", "seconds", "wall_seconds", "hardware", "model"] {
                fields.remove(real);
            }
            if let Some(config) = fields.get_mut("config") {
                config.as_object_mut().unwrap().remove("out");
            }
        }
        events
    }
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

fn configuration(settings: Value, out: &Path) -> TrainConfig {
    let base = json!({
        "data": data(), "out": out, "batch": 10, "lr": 0.001, "lr-policy": "fixed", "seed": 3, "eval-every": 2
    });
    let mut map = object(base);
    map.extend(object(settings));
    TrainConfig::from_map(map).unwrap()
}

/// Equal workers, unless `cluster` says otherwise.
pub fn cluster(settings: Value) -> Cluster {
    let mut map = object(json!({"step-seconds": 0.01}));
    map.extend(object(settings));
    serde_json::from_value(Value::Object(map)).unwrap()
}

/// A simulated run with those settings on that cluster.
pub fn simulated(settings: Value, on: Value) -> Ran {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("run");
    let simulation = Simulation::prepare(configuration(settings, &out), cluster(on)).unwrap();
    simulation.run(|_| ()).unwrap();
    let text = std::fs::read_to_string(out.join("metrics.jsonl")).unwrap();
    Ran {
        events: text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
        model: std::fs::read(out.join("model.safetensors")).unwrap(),
        _directory: directory,
    }
}

/// Why a simulation is refused; it leaves nothing.
pub fn refused(settings: Value, on: Value) -> String {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("run");
    let refused = Simulation::prepare(configuration(settings, &out), cluster(on));
    let Err(error) = refused else { panic!("it was not refused") };
    assert_eq!(error.kind(), Kind::Config, "{error}");
    assert!(!out.exists());
    error.to_string()
}
