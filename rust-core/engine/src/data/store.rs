//! The training or test rows of a data set in memory, all of one shape: raw records are appended, and `gather.rs` reads
//! minibatches. The readers of whole files and the Spark worker, which gets records in chunks, use the same functions.

use serde::Serialize;

use super::record::{Image, Record, RecordFormat};
use super::shape::Shape;
use super::statistics::Statistics;
use super::transform::{ImageLoader, Refusal};
use crate::error::{Error, Result};
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

/// Rows of unsigned bytes of one shape, with a label each, and perhaps a weight.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    shape: Shape,
    pixels: Vec<u8>,
    labels: Vec<u32>,
    /// Of each row in the training loss, where the records have one.
    weights: Option<Vec<f32>>,
    classes: usize,
    bad: BadImages,
}

impl Dataset {
    /// An empty set of images of `shape` without weights, whose labels must be below `classes`, with room for `rows`.
    pub fn with_capacity(classes: usize, shape: Shape, rows: usize) -> Result<Self> {
        let (pixels, labels, bad) = (Vec::new(), Vec::new(), BadImages::default());
        let mut dataset = Dataset { shape, pixels, labels, weights: None, classes, bad };
        dataset.reserve(rows)?;
        Ok(dataset)
    }

    /// The same for records of `format`: with weights, if these have weights.
    pub fn for_records(format: RecordFormat, classes: usize, shape: Shape, rows: usize) -> Result<Self> {
        let mut dataset = Self::with_capacity(classes, shape, rows)?;
        if format.is_weighted() {
            dataset.weights = Some(memory::with_capacity(rows, Purpose::Rows)?);
        }
        Ok(dataset)
    }

    /// Reserves memory for `rows` more.
    pub(super) fn reserve(&mut self, rows: usize) -> Result<()> {
        let values = memory::product(&[rows, self.shape.values()], Purpose::Rows)?;
        memory::reserve(&mut self.pixels, values, Purpose::Rows)?;
        if let Some(weights) = &mut self.weights {
            memory::reserve(weights, rows, Purpose::Rows)?;
        }
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

    /// All rows' weights in the training loss, each finite and not negative; none if the rows have no weights.
    pub fn weights(&self) -> Option<&[f32]> {
        self.weights.as_deref()
    }

    /// The rows that were left out because they are no images.
    pub fn bad(&self) -> &BadImages {
        &self.bad
    }

    /// Appends the `rows` consecutive raw records in `bytes`, without those that are no images. On an error none is
    /// appended: of kind `data`, which is about a label or a weight and names the record, or of kind `memory`.
    pub fn append_records(&mut self, format: RecordFormat, bytes: &[u8], rows: usize) -> Result<()> {
        self.append_with_refusals(format, bytes, rows).map(drop)
    }

    /// The same; says of each record why it is no image, or `None` if it was appended.
    pub(crate) fn append_with_refusals(
        &mut self,
        format: RecordFormat,
        bytes: &[u8],
        rows: usize,
    ) -> Result<Vec<Option<String>>> {
        format.check()?;
        if format.is_weighted() != self.weights.is_some() {
            return Err(Error::layout("records with a weight and records without one in the same data set"));
        }
        let records = format.records(bytes, rows)?;
        for (at, record) in records.iter().enumerate() {
            self.check_label(record.label, at, record.label_at)?;
            record.check_weight(at)?;
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
    ) -> Result<Vec<Option<String>>> {
        let (rows, bad) = (self.rows(), self.bad.clone());
        let mut refusals = memory::with_capacity(records.len(), Purpose::Rows)?;
        for (at, record) in records.iter().enumerate() {
            match self.push_with(record.label, |out| write(record.image, out)) {
                Ok(()) => {
                    refusals.push(None);
                    if let Some(weights) = &mut self.weights {
                        weights.extend(record.weight);
                    }
                }
                Err(Refusal::NoImage(why)) => {
                    self.bad.add(record.row.unwrap_or(at as u64), why.clone());
                    refusals.push(Some(why));
                }
                Err(Refusal::Failed(error)) => {
                    self.labels.truncate(rows);
                    self.pixels.truncate(rows * self.shape.values());
                    if let Some(weights) = &mut self.weights {
                        weights.truncate(rows);
                    }
                    self.bad = bad;
                    return Err(error);
                }
            }
        }
        Ok(refusals)
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

    /// Appends row `row` of another set of images of the same shape, for which memory is reserved.
    pub(super) fn push_row(&mut self, of: &Self, row: usize) {
        let values = self.shape.values();
        self.pixels.extend_from_slice(&of.pixels[row * values..][..values]);
        self.labels.push(of.labels[row]);
    }

    /// Exact sums over all rows.
    pub fn statistics(&self) -> Statistics {
        Statistics::of(self.shape, &self.pixels)
    }
}

#[cfg(test)]
mod tests {
    use firesteel_image::ImageError;

    use super::*;
    use crate::data::testing::{cifar10_record, cifar100_record, framed, pixel, weighted};

    const PIXELS: usize = Shape::CIFAR.values();
    const GREY: RecordFormat = RecordFormat::Pixels { weighted: false };
    const WEIGHTED: RecordFormat = RecordFormat::Pixels { weighted: true };

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
        let rows = [framed(40, 2, &pixel(9)), framed(41, 0, b"none"), framed(70_000, 1, &pixel(8))].concat();
        let mut dataset = Dataset::with_capacity(3, Shape::square(1), 0).unwrap();
        dataset.append_records(GREY, &rows, 3).unwrap();
        assert_eq!((dataset.labels(), dataset.pixels()), (&[2, 1][..], &[9, 9, 9, 8, 8, 8][..]));
        let bad = BadImage { row: 41, why: "no pixels".to_owned() };
        assert_eq!(dataset.bad(), &BadImages { count: 1, described: vec![bad] });
        for _ in 0..30 {
            dataset.append_records(GREY, &framed(3, 0, b""), 1).unwrap();
        }
        assert_eq!((dataset.bad().count, dataset.bad().described.len()), (31, DESCRIBED));
    }

    #[test]
    fn where_memory_is_missing_nothing_is_appended_and_no_image_is_called_bad() {
        let mut dataset = Dataset::for_records(WEIGHTED, 3, Shape::square(1), 0).unwrap();
        dataset.append_records(WEIGHTED, &weighted(0, 2, 0.5, &pixel(9)), 1).unwrap();
        let before = dataset.clone();
        let rows =
            [weighted(1, 1, 1.0, &pixel(8)), weighted(2, 0, 1.0, b"none"), weighted(3, 2, 1.0, &pixel(7))].concat();
        let records = WEIGHTED.records(&rows, 3).unwrap();
        let (mut loader, mut written) = (ImageLoader::new(Shape::square(1)), 0);
        let error = dataset.append(&records, |image, out| {
            written += 1;
            if written < 3 { loader.write(image, out) } else { Err(ImageError::Memory.into()) }
        });
        assert_eq!((error.unwrap_err().kind(), dataset), (crate::Kind::Memory, before));
    }

    #[test]
    fn a_row_keeps_its_weight_and_one_that_is_no_image_leaves_none() {
        let rows = [weighted(40, 2, 0.5, &pixel(9)), weighted(41, 0, 7.0, b"none"), weighted(42, 1, 0.0, &pixel(8))];
        let mut dataset = Dataset::for_records(WEIGHTED, 3, Shape::square(1), 0).unwrap();
        dataset.append_records(WEIGHTED, &rows.concat(), 3).unwrap();
        assert_eq!((dataset.labels(), dataset.weights()), (&[2, 1][..], Some(&[0.5, 0.0][..])));
        let plain = Dataset::for_records(GREY, 3, Shape::square(1), 2).unwrap();
        assert_eq!(plain.weights(), None);
    }

    #[test]
    fn a_weight_that_is_none_names_its_record_and_leaves_nothing_behind() {
        let mut dataset = Dataset::for_records(WEIGHTED, 3, Shape::square(1), 2).unwrap();
        for (weight, text) in [(-1.0, "-1"), (f32::NAN, "NaN"), (f32::INFINITY, "inf")] {
            let rows = [weighted(40, 2, 1.0, &pixel(9)), weighted(41, 0, weight, &pixel(8))].concat();
            let error = dataset.append_records(WEIGHTED, &rows, 2).unwrap_err();
            assert_eq!(error.kind(), crate::Kind::Data);
            let expected = format!("weight {text} of record 1, row 41 of the data set, is below 0 or not finite");
            assert_eq!(error.to_string(), expected);
            assert_eq!((dataset.rows(), dataset.weights(), dataset.pixels()), (0, Some(&[][..]), &[][..]));
        }
    }

    #[test]
    fn records_with_and_without_weights_do_not_mix() {
        let mut weights = Dataset::for_records(WEIGHTED, 3, Shape::square(1), 0).unwrap();
        let mut plain = Dataset::for_records(GREY, 3, Shape::square(1), 0).unwrap();
        let errors = [
            weights.append_records(GREY, &framed(0, 1, &pixel(1)), 1).unwrap_err(),
            plain.append_records(WEIGHTED, &weighted(0, 1, 1.0, &pixel(1)), 1).unwrap_err(),
        ];
        assert!(errors.iter().all(|error| error.kind() == crate::Kind::Layout), "{errors:?}");
        assert_eq!((weights.rows(), plain.rows()), (0, 0));
    }

    #[test]
    fn labels_are_not_limited_to_a_byte() {
        let mut dataset = Dataset::with_capacity(70_000, Shape::square(1), 0).unwrap();
        dataset.append_records(GREY, &framed(0, 65_536, &pixel(5)), 1).unwrap();
        assert_eq!(dataset.labels(), [65_536]);
        let error = dataset.append_records(GREY, &framed(0, 70_000, &pixel(5)), 1).unwrap_err();
        assert_eq!(error.to_string(), "label 70000 of record 0 at byte 12 is not below 70000, the classes");
    }

    #[test]
    fn formats_are_the_json_that_the_connector_sends() {
        for (json, format, length) in [
            (r#"{"format":"cifar10"}"#, RecordFormat::Cifar10, Some(3073)),
            (r#"{"format":"cifar100"}"#, RecordFormat::Cifar100, Some(3074)),
            (r#"{"format":"idx","height":28,"width":20}"#, RecordFormat::Idx { height: 28, width: 20 }, Some(561)),
            (r#"{"format":"encoded"}"#, RecordFormat::Encoded { weighted: false }, None),
            (r#"{"format":"encoded","weighted":true}"#, RecordFormat::Encoded { weighted: true }, None),
            (r#"{"format":"pixels"}"#, GREY, None),
            (r#"{"format":"pixels","weighted":true}"#, WEIGHTED, None),
        ] {
            assert_eq!(serde_json::from_str::<RecordFormat>(json).unwrap(), format);
            assert_eq!(serde_json::to_string(&format).unwrap(), json);
            assert_eq!(format.fixed_len(), length);
        }
    }
}
