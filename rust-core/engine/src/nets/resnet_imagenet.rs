//! ResNet-18, 34 and 50 (He, Zhang, Ren, Sun 2015, table 1) as torchvision has them, whose names of tensors they bear: a
//! 7x7 convolution and a pooling that quarter the image, 4 stages of blocks with 64 to 512 channels, and shortcuts that
//! are a 1x1 convolution where the shape changes. Made for images of 224 x 224; 32 x 32 leave one pixel to the last
//! stage. Published with 1,000 classes: 69.8, 73.3 and 76.1 % (torchvision, IMAGENET1K_V1).

use super::{Init, Net, PAD_1, Param, Recipe, conv_layer, linear_layer, norm_layer};
use crate::data::SIDE;
use crate::kernels::activation::Activation;
use crate::ops::{Norm, Slide, Window, batch_norm, conv_without_bias, logits, max_pool, mean_of_image, padded};
use crate::pass::{Pass, Var};

const RELU: Norm = Norm { momentum: 0.1, epsilon: 1e-5, scale: true, activation: Activation::Relu };
const BARE: Norm = Norm { activation: Activation::Identity, ..RELU };
const FIRST: Slide = Slide { stride: 2, padding: 3, groups: 1 };
const POINT: Slide = Slide { stride: 1, padding: 0, groups: 1 };
/// Its input stands behind a ReLU, so that a border of zeros changes no maximum.
const POOL: Window = Window { kernel: 3, stride: 2, ceil: false, relu: false };

/// A block's convolutions, each with its kernel's side, whether it takes the block's stride, and whether it widens.
type Plan = &'static [(usize, bool, bool)];
const BASIC: Plan = &[(3, true, false), (3, false, false)];
const BOTTLENECK: Plan = &[(1, false, false), (3, true, false), (1, false, true)];
/// How much wider a bottleneck's last convolution is.
const EXPANSION: usize = 4;

/// One block of a stage.
struct Block {
    name: String,
    plan: Plan,
    from: usize,
    width: usize,
    out: usize,
    stride: i64,
}

impl Block {
    /// Number, kernel's side, channels before and after, and stride of each convolution.
    fn convolutions(&self) -> impl Iterator<Item = (usize, usize, usize, usize, i64)> {
        let mut before = self.from;
        self.plan.iter().enumerate().map(move |(at, &(side, strides, widens))| {
            let from = std::mem::replace(&mut before, if widens { self.out } else { self.width });
            (at + 1, side, from, before, if strides { self.stride } else { 1 })
        })
    }

    fn reshapes(&self) -> bool {
        self.stride != 1 || self.from != self.out
    }
}

/// With `A` to `D` blocks in the stages, bottlenecks or not.
pub fn net<const A: usize, const B: usize, const C: usize, const D: usize, const DEEP: bool>(classes: usize) -> Net {
    let mut params = convolution("conv1", "bn1", [64, 3, 7]);
    let mut last = 64;
    for block in blocks([A, B, C, D], DEEP) {
        for (number, side, from, out, _) in block.convolutions() {
            let (conv, norm) = (format!("{}.conv{number}", block.name), format!("{}.bn{number}", block.name));
            params.extend(convolution(&conv, &norm, [out, from, side]));
        }
        if block.reshapes() {
            let name = format!("{}.downsample", block.name);
            params.extend(convolution(&format!("{name}.0"), &format!("{name}.1"), [block.out, block.from, 1]));
        }
        last = block.out;
    }
    params.extend(linear_layer("fc", classes, last));
    // 90 epochs of ImageNet, the rate a tenth after each 30
    let recipe = Recipe {
        batch: 256,
        lr: 0.1,
        momentum: 0.9,
        weight_decay: 1e-4,
        max_iter: 450_000,
        drops: vec![150_000, 300_000],
    };
    Net::new(params, forward::<A, B, C, D, DEEP>, recipe).with_least_side(SIDE)
}

fn blocks(each: [usize; 4], deep: bool) -> Vec<Block> {
    let (plan, expansion) = if deep { (BOTTLENECK, EXPANSION) } else { (BASIC, 1) };
    let (mut blocks, mut from) = (vec![], 64);
    for (stage, (width, count)) in [64, 128, 256, 512].into_iter().zip(each).enumerate() {
        for number in 0..count {
            let stride = if stage > 0 && number == 0 { 2 } else { 1 };
            let out = width * expansion;
            blocks.push(Block { name: format!("layer{}.{number}", stage + 1), plan, from, width, out, stride });
            from = out;
        }
    }
    blocks
}

/// A convolution with He's initial weights by its outputs, as torchvision's, and its normalisation.
fn convolution(name: &str, norm: &str, [out, from, side]: [usize; 3]) -> Vec<Param> {
    let deviation = (2.0 / (out * side * side) as f64).sqrt();
    let mut params = norm_layer(norm, out, true);
    params.push(conv_layer(name, &[out, from, side, side], Init::Gauss(deviation)));
    params
}

fn forward<const A: usize, const B: usize, const C: usize, const D: usize, const DEEP: bool>(
    pass: &mut Pass<'_>,
    images: &Var,
) -> Var {
    let x = conv_without_bias(pass, "conv1", images, FIRST);
    let x = batch_norm(pass, "bn1", &x, RELU, None);
    let x = padded(pass, &x, 1);
    let mut x = max_pool(pass, &x, POOL);
    for block in blocks([A, B, C, D], DEEP) {
        x = through(pass, &block, x);
    }
    let x = mean_of_image(pass, &x);
    logits(pass, "fc", &x)
}

fn through(pass: &mut Pass<'_>, block: &Block, x: Var) -> Var {
    let name = &block.name;
    let shortcut = block.reshapes().then(|| {
        let y = conv_without_bias(pass, &format!("{name}.downsample.0"), &x, Slide { stride: block.stride, ..POINT });
        batch_norm(pass, &format!("{name}.downsample.1"), &y, BARE, None)
    });
    let mut y = x.shared();
    for (number, side, _, _, stride) in block.convolutions() {
        let slide = Slide { stride, ..if side == 3 { PAD_1 } else { POINT } };
        y = conv_without_bias(pass, &format!("{name}.conv{number}"), &y, slide);
        let beside = (number == block.plan.len()).then(|| shortcut.as_ref().unwrap_or(&x));
        y = batch_norm(pass, &format!("{name}.bn{number}"), &y, RELU, beside);
    }
    y
}
