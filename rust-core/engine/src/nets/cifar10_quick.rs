//! Caffe's `cifar10_quick` (examples/cifar10/cifar10_quick_train_test.prototxt): published 75.3 % on
//! CIFAR-10 after 5,000 minibatches. Convolutions 5x5 pad 2, pooling 3/2, no ReLU between ip1 and ip2.

use tch::Tensor;

use super::ops::{avg_pool, conv, input, linear, logits, max_pool};
use super::{Net, Recipe, layer};
use crate::weights::Weights;

pub fn net(classes: usize) -> Net {
    let params = [
        layer("conv1", &[32, 3, 5, 5], 1e-4),
        layer("conv2", &[32, 32, 5, 5], 0.01),
        layer("conv3", &[64, 32, 5, 5], 0.01),
        layer("ip1", &[64, 64 * 4 * 4], 0.1),
        layer("ip2", &[classes, 64], 0.1),
    ];
    let recipe =
        Recipe { batch: 100, lr: 0.001, momentum: 0.9, weight_decay: 0.004, max_iter: 5_000, drops: vec![4_000] };
    Net::new(params.concat(), forward, recipe)
}

fn forward(w: &Weights, images: &Tensor) -> Tensor {
    let x = input(w, images);
    let x = max_pool(&conv(w, "conv1", &x, 2), 3, 2).relu();
    let x = avg_pool(&conv(w, "conv2", &x, 2).relu(), 3, 2);
    let x = avg_pool(&conv(w, "conv3", &x, 2).relu(), 3, 2);
    let x = linear(w, "ip1", &x.flatten(1, -1));
    logits(w, "ip2", &x)
}
