//! The nets of airbench (Jordan, "94 % on CIFAR-10 in 3.29 seconds on a single GPU", 2024, arXiv 2404.00498), with
//! fewer channels: a frozen 2x2 convolution that whitens patches, then three blocks of two 3x3 convolutions. In each
//! block a 2x2 max pooling follows the first convolution, and each convolution has a batch normalisation without a
//! learnt scale and a GELU. The logits are scaled down.

use super::{Net, PAD_1, Recipe};
use crate::data::PATCH;
use crate::kernels::activation::Activation;
use crate::ops::{
    ConvGeometry, Norm, Window, batch_norm, conv, conv_without_bias, flatten, gelu, linear_without_bias, max_pool,
    scaled,
};
use crate::params::{Init, Param, conv_layer, norm_layer};
use crate::pass::{Pass, Var};

// PyTorch's momentum; airbench states its complement, 0.6
const NORM: Norm = Norm { momentum: 0.4, epsilon: 1e-12, scale: false, activation: Activation::Gelu };
const PATCHES: ConvGeometry = ConvGeometry { stride: 1, padding: 0, groups: 1 };
const HALVE: Window = Window { kernel: 2, stride: 2, ceil: false, relu: false };
const LAST: Window = Window { kernel: 3, stride: 3, ceil: false, relu: false };
/// Factor on the learning rate of the biases of batch normalisations. Their weight decay is divided by it, so that rate
/// times decay stays the same.
const BIAS_RATE: f64 = 64.0;
const LOGIT_SCALE: f64 = 1.0 / 9.0;

/// Its three blocks have `FIRST`, `REST` and `REST` channels.
pub fn net<const FIRST: usize, const REST: usize>(classes: usize) -> Net {
    let bias = norm_layer("whiten", 2 * PATCH, false).swap_remove(0);
    let mut params = vec![conv_layer("whiten", &[2 * PATCH, 3, 2, 2], Init::Whiten), bias];
    for (block, from, out) in [(1, 2 * PATCH, FIRST), (2, FIRST, REST), (3, REST, REST)] {
        for (layer, from) in [(1, from), (2, out)] {
            params.push(conv_layer(&format!("block{block}.conv{layer}"), &[out, from, 3, 3], Init::Dirac));
            params.extend(norm_layer(&format!("block{block}.norm{layer}"), out, false).into_iter().map(with_bias_rate));
        }
    }
    let bound = 1.0 / (REST as f64).sqrt();
    params.push(conv_layer("head", &[classes, REST], Init::Uniform(bound)));
    // airbench94 sums the losses of a minibatch where this takes their mean; its lr 11.5 and decay 0.0153 become
    // 11.5 / 7.667 and 0.0153 / 11.5
    let recipe = Recipe { batch: 1024, lr: 1.5, momentum: 0.85, weight_decay: 0.00133, max_iter: 490, drops: vec![] };
    Net::new(params, forward, recipe)
}

fn with_bias_rate(param: Param) -> Param {
    match param.init {
        Init::Constant(_) => Param { lr_mult: BIAS_RATE, decay_mult: 1.0 / BIAS_RATE, ..param },
        _ => param,
    }
}

fn forward(pass: &mut Pass<'_>, images: &Var) -> Var {
    let x = conv(pass, "whiten", images, PATCHES);
    let mut x = gelu(pass, &x);
    for block in 1..=3 {
        x = conv_without_bias(pass, &format!("block{block}.conv1"), &x, PAD_1);
        x = max_pool(pass, &x, HALVE);
        x = batch_norm(pass, &format!("block{block}.norm1"), &x, NORM, None);
        x = conv_without_bias(pass, &format!("block{block}.conv2"), &x, PAD_1);
        x = batch_norm(pass, &format!("block{block}.norm2"), &x, NORM, None);
    }
    let x = max_pool(pass, &x, LAST);
    let x = flatten(pass, &x);
    let x = linear_without_bias(pass, "head", &x);
    scaled(pass, &x, LOGIT_SCALE)
}
