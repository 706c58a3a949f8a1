//! MobileNetV2 (Sandler, Howard, Zhu, Zhmoginov, Chen 2018, table 2), as in torchvision and with its tensor names:
//! inverted residual blocks, each a 1x1 convolution to more channels, a depthwise 3x3 convolution and a 1x1 convolution
//! to fewer channels without an activation. Designed for images of 224 x 224; of 32 x 32 one pixel is left in the last
//! block. Published accuracy with 1,000 classes: 71.9 % (torchvision, IMAGENET1K_V1).

use super::{CIFAR_SIDE, IMAGENET_SIDE, Net, Recipe};
use crate::kernels::activation::Activation;
use crate::ops::{ConvGeometry, Norm, batch_norm, conv_without_bias, dropout, logits, mean_of_image};
use crate::params::{Init, Param, conv_layer, linear_layer, norm_layer};
use crate::pass::{Pass, Var};

const RELU6: Norm = Norm { momentum: 0.1, epsilon: 1e-5, scale: true, activation: Activation::Relu6 };
const LINEAR: Norm = Norm { activation: Activation::Identity, ..RELU6 };
const FIRST: usize = 32;
const LAST: usize = 1280;
/// Fraction of the values that dropout sets to zero.
const DROPOUT: f64 = 0.2;
/// Of each stage: the expansion factor of its blocks, their output channels, their number, and the stride of the first.
const STAGES: [(usize, usize, usize, i64); 7] =
    [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)];

/// A convolution and its batch normalisation.
struct Layer {
    conv: String,
    norm: String,
    /// Output channels, input channels, and the kernel's side.
    shape: [usize; 3],
    geometry: ConvGeometry,
    how: Norm,
}

/// Layers in sequence, with or without a residual connection around them.
struct Block {
    layers: Vec<Layer>,
    residual: bool,
}

pub fn net(classes: usize) -> Net {
    let mut params = linear_layer("classifier.1", classes, LAST);
    params.extend(blocks().iter().flat_map(|block| &block.layers).flat_map(Layer::params));
    // torchvision's: 300 epochs of ImageNet. Its rate falls by 2 % an epoch; a recipe here is divided by 10 at its
    // drops
    let recipe = Recipe {
        batch: 256,
        lr: 0.045,
        momentum: 0.9,
        weight_decay: 4e-5,
        max_iter: 1_500_000,
        drops: vec![750_000, 1_125_000],
    };
    Net::new(params, forward, recipe).with_least_side(CIFAR_SIDE).published_for(IMAGENET_SIDE)
}

fn blocks() -> Vec<Block> {
    let pointwise = |conv, norm, [out, from]: [usize; 2], how| {
        let geometry = ConvGeometry { stride: 1, padding: 0, groups: 1 };
        Layer { conv, norm, shape: [out, from, 1], geometry, how }
    };
    let first = Layer {
        conv: "features.0.0".to_owned(),
        norm: "features.0.1".to_owned(),
        shape: [FIRST, 3, 3],
        geometry: ConvGeometry { stride: 2, padding: 1, groups: 1 },
        how: RELU6,
    };
    let (mut blocks, mut from) = (vec![Block { layers: vec![first], residual: false }], FIRST);
    for (factor, out, count, stride) in STAGES {
        for number in 0..count {
            let name = format!("features.{}.conv", blocks.len());
            let (wide, stride) = (from * factor, if number == 0 { stride } else { 1 });
            let mut layers = vec![];
            if factor > 1 {
                layers.push(pointwise(format!("{name}.0.0"), format!("{name}.0.1"), [wide, from], RELU6));
            }
            let at = layers.len();
            layers.push(Layer {
                conv: format!("{name}.{at}.0"),
                norm: format!("{name}.{at}.1"),
                shape: [wide, 1, 3],
                geometry: ConvGeometry { stride, padding: 1, groups: wide as i64 },
                how: RELU6,
            });
            layers.push(pointwise(format!("{name}.{}", at + 1), format!("{name}.{}", at + 2), [out, wide], LINEAR));
            blocks.push(Block { layers, residual: stride == 1 && from == out });
            from = out;
        }
    }
    let name = format!("features.{}", blocks.len());
    let last = pointwise(format!("{name}.0"), format!("{name}.1"), [LAST, from], RELU6);
    blocks.push(Block { layers: vec![last], residual: false });
    blocks
}

impl Layer {
    /// He initialisation by fan-out, as in torchvision.
    fn params(&self) -> Vec<Param> {
        let [out, from, side] = self.shape;
        let fan_out = (out * side * side) as f64 / self.geometry.groups as f64;
        let mut params = norm_layer(&self.norm, out, true);
        params.push(conv_layer(&self.conv, &[out, from, side, side], Init::Gauss((2.0 / fan_out).sqrt())));
        params
    }
}

fn forward(pass: &mut Pass<'_>, images: &Var) -> Var {
    let mut x = images.shared();
    for Block { layers, residual } in blocks() {
        let mut y = x.shared();
        for (at, layer) in layers.iter().enumerate() {
            y = conv_without_bias(pass, &layer.conv, &y, layer.geometry);
            let residual = (residual && at + 1 == layers.len()).then_some(&x);
            y = batch_norm(pass, &layer.norm, &y, layer.how, residual);
        }
        x = y;
    }
    let x = mean_of_image(pass, &x);
    let x = dropout(pass, &x, DROPOUT);
    logits(pass, "classifier.1", &x)
}
