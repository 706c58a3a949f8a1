//! DeepSpark's CIFAR net (Kim, Park, Jang, Yoon 2016): three 5x5 convolutions of 128 channels, each followed by a 2x2
//! max pooling with stride 2, and one linear layer. In the paper the ReLU follows the pooling in the first block and
//! precedes it in the others; the result is the same. DeepSpark published no solver file for it, so the recipe is
//! `cifar10_quick`'s.

use super::{CAFFE_POOL, Net, PAD_2, Recipe};
use crate::ops::{Window, conv, flatten, logits, max_pool};
use crate::params::caffe_layer;
use crate::pass::{Pass, Var};

const POOL: Window = Window { kernel: 2, ..CAFFE_POOL };

pub fn net(classes: usize) -> Net {
    let params = [
        caffe_layer("conv1", &[128, 3, 5, 5], 1e-4),
        caffe_layer("conv2", &[128, 128, 5, 5], 0.01),
        caffe_layer("conv3", &[128, 128, 5, 5], 0.01),
        caffe_layer("ip1", &[classes, 128 * 4 * 4], 0.01),
    ];
    let recipe =
        Recipe { batch: 100, lr: 0.001, momentum: 0.9, weight_decay: 0.004, max_iter: 5_000, drops: vec![4_000] };
    Net::new(params.concat(), forward, recipe)
}

fn forward(pass: &mut Pass<'_>, images: &Var) -> Var {
    let x = conv(pass, "conv1", images, PAD_2);
    let x = max_pool(pass, &x, POOL);
    let x = conv(pass, "conv2", &x, PAD_2);
    let x = max_pool(pass, &x, POOL);
    let x = conv(pass, "conv3", &x, PAD_2);
    let x = max_pool(pass, &x, POOL);
    let x = flatten(pass, &x);
    logits(pass, "ip1", &x)
}
