//! The training or test rows of a data set in memory, all of one shape. Raw records are appended, normalised minibatches
//! are read. The readers of whole files and the Spark worker, which gets records in chunks, use the same functions.

use serde::Serialize;

use super::order::Minibatch;
use super::record::{Image, Record, RecordFormat};
use super::shape::Shape;
use super::statistics::Statistics;
use super::transform::{Augment, ImageLoader, Normalizer, Refusal};
use crate::error::{Error, Result};
use crate::kernels::Element;
use crate::memory::{self, Purpose};

/// Bad images that are described one by one; the others are counted.
const DESCRIBED: usize = 20;

/// Rows whose bytes turned out to be no image; they are left out of the data set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BadImages {
    pub count: u64,
    /// The first of them.
    pub described: Vec<BadImage>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BadImage {
    /// Its number in the data set.
    pub row: u64,
    pub why: String,
}

impl BadImages {
    fn add(&mut self, row: u64, why: String) {
        self.count += 1;
        if self.described.len() < DESCRIBED {
            self.described.push(BadImage { row, why });
        }
    }
}

/// Rows of unsigned bytes of one shape, with a label each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    shape: Shape,
    pixels: Vec<u8>,
    labels: Vec<u32>,
    classes: usize,
    bad: BadImages,
}

impl Dataset {
    /// An empty set of images of `shape` whose labels must be below `classes`, with room for `rows`.
    pub fn with_capacity(classes: usize, shape: Shape, rows: usize) -> Result<Self> {
        let mut dataset = Dataset { shape, pixels: Vec::new(), labels: Vec::new(), classes, bad: BadImages::default() };
        dataset.reserve(rows)?;
        Ok(dataset)
    }

    /// Reserves memory for `rows` more.
    pub(super) fn reserve(&mut self, rows: usize) -> Result<()> {
        let values = memory::product(&[rows, self.shape.values()], Purpose::Rows)?;
        memory::reserve(&mut self.pixels, values, Purpose::Rows)?;
        memory::reserve(&mut self.labels, rows, Purpose::Rows)
    }

    /// Of every image.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Rows held.
    pub fn rows(&self) -> usize {
        self.labels.len()
    }

    /// Every label is below this.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// All rows' pixels, NHWC.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// All rows' labels.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// The rows that were left out because they are no images.
    pub fn bad(&self) -> &BadImages {
        &self.bad
    }

    /// Appends the `rows` consecutive raw records in `bytes`, without those that are no images. On an error none is
    /// appended: of kind `data`, which names the record and the byte offset in `bytes`, or of kind `memory`.
    pub fn append_records(&mut self, format: RecordFormat, bytes: &[u8], rows: usize) -> Result<()> {
        self.append_kept(format, bytes, rows).map(drop)
    }

    /// The same; returns the positions in `bytes` of the records that were appended.
    pub(crate) fn append_kept(&mut self, format: RecordFormat, bytes: &[u8], rows: usize) -> Result<Vec<u32>> {
        format.check()?;
        let records = format.records(bytes, rows)?;
        for (at, record) in records.iter().enumerate() {
            self.check_label(record.label, at, record.label_at)?;
        }
        self.reserve(rows)?;
        let mut loader = ImageLoader::new(self.shape);
        self.append(&records, |image, out| loader.write(image, out))
    }

    /// Appends what `write` writes of each of the checked `records`, all or none.
    fn append(
        &mut self,
        records: &[Record<'_>],
        mut write: impl FnMut(Image<'_>, &mut [u8]) -> std::result::Result<(), Refusal>,
    ) -> Result<Vec<u32>> {
        let (rows, bad, mut kept) = (self.rows(), self.bad.clone(), Vec::new());
        for (at, record) in records.iter().enumerate() {
            match self.push_with(record.label, |out| write(record.image, out)) {
                Ok(()) => kept.push(at as u32),
                Err(Refusal::NoImage(why)) => self.bad.add(record.row.unwrap_or(at as u64), why),
                Err(Refusal::Failed(error)) => {
                    self.labels.truncate(rows);
                    self.pixels.truncate(rows * self.shape.values());
                    self.bad = bad;
                    return Err(error);
                }
            }
        }
        Ok(kept)
    }

    /// Refuses a label that is not below the number of classes; `record` and `byte` are its position.
    pub(super) fn check_label(&self, label: u32, record: usize, byte: usize) -> Result<()> {
        if (label as usize) < self.classes {
            return Ok(());
        }
        let classes = self.classes;
        Err(Error::data(format!("label {label} of record {record} at byte {byte} is not below {classes}, the classes")))
    }

    /// Appends one row, unless its image is refused. The caller has checked its label and reserved memory for it.
    pub(super) fn push(
        &mut self,
        label: u32,
        image: Image<'_>,
        loader: &mut ImageLoader,
    ) -> std::result::Result<(), Refusal> {
        self.push_with(label, |out| loader.write(image, out))
    }

    fn push_with(
        &mut self,
        label: u32,
        write: impl FnOnce(&mut [u8]) -> std::result::Result<(), Refusal>,
    ) -> std::result::Result<(), Refusal> {
        let start = self.pixels.len();
        self.pixels.resize(start + self.shape.values(), 0);
        let written = write(&mut self.pixels[start..]);
        match written {
            Ok(()) => self.labels.push(label),
            Err(_) => self.pixels.truncate(start),
        }
        written
    }

    /// Exact sums over all rows.
    pub fn statistics(&self) -> Statistics {
        Statistics::of(self.shape, &self.pixels)
    }

    /// Writes the rows `indices` as a minibatch: normalised values (NHWC) to `images`, and one label for each index to
    /// `labels`. Panics if a buffer has another length or an index is not below `rows`.
    pub fn gather<T: Element>(&self, indices: &[u32], normalizer: &Normalizer, images: &mut [T], labels: &mut [i64]) {
        self.check_buffers(indices.len(), normalizer, images, labels);
        self.gather_labels(indices, labels);
        for (&index, image) in indices.iter().zip(images.chunks_exact_mut(self.shape.values())) {
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
        let changes = augment.changes(minibatch, self.shape);
        let mut wide = Vec::new();
        let images = images.chunks_exact_mut(self.shape.values());
        for ((&index, image), change) in minibatch.rows.iter().zip(images).zip(changes) {
            change.apply(normalizer, self.image(index), &mut wide, image);
        }
    }

    fn check_buffers<T>(&self, rows: usize, normalizer: &Normalizer, images: &[T], labels: &[i64]) {
        assert_eq!(normalizer.shape(), self.shape, "shape of the normaliser");
        assert_eq!(images.len(), rows * self.shape.values(), "length of the image buffer");
        assert_eq!(labels.len(), rows, "length of the label buffer");
    }

    fn image(&self, index: u32) -> &[u8] {
        &self.pixels[index as usize * self.shape.values()..][..self.shape.values()]
    }

    fn gather_labels(&self, indices: &[u32], labels: &mut [i64]) {
        for (label, &index) in labels.iter_mut().zip(indices) {
            *label = i64::from(self.labels[index as usize]);
        }
    }
}

#[cfg(test)]
mod tests {
    use firesteel_image::ImageError;
    use half::bf16;

    use super::*;
    use crate::data::testing::{cifar10_record, cifar100_record, framed};
    use crate::data::{BatchStream, Normalize, epoch_order};

    const PIXELS: usize = Shape::CIFAR.values();

    fn ten(bytes: &[u8], rows: usize) -> Result<Dataset> {
        let mut dataset = Dataset::with_capacity(10, Shape::CIFAR, rows).unwrap();
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
        let mut dataset = Dataset::with_capacity(100, Shape::CIFAR, 1).unwrap();
        dataset.append_records(RecordFormat::Cifar100, &cifar100_record(19, 99, |_, at| at as u8), 1).unwrap();
        assert_eq!(dataset.labels(), [99]);
        assert_eq!(dataset.pixels()[3..6], [1, 1, 1]);
    }

    #[test]
    fn records_appended_one_by_one_are_the_records_appended_together() {
        let records: Vec<_> = (0..4).map(|k| cifar10_record(k, move |c, at| (at * 7 + c + k as usize) as u8)).collect();
        let mut single = Dataset::with_capacity(10, Shape::CIFAR, 0).unwrap();
        for record in &records {
            single.append_records(RecordFormat::Cifar10, record, 1).unwrap();
        }
        assert_eq!(single, ten(&records.concat(), 4).unwrap());
    }

    #[test]
    fn a_label_out_of_range_names_record_and_byte_and_leaves_nothing_behind() {
        let bytes = [cifar10_record(0, |_, _| 0), cifar10_record(10, |_, _| 0)].concat();
        let mut dataset = Dataset::with_capacity(10, Shape::CIFAR, 2).unwrap();
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
    fn what_is_no_image_is_left_out_and_named_by_its_row() {
        let pixel = |grey: u8| [&1u32.to_le_bytes()[..], &1u32.to_le_bytes(), &[1, 0, 0, 0, grey]].concat();
        let rows = [framed(40, 2, &pixel(9)), framed(41, 0, b"none"), framed(70_000, 1, &pixel(8))].concat();
        let mut dataset = Dataset::with_capacity(3, Shape::square(1), 0).unwrap();
        dataset.append_records(RecordFormat::Pixels, &rows, 3).unwrap();
        assert_eq!((dataset.labels(), dataset.pixels()), (&[2, 1][..], &[9, 9, 9, 8, 8, 8][..]));
        let bad = BadImage { row: 41, why: "no pixels".to_owned() };
        assert_eq!(dataset.bad(), &BadImages { count: 1, described: vec![bad] });
        for _ in 0..30 {
            dataset.append_records(RecordFormat::Pixels, &framed(3, 0, b""), 1).unwrap();
        }
        assert_eq!((dataset.bad().count, dataset.bad().described.len()), (31, DESCRIBED));
    }

    #[test]
    fn where_memory_is_missing_nothing_is_appended_and_no_image_is_called_bad() {
        let pixel = |grey: u8| [&1u32.to_le_bytes()[..], &1u32.to_le_bytes(), &[1, 0, 0, 0, grey]].concat();
        let mut dataset = Dataset::with_capacity(3, Shape::square(1), 0).unwrap();
        dataset.append_records(RecordFormat::Pixels, &framed(0, 2, &pixel(9)), 1).unwrap();
        let before = dataset.clone();
        let bytes = [framed(1, 1, &pixel(8)), framed(2, 0, b"none"), framed(3, 2, &pixel(7))].concat();
        let records = RecordFormat::Pixels.records(&bytes, 3).unwrap();
        let (mut loader, mut written) = (ImageLoader::new(Shape::square(1)), 0);
        let error = dataset.append(&records, |image, out| {
            written += 1;
            if written < 3 { loader.write(image, out) } else { Err(ImageError::Memory.into()) }
        });
        assert_eq!((error.unwrap_err().kind(), dataset), (crate::Kind::Memory, before));
    }

    #[test]
    fn labels_are_not_limited_to_a_byte() {
        let pixel = [&1u32.to_le_bytes()[..], &1u32.to_le_bytes(), &[1, 0, 0, 0, 5]].concat();
        let mut dataset = Dataset::with_capacity(70_000, Shape::square(1), 0).unwrap();
        dataset.append_records(RecordFormat::Pixels, &framed(0, 65_536, &pixel), 1).unwrap();
        assert_eq!(dataset.labels(), [65_536]);
        let error = dataset.append_records(RecordFormat::Pixels, &framed(0, 70_000, &pixel), 1).unwrap_err();
        assert_eq!(error.to_string(), "label 70000 of record 0 at byte 12 is not below 70000, the classes");
    }

    #[test]
    fn formats_are_the_json_that_the_connector_sends() {
        for (json, format, length) in [
            (r#"{"format":"cifar10"}"#, RecordFormat::Cifar10, Some(3073)),
            (r#"{"format":"cifar100"}"#, RecordFormat::Cifar100, Some(3074)),
            (r#"{"format":"idx","height":28,"width":20}"#, RecordFormat::Idx { height: 28, width: 20 }, Some(561)),
            (r#"{"format":"encoded"}"#, RecordFormat::Encoded, None),
            (r#"{"format":"pixels"}"#, RecordFormat::Pixels, None),
        ] {
            assert_eq!(serde_json::from_str::<RecordFormat>(json).unwrap(), format);
            assert_eq!(serde_json::to_string(&format).unwrap(), json);
            assert_eq!(format.fixed_len(), length);
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
        let records = (0..8)
            .flat_map(|k| cifar10_record(k, move |c, at| noise((usize::from(k) * 3 + c) * Shape::CIFAR.plane() + at)));
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
            let changes: Vec<_> = text.parse::<Augment>().unwrap().changes(&minibatch, Shape::CIFAR).collect();
            for ((&row, change), image) in minibatch.rows.iter().zip(changes).zip(single.chunks_exact(PIXELS)) {
                let mut expected = [0.0; PIXELS];
                change.apply(&normalizer, dataset.image(row), &mut Vec::new(), &mut expected);
                assert_eq!(image, expected);
            }
        }
    }
}
