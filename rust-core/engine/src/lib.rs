//! Training on one machine: data, nets, solver and worker. No socket and no JVM are known here; a worker
//! gives and takes flat `f32` vectors, and whoever joins it to others lives above.

pub mod config;
pub mod data;
pub mod device;
pub mod error;
pub mod kernels;
pub mod machine;
pub mod memory;
pub mod metrics;
mod names;
pub mod nets;
pub mod ops;
pub mod pass;
mod raw;
pub mod round;
pub mod sequential;
pub mod solver;
pub mod tensors;
pub mod weights;
pub mod worker;

pub use config::{Facts, TrainConfig};
pub use error::{Error, Kind, Result};
pub use round::{Evaluation, Report, Round, StateIn, Work};
pub use worker::{Worker, WorkerSpec};

/// The version of libtorch that this crate is built against; tch 0.24.0 accepts no other.
pub const LIBTORCH: &str = "2.11.0";
