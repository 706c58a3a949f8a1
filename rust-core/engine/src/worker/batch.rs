//! Minibatches as the first layer takes them: gathered and normalised into the memory of a tensor, in the
//! precision of the arithmetic.

use half::bf16;
use tch::{Device, Kind, Tensor};

use crate::data::{Augment, CHANNELS, Dataset, Minibatch, Normalizer, SIDE};
use crate::device::{Compute, Precision};
use crate::raw::values_mut;

/// Images `[n, 3, 32, 32]` in channels-last order, changed at random on the way, and their labels.
pub fn augmented(
    data: &Dataset,
    minibatch: &Minibatch<'_>,
    augment: &Augment,
    normalizer: &Normalizer,
    compute: Compute,
) -> (Tensor, Vec<i64>) {
    let mut labels = vec![0; minibatch.rows.len()];
    let images = images(minibatch.rows.len(), compute, |memory| match compute.precision {
        Precision::F32 => {
            data.gather_augmented(minibatch, augment, normalizer, values_mut::<f32>(memory), &mut labels);
        }
        Precision::Bf16 => {
            data.gather_augmented(minibatch, augment, normalizer, values_mut::<bf16>(memory), &mut labels);
        }
    });
    (images, labels)
}

/// The images of `rows` as they are, and their labels.
pub fn plain(data: &Dataset, rows: &[u32], normalizer: &Normalizer, compute: Compute) -> (Tensor, Vec<i64>) {
    let mut labels = vec![0; rows.len()];
    let images = images(rows.len(), compute, |memory| match compute.precision {
        Precision::F32 => data.gather(rows, normalizer, values_mut::<f32>(memory), &mut labels),
        Precision::Bf16 => data.gather(rows, normalizer, values_mut::<bf16>(memory), &mut labels),
    });
    (images, labels)
}

/// Images enlarged to squares of `side` pixels, by bilinear interpolation as torchvision's `Resize` has it.
pub fn resized(images: Tensor, side: Option<usize>) -> Tensor {
    match side {
        Some(side) => images.upsample_bilinear2d([side as i64; 2], false, None, None),
        None => images,
    }
}

/// What `fill` writes as NHWC into a new tensor on the CPU, where the layers compute.
fn images(rows: usize, compute: Compute, fill: impl FnOnce(&mut Tensor)) -> Tensor {
    let (side, kind): (_, Kind) = (SIDE as i64, compute.precision.kind());
    let mut memory = Tensor::empty([rows as i64, side, side, CHANNELS as i64], (kind, Device::Cpu));
    fill(&mut memory);
    memory.to_device(compute.device).permute([0, 3, 1, 2])
}
