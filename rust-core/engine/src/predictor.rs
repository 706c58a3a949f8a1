//! A trained net that answers for images one minibatch after another: what an application loads once and asks often.

use crate::config::TrainConfig;
use crate::data::{Dataset, Normalizer, RecordFormat};
use crate::device::{at_most_the_cores, set_threads};
use crate::error::Result;
use crate::memory::{Purpose, guarded, with_capacity};
use crate::nets::Net;
use crate::weights::Weights;
use crate::worker::batch;

/// The logits of a number of rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// Rows x classes; NaN for a row that is no image. Those of an image are NaN, too, if the weights are no numbers.
    pub logits: Vec<f32>,
    /// Of each row why its bytes are no image; `None` for an image.
    pub refusals: Vec<Option<String>>,
}

/// A net with its weights and what is done to images before it sees them. One thread at a time uses it; [`Self::share`]
/// makes another for another thread.
pub struct Predictor {
    config: TrainConfig,
    net: Net,
    weights: Weights,
    normalizer: Normalizer,
}

impl Predictor {
    /// With a resolved configuration, the flat weights of its net, and the values of [`Normalizer::to_vec`]. Weights of
    /// another net are an error of kind `layout`.
    pub fn new(config: TrainConfig, weights: &[f32], normalizer: &[f32]) -> Result<Self> {
        guarded(Purpose::Weights, || {
            let net = config.build_net()?;
            set_threads(1);
            let mut own = Weights::new(net.params(), config.compute(0, None)?);
            own.set(weights)?;
            let normalizer = Normalizer::from_slice(config.shape(), normalizer)?;
            Ok(Self { config, net, weights: own, normalizer })
        })
    }

    /// Another one with the same weights in the same memory.
    pub fn share(&self) -> Result<Self> {
        Ok(Self {
            config: self.config.clone(),
            net: self.config.build_net()?,
            weights: self.weights.share(self.net.params()),
            normalizer: self.normalizer.clone(),
        })
    }

    /// How many logits a row has.
    pub fn classes(&self) -> usize {
        self.config.classes.unwrap_or_default()
    }

    /// The logits of `rows` consecutive records. They do not depend on labels and weights.
    pub fn predict(&self, format: RecordFormat, records: &[u8], rows: usize) -> Result<Prediction> {
        guarded(Purpose::Evaluation, || {
            let mut data = Dataset::for_records(format, usize::MAX, self.config.shape(), 0)?;
            let refusals = data.append_with_refusals(format, records, rows)?;
            let images: Vec<usize> = (0..rows).filter(|&row| refusals[row].is_none()).collect();
            let mut logits = with_capacity(rows * self.classes(), Purpose::Evaluation)?;
            logits.resize(rows * self.classes(), f32::NAN);
            self.fill(&data, &images, &mut logits);
            Ok(Prediction { logits, refusals })
        })
    }

    /// Writes the logits of the rows of `data`, the n-th of which is row `places[n]` of `logits`.
    fn fill(&self, data: &Dataset, places: &[usize], logits: &mut [f32]) {
        let threads = at_most_the_cores(self.config.threads);
        set_threads(threads);
        let all: Vec<u32> = (0..data.rows() as u32).collect();
        let size = batch::of_evaluation(data.shape(), self.config.resize);
        for (rows, places) in all.chunks(size).zip(places.chunks(size)) {
            let (images, _) = batch::plain(data, rows, &self.normalizer, self.weights.compute());
            let images = batch::resized(images, self.config.resize);
            let some = batch::logits(&self.net, &self.weights, &images, self.config.test_flip, threads).contiguous();
            for (row, &place) in places.iter().enumerate() {
                let out = &mut logits[place * self.classes()..][..self.classes()];
                some.get(row as i64).copy_data(out, self.classes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Facts;

    const GREY: RecordFormat = RecordFormat::Pixels { weighted: false };

    fn predictor(config: &str) -> Predictor {
        let facts = Facts { rows: 100, classes: 10, encoded: false };
        let config = TrainConfig::from_json(config).unwrap().resolve(Some(facts)).unwrap();
        let weights = config.build_net().unwrap().initial_weights(1, None).unwrap();
        opened(config, &weights)
    }

    fn opened(config: TrainConfig, weights: &[f32]) -> Predictor {
        let mut normalizer = vec![100.0; config.shape().values()];
        normalizer.extend([0.02; 3]);
        Predictor::new(config, weights, &normalizer).unwrap()
    }

    fn pixels(row: u64, grey: u8) -> Vec<u8> {
        crate::data::testing::framed(row, 0, &crate::data::testing::pixel(grey))
    }

    #[test]
    fn a_row_has_its_logits_whatever_is_beside_it_and_a_bad_one_has_none() {
        let predictor = predictor("{}");
        let of = |records: &[u8], rows| predictor.predict(GREY, records, rows).unwrap();
        let broken = crate::data::testing::framed(7, 0, b"x");
        let mixed = of(&[pixels(0, 200), broken, pixels(2, 9)].concat(), 3);
        assert_eq!(mixed.logits.len(), 30);
        assert!(mixed.logits[10..20].iter().all(|logit| logit.is_nan()));
        assert!(mixed.refusals[1].as_deref().is_some_and(|why| !why.is_empty()));
        assert!(mixed.refusals[0].is_none() && mixed.refusals[2].is_none());
        let alone = of(&pixels(2, 9), 1);
        for (one, other) in mixed.logits[20..].iter().zip(&alone.logits) {
            assert!((one - other).abs() < 1e-5, "{one} {other}");
        }
        assert_ne!(mixed.logits[..10], mixed.logits[20..]);
    }

    #[test]
    fn every_bad_row_is_told_with_its_reason_however_many_there_are() {
        let records: Vec<_> = (0..100).map(|row| crate::data::testing::framed(row, 0, b"x")).collect();
        let prediction = predictor("{}").predict(GREY, &records.concat(), 100).unwrap();
        assert_eq!(prediction.refusals.iter().flatten().count(), 100);
    }

    #[test]
    fn an_image_of_weights_that_are_no_numbers_has_logits_that_are_none_and_is_no_bad_row() {
        let config = predictor("{}").config;
        let weights = vec![f32::NAN; config.build_net().unwrap().layout().length()];
        let prediction = opened(config, &weights).predict(GREY, &pixels(0, 200), 1).unwrap();
        assert!(prediction.logits.iter().all(|logit| logit.is_nan()));
        assert_eq!(prediction.refusals, [None]);
    }

    #[test]
    fn a_shared_predictor_answers_the_same() {
        let predictor = predictor(r#"{"test-flip": true}"#);
        let other = predictor.share().unwrap();
        let records = [pixels(0, 200), pixels(1, 3)].concat();
        let of = |predictor: &Predictor| predictor.predict(GREY, &records, 2).unwrap();
        assert_eq!(of(&predictor), of(&other));
        assert!(of(&predictor).logits.iter().all(|logit| logit.is_finite()));
    }

    #[test]
    fn weights_of_another_net_are_refused() {
        let predictor = predictor("{}");
        let error = Predictor::new(predictor.config.clone(), &[0.0; 7], &[0.0; 3075]).err().unwrap();
        assert_eq!(error.kind(), crate::Kind::Layout);
    }
}
