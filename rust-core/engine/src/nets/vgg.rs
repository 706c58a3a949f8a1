//! VGG-11 with batch normalisation (Simonyan, Zisserman 2014, configuration A) as it is trained on CIFAR: eight
//! 3x3 convolutions, five times pooled 2/2 down to one pixel, one linear layer.

use super::{Init, Net, PAD_1, Recipe, conv_layer, linear_layer, norm_layer};
use crate::kernels::activation::Activation;
use crate::ops::{Norm, Window, batch_norm, conv_without_bias, flatten, logits, max_pool};
use crate::pass::{Pass, Var};

const NORM: Norm = Norm { momentum: 0.1, epsilon: 1e-5, scale: true, activation: Activation::Relu };
const POOL: Window = Window { kernel: 2, stride: 2, ceil: false, relu: false };
/// Channels of the convolutions, and whether a pooling follows.
const LAYERS: [(usize, bool); 8] =
    [(64, true), (128, true), (256, false), (256, true), (512, false), (512, true), (512, false), (512, true)];

pub fn net(classes: usize) -> Net {
    let (mut params, mut from) = (linear_layer("fc", classes, 512), 3);
    for (at, (out, _)) in LAYERS.into_iter().enumerate() {
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
    Net::new(params, forward, recipe)
}

fn forward(pass: &mut Pass<'_>, images: &Var) -> Var {
    let mut x = images.shared();
    for (at, (_, pools)) in LAYERS.into_iter().enumerate() {
        x = conv_without_bias(pass, &format!("conv{at}"), &x, PAD_1);
        x = batch_norm(pass, &format!("bn{at}"), &x, NORM, None);
        if pools {
            x = max_pool(pass, &x, POOL);
        }
    }
    let x = flatten(pass, &x);
    logits(pass, "fc", &x)
}
