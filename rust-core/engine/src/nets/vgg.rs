//! VGG-11, 13, 16 and 19 with batch normalisation (Simonyan, Zisserman 2014, configurations A, B, D, E) as they are
//! commonly trained on CIFAR: five stages of 3x3 convolutions, each ending in a 2x2 max pooling with stride 2, and one
//! linear layer. A CIFAR image is one pixel then; the pixels of larger images are averaged before the linear layer.

use super::{CIFAR_SIDE, Net, PAD_1, Recipe};
use crate::kernels::activation::Activation;
use crate::ops::{Norm, Window, batch_norm, conv_without_bias, logits, max_pool, mean_of_image};
use crate::params::{Init, conv_layer, linear_layer, norm_layer};
use crate::pass::{Pass, Var};

const NORM: Norm = Norm { momentum: 0.1, epsilon: 1e-5, scale: true, activation: Activation::Relu };
const POOL: Window = Window { kernel: 2, stride: 2, ceil: false, relu: false };
const CHANNELS: [usize; 5] = [64, 128, 256, 512, 512];

/// The first two stages have `FIRST` convolutions each, the other three `MIDDLE`.
pub fn net<const FIRST: usize, const MIDDLE: usize>(classes: usize) -> Net {
    let (mut params, mut from) = (linear_layer("fc", classes, CHANNELS[4]), 3);
    for (at, (out, _)) in layers(FIRST, MIDDLE).enumerate() {
        let deviation = (2.0 / (from as f64 * 9.0)).sqrt();
        params.push(conv_layer(&format!("conv{at}"), &[out, from, 3, 3], Init::Gauss(deviation)));
        params.extend(norm_layer(&format!("bn{at}"), out, true));
        from = out;
    }
    let recipe = Recipe {
        batch: 128,
        lr: 0.1,
        momentum: 0.9,
        weight_decay: 5e-4,
        max_iter: 64_000,
        drops: vec![32_000, 48_000],
    };
    Net::new(params, forward::<FIRST, MIDDLE>, recipe).with_least_side(CIFAR_SIDE)
}

/// Of each convolution: its output channels, and whether a pooling follows.
fn layers(first: usize, middle: usize) -> impl Iterator<Item = (usize, bool)> {
    let stages = CHANNELS.into_iter().zip([first, first, middle, middle, middle]);
    stages.flat_map(|(channels, count)| (1..=count).map(move |number| (channels, number == count)))
}

fn forward<const FIRST: usize, const MIDDLE: usize>(pass: &mut Pass<'_>, images: &Var) -> Var {
    let mut x = images.shared();
    for (at, (_, pools)) in layers(FIRST, MIDDLE).enumerate() {
        x = conv_without_bias(pass, &format!("conv{at}"), &x, PAD_1);
        x = batch_norm(pass, &format!("bn{at}"), &x, NORM, None);
        if pools {
            x = max_pool(pass, &x, POOL);
        }
    }
    let x = mean_of_image(pass, &x);
    logits(pass, "fc", &x)
}
