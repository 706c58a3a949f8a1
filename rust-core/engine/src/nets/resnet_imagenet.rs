//! ResNet-18, 34 and 50 (He, Zhang, Ren, Sun 2015, table 1), as in torchvision and with its tensor names: a 7x7
//! convolution and a max pooling, both with stride 2, then four stages of blocks with 64 to 512 channels. A shortcut is
//! a 1x1 convolution where the shape changes. Designed for images of 224 x 224; of 32 x 32 one pixel is left in the
//! last stage. Published accuracies with 1,000 classes: 69.8, 73.3 and 76.1 % (torchvision, IMAGENET1K_V1).

use super::{CIFAR_SIDE, IMAGENET_SIDE, Net, PAD_1, Recipe};
use crate::kernels::activation::Activation;
use crate::ops::{ConvGeometry, Norm, Window, batch_norm, conv_without_bias, logits, max_pool, mean_of_image, padded};
use crate::params::{Init, Param, conv_layer, linear_layer, norm_layer};
use crate::pass::{Pass, Var};

const RELU: Norm = Norm { momentum: 0.1, epsilon: 1e-5, scale: true, activation: Activation::Relu };
const LINEAR: Norm = Norm { activation: Activation::Identity, ..RELU };
const FIRST: ConvGeometry = ConvGeometry { stride: 2, padding: 3, groups: 1 };
const POINT: ConvGeometry = ConvGeometry { stride: 1, padding: 0, groups: 1 };
/// Its input is the output of a ReLU, so padding with zeros instead of minus infinity changes no maximum.
const POOL: Window = Window { kernel: 3, stride: 2, ceil: false, relu: false };

/// The convolutions of a block in sequence, each with: its kernel's side, whether it has the block's stride (1
/// otherwise), and whether its output has the block's number of output channels (the block's width otherwise).
type BlockConvs = &'static [(usize, bool, bool)];
const BASIC: BlockConvs = &[(3, true, false), (3, false, false)];
const BOTTLENECK: BlockConvs = &[(1, false, false), (3, true, false), (1, false, true)];
/// Output channels of a bottleneck block, in units of its width.
const EXPANSION: usize = 4;

/// One block of a stage.
struct Block {
    name: String,
    convs: BlockConvs,
    /// Input channels.
    from: usize,
    /// Channels between its convolutions.
    width: usize,
    /// Output channels.
    out: usize,
    stride: i64,
}

impl Block {
    /// Of each convolution: its number from 1, its kernel's side, its input and output channels, and its stride.
    fn convolutions(&self) -> impl Iterator<Item = (usize, usize, usize, usize, i64)> {
        let mut before = self.from;
        self.convs.iter().enumerate().map(move |(at, &(side, has_stride, is_output))| {
            let from = std::mem::replace(&mut before, if is_output { self.out } else { self.width });
            (at + 1, side, from, before, if has_stride { self.stride } else { 1 })
        })
    }

    /// Whether the shapes of input and output differ, so that the shortcut needs a convolution.
    fn reshapes(&self) -> bool {
        self.stride != 1 || self.from != self.out
    }
}

/// The four stages have `A`, `B`, `C` and `D` blocks, which are bottlenecks if `DEEP`.
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
    // torchvision's: 90 epochs of ImageNet, the rate divided by 10 after every 30
    let recipe = Recipe {
        batch: 256,
        lr: 0.1,
        momentum: 0.9,
        weight_decay: 1e-4,
        max_iter: 450_000,
        drops: vec![150_000, 300_000],
    };
    Net::new(params, forward::<A, B, C, D, DEEP>, recipe).with_least_side(CIFAR_SIDE).published_for(IMAGENET_SIDE)
}

fn blocks(each: [usize; 4], deep: bool) -> Vec<Block> {
    let (convs, expansion) = if deep { (BOTTLENECK, EXPANSION) } else { (BASIC, 1) };
    let (mut blocks, mut from) = (vec![], 64);
    for (stage, (width, count)) in [64, 128, 256, 512].into_iter().zip(each).enumerate() {
        for number in 0..count {
            let stride = if stage > 0 && number == 0 { 2 } else { 1 };
            let out = width * expansion;
            blocks.push(Block { name: format!("layer{}.{number}", stage + 1), convs, from, width, out, stride });
            from = out;
        }
    }
    blocks
}

/// A convolution with He initialisation by fan-out, as in torchvision, and its batch normalisation.
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
        let y = conv_without_bias(
            pass,
            &format!("{name}.downsample.0"),
            &x,
            ConvGeometry { stride: block.stride, ..POINT },
        );
        batch_norm(pass, &format!("{name}.downsample.1"), &y, LINEAR, None)
    });
    let mut y = x.shared();
    for (number, side, _, _, stride) in block.convolutions() {
        let geometry = ConvGeometry { stride, ..if side == 3 { PAD_1 } else { POINT } };
        y = conv_without_bias(pass, &format!("{name}.conv{number}"), &y, geometry);
        let residual = (number == block.convs.len()).then(|| shortcut.as_ref().unwrap_or(&x));
        y = batch_norm(pass, &format!("{name}.bn{number}"), &y, RELU, residual);
    }
    y
}
