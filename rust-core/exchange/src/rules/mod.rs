//! The server's part of an exchange: one rule a file, pure, the paper's equation in its header. Everything
//! is elementwise, so a rule folds a shard (a range of the flat vector) without knowing the others.

pub mod adag;
pub mod async_nesterov;
pub mod dcasgd;
pub mod downpour;
pub mod dynsgd;
pub mod easgd;
pub mod elastic;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod laws;
pub mod mean;
mod spec;

pub use crate::rule_state::RuleState;
pub use spec::{Decay, RuleSpec};

/// What the server knows about the message that it folds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExchangeInfo {
    /// The sender, below the number of workers that the rule was built for.
    pub worker: usize,
    /// Center updates since this worker's last pull; 0 if nobody else's came between.
    pub staleness: u64,
    /// Earlier exchanges of this worker.
    pub exchanges: u64,
    /// Learning rate of its local steps, now.
    pub lr: f32,
    /// Its local steps since its last exchange.
    pub steps: u64,
}

/// A rule that folds each message when it arrives. All slices have the shard's length: the caller checks it.
pub trait Arrival: RuleState + Send {
    /// Folds the message of worker `info.worker` into `center`; `message` becomes the reply in place.
    fn fold(&mut self, center: &mut [f32], message: &mut [f32], info: &ExchangeInfo);

    /// Called when `worker` pulls `center` without an exchange: at its start, and after a loss. Rules that remember
    /// what each worker pulled need it; the reply of an exchange needs no such call.
    fn pulled(&mut self, _worker: usize, _center: &[f32]) {}
}

/// A synchronous rule: it folds when the vectors of all workers are there. All slices have the shard's length.
pub trait Gathering: RuleState + Send {
    /// `vectors` stand in worker order, with the samples behind each; one of 0 samples contributes nothing.
    /// Each becomes its worker's reply in place. `lr` is the learning rate of the local steps, now.
    fn fold(&mut self, center: &mut [f32], vectors: &mut [(&mut [f32], u64)], lr: f32);
}

/// The server's part of a rule, for one shard.
pub enum ShardRule {
    Arrival(Box<dyn Arrival>),
    Gathering(Box<dyn Gathering>),
}
