//! Images in memory: readers of CIFAR and idx files, how a record becomes an image, the rows of a worker, the statistics
//! and the normalisation of pixels, the order of minibatches and the augmentation of their images.
//!
//! All images of a run have one [`Shape`]: 3 channels of unsigned bytes, in channels-last order (NHWC) as the nets take
//! them. CIFAR's files, statistics and mean images are planar (CHW). Nothing here knows libtorch.

mod divide;
mod gather;
mod order;
mod patches;
mod record;
mod shape;
mod source;
mod statistics;
mod store;
#[cfg(test)]
pub(crate) mod testing;
mod transform;

pub use order::{BatchStream, Minibatch, epoch_order};
pub use patches::PATCH;
pub use record::RecordFormat;
pub use shape::{CHANNELS, Shape};
pub use source::{DatasetKind, Split};
pub use statistics::Statistics;
pub use store::{BadImages, Dataset};
pub use transform::{Augment, Normalize, Normalizer};
