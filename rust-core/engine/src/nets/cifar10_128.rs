//! DeepSpark's own CIFAR net (Kim, Park, Jang, Yoon 2016): three convolutions 5x5 of 128 channels, each
//! pooled 2/2, and one linear layer. The first block pools before its ReLU, the others after.
//! DeepSpark published no solver file for it; the recipe is that of `cifar10_quick`.

use tch::Tensor;

use super::ops::{conv, input, logits, max_pool};
use super::{Net, Recipe, layer};
use crate::weights::Weights;

pub fn net(classes: usize) -> Net {
    let params = [
        layer("conv1", &[128, 3, 5, 5], 1e-4),
        layer("conv2", &[128, 128, 5, 5], 0.01),
        layer("conv3", &[128, 128, 5, 5], 0.01),
        layer("ip1", &[classes, 128 * 4 * 4], 0.01),
    ];
    let recipe =
        Recipe { batch: 100, lr: 0.001, momentum: 0.9, weight_decay: 0.004, max_iter: 5_000, drops: vec![4_000] };
    Net::new(params.concat(), forward, recipe)
}

fn forward(w: &Weights, images: &Tensor) -> Tensor {
    let x = input(w, images);
    let x = max_pool(&conv(w, "conv1", &x, 2), 2, 2).relu();
    let x = max_pool(&conv(w, "conv2", &x, 2).relu(), 2, 2);
    let x = max_pool(&conv(w, "conv3", &x, 2).relu(), 2, 2);
    logits(w, "ip1", &x.flatten(1, -1))
}
