//! Caffe's solver: how a gradient moves the weights, and the learning rate at each step.

mod policy;
mod sgd;

pub use policy::{Policy, PolicyName};
pub use sgd::{Sgd, SgdSettings};
