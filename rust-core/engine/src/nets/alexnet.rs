//! AlexNet in one column (Krizhevsky 2014, arXiv 1404.5997), as in torchvision and with its tensor names: convolutions
//! of 11x11, 5x5 and three of 3x3, a 3x3 max pooling with stride 2 after the first, second and last, and three linear
//! layers, the first two preceded by dropout. Designed for images of 224 x 224; an image of less than 63 x 63 has no
//! pixel left after the last pooling. Published accuracy with 1,000 classes: 56.5 % (torchvision, IMAGENET1K_V1).

use super::{IMAGENET_SIDE, Net, PAD_1, PAD_2, Recipe};
use crate::ops::{ConvGeometry, Window, conv, dropout, flatten, linear, logits, max_pool, relu, to_side};
use crate::params::torch_layer;
use crate::pass::{Pass, Var};

const LEAST_SIDE: usize = 63;
const FIRST: ConvGeometry = ConvGeometry { stride: 4, padding: 2, groups: 1 };
const POOL: Window = Window { kernel: 3, stride: 2, ceil: false, relu: true };
/// Side in pixels of the images that the linear layers take.
const SIDE: usize = 6;
const WIDTH: usize = 4096;
/// Fraction of the values that dropout sets to zero.
const DROPOUT: f64 = 0.5;

pub fn net(classes: usize) -> Net {
    let params = [
        torch_layer("features.0", &[64, 3, 11, 11]),
        torch_layer("features.3", &[192, 64, 5, 5]),
        torch_layer("features.6", &[384, 192, 3, 3]),
        torch_layer("features.8", &[256, 384, 3, 3]),
        torch_layer("features.10", &[256, 256, 3, 3]),
        torch_layer("classifier.1", &[WIDTH, 256 * SIDE * SIDE]),
        torch_layer("classifier.4", &[WIDTH, WIDTH]),
        torch_layer("classifier.6", &[classes, WIDTH]),
    ];
    // torchvision's: 90 epochs of ImageNet, the rate divided by 10 after every 30
    let recipe = Recipe {
        batch: 256,
        lr: 0.01,
        momentum: 0.9,
        weight_decay: 1e-4,
        max_iter: 450_000,
        drops: vec![150_000, 300_000],
    };
    Net::new(params.concat(), forward, recipe).with_least_side(LEAST_SIDE).published_for(IMAGENET_SIDE)
}

fn forward(pass: &mut Pass<'_>, images: &Var) -> Var {
    let x = conv(pass, "features.0", images, FIRST);
    let x = max_pool(pass, &x, POOL);
    let x = conv(pass, "features.3", &x, PAD_2);
    let mut x = max_pool(pass, &x, POOL);
    for layer in ["features.6", "features.8"] {
        x = conv(pass, layer, &x, PAD_1);
        x = relu(pass, &x);
    }
    let x = conv(pass, "features.10", &x, PAD_1);
    let x = max_pool(pass, &x, POOL);
    let x = to_side(pass, &x, SIDE as i64);
    let mut x = flatten(pass, &x);
    for layer in ["classifier.1", "classifier.4"] {
        x = dropout(pass, &x, DROPOUT);
        x = linear(pass, layer, &x);
        x = relu(pass, &x);
    }
    logits(pass, "classifier.6", &x)
}
