//! `metrics.jsonl`: one JSON object in each line, written as the event happens. The Spark driver writes the same events
//! with the same fields in the same order. Accuracies are fractions, losses are means, times are in seconds.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::device::cores;
use crate::error::{Error, Result};
use crate::machine::{self, Machine};

/// One line of the file.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    Start {
        /// ISO 8601, UTC.
        time: String,
        config: Map<String, Value>,
        versions: Map<String, Value>,
        hardware: Hardware,
        /// Spark's executors; `sequential` is one.
        executors: Vec<Executor>,
        data: DataFacts,
        parameters: usize,
    },
    /// What each worker computes on, by its number.
    Workers { devices: Vec<String> },
    Round {
        round: u64,
        local_steps: u64,
        samples: u64,
        seconds: f64,
        loss: Option<f64>,
        images_per_second: f64,
        exchange_bytes: u64,
    },
    Eval {
        round: u64,
        samples: u64,
        /// Since training began, without the time of evaluations.
        seconds: f64,
        /// Since training began, with the time of evaluations.
        wall_seconds: f64,
        accuracy: f64,
        loss: f64,
        split: &'static str,
    },
    End {
        rounds: u64,
        samples: u64,
        seconds: f64,
        wall_seconds: f64,
        accuracy: Option<f64>,
        loss: Option<f64>,
        images_per_second: f64,
        /// Of the evaluation with the highest accuracy, the first of equal ones.
        best_round: Option<u64>,
        best_accuracy: Option<f64>,
        reason: EndReason,
        model: PathBuf,
    },
}

/// Why a run ended without a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EndReason {
    /// All its steps are done.
    Budget,
    /// The accuracy has not risen for as many evaluations as `patience` says.
    Patience,
}

/// The machine of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Hardware {
    pub cpu: String,
    pub cores: usize,
    pub memory_bytes: u64,
}

/// What an executor computes with.
#[derive(Clone, Debug, Serialize)]
pub struct Executor {
    /// Spark's name for it; that of this process is `driver`.
    pub executor: &'static str,
    #[serde(flatten)]
    pub machine: Machine,
}

/// The data set of a run.
#[derive(Clone, Debug, Serialize)]
pub struct DataFacts {
    pub train_rows: usize,
    pub test_rows: usize,
    pub classes: usize,
}

impl Hardware {
    /// According to Linux; what it does not report is empty or 0.
    pub fn of_this_machine() -> Self {
        let kibibytes: u64 = machine::field("/proc/meminfo", "MemTotal").trim_end_matches(" kB").parse().unwrap_or(0);
        Self { cpu: machine::processor(), cores: cores(), memory_bytes: kibibytes * 1024 }
    }
}

/// The metrics file of a run.
pub struct MetricsFile {
    path: PathBuf,
    file: File,
}

impl MetricsFile {
    /// Creates the file; one that exists is an error, because it is the result of another run.
    pub fn create(path: &Path) -> Result<Self> {
        let file = File::create_new(path).map_err(|e| Error::io(path, e))?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Appends an event as one line, which is in the file when this returns.
    pub fn write(&mut self, event: &impl Serialize) -> Result<()> {
        let mut line = serde_json::to_vec(event).map_err(|e| Error::internal("write an event as JSON").caused_by(e))?;
        line.push(b'\n');
        self.file.write_all(&line).map_err(|e| Error::io(&self.path, e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_begins_with_its_event_and_a_missing_loss_is_null() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("metrics.jsonl");
        let round = Event::Round {
            round: 1,
            local_steps: 10,
            samples: 1000,
            seconds: 0.5,
            loss: None,
            images_per_second: 2000.0,
            exchange_bytes: 0,
        };
        let mut file = MetricsFile::create(&path).unwrap();
        file.write(&round).unwrap();
        let expected = concat!(
            r#"{"event":"round","round":1,"local_steps":10,"samples":1000,"seconds":0.5,"loss":null,"#,
            r#""images_per_second":2000.0,"exchange_bytes":0}"#,
            "\n"
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
    }

    #[test]
    fn an_existing_file_is_not_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("metrics.jsonl");
        std::fs::write(&path, "somebody's").unwrap();
        assert!(MetricsFile::create(&path).is_err_and(|e| e.to_string().contains("metrics.jsonl")));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "somebody's");
    }
}
