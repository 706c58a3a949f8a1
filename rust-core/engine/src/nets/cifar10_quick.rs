//! Caffe's `cifar10_quick` (examples/cifar10/cifar10_quick_train_test.prototxt): published 75.3 % on
//! CIFAR-10 after 5,000 minibatches. Convolutions 5x5 pad 2, pooling 3/2, no ReLU between ip1 and ip2.

use super::{CAFFE_POOL, Net, PAD_2, Recipe, layer};
use crate::ops::{average_pool, conv, flatten, linear, logits, max_pool};
use crate::pass::{Pass, Var};

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

fn forward(pass: &mut Pass<'_>, images: &Var) -> Var {
    let x = conv(pass, "conv1", images, PAD_2);
    let x = max_pool(pass, &x, CAFFE_POOL);
    let x = conv(pass, "conv2", &x, PAD_2);
    let x = average_pool(pass, &x, CAFFE_POOL);
    let x = conv(pass, "conv3", &x, PAD_2);
    let x = average_pool(pass, &x, CAFFE_POOL);
    let x = flatten(pass, &x);
    let x = linear(pass, "ip1", &x);
    logits(pass, "ip2", &x)
}
