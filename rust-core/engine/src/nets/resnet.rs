//! ResNet-20, 32 and 56 for CIFAR (He, Zhang, Ren, Sun 2015, section 4.2): three stages of N blocks of two 3x3
//! convolutions with 16, 32 and 64 channels. Shortcuts have no parameters (the paper's option A): where the size halves
//! they take every other pixel and pad the channels with zeros. Published accuracies: 91.25, 92.49 and 93.03 %.

use super::{CIFAR_SIDE, Net, PAD_1, Recipe};
use crate::kernels::activation::Activation;
use crate::ops::{ConvGeometry, Norm, batch_norm, conv_without_bias, logits, mean_of_image, subsampled};
use crate::params::{Init, Param, conv_layer, linear_layer, norm_layer};
use crate::pass::{Pass, Var};

const CHANNELS: [usize; 3] = [16, 32, 64];
const NORM: Norm = Norm { momentum: 0.1, epsilon: 1e-5, scale: true, activation: Activation::Relu };

/// Each stage has `BLOCKS` blocks, so that the net has 6 BLOCKS + 2 layers.
pub fn net<const BLOCKS: usize>(classes: usize) -> Net {
    let mut params = convolution("conv1", 16, 3);
    for (stage, block, width, before) in blocks(BLOCKS) {
        params.extend(convolution(&name(stage, block, 1), width, before));
        params.extend(convolution(&name(stage, block, 2), width, width));
    }
    params.extend(linear_layer("fc", classes, CHANNELS[2]));
    let recipe = Recipe {
        batch: 128,
        lr: 0.1,
        momentum: 0.9,
        weight_decay: 1e-4,
        max_iter: 64_000,
        drops: vec![32_000, 48_000],
    };
    Net::new(params, forward::<BLOCKS>, recipe).with_least_side(CIFAR_SIDE)
}

/// Of every block in sequence: its stage, its number in the stage, its output channels and its input channels.
fn blocks(each: usize) -> impl Iterator<Item = (usize, usize, usize, usize)> {
    (0..3usize).flat_map(move |stage| {
        (0..each).map(move |block| {
            let before = if block == 0 { CHANNELS[stage.saturating_sub(1)] } else { CHANNELS[stage] };
            (stage, block, CHANNELS[stage], before)
        })
    })
}

fn name(stage: usize, block: usize, conv: usize) -> String {
    format!("layer{}.{block}.conv{conv}", stage + 1)
}

/// A convolution with He initialisation, and its batch normalisation.
fn convolution(name: &str, out: usize, from: usize) -> Vec<Param> {
    let deviation = (2.0 / (from as f64 * 9.0)).sqrt();
    let weight = conv_layer(name, &[out, from, 3, 3], Init::Gauss(deviation));
    let mut params = norm_layer(&norm(name), out, true);
    params.push(weight);
    params
}

fn norm(conv: &str) -> String {
    conv.replace("conv", "bn")
}

fn forward<const BLOCKS: usize>(pass: &mut Pass<'_>, images: &Var) -> Var {
    let x = conv_without_bias(pass, "conv1", images, PAD_1);
    let mut x = batch_norm(pass, "bn1", &x, NORM, None);
    for (stage, block, width, before) in blocks(BLOCKS) {
        let (first, second) = (name(stage, block, 1), name(stage, block, 2));
        let stride = if width == before { 1 } else { 2 };
        let y = conv_without_bias(pass, &first, &x, ConvGeometry { stride, ..PAD_1 });
        let y = batch_norm(pass, &norm(&first), &y, NORM, None);
        let y = conv_without_bias(pass, &second, &y, PAD_1);
        let shortcut = if stride == 1 { x } else { subsampled(pass, &x, (width - before) as i64) };
        x = batch_norm(pass, &norm(&second), &y, NORM, Some(&shortcut));
    }
    let x = mean_of_image(pass, &x);
    logits(pass, "fc", &x)
}
