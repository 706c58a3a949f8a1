//! Minibatches as the first layer takes them: rows are gathered and normalised directly into the memory of a tensor, in
//! the precision of the arithmetic.

use half::bf16;
use tch::{Device, Tensor};

use crate::data::{Augment, Dataset, Minibatch, Normalizer, Shape};
use crate::device::{Compute, Precision};
use crate::memory::{self, Purpose, or_unwind};
use crate::nets::Net;
use crate::raw::{self, Dense};
use crate::weights::Weights;

/// Rows of one forward pass of an evaluation on images of CIFAR's size.
const EVALUATION: usize = 250;

/// Rows of one forward pass of an evaluation on images of `shape`, which may be enlarged to `resize` x `resize` pixels.
pub fn of_evaluation(shape: Shape, resize: Option<usize>) -> usize {
    let plane = resize.map_or(shape.plane(), |side| side * side);
    (EVALUATION / plane.div_ceil(Shape::CIFAR.plane())).max(1)
}

/// The rows of `minibatch` with random augmentation, `[n, 3, h, w]` in channels-last order, and their labels.
pub fn augmented(
    data: &Dataset,
    minibatch: &Minibatch<'_>,
    augment: &Augment,
    normalizer: &Normalizer,
    compute: Compute,
) -> (Tensor, Vec<i64>) {
    let (rows, shape) = (minibatch.rows.len(), data.shape());
    let mut labels = or_unwind(memory::filled(rows, 0, Purpose::Minibatch));
    let images = match compute.precision {
        Precision::F32 => images(rows, shape, compute, |memory: &mut [f32]| {
            data.gather_augmented(minibatch, augment, normalizer, memory, &mut labels);
        }),
        Precision::Bf16 => images(rows, shape, compute, |memory: &mut [bf16]| {
            data.gather_augmented(minibatch, augment, normalizer, memory, &mut labels);
        }),
    };
    (images, labels)
}

/// The images of `rows` without augmentation, and their labels.
pub fn plain(data: &Dataset, rows: &[u32], normalizer: &Normalizer, compute: Compute) -> (Tensor, Vec<i64>) {
    let mut labels = or_unwind(memory::filled(rows.len(), 0, Purpose::Evaluation));
    let images = match compute.precision {
        Precision::F32 => images(rows.len(), data.shape(), compute, |memory: &mut [f32]| {
            data.gather(rows, normalizer, memory, &mut labels);
        }),
        Precision::Bf16 => images(rows.len(), data.shape(), compute, |memory: &mut [bf16]| {
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
fn images<T: Dense>(rows: usize, shape: Shape, compute: Compute, fill: impl FnOnce(&mut [T])) -> Tensor {
    let size = [rows, shape.height, shape.width, shape.channels].map(|size| size as i64);
    let images = raw::filled(&size, fill);
    images.to_device(compute.device).permute([0, 3, 1, 2])
}

/// The logits of an evaluation, `[n, classes]` in f32 on the processor; with `flip` the mean of those of the images and of
/// their mirror images.
pub fn logits(net: &Net, weights: &Weights, images: &Tensor, flip: bool, threads: usize) -> Tensor {
    let of = |images: &Tensor| net.logits(weights, images, threads).to_device(Device::Cpu);
    if flip { (of(images) + of(&images.flip([3]))) / 2 } else { of(images) }
}
