//! Minibatches as the first layer takes them: rows are gathered and normalised directly into the memory of a tensor, in
//! the precision of the arithmetic.

use half::bf16;
use tch::Tensor;

use crate::data::{Augment, CHANNELS, Dataset, Minibatch, Normalizer, SIDE};
use crate::device::{Compute, Precision};
use crate::memory::{self, Purpose, or_unwind};
use crate::raw::{self, Dense};

/// The rows of `minibatch` with random augmentation, `[n, 3, 32, 32]` in channels-last order, and their labels.
pub fn augmented(
    data: &Dataset,
    minibatch: &Minibatch<'_>,
    augment: &Augment,
    normalizer: &Normalizer,
    compute: Compute,
) -> (Tensor, Vec<i64>) {
    let rows = minibatch.rows.len();
    let mut labels = or_unwind(memory::filled(rows, 0, Purpose::Minibatch));
    let images = match compute.precision {
        Precision::F32 => images(rows, compute, |memory: &mut [f32]| {
            data.gather_augmented(minibatch, augment, normalizer, memory, &mut labels);
        }),
        Precision::Bf16 => images(rows, compute, |memory: &mut [bf16]| {
            data.gather_augmented(minibatch, augment, normalizer, memory, &mut labels);
        }),
    };
    (images, labels)
}

/// The images of `rows` without augmentation, and their labels.
pub fn plain(data: &Dataset, rows: &[u32], normalizer: &Normalizer, compute: Compute) -> (Tensor, Vec<i64>) {
    let mut labels = or_unwind(memory::filled(rows.len(), 0, Purpose::Evaluation));
    let images = match compute.precision {
        Precision::F32 => images(rows.len(), compute, |memory: &mut [f32]| {
            data.gather(rows, normalizer, memory, &mut labels);
        }),
        Precision::Bf16 => images(rows.len(), compute, |memory: &mut [bf16]| {
            data.gather(rows, normalizer, memory, &mut labels);
        }),
    };
    (images, labels)
}

/// Images enlarged to `side` x `side` pixels by bilinear interpolation, as by torchvision's `Resize`.
pub fn resized(images: Tensor, side: Option<usize>) -> Tensor {
    match side {
        Some(side) => images.upsample_bilinear2d([side as i64; 2], false, None, None),
        None => images,
    }
}

/// A new tensor on the device of `compute` with the values that `fill` writes in the order NHWC.
fn images<T: Dense>(rows: usize, compute: Compute, fill: impl FnOnce(&mut [T])) -> Tensor {
    let side = SIDE as i64;
    let images = raw::filled(&[rows as i64, side, side, CHANNELS as i64], fill);
    images.to_device(compute.device).permute([0, 3, 1, 2])
}
