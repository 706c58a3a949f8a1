//! Caffe's `cifar10_full` (examples/cifar10/cifar10_full_train_test.prototxt): published accuracy about 81 % on
//! CIFAR-10 after 70,000 minibatches. Local response normalisation within the channel follows the first two blocks; the
//! weight decay of the linear layer is 250 times that of the others.

use super::{CAFFE_POOL, Net, PAD_2, Recipe};
use crate::ops::{average_pool, conv, flatten, logits, lrn, max_pool};
use crate::params::caffe_layer;
use crate::pass::{Pass, Var};

const ALPHA: f64 = 5e-5;
const BETA: f64 = 0.75;

pub fn net(classes: usize) -> Net {
    let mut conv3 = caffe_layer("conv3", &[64, 32, 5, 5], 0.01);
    conv3[1].lr_mult = 1.0; // in the prototxt this bias has the rate of the weights
    let mut ip1 = caffe_layer("ip1", &[classes, 64 * 4 * 4], 0.01);
    ip1[0].decay_mult = 250.0;
    ip1[1].decay_mult = 0.0;
    let params = [caffe_layer("conv1", &[32, 3, 5, 5], 1e-4), caffe_layer("conv2", &[32, 32, 5, 5], 0.01), conv3, ip1];
    let recipe = Recipe {
        batch: 100,
        lr: 0.001,
        momentum: 0.9,
        weight_decay: 0.004,
        max_iter: 70_000,
        drops: vec![60_000, 65_000],
    };
    Net::new(params.concat(), forward, recipe)
}

fn forward(pass: &mut Pass<'_>, images: &Var) -> Var {
    let x = conv(pass, "conv1", images, PAD_2);
    let x = max_pool(pass, &x, CAFFE_POOL);
    let x = lrn(pass, &x, ALPHA, BETA);
    let x = conv(pass, "conv2", &x, PAD_2);
    let x = average_pool(pass, &x, CAFFE_POOL);
    let x = lrn(pass, &x, ALPHA, BETA);
    let x = conv(pass, "conv3", &x, PAD_2);
    let x = average_pool(pass, &x, CAFFE_POOL);
    let x = flatten(pass, &x);
    logits(pass, "ip1", &x)
}
