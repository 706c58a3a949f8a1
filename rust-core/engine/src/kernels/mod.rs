//! Loops over values in channels-last order (NHWC), for what libtorch does in several passes over memory and
//! one pass can do. Pure: slices in, slices out; no tensor, no libtorch. A kernel works on one image; what it
//! computes does not depend on the width of the processor's vectors, nor on the number of threads.

pub mod activation;
mod element;
pub mod loss;
pub mod norm;
pub mod pool;

pub use element::Element;

/// Calls a function of `N` channels from `first` on with blocks of 32, 16 and single channels: whole vectors,
/// then what is left.
macro_rules! by_blocks {
    ($channels:expr, $block:ident::<$type:ident $(, $constant:ident)*>($($argument:expr),*)) => {{
        let (channels, mut first) = ($channels, 0);
        while first + 32 <= channels {
            $block::<$type, 32 $(, $constant)*>($($argument,)* first);
            first += 32;
        }
        while first + 16 <= channels {
            $block::<$type, 16 $(, $constant)*>($($argument,)* first);
            first += 16;
        }
        while first < channels {
            $block::<$type, 1 $(, $constant)*>($($argument,)* first);
            first += 1;
        }
    }};
}
use by_blocks;

/// Does `work` on every item, in `threads` groups side by side.
pub fn in_parallel<I: Send>(threads: usize, items: impl Iterator<Item = I>, work: impl Fn(I) + Sync) {
    if threads <= 1 {
        return items.for_each(work);
    }
    let mut items: Vec<I> = items.collect();
    let share = items.len().div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        while !items.is_empty() {
            let group = items.split_off(items.len().saturating_sub(share));
            let work = &work;
            scope.spawn(move || group.into_iter().for_each(work));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_worked_on_once_whatever_the_threads() {
        for threads in [1, 2, 3, 9] {
            let mut values = vec![0; 7];
            in_parallel(threads, values.iter_mut().enumerate(), |(at, value)| *value += at + 1);
            assert_eq!(values, [1, 2, 3, 4, 5, 6, 7]);
        }
    }
}
