//! Loops over images in channels-last order (NHWC) that do in one pass over memory what takes libtorch several. They
//! work on slices and know neither tensors nor libtorch. A kernel works on one image; its result depends neither on the
//! width of the processor's vector registers nor on the number of threads.

pub mod activation;
mod element;
pub mod loss;
pub mod norm;
pub mod pool;

pub use element::Element;

/// Covers all channels by calls of a function that is generic in its number of channels `N` and takes the first one:
/// blocks of 32, which fill vector registers, then of 16, then single channels.
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
