//! Minibatches of a data set: its rows are normalised and augmented while they are copied to where the net reads them.

use super::order::Minibatch;
use super::store::Dataset;
use super::transform::{Augment, Normalizer};
use crate::error::Result;
use crate::kernels::Element;
use crate::memory::{self, Purpose};

impl Dataset {
    /// Writes the rows `indices` as a minibatch: normalised values (NHWC) to `images`, and one label for each index to
    /// `labels`. Panics if a buffer has another length or an index is not below `rows`.
    pub fn gather<T: Element>(&self, indices: &[u32], normalizer: &Normalizer, images: &mut [T], labels: &mut [i64]) {
        self.check_buffers(indices.len(), normalizer, images, labels);
        self.gather_labels(indices, labels);
        for (&index, image) in indices.iter().zip(images.chunks_exact_mut(self.shape().values())) {
            normalizer.apply(self.image(index), image);
        }
    }

    /// The same with random augmentation.
    pub fn gather_augmented<T: Element>(
        &self,
        minibatch: &Minibatch<'_>,
        augment: &Augment,
        normalizer: &Normalizer,
        images: &mut [T],
        labels: &mut [i64],
    ) {
        if augment.is_none() {
            return self.gather(minibatch.rows, normalizer, images, labels);
        }
        self.check_buffers(minibatch.rows.len(), normalizer, images, labels);
        self.gather_labels(minibatch.rows, labels);
        let changes = augment.changes(minibatch, self.shape());
        let mut wide = Vec::new();
        let images = images.chunks_exact_mut(self.shape().values());
        for ((&index, image), change) in minibatch.rows.iter().zip(images).zip(changes) {
            change.apply(normalizer, self.image(index), &mut wide, image);
        }
    }

    /// The weights of the rows `indices`; none if the rows have no weights.
    pub fn gather_weights(&self, indices: &[u32]) -> Result<Option<Vec<f32>>> {
        let Some(weights) = self.weights() else { return Ok(None) };
        let mut gathered = memory::with_capacity(indices.len(), Purpose::Minibatch)?;
        gathered.extend(indices.iter().map(|&index| weights[index as usize]));
        Ok(Some(gathered))
    }

    fn check_buffers<T>(&self, rows: usize, normalizer: &Normalizer, images: &[T], labels: &[i64]) {
        assert_eq!(normalizer.shape(), self.shape(), "shape of the normaliser");
        assert_eq!(images.len(), rows * self.shape().values(), "length of the image buffer");
        assert_eq!(labels.len(), rows, "length of the label buffer");
    }

    fn image(&self, index: u32) -> &[u8] {
        &self.pixels()[index as usize * self.shape().values()..][..self.shape().values()]
    }

    fn gather_labels(&self, indices: &[u32], labels: &mut [i64]) {
        for (label, &index) in labels.iter_mut().zip(indices) {
            *label = i64::from(self.labels()[index as usize]);
        }
    }
}

#[cfg(test)]
mod tests {
    use half::bf16;

    use super::*;
    use crate::data::testing::{cifar10_record, pixel, weighted};
    use crate::data::{BatchStream, Normalize, RecordFormat, Shape, epoch_order};

    const PIXELS: usize = Shape::CIFAR.values();

    fn ten(bytes: &[u8], rows: usize) -> Dataset {
        let mut dataset = Dataset::with_capacity(10, Shape::CIFAR, rows).unwrap();
        dataset.append_records(RecordFormat::Cifar10, bytes, rows).unwrap();
        dataset
    }

    #[test]
    fn a_minibatch_holds_the_rows_asked_for_in_their_order() {
        let bytes = [cifar10_record(3, |_, _| 30), cifar10_record(4, |channel, _| 40 + channel as u8)].concat();
        let dataset = ten(&bytes, 2);
        let raw = Normalizer::fit(Normalize::None, &dataset.statistics()).unwrap();
        let (mut images, mut labels) = (vec![0.0; 3 * PIXELS], vec![0; 3]);
        dataset.gather(&[1, 0, 1], &raw, &mut images, &mut labels);
        assert_eq!(labels, [4, 3, 4]);
        assert_eq!(images[..3], [40.0, 41.0, 42.0]);
        assert!(images[PIXELS..2 * PIXELS].iter().all(|&value| value == 30.0));
        assert_eq!(images[2 * PIXELS..], images[..PIXELS]);
    }

    /// Eight irregular images, and their minibatches with `augment` in f32 and bf16.
    fn gathered(how: Normalize, augment: &str) -> (Dataset, Normalizer, Vec<f32>, Vec<bf16>) {
        let noise = |at: usize| (at.wrapping_mul(0x9e37_79b1) >> 13) as u8;
        let records = (0..8)
            .flat_map(|k| cifar10_record(k, move |c, at| noise((usize::from(k) * 3 + c) * Shape::CIFAR.plane() + at)));
        let dataset = ten(&records.collect::<Vec<_>>(), 8);
        let normalizer = Normalizer::fit(how, &dataset.statistics()).unwrap();
        let (mut single, mut half) = (vec![f32::NAN; 8 * PIXELS], vec![bf16::NAN; 8 * PIXELS]);
        let (mut labels, mut of_half) = ([0; 8], [0; 8]);
        let (mut stream, augment) = (BatchStream::new(2, 0, 8, 8).unwrap(), augment.parse().unwrap());
        let minibatch = stream.next_batch();
        dataset.gather_augmented(&minibatch, &augment, &normalizer, &mut single, &mut labels);
        dataset.gather_augmented(&minibatch, &augment, &normalizer, &mut half, &mut of_half);
        assert_eq!(labels.to_vec(), minibatch.rows.iter().map(|&row| i64::from(row)).collect::<Vec<_>>());
        assert_eq!(labels, of_half);
        (dataset, normalizer, single, half)
    }

    #[test]
    fn without_augmentation_the_bits_are_those_of_the_plain_minibatch() {
        for how in [Normalize::MeanImage, Normalize::Channel, Normalize::None] {
            let (dataset, normalizer, single, half) = gathered(how, "none");
            let rows = epoch_order(2, 0, 0, 8);
            let mut labels = [0; 8];
            let (mut plain, mut plain_half) = (vec![0.0; 8 * PIXELS], vec![bf16::ZERO; 8 * PIXELS]);
            dataset.gather(&rows, &normalizer, &mut plain, &mut labels);
            dataset.gather(&rows, &normalizer, &mut plain_half, &mut labels);
            assert!(single.iter().zip(&plain).all(|(one, other)| one.to_bits() == other.to_bits()));
            assert!(half.iter().zip(&plain_half).all(|(one, other)| one.to_bits() == other.to_bits()));
        }
    }

    #[test]
    fn a_minibatch_in_bf16_is_that_in_f32_rounded() {
        for augment in ["none", "flip,crop:4,cutout:8"] {
            let (_, _, single, half) = gathered(Normalize::Channel, augment);
            assert!(half.iter().zip(&single).all(|(half, &single)| *half == bf16::from_f32(single)), "{augment}");
        }
    }

    #[test]
    fn changed_images_are_the_rows_of_the_minibatch_changed_where_they_lie() {
        let text = "flip,crop:4,cutout:8";
        for how in [Normalize::MeanImage, Normalize::Channel] {
            let (dataset, normalizer, single, _) = gathered(how, text);
            let mut stream = BatchStream::new(2, 0, 8, 8).unwrap();
            let minibatch = stream.next_batch();
            let changes: Vec<_> = text.parse::<Augment>().unwrap().changes(&minibatch, Shape::CIFAR).collect();
            for ((&row, change), image) in minibatch.rows.iter().zip(changes).zip(single.chunks_exact(PIXELS)) {
                let mut expected = [0.0; PIXELS];
                change.apply(&normalizer, dataset.image(row), &mut Vec::new(), &mut expected);
                assert_eq!(image, expected);
            }
        }
    }

    #[test]
    fn weights_are_those_of_the_rows_asked_for_in_their_order() {
        let format = RecordFormat::Pixels { weighted: true };
        let rows = [weighted(0, 2, 0.5, &pixel(9)), weighted(1, 1, 0.0, &pixel(8))].concat();
        let mut dataset = Dataset::for_records(format, 3, Shape::square(1), 2).unwrap();
        dataset.append_records(format, &rows, 2).unwrap();
        assert_eq!(dataset.gather_weights(&[1, 0, 1]).unwrap(), Some(vec![0.0, 0.5, 0.0]));
        assert_eq!(ten(&[], 0).gather_weights(&[]).unwrap(), None);
    }
}
