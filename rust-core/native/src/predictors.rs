//! Predictors that several threads of this process use at once: each call takes one that is free, or makes another with the
//! same weights in the same memory.

use std::sync::{Mutex, PoisonError};

use firesteel_engine::data::RecordFormat;
use firesteel_engine::predictor::Prediction;
use firesteel_engine::{Predictor, Result, TrainConfig};

use crate::lifetime::Counted;

/// A model that was opened for prediction.
pub struct Predictors {
    free: Mutex<Vec<Predictor>>,
    /// From which others are made; never used for a prediction, so that there is always one.
    first: Mutex<Predictor>,
    _counted: Counted,
}

impl Predictors {
    /// See [`Predictor::new`].
    pub fn open(config: TrainConfig, weights: &[f32], normalizer: &[f32]) -> Result<Self> {
        let first = Mutex::new(Predictor::new(config, weights, normalizer)?);
        Ok(Self { free: Mutex::default(), first, _counted: Counted::default() })
    }

    /// See [`Predictor::predict`].
    pub fn predict(&self, format: RecordFormat, records: &[u8], rows: usize) -> Result<Prediction> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let predictor = match free {
            Some(predictor) => predictor,
            None => self.first.lock().unwrap_or_else(PoisonError::into_inner).share()?,
        };
        let prediction = predictor.predict(format, records, rows);
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(predictor);
        prediction
    }
}
