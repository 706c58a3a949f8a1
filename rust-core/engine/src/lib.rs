//! Training on one machine: data, nets, solvers and workers, without sockets and without a JVM. A worker takes and
//! returns flat `f32` vectors; the crates that use this one combine the vectors of several workers.

pub mod cli;
pub mod config;
pub mod data;
pub mod device;
pub mod error;
pub mod estimate;
pub mod evaluations;
pub mod kernels;
pub mod libtorch;
pub mod local;
pub mod machine;
pub mod memory;
pub mod metrics;
mod names;
pub mod nets;
pub mod ops;
pub mod options;
pub mod params;
pub mod pass;
pub mod predictor;
mod raw;
pub mod results;
pub mod round;
pub mod sequential;
pub mod solver;
pub mod tensors;
#[cfg(test)]
mod testing;
pub mod vector;
pub mod weights;
pub mod worker;

pub use config::{Facts, TrainConfig};
pub use error::{Error, Kind, Result};
pub use predictor::Predictor;
pub use round::{Evaluation, Report, Round, RoundKind, StateIn};
pub use vector::RoundVector;
pub use worker::{Cell, ClassEvaluation, Worker, WorkerSpec};

/// The version of libtorch that this crate is built against; tch 0.24.0 accepts no other. The one that is loaded says its
/// own by [`libtorch::version`].
pub const LIBTORCH: &str = "2.11.0";
