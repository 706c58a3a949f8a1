//! What a normaliser is fitted to: exact integer sums over the training set. Those of partitions can be added in any
//! order.

use super::patches::{PATCH, PATCH_SUMS, PatchSums};
use super::shape::{CHANNELS, Shape};
use crate::error::{Error, Result};

/// So many squares of bytes fit u32, in which they are added faster: 2^16 * 255^2 is below 2^32.
const SQUARES_IN_U32: usize = 1 << 16;

/// Sums of unsigned bytes over the rows of a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statistics {
    shape: Shape,
    rows: u64,
    sums: Vec<u64>,
    squares: [u64; CHANNELS],
    patches: PatchSums,
}

impl Statistics {
    /// Sums over no rows, into which others can be merged.
    pub fn empty(shape: Shape) -> Self {
        let sums = vec![0; shape.values()];
        Statistics { shape, rows: 0, sums, squares: [0; CHANNELS], patches: PatchSums::default() }
    }

    /// Sums over NHWC pixels of whole rows.
    pub(super) fn of(shape: Shape, pixels: &[u8]) -> Self {
        let mut interleaved = vec![0u64; shape.values()];
        let mut squares = [0u64; CHANNELS];
        for image in pixels.chunks_exact(shape.values()) {
            for (sum, &value) in interleaved.iter_mut().zip(image) {
                *sum += u64::from(value);
            }
            for piece in image.chunks(CHANNELS * SQUARES_IN_U32) {
                let mut sums = [0u32; CHANNELS];
                for pixel in piece.chunks_exact(CHANNELS) {
                    for (sum, &value) in sums.iter_mut().zip(pixel) {
                        *sum += u32::from(value) * u32::from(value);
                    }
                }
                for (sum, piece) in squares.iter_mut().zip(sums) {
                    *sum += u64::from(piece);
                }
            }
        }
        let plane = shape.plane();
        let sums = (0..shape.values()).map(|at| interleaved[at % plane * CHANNELS + at / plane]).collect();
        let rows = (pixels.len() / shape.values()) as u64;
        Statistics { shape, rows, sums, squares, patches: PatchSums::of(shape, pixels) }
    }

    /// Sums over smoothed noise that is different in each channel, for tests.
    #[cfg(test)]
    pub fn of_noise() -> Self {
        let value = |at: usize| (at.wrapping_mul(2_654_435_761) >> 7) % 128;
        let values = 400 * Shape::CIFAR.values();
        let pixels: Vec<u8> = (0..values).map(|at| (value(at) + value(at - at % 2) * (at % 3) / 2) as u8).collect();
        Self::of(Shape::CIFAR, &pixels)
    }

    /// Of the images.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The number of rows.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// A sum for each value 0..=255 of an image, CHW.
    pub fn sums(&self) -> &[u64] {
        &self.sums
    }

    /// A channel's sum of squares over all its pixels.
    pub fn squares(&self) -> &[u64; CHANNELS] {
        &self.squares
    }

    /// The covariance of the values of 2x2 patches, each value multiplied by the `scale` of its channel.
    pub fn patch_covariance(&self, scale: [f64; CHANNELS]) -> Result<[[f64; PATCH]; PATCH]> {
        self.patches.covariance(scale)
    }

    /// Adds the sums over other rows.
    pub fn merge(&mut self, other: &Statistics) -> Result<()> {
        let mut flat = self.to_vec();
        for (sum, more) in flat.iter_mut().zip(other.to_vec()) {
            *sum = sum.checked_add(more).ok_or_else(|| Error::data("statistics of too many rows"))?;
        }
        *self = Statistics::from_slice(self.shape, &flat)?;
        Ok(())
    }

    /// `[rows, sums (CHW), 3 sums of squares, 91 sums of patches]`.
    pub fn to_vec(&self) -> Vec<i64> {
        // all fit: they are sums of bytes in memory, or were read from i64
        let numbers = std::iter::once(&self.rows).chain(&self.sums).chain(&self.squares).chain(self.patches.numbers());
        numbers.map(|&number| number as i64).collect()
    }

    /// Reads what `to_vec` returns; sums that no rows can have are an error of kind `layout`.
    pub fn from_slice(shape: Shape, flat: &[i64]) -> Result<Self> {
        let values = shape.values();
        let length = 1 + values + CHANNELS + PATCH_SUMS;
        if flat.len() != length {
            return Err(Error::layout(format!("statistics have {} numbers, not {length}", flat.len())));
        }
        let number = |at: usize| {
            u64::try_from(flat[at]).map_err(|_| Error::layout(format!("number {at} of the statistics is negative")))
        };
        let rows = number(0)?;
        let limit = |at: usize| if at <= values { 255 } else { 255 * 255 * shape.plane() as u64 };
        let mut sums = Vec::with_capacity(values + CHANNELS);
        let patches = (1 + values + CHANNELS..length).map(number).collect::<Result<Vec<_>>>()?;
        for at in 1..1 + values + CHANNELS {
            let sum = number(at)?;
            if u128::from(sum) > u128::from(rows) * u128::from(limit(at)) {
                return Err(Error::layout(format!("number {at} of the statistics is {sum}, too much for {rows} rows")));
            }
            sums.push(sum);
        }
        let squares = [sums[values], sums[values + 1], sums[values + 2]];
        sums.truncate(values);
        Ok(Statistics { shape, rows, sums, squares, patches: PatchSums::from_numbers(&patches) })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::cifar10_record;
    use super::super::{Dataset, RecordFormat};
    use super::*;

    fn statistics(seeds: std::ops::Range<usize>) -> Statistics {
        let records: Vec<_> = seeds.map(|k| cifar10_record(0, move |c, at| (at * 31 + c * 5 + k * 77) as u8)).collect();
        let mut dataset = Dataset::with_capacity(10, Shape::CIFAR, 0).unwrap();
        dataset.append_records(RecordFormat::Cifar10, &records.concat(), records.len()).unwrap();
        dataset.statistics()
    }

    #[test]
    fn sums_are_planar_and_exact() {
        let record = cifar10_record(0, |channel, at| if at == 5 { 10 * (channel as u8 + 1) } else { 0 });
        let mut dataset = Dataset::with_capacity(10, Shape::CIFAR, 2).unwrap();
        dataset.append_records(RecordFormat::Cifar10, &record.repeat(2), 2).unwrap();
        let statistics = dataset.statistics();
        assert_eq!(statistics.rows(), 2);
        assert_eq!([5, 1024 + 5, 2048 + 5].map(|at| statistics.sums()[at]), [20, 40, 60]);
        assert_eq!(statistics.sums().iter().sum::<u64>(), 120);
        assert_eq!(statistics.squares(), &[200, 800, 1800]);
    }

    #[test]
    fn partitions_add_up_to_the_whole_in_any_order() {
        let (mut left, right) = (statistics(0..3), statistics(3..7));
        let mut other = right.clone();
        other.merge(&left).unwrap();
        left.merge(&right).unwrap();
        assert_eq!(left, statistics(0..7));
        assert_eq!(other, left);
        left.merge(&Statistics::empty(Shape::CIFAR)).unwrap();
        assert_eq!(other, left);
    }

    #[test]
    fn the_flat_form_comes_back() {
        let whole = statistics(0..2);
        assert_eq!(whole.to_vec().len(), 3167);
        assert_eq!(Statistics::from_slice(Shape::CIFAR, &whole.to_vec()).unwrap(), whole);
    }

    #[test]
    fn numbers_that_no_rows_have_are_refused() {
        let said = |flat: &[i64]| Statistics::from_slice(Shape::CIFAR, flat).unwrap_err().to_string();
        assert_eq!(said(&[1, 2]), "statistics have 2 numbers, not 3167");
        let mut flat = statistics(0..1).to_vec();
        flat[9] = -1;
        assert_eq!(said(&flat), "number 9 of the statistics is negative");
        flat[9] = 256;
        assert_eq!(said(&flat), "number 9 of the statistics is 256, too much for 1 rows");
    }

    #[test]
    fn a_sum_past_the_integers_is_an_error() {
        let mut huge = Statistics::from_slice(Shape::CIFAR, &[vec![i64::MAX], vec![0; 3166]].concat()).unwrap();
        assert_eq!(huge.merge(&statistics(0..1)).unwrap_err().to_string(), "statistics of too many rows");
    }
}
