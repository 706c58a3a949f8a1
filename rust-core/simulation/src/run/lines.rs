//! The lines of a simulated run's metrics: the events of a real run, each with `virtual_seconds`. `seconds` and
//! `wall_seconds` are those of this machine; all other times of a line are virtual.

use firesteel_engine::metrics::Event;
use serde::Serialize;

use crate::cluster::Cluster;

/// The first line: that of a real run, and the cluster.
#[derive(Serialize)]
pub(super) struct Started<'a> {
    #[serde(flatten)]
    pub start: &'a Event,
    pub cluster: &'a Cluster,
}

/// A line with its virtual time.
#[derive(Serialize)]
pub(super) struct Timed<'a> {
    #[serde(flatten)]
    pub event: &'a Event,
    #[serde(flatten)]
    pub totals: Option<Totals>,
    pub virtual_seconds: f64,
}

/// What the last line of a run inside one stage says of its exchanges.
#[derive(Serialize)]
pub(super) struct Totals {
    pub exchanges: u64,
    pub exchange_bytes: u64,
    pub staleness: [u64; 17],
}

/// Events of simulated workers that the program `sequential` does not have.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub(super) enum WorkerEvent<'a> {
    Exchange {
        worker: usize,
        exchange: u64,
        steps: u64,
        total_steps: u64,
        samples: u64,
        seconds: f64,
        loss: f64,
        staleness: u64,
        computing: f64,
        exchanging: f64,
        waiting: f64,
        virtual_seconds: f64,
    },
    Fault {
        round: u64,
        what: &'a str,
        action: &'a str,
        virtual_seconds: f64,
    },
}
