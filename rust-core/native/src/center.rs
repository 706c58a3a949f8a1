//! The driver's part of rounds that are Spark jobs: SparkNet's weighted mean of the workers' weights.

use firesteel_engine::{Result, TrainConfig};
use firesteel_exchange::layout::check_length;
use firesteel_exchange::rules::mean::Mean;

use crate::lifetime::Counted;

/// The shared weights, followed by the solver's state where it is averaged too.
pub struct Center {
    vector: Vec<f32>,
    rule: Mean,
    _counted: Counted,
}

impl Center {
    /// A center that starts at `initial`: as many values as `config`'s net has weights, followed by
    /// those of the solver's state where it is averaged too.
    pub fn new(config: &TrainConfig, initial: Vec<f32>) -> Result<Self> {
        let weights = config.build_net()?.layout().length();
        let state = if config.state_travels() { config.state_length(weights) } else { 0 };
        check_length(weights + state, &initial)?;
        Ok(Self { rule: Mean::new(initial.len())?, vector: initial, _counted: Counted::default() })
    }

    /// Adds one worker's vector, weighted by its `samples`. The order of the calls is the order of the sum.
    pub fn add(&mut self, vector: &[f32], samples: u64) -> Result<()> {
        Ok(self.rule.add(vector, samples)?)
    }

    /// Makes the mean of the added vectors the next center; it does not change where nobody had a sample.
    pub fn fold(&mut self) -> Result<&[f32]> {
        self.rule.take(&mut self.vector)?;
        Ok(&self.vector)
    }
}
