//! Caffe's `cifar10_quick` (examples/cifar10/cifar10_quick_train_test.prototxt): published accuracy 75.3 % on CIFAR-10
//! after 5,000 minibatches. Three 5x5 convolutions, each followed by a 3x3 pooling with stride 2, and two linear layers
//! with no ReLU between them.

use super::{CAFFE_POOL, Net, PAD_2, Recipe};
use crate::ops::{average_pool, conv, flatten, linear, logits, max_pool};
use crate::params::caffe_layer;
use crate::pass::{Pass, Var};

pub fn net(classes: usize) -> Net {
    let params = [
        caffe_layer("conv1", &[32, 3, 5, 5], 1e-4),
        caffe_layer("conv2", &[32, 32, 5, 5], 0.01),
        caffe_layer("conv3", &[64, 32, 5, 5], 0.01),
        caffe_layer("ip1", &[64, 64 * 4 * 4], 0.1),
        caffe_layer("ip2", &[classes, 64], 0.1),
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
