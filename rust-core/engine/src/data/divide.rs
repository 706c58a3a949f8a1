//! The rows of a data set, divided among the workers of one process as Spark's driver divides them among tasks: the same
//! rows in the same order as its `PartitionedRows` gives them, so that training has the same bits.

use super::store::Dataset;
use crate::error::Result;

const ROUNDS: u64 = 6;
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The driver's `Permutation` of the row numbers 0..rows: a Feistel network over 0..4^h, with the smallest h that makes this
/// at least `rows`. A result that is not below `rows` is put through the network again until it is.
struct Permutation {
    rows: u64,
    seed: u64,
    /// Bits of each half.
    half: u32,
}

impl Permutation {
    fn new(rows: u64, seed: u64) -> Self {
        let bits = u64::BITS - rows.saturating_sub(1).leading_zeros();
        Self { rows, seed, half: bits.div_ceil(2).max(1) }
    }

    /// The position of `row`.
    fn position(&self, row: u64) -> u64 {
        let mut position = self.feistel(row);
        while position >= self.rows {
            position = self.feistel(position);
        }
        position
    }

    fn feistel(&self, value: u64) -> u64 {
        let mask = (1 << self.half) - 1;
        let (mut left, mut right) = (value >> self.half, value & mask);
        for round in 0..ROUNDS {
            let key = self.seed.wrapping_add(round.wrapping_mul(GOLDEN));
            (left, right) = (right, left ^ (mix(right, key) & mask));
        }
        (left << self.half) | right
    }
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014), keyed twice.
fn mix(value: u64, key: u64) -> u64 {
    scramble(scramble(key.wrapping_add(GOLDEN)) ^ value.wrapping_mul(GOLDEN))
}

fn scramble(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Dataset {
    /// The rows of each of `workers` workers, whose numbers differ by one at most. The order within a part is that of the
    /// whole, so that one worker has all rows as they are. Of sets without weights, as the readers of files make them.
    pub fn divided(self, workers: usize, seed: u64) -> Result<Vec<Self>> {
        let (rows, parts) = (self.rows() as u64, workers as u64);
        let permutation = Permutation::new(rows, seed);
        // the product fits: both are below 2^32
        let worker = |row: u64| (permutation.position(row) * parts / rows) as usize;
        let part = |_| Self::with_capacity(self.classes(), self.shape(), self.rows().div_ceil(workers));
        let mut divided = (0..workers).map(part).collect::<Result<Vec<_>>>()?;
        for row in 0..rows {
            divided[worker(row)].push_row(&self, row as usize);
        }
        Ok(divided)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::testing::cifar10_record;
    use crate::data::{RecordFormat, Shape};

    #[test]
    fn the_order_is_that_of_the_driver() {
        // the numbers of the driver's PermutationTest
        let permutation = Permutation::new(50_000, 0);
        let positions: Vec<u64> = (0..8).map(|row| permutation.position(row)).collect();
        assert_eq!(positions, [15995, 29443, 31051, 31757, 41092, 19525, 31553, 35240]);
    }

    #[test]
    fn every_row_has_a_position_of_its_own() {
        for rows in [1, 2, 3, 4, 5, 16, 17, 255, 256, 1000, 65_536] {
            let permutation = Permutation::new(rows, 7);
            let mut positions: Vec<u64> = (0..rows).map(|row| permutation.position(row)).collect();
            positions.sort_unstable();
            assert!(positions.into_iter().eq(0..rows), "{rows} rows");
        }
    }

    #[test]
    fn each_row_goes_to_one_worker_in_the_order_of_the_whole() {
        let records: Vec<u8> = (0..23).flat_map(|row| cifar10_record(row % 10, move |_, _| row)).collect();
        let mut whole = Dataset::with_capacity(10, Shape::CIFAR, 0).unwrap();
        whole.append_records(RecordFormat::Cifar10, &records, 23).unwrap();
        assert_eq!(whole.clone().divided(1, 3).unwrap(), [whole.clone()]);
        let parts = whole.divided(4, 3).unwrap();
        let numbers =
            |part: &Dataset| -> Vec<u8> { part.pixels().chunks(Shape::CIFAR.values()).map(|image| image[0]).collect() };
        assert!(parts.iter().all(|part| numbers(part).is_sorted() && [5, 6].contains(&part.rows())));
        let mut all: Vec<u8> = parts.iter().flat_map(numbers).collect();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..23));
    }
}
