//! The rows of a worker's minibatches: a pure function of seed, worker and step, so a retried or resumed worker trains
//! on the same rows.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::error::Result;
use crate::memory::{Purpose, filled, with_capacity};

/// Makes these random numbers different from those of other uses of the same seed.
const DOMAIN: &[u8; 8] = b"fs-order";

/// A permutation of `0..rows`: a Fisher-Yates shuffle from the last row down, with random numbers of ChaCha8 whose
/// 32-byte key is seed, worker and epoch (u64, little-endian) followed by `fs-order`. A random number below n is the
/// high half of the 128-bit product of 64 random bits and n; its bias is below n / 2^64.
pub fn epoch_order(seed: u64, worker: u64, epoch: u64, rows: u32) -> Vec<u32> {
    let mut order = Vec::new();
    shuffle(&mut order, (seed, worker, epoch), rows);
    order
}

/// Writes that permutation to `order` and reuses its memory.
fn shuffle(order: &mut Vec<u32>, (seed, worker, epoch): (u64, u64, u64), rows: u32) {
    let mut key = [0; 32];
    for (place, part) in key.chunks_exact_mut(8).zip([seed, worker, epoch]) {
        place.copy_from_slice(&part.to_le_bytes());
    }
    key[24..].copy_from_slice(DOMAIN);
    let mut random = ChaCha8Rng::from_seed(key);
    order.clear();
    order.extend(0..rows);
    for last in (1..order.len()).rev() {
        let drawn = (u128::from(random.next_u64()) * (last as u128 + 1)) >> 64;
        order.swap(last, drawn as usize);
    }
}

/// The rows of one minibatch, and what the random numbers for them depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Minibatch<'a> {
    pub rows: &'a [u32],
    pub(super) seed: u64,
    pub(super) worker: u64,
    pub(super) step: u64,
    /// The epoch of the first row.
    epoch: u64,
    /// How many rows that epoch has left, from the first row on; the rows after them belong to the next epoch.
    left: usize,
}

impl Minibatch<'_> {
    /// A random generator for this minibatch: ChaCha8 whose 32-byte key is seed, worker (u64, little-endian) and
    /// `domain`, which is different for every use, and whose stream number is the step.
    pub(crate) fn random(&self, domain: &[u8; 16]) -> ChaCha8Rng {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&self.seed.to_le_bytes());
        key[8..16].copy_from_slice(&self.worker.to_le_bytes());
        key[16..].copy_from_slice(domain);
        let mut random = ChaCha8Rng::from_seed(key);
        random.set_stream(self.step);
        random
    }

    /// Each row with its epoch.
    pub(super) fn rows_and_epochs(&self) -> impl Iterator<Item = (u32, u64)> {
        let (epoch, left) = (self.epoch, self.left);
        self.rows.iter().enumerate().map(move |(at, &row)| (row, epoch + u64::from(at >= left)))
    }
}

/// The minibatches of one worker. The permutations of the epochs are concatenated; step s takes the positions
/// s * batch .. (s + 1) * batch, so a minibatch may begin in one epoch and end in the next.
#[derive(Debug, Clone)]
pub struct BatchStream {
    seed: u64,
    worker: u64,
    step: u64,
    epoch: Option<u64>,
    order: Vec<u32>,
    rows: u32,
    indices: Vec<u32>,
}

impl BatchStream {
    /// At step 0. The batch is at most `rows`; without rows every minibatch is empty.
    pub fn new(seed: u64, worker: u64, rows: u32, batch: u32) -> Result<Self> {
        let indices = filled(batch.min(rows) as usize, 0, Purpose::Minibatch)?;
        // allocated here, so that a step does not allocate it
        let order = with_capacity(rows as usize, Purpose::Rows)?;
        Ok(BatchStream { seed, worker, step: 0, epoch: None, order, rows, indices })
    }

    /// Rows of a minibatch.
    pub fn batch(&self) -> usize {
        self.indices.len()
    }

    /// The step whose minibatch comes next, 0 the first.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Continues at `step`, as after all steps before it.
    pub fn seek(&mut self, step: u64) {
        self.step = step;
    }

    /// The minibatch at this step.
    pub fn next_batch(&mut self) -> Minibatch<'_> {
        // the product needs up to 128 bits; the epoch fits 64, since a batch is not larger than an epoch
        let (first, rows) = (u128::from(self.step) * self.batch() as u128, u128::from(self.rows.max(1)));
        for at in 0..self.batch() {
            let place = first + at as u128;
            self.go_to_epoch((place / rows) as u64);
            self.indices[at] = self.order[(place % rows) as usize];
        }
        let step = self.step;
        self.step += 1;
        let (epoch, left) = ((first / rows) as u64, (rows - first % rows) as usize);
        Minibatch { rows: &self.indices, seed: self.seed, worker: self.worker, step, epoch, left }
    }

    fn go_to_epoch(&mut self, epoch: u64) {
        if self.epoch != Some(epoch) {
            shuffle(&mut self.order, (self.seed, self.worker, epoch), self.rows);
            self.epoch = Some(epoch);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(stream: &mut BatchStream, steps: usize) -> Vec<Vec<u32>> {
        (0..steps).map(|_| stream.next_batch().rows.to_vec()).collect()
    }

    #[test]
    fn an_order_holds_every_row_once() {
        let mut order = epoch_order(1, 2, 3, 1000);
        assert_ne!(order, (0..1000).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..1000).collect::<Vec<_>>());
        assert_eq!(epoch_order(1, 2, 3, 1), [0]);
        assert!(epoch_order(1, 2, 3, 0).is_empty());
    }

    #[test]
    fn seed_worker_and_epoch_each_give_another_order() {
        let orders = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)].map(|(s, w, e)| epoch_order(s, w, e, 100));
        for (at, order) in orders.iter().enumerate() {
            assert!(!orders[at + 1..].contains(order), "order {at} comes twice");
        }
    }

    #[test]
    fn the_order_of_a_seed_never_changes() {
        assert_eq!(epoch_order(7, 1, 2, 8), [3, 0, 1, 7, 5, 2, 4, 6]);
    }

    #[test]
    fn every_position_is_equally_likely() {
        let (orders, rows) = (6000u64, 6u32);
        let mut seen = [[0u32; 6]; 6];
        for epoch in 0..orders {
            for (place, &row) in epoch_order(0, 0, epoch, rows).iter().enumerate() {
                seen[place][row as usize] += 1;
            }
        }
        // expected 1000 with a standard deviation of 29; the limits are five of these away
        assert!(seen.as_flattened().iter().all(|count| (855..1145).contains(count)), "{seen:?}");
    }

    #[test]
    fn minibatches_are_the_concatenated_epochs() {
        let mut stream = BatchStream::new(3, 1, 10, 4).unwrap();
        let walked = walk(&mut stream, 5).concat();
        assert_eq!(walked, [epoch_order(3, 1, 0, 10), epoch_order(3, 1, 1, 10)].concat());
    }

    #[test]
    fn each_row_has_the_epoch_whose_permutation_it_is_from() {
        let mut stream = BatchStream::new(3, 1, 10, 4).unwrap();
        let epochs: Vec<Vec<u64>> =
            (0..5).map(|_| stream.next_batch().rows_and_epochs().map(|(_, epoch)| epoch).collect()).collect();
        assert_eq!(epochs, [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]]);
    }

    #[test]
    fn a_sought_step_has_the_rows_that_it_has_in_sequence() {
        let all = walk(&mut BatchStream::new(5, 0, 7, 3).unwrap(), 20);
        let mut stream = BatchStream::new(5, 0, 7, 3).unwrap();
        for step in [13usize, 2, 19, 0, 2] {
            stream.seek(step as u64);
            assert_eq!(stream.next_batch().rows, all[step], "step {step}");
            assert_eq!(stream.step(), step as u64 + 1);
        }
    }

    #[test]
    fn a_batch_is_no_larger_than_the_rows() {
        let mut stream = BatchStream::new(0, 0, 3, 100).unwrap();
        assert_eq!(stream.batch(), 3);
        assert_eq!(walk(&mut stream, 2).concat(), [epoch_order(0, 0, 0, 3), epoch_order(0, 0, 1, 3)].concat());
        assert!(BatchStream::new(0, 0, 0, 100).unwrap().next_batch().rows.is_empty());
    }

    #[test]
    fn a_far_step_is_reached_without_overflow() {
        let mut stream = BatchStream::new(0, 0, 5, 5).unwrap();
        stream.seek(u64::MAX - 1);
        let minibatch = stream.next_batch();
        assert_eq!(minibatch.rows, epoch_order(0, 0, u64::MAX - 1, 5));
        assert!(minibatch.rows_and_epochs().all(|(_, epoch)| epoch == u64::MAX - 1));
    }
}
