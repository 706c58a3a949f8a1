//! What a normaliser is fitted to: exact integer sums over the training set. Those of partitions can be added in any
//! order.

use super::patches::{PATCH_SUMS, PatchSums};
use super::{CHANNELS, Normalize, Normalizer, PATCH, PIXELS, PLANE};
use crate::error::{Error, Result};

/// Numbers of the flat form: rows, sums, sums of squares, sums over patches.
const FLAT: usize = 1 + PIXELS + CHANNELS + PATCH_SUMS;

/// Sums of unsigned bytes over the rows of a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statistics {
    rows: u64,
    sums: Vec<u64>,
    squares: [u64; CHANNELS],
    patches: PatchSums,
}

impl Statistics {
    /// Sums over no rows, into which others can be merged.
    pub fn empty() -> Self {
        Statistics { rows: 0, sums: vec![0; PIXELS], squares: [0; CHANNELS], patches: PatchSums::default() }
    }

    /// Sums over NHWC pixels of whole rows.
    pub(super) fn of(pixels: &[u8]) -> Self {
        let mut interleaved = vec![0u64; PIXELS];
        let mut squares = [0u64; CHANNELS];
        for image in pixels.chunks_exact(PIXELS) {
            for (sum, &value) in interleaved.iter_mut().zip(image) {
                *sum += u64::from(value);
            }
            // at most 1024 * 255^2 for one image and channel, which fits u32
            let mut row = [0u32; CHANNELS];
            for pixel in image.chunks_exact(CHANNELS) {
                for (sum, &value) in row.iter_mut().zip(pixel) {
                    *sum += u32::from(value) * u32::from(value);
                }
            }
            for (sum, row) in squares.iter_mut().zip(row) {
                *sum += u64::from(row);
            }
        }
        let sums = (0..PIXELS).map(|at| interleaved[at % PLANE * CHANNELS + at / PLANE]).collect();
        Statistics { rows: (pixels.len() / PIXELS) as u64, sums, squares, patches: PatchSums::of(pixels) }
    }

    /// Sums over smoothed noise that is different in each channel, for tests.
    #[cfg(test)]
    pub fn of_noise() -> Self {
        let value = |at: usize| (at.wrapping_mul(2_654_435_761) >> 7) % 128;
        let pixels: Vec<u8> =
            (0..400 * PIXELS).map(|at| (value(at) + value(at - at % 2) * (at % 3) / 2) as u8).collect();
        Self::of(&pixels)
    }

    /// The number of rows.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// 3072 sums of values 0..=255, CHW.
    pub fn sums(&self) -> &[u64] {
        &self.sums
    }

    /// A channel's sum of squares over all its pixels.
    pub fn squares(&self) -> &[u64; CHANNELS] {
        &self.squares
    }

    /// The covariance of the values of 2x2 patches, each value divided by its channel's deviation.
    pub fn patch_covariance(&self) -> Result<[[f64; PATCH]; PATCH]> {
        let scale = Normalizer::fit(Normalize::Channel, self)?.scale().map(f64::from);
        self.patches.covariance(scale)
    }

    /// Adds the sums over other rows.
    pub fn merge(&mut self, other: &Statistics) -> Result<()> {
        let mut flat = self.to_vec();
        for (sum, more) in flat.iter_mut().zip(other.to_vec()) {
            *sum = sum.checked_add(more).ok_or_else(|| Error::data("statistics of too many rows"))?;
        }
        *self = Statistics::from_slice(&flat)?;
        Ok(())
    }

    /// `[rows, 3072 sums (CHW), 3 sums of squares, 91 sums of patches]`.
    pub fn to_vec(&self) -> Vec<i64> {
        // all fit: they are sums of bytes in memory, or were read from i64
        let numbers = std::iter::once(&self.rows).chain(&self.sums).chain(&self.squares).chain(self.patches.numbers());
        numbers.map(|&number| number as i64).collect()
    }

    /// Reads what `to_vec` returns; sums that no rows can have are an error of kind `layout`.
    pub fn from_slice(flat: &[i64]) -> Result<Self> {
        if flat.len() != FLAT {
            return Err(Error::layout(format!("statistics have {} numbers, not {FLAT}", flat.len())));
        }
        let number = |at: usize| {
            u64::try_from(flat[at]).map_err(|_| Error::layout(format!("number {at} of the statistics is negative")))
        };
        let rows = number(0)?;
        let limit = |at: usize| if at <= PIXELS { 255 } else { 255 * 255 * PLANE as u64 };
        let mut sums = Vec::with_capacity(FLAT - 1);
        let patches = (1 + PIXELS + CHANNELS..FLAT).map(number).collect::<Result<Vec<_>>>()?;
        for at in 1..1 + PIXELS + CHANNELS {
            let sum = number(at)?;
            if u128::from(sum) > u128::from(rows) * u128::from(limit(at)) {
                return Err(Error::layout(format!("number {at} of the statistics is {sum}, too much for {rows} rows")));
            }
            sums.push(sum);
        }
        let squares = [sums[PIXELS], sums[PIXELS + 1], sums[PIXELS + 2]];
        sums.truncate(PIXELS);
        Ok(Statistics { rows, sums, squares, patches: PatchSums::from_numbers(&patches) })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::cifar10_record;
    use super::super::{Dataset, RecordFormat};
    use super::*;

    fn statistics(seeds: std::ops::Range<usize>) -> Statistics {
        let records: Vec<_> = seeds.map(|k| cifar10_record(0, move |c, at| (at * 31 + c * 5 + k * 77) as u8)).collect();
        let mut dataset = Dataset::with_capacity(10, 0).unwrap();
        dataset.append_records(RecordFormat::Cifar10, &records.concat(), records.len()).unwrap();
        dataset.statistics()
    }

    #[test]
    fn sums_are_planar_and_exact() {
        let record = cifar10_record(0, |channel, at| if at == 5 { 10 * (channel as u8 + 1) } else { 0 });
        let mut dataset = Dataset::with_capacity(10, 2).unwrap();
        dataset.append_records(RecordFormat::Cifar10, &record.repeat(2), 2).unwrap();
        let statistics = dataset.statistics();
        assert_eq!(statistics.rows(), 2);
        assert_eq!([5, PLANE + 5, 2 * PLANE + 5].map(|at| statistics.sums()[at]), [20, 40, 60]);
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
        left.merge(&Statistics::empty()).unwrap();
        assert_eq!(other, left);
    }

    #[test]
    fn the_flat_form_comes_back() {
        let whole = statistics(0..2);
        assert_eq!(whole.to_vec().len(), 3167);
        assert_eq!(Statistics::from_slice(&whole.to_vec()).unwrap(), whole);
    }

    #[test]
    fn numbers_that_no_rows_have_are_refused() {
        let said = |flat: &[i64]| Statistics::from_slice(flat).unwrap_err().to_string();
        assert_eq!(said(&[1, 2]), "statistics have 2 numbers, not 3167");
        let mut flat = statistics(0..1).to_vec();
        flat[9] = -1;
        assert_eq!(said(&flat), "number 9 of the statistics is negative");
        flat[9] = 256;
        assert_eq!(said(&flat), "number 9 of the statistics is 256, too much for 1 rows");
    }

    #[test]
    fn a_sum_past_the_integers_is_an_error() {
        let mut huge = Statistics::from_slice(&[vec![i64::MAX], vec![0; FLAT - 1]].concat()).unwrap();
        assert_eq!(huge.merge(&statistics(0..1)).unwrap_err().to_string(), "statistics of too many rows");
    }
}
