//! The training or test rows of a data set in memory. Raw records are appended, normalised minibatches are read. The
//! readers of whole files and the Spark worker, which gets records in chunks, use the same functions.

use serde::{Deserialize, Serialize};

use super::{Augment, CHANNELS, Minibatch, Normalizer, PIXELS, PLANE, SIDE, Statistics};
use crate::error::{Error, Result};
use crate::kernels::Element;
use crate::memory::{self, Purpose};

/// The format of one row in bytes; in JSON `{"format":"cifar10"}`, `{"format":"idx","height":28,"width":28}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "format", rename_all = "lowercase")]
pub enum RecordFormat {
    /// 1 label, 3072 planar RGB.
    Cifar10,
    /// 1 coarse label, 1 fine label (the one that is used), 3072 planar RGB.
    Cifar100,
    /// 1 label, `height` x `width` grey; centred on 32 x 32 zeros and repeated to 3 channels.
    Idx { height: usize, width: usize },
}

impl RecordFormat {
    /// Bytes of one record.
    pub fn record_len(self) -> usize {
        self.header_len() + self.pixels_len()
    }

    /// The number of classes if the format determines it; for idx files it is found from the labels.
    pub fn classes(self) -> Option<usize> {
        match self {
            RecordFormat::Cifar10 => Some(10),
            RecordFormat::Cifar100 => Some(100),
            RecordFormat::Idx { .. } => None,
        }
    }

    /// Refuses images that do not fit into 32 x 32, with an error of kind `data`.
    pub fn check(self) -> Result<()> {
        match self {
            RecordFormat::Idx { height, width } if !(1..=SIDE).contains(&height) || !(1..=SIDE).contains(&width) => {
                Err(Error::data(format!("images of {height} x {width} pixels do not fit into {SIDE} x {SIDE}")))
            }
            _ => Ok(()),
        }
    }

    fn header_len(self) -> usize {
        if self == RecordFormat::Cifar100 { 2 } else { 1 }
    }

    fn pixels_len(self) -> usize {
        match self {
            RecordFormat::Cifar10 | RecordFormat::Cifar100 => PIXELS,
            RecordFormat::Idx { height, width } => height * width,
        }
    }
}

/// Rows of 32 x 32 x 3 unsigned bytes with a label each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    pixels: Vec<u8>,
    labels: Vec<u8>,
    classes: usize,
}

impl Dataset {
    /// An empty set whose labels must be below `classes`, with room for `rows`.
    pub fn with_capacity(classes: usize, rows: usize) -> Result<Self> {
        let mut dataset = Dataset { pixels: Vec::new(), labels: Vec::new(), classes };
        dataset.reserve(rows)?;
        Ok(dataset)
    }

    /// Reserves memory for `rows` more.
    pub(super) fn reserve(&mut self, rows: usize) -> Result<()> {
        memory::reserve(&mut self.pixels, memory::product(&[rows, PIXELS], Purpose::Rows)?, Purpose::Rows)?;
        memory::reserve(&mut self.labels, rows, Purpose::Rows)
    }

    /// Rows held.
    pub fn rows(&self) -> usize {
        self.labels.len()
    }

    /// Every label is below this.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// All rows' pixels, NHWC: rows x 32 x 32 x 3.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// All rows' labels.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// Appends the `rows` consecutive raw records in `bytes`. On an error, which is of kind `data` and names the record
    /// and the byte offset in `bytes`, none is appended.
    pub fn append_records(&mut self, format: RecordFormat, bytes: &[u8], rows: usize) -> Result<()> {
        format.check()?;
        let record_len = format.record_len();
        if rows.checked_mul(record_len) != Some(bytes.len()) {
            return Err(Error::data(format!("{} bytes are not {rows} records of {record_len} bytes", bytes.len())));
        }
        let label_at = format.header_len() - 1;
        for (row, record) in bytes.chunks_exact(record_len).enumerate() {
            self.check_label(record[label_at], row, row * record_len + label_at)?;
        }
        self.reserve(rows)?;
        for record in bytes.chunks_exact(record_len) {
            self.push(format, record[label_at], &record[format.header_len()..]);
        }
        Ok(())
    }

    /// Refuses a label that is not below the number of classes; `record` and `byte` are its position.
    pub(super) fn check_label(&self, label: u8, record: usize, byte: usize) -> Result<()> {
        if usize::from(label) < self.classes {
            return Ok(());
        }
        let classes = self.classes;
        Err(Error::data(format!("label {label} of record {record} at byte {byte} is not below {classes}, the classes")))
    }

    /// Appends one row. The caller has checked its label and format and reserved memory for it.
    pub(super) fn push(&mut self, format: RecordFormat, label: u8, source: &[u8]) {
        self.labels.push(label);
        let start = self.pixels.len();
        self.pixels.resize(start + PIXELS, 0);
        let image = &mut self.pixels[start..];
        match format {
            RecordFormat::Cifar10 | RecordFormat::Cifar100 => {
                for (at, pixel) in image.chunks_exact_mut(CHANNELS).enumerate() {
                    for (channel, value) in pixel.iter_mut().enumerate() {
                        *value = source[channel * PLANE + at];
                    }
                }
            }
            RecordFormat::Idx { height, width } => {
                let (top, left) = ((SIDE - height) / 2, (SIDE - width) / 2);
                for (y, line) in source.chunks_exact(width).enumerate() {
                    for (x, &grey) in line.iter().enumerate() {
                        let at = ((top + y) * SIDE + left + x) * CHANNELS;
                        image[at..at + CHANNELS].fill(grey);
                    }
                }
            }
        }
    }

    /// Exact sums over all rows.
    pub fn statistics(&self) -> Statistics {
        Statistics::of(&self.pixels)
    }

    /// Writes the rows `indices` as a minibatch: indices x 32 x 32 x 3 normalised values (NHWC) to `images`, and one
    /// label for each index to `labels`. Panics if a buffer has another length or an index is not below `rows`.
    pub fn gather<T: Element>(&self, indices: &[u32], normalizer: &Normalizer, images: &mut [T], labels: &mut [i64]) {
        assert_eq!(images.len(), indices.len() * PIXELS, "length of the image buffer");
        self.gather_labels(indices, labels);
        for (&index, image) in indices.iter().zip(images.chunks_exact_mut(PIXELS)) {
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
        assert_eq!(images.len(), minibatch.rows.len() * PIXELS, "length of the image buffer");
        self.gather_labels(minibatch.rows, labels);
        let changes = augment.changes(minibatch);
        for ((&index, image), change) in minibatch.rows.iter().zip(images.chunks_exact_mut(PIXELS)).zip(changes) {
            change.apply(normalizer, self.image(index), image);
        }
    }

    fn image(&self, index: u32) -> &[u8] {
        &self.pixels[index as usize * PIXELS..][..PIXELS]
    }

    fn gather_labels(&self, indices: &[u32], labels: &mut [i64]) {
        assert_eq!(labels.len(), indices.len(), "length of the label buffer");
        for (label, &index) in labels.iter_mut().zip(indices) {
            *label = i64::from(self.labels[index as usize]);
        }
    }
}

#[cfg(test)]
mod tests {
    use half::bf16;

    use super::super::testing::{cifar10_record, cifar100_record};
    use super::super::{BatchStream, Normalize, epoch_order};
    use super::*;

    fn ten(bytes: &[u8], rows: usize) -> Result<Dataset> {
        let mut dataset = Dataset::with_capacity(10, rows).unwrap();
        dataset.append_records(RecordFormat::Cifar10, bytes, rows)?;
        Ok(dataset)
    }

    #[test]
    fn planes_become_pixels() {
        let dataset = ten(&cifar10_record(7, |channel, at| (channel * 80 + at % 64) as u8), 1).unwrap();
        assert_eq!(dataset.labels(), [7]);
        assert_eq!(dataset.pixels()[..6], [0, 80, 160, 1, 81, 161]);
        assert_eq!(dataset.pixels()[PIXELS - 3..], [63, 143, 223]);
    }

    #[test]
    fn the_fine_label_of_cifar_100_is_learnt() {
        let mut dataset = Dataset::with_capacity(100, 1).unwrap();
        dataset.append_records(RecordFormat::Cifar100, &cifar100_record(19, 99, |_, at| at as u8), 1).unwrap();
        assert_eq!(dataset.labels(), [99]);
        assert_eq!(dataset.pixels()[3..6], [1, 1, 1]);
    }

    #[test]
    fn a_small_grey_image_is_centred_and_repeated() {
        let mut dataset = Dataset::with_capacity(2, 1).unwrap();
        let format = RecordFormat::Idx { height: 2, width: 1 };
        dataset.append_records(format, &[1, 200, 100], 1).unwrap();
        let image = dataset.pixels();
        let at = |y: usize, x: usize| &image[(y * SIDE + x) * CHANNELS..][..CHANNELS];
        assert_eq!(at(15, 15), [200; 3]);
        assert_eq!(at(16, 15), [100; 3]);
        assert_eq!(image.iter().filter(|&&value| value != 0).count(), 6);
    }

    #[test]
    fn a_28_pixel_image_has_a_border_of_two() {
        let mut dataset = Dataset::with_capacity(1, 1).unwrap();
        let mut record = vec![0; 1 + 28 * 28];
        (record[1], record[28 * 28]) = (11, 22);
        dataset.append_records(RecordFormat::Idx { height: 28, width: 28 }, &record, 1).unwrap();
        assert_eq!(dataset.pixels()[(2 * SIDE + 2) * CHANNELS], 11);
        assert_eq!(dataset.pixels()[(29 * SIDE + 29) * CHANNELS], 22);
    }

    #[test]
    fn records_appended_one_by_one_are_the_records_appended_together() {
        let records: Vec<_> = (0..4).map(|k| cifar10_record(k, move |c, at| (at * 7 + c + k as usize) as u8)).collect();
        let mut single = Dataset::with_capacity(10, 0).unwrap();
        for record in &records {
            single.append_records(RecordFormat::Cifar10, record, 1).unwrap();
        }
        assert_eq!(single, ten(&records.concat(), 4).unwrap());
    }

    #[test]
    fn a_label_out_of_range_names_record_and_byte_and_leaves_nothing_behind() {
        let bytes = [cifar10_record(0, |_, _| 0), cifar10_record(10, |_, _| 0)].concat();
        let mut dataset = Dataset::with_capacity(10, 2).unwrap();
        let error = dataset.append_records(RecordFormat::Cifar10, &bytes, 2).unwrap_err();
        assert_eq!(error.to_string(), "label 10 of record 1 at byte 3073 is not below 10, the classes");
        assert_eq!(dataset.rows(), 0);
        assert!(dataset.pixels().is_empty());
    }

    #[test]
    fn bytes_that_are_not_the_rows_are_refused() {
        for (length, rows) in [(3072, 1), (3073, 2), (6146, 1), (0, 9)] {
            let error = ten(&vec![0; length], rows).unwrap_err();
            let expected = format!("{length} bytes are not {rows} records of 3073 bytes");
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn an_image_larger_than_the_nets_take_is_refused() {
        let format = RecordFormat::Idx { height: 33, width: 28 };
        let error = Dataset::with_capacity(1, 0).unwrap().append_records(format, &[], 0).unwrap_err();
        assert_eq!(error.to_string(), "images of 33 x 28 pixels do not fit into 32 x 32");
    }

    #[test]
    fn formats_are_the_json_that_the_connector_sends() {
        for (json, format, length) in [
            (r#"{"format":"cifar10"}"#, RecordFormat::Cifar10, 3073),
            (r#"{"format":"cifar100"}"#, RecordFormat::Cifar100, 3074),
            (r#"{"format":"idx","height":28,"width":20}"#, RecordFormat::Idx { height: 28, width: 20 }, 561),
        ] {
            assert_eq!(serde_json::from_str::<RecordFormat>(json).unwrap(), format);
            assert_eq!(serde_json::to_string(&format).unwrap(), json);
            assert_eq!(format.record_len(), length);
        }
    }

    #[test]
    fn a_minibatch_holds_the_rows_asked_for_in_their_order() {
        let bytes = [cifar10_record(3, |_, _| 30), cifar10_record(4, |channel, _| 40 + channel as u8)].concat();
        let dataset = ten(&bytes, 2).unwrap();
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
        let records = (0..8).flat_map(|k| cifar10_record(k, move |c, at| noise((usize::from(k) * 3 + c) * PLANE + at)));
        let dataset = ten(&records.collect::<Vec<_>>(), 8).unwrap();
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
            let changes: Vec<_> = text.parse::<Augment>().unwrap().changes(&minibatch).collect();
            for ((&row, change), image) in minibatch.rows.iter().zip(changes).zip(single.chunks_exact(PIXELS)) {
                let mut expected = [0.0; PIXELS];
                change.apply(&normalizer, dataset.image(row), &mut expected);
                assert_eq!(image, expected);
            }
        }
    }
}
