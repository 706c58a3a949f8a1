//! The driver's side of rounds that are Spark jobs: SparkNet's weighted mean of what the workers reached.

use firesteel_engine::{Result, TrainConfig};
use firesteel_exchange::layout::check_length;
use firesteel_exchange::rules::mean::Mean;

use crate::registry::Counted;

/// The shared weights, with the solver's state behind them where it travels.
pub struct Center {
    vector: Vec<f32>,
    rule: Mean,
    _counted: Counted,
}

impl Center {
    /// A center that starts at `initial`: as many values as `config`'s net has weights, and behind them
    /// those of the solver's state where it travels.
    pub fn new(config: &TrainConfig, initial: Vec<f32>) -> Result<Self> {
        let weights = config.build_net()?.layout().length();
        let state = if config.state_travels() { config.state_length(weights) } else { 0 };
        check_length(weights + state, &initial)?;
        Ok(Self { rule: Mean::new(initial.len())?, vector: initial, _counted: Counted::default() })
    }

    /// Adds one worker's vector, reached with `samples` samples. The order of the calls is that of the sum.
    pub fn add(&mut self, vector: &[f32], samples: u64) -> Result<()> {
        Ok(self.rule.add(vector, samples)?)
    }

    /// Folds what was added into the next center; where nobody had a sample it stays.
    pub fn fold(&mut self) -> Result<&[f32]> {
        self.rule.take(&mut self.vector)?;
        Ok(&self.vector)
    }
}
