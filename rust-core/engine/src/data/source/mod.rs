//! Reads the data set in a directory of this machine, for the program without Spark: which data set it is, its files,
//! and what is wrong with them.

mod advice;
mod cifar;
mod directory;
mod foreign;
mod idx;
mod kind;
mod read_log;

pub use directory::Split;
pub use kind::DatasetKind;
