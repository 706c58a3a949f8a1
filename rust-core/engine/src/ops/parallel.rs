//! Distributes the images of a minibatch over the threads of a step.

use std::sync::{Mutex, PoisonError};

use crate::memory::{Purpose, or_unwind, with_capacity};
use crate::raw::on_threads;

/// Calls `work` with every item, on `threads` threads that take a contiguous group of items each.
pub fn in_parallel<I: Send>(threads: usize, items: impl Iterator<Item = I>, work: impl Fn(I) + Sync) {
    if threads <= 1 {
        return items.for_each(work);
    }
    let mut all: Vec<I> = or_unwind(with_capacity(items.size_hint().0, Purpose::Minibatch));
    all.extend(items);
    let share = all.len().div_ceil(threads);
    let groups: Vec<_> = (0..threads).map(|_| Mutex::new(all.split_off(all.len().saturating_sub(share)))).collect();
    on_threads(threads, &|thread| {
        let group = std::mem::take(&mut *groups[thread].lock().unwrap_or_else(PoisonError::into_inner));
        group.into_iter().for_each(&work);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_processed_once_with_any_number_of_threads() {
        for threads in [1, 2, 3, 9] {
            let mut values = vec![0; 7];
            in_parallel(threads, values.iter_mut().enumerate(), |(at, value)| *value += at + 1);
            assert_eq!(values, [1, 2, 3, 4, 5, 6, 7]);
        }
    }
}
