//! Images in memory: readers of CIFAR and idx files, the statistics and the normalisation of pixels, the order of
//! minibatches and the augmentation of their images.
//!
//! All images are 32 x 32 pixels with 3 channels of unsigned bytes, in channels-last order (NHWC) as the nets take
//! them. Files, statistics and mean images are planar (CHW), as CIFAR's files are. Nothing here knows libtorch.

mod augment;
mod change;
mod cifar;
mod dataset;
mod directory;
mod idx;
mod normalize;
mod order;
mod patches;
mod read_log;
mod statistics;
#[cfg(test)]
mod testing;

pub use augment::Augment;
pub use dataset::{Dataset, RecordFormat};
pub use directory::{DatasetKind, Split};
pub use normalize::{Normalize, Normalizer};
pub use order::{BatchStream, Minibatch, epoch_order};
pub use patches::PATCH;
pub use statistics::Statistics;

/// Height and width of every image, in pixels.
pub const SIDE: usize = 32;
/// Red, green, blue.
pub const CHANNELS: usize = 3;
/// Pixels of one channel of one image.
pub const PLANE: usize = SIDE * SIDE;
/// Values of one line of one image.
const LINE: usize = SIDE * CHANNELS;
/// Values of one image.
pub const PIXELS: usize = CHANNELS * PLANE;
