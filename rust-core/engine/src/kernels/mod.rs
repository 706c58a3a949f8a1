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
