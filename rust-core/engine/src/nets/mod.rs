//! The nets. Each has a name, its tensors with initial values and Caffe's multipliers, a forward function and the
//! recipe that it was published with. A new net is one file here, one line in [`NetName`] and one row of a test.

mod airbench;
mod alexnet;
mod cifar10_128;
mod cifar10_full;
mod cifar10_quick;
mod mobilenet_v2;
mod nin;
mod resnet;
mod resnet_imagenet;
#[cfg(test)]
mod torchvision;
mod vgg;

use std::ops::RangeInclusive;

use firesteel_exchange::Layout;
use tch::Tensor;

use crate::data::{Shape, Statistics};
use crate::error::Result;
use crate::names::names;
use crate::ops::{ConvGeometry, Window};
use crate::params::{Init, Param, Params};
use crate::pass::{Mode, Pass, Var};
use crate::weights::Weights;

/// Side in pixels of CIFAR's images, which most nets here were published for.
pub(crate) const CIFAR_SIDE: usize = Shape::CIFAR.height;
/// Side in pixels of the images that torchvision's nets were published for.
const IMAGENET_SIDE: usize = 224;

names! {
    /// The nets that can be named in a configuration.
    pub enum NetName("net") {
        Cifar10Quick = "cifar10_quick",
        Cifar10Full = "cifar10_full",
        Cifar10V128 = "cifar10_128",
        Nin = "nin",
        Resnet20 = "resnet20",
        Resnet32 = "resnet32",
        Resnet56 = "resnet56",
        Vgg11 = "vgg11",
        Vgg13 = "vgg13",
        Vgg16 = "vgg16",
        Vgg19 = "vgg19",
        Alexnet = "alexnet",
        Resnet18 = "resnet18",
        Resnet34 = "resnet34",
        Resnet50 = "resnet50",
        MobilenetV2 = "mobilenet_v2",
        AirbenchSmall = "airbench_32_64_64",
        Airbench = "airbench_64_128_128",
    }
}

impl NetName {
    /// The net for `classes` classes.
    pub fn build(self, classes: usize) -> Net {
        match self {
            Self::Cifar10Quick => cifar10_quick::net(classes),
            Self::Cifar10Full => cifar10_full::net(classes),
            Self::Cifar10V128 => cifar10_128::net(classes),
            Self::Nin => nin::net(classes),
            Self::Resnet20 => resnet::net::<3>(classes),
            Self::Resnet32 => resnet::net::<5>(classes),
            Self::Resnet56 => resnet::net::<9>(classes),
            Self::Vgg11 => vgg::net::<1, 2>(classes),
            Self::Vgg13 => vgg::net::<2, 2>(classes),
            Self::Vgg16 => vgg::net::<2, 3>(classes),
            Self::Vgg19 => vgg::net::<2, 4>(classes),
            Self::Alexnet => alexnet::net(classes),
            Self::Resnet18 => resnet_imagenet::net::<2, 2, 2, 2, false>(classes),
            Self::Resnet34 => resnet_imagenet::net::<3, 4, 6, 3, false>(classes),
            Self::Resnet50 => resnet_imagenet::net::<3, 4, 6, 3, true>(classes),
            Self::MobilenetV2 => mobilenet_v2::net(classes),
            Self::AirbenchSmall => airbench::net::<32, 64>(classes),
            Self::Airbench => airbench::net::<64, 128>(classes),
        }
    }
}

/// The solver's hyperparameters that a net was published with.
#[derive(Clone, Debug)]
pub struct Recipe {
    pub batch: usize,
    pub lr: f64,
    pub momentum: f64,
    pub weight_decay: f64,
    /// Minibatches of the whole run, all workers together.
    pub max_iter: u64,
    /// Minibatches after which the learning rate is divided by 10, in a run of `max_iter`.
    pub drops: Vec<u64>,
}

/// A net: its tensors and its forward function.
pub struct Net {
    params: Params,
    forward: Forward,
    /// Heights and widths in pixels of the images that it takes, which are square.
    sides: RangeInclusive<usize>,
    published_side: usize,
    pub recipe: Recipe,
}

/// `[n, 3, h, w]` normalised images to `[n, classes]` logits in f32.
type Forward = for<'w> fn(&mut Pass<'w>, &Var) -> Var;

impl Net {
    fn new(params: Vec<Param>, forward: Forward, recipe: Recipe) -> Self {
        Self {
            params: Params::new(params),
            forward,
            sides: CIFAR_SIDE..=CIFAR_SIDE,
            published_side: CIFAR_SIDE,
            recipe,
        }
    }

    /// Accepts images of any side from `least` on, which a net can whose last layers take the mean over all pixels.
    fn with_least_side(self, least: usize) -> Self {
        Self { sides: least..=usize::MAX, ..self }
    }

    /// With images of this side it was published.
    fn published_for(self, side: usize) -> Self {
        Self { published_side: side, ..self }
    }

    /// Side in pixels of the images that it was published with.
    pub fn published_side(&self) -> usize {
        self.published_side
    }

    /// Sides in pixels of the images that it takes.
    pub fn sides(&self) -> &RangeInclusive<usize> {
        &self.sides
    }

    /// Its tensors in the order of the flat vector.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// Names and shapes of its flat vector.
    pub fn layout(&self) -> &Layout {
        self.params.layout()
    }

    /// Maps `[n, 3, h, w]` normalised images to `[n, classes]` logits in f32, as a part of `pass`.
    pub fn forward(&self, pass: &mut Pass<'_>, images: &Tensor) -> Var {
        let images = pass.input(images.to_kind(pass.weights().compute().precision.kind()));
        (self.forward)(pass, &images)
    }

    /// The logits of an evaluation.
    pub fn logits(&self, weights: &Weights, images: &Tensor, threads: usize) -> Tensor {
        self.forward(&mut Pass::new(weights, Mode::Evaluate, threads), images).value
    }

    /// See [`Params::initial_values`].
    pub fn initial_weights(&self, seed: u64, statistics: Option<&Statistics>) -> Result<Vec<f32>> {
        self.params.initial_values(seed, statistics)
    }

    /// Whether the initial weights depend on the training set.
    pub fn whitens(&self) -> bool {
        self.params.iter().any(|param| param.init == Init::Whiten)
    }

    /// Whether it has running statistics.
    pub fn has_statistics(&self) -> bool {
        self.params.iter().any(Param::is_statistic)
    }

    /// The number of parameters as published, that is without the running statistics.
    pub fn parameters(&self) -> usize {
        self.params.iter().filter(|param| !param.is_statistic()).map(|param| param.entry.numel()).sum()
    }
}

/// The 5x5 convolutions, which keep the size of the image.
const PAD_2: ConvGeometry = ConvGeometry { stride: 1, padding: 2, groups: 1 };
/// The 3x3 convolutions that keep the size of the image.
const PAD_1: ConvGeometry = ConvGeometry { stride: 1, padding: 1, groups: 1 };
/// Pooling of Caffe's CIFAR nets: a ReLU follows a maximum and precedes an average.
const CAFFE_POOL: Window = Window { kernel: 3, stride: 2, ceil: true, relu: true };

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;
    use tch::{Device, Kind};

    use super::*;
    use crate::device::{Compute, Precision};
    use crate::testing::normal;
    use crate::weights::Gradient;

    /// Net, classes, parameters: the counts of the prototxt files, the papers and torchvision.
    const COUNTS: [(NetName, usize, usize); 21] = [
        (NetName::Cifar10Quick, 10, 145_578),
        (NetName::Cifar10Quick, 100, 151_428),
        (NetName::Cifar10Full, 10, 89_578),
        (NetName::Cifar10Full, 100, 181_828),
        (NetName::Cifar10V128, 10, 849_674),
        (NetName::Cifar10V128, 100, 1_034_084),
        (NetName::Nin, 10, 966_986),
        (NetName::Resnet20, 10, 269_722),
        (NetName::Resnet32, 10, 464_154),
        (NetName::Resnet56, 10, 853_018),
        (NetName::Vgg11, 10, 9_228_362),
        (NetName::Vgg13, 10, 9_413_066),
        (NetName::Vgg16, 10, 14_724_042),
        (NetName::Vgg19, 10, 20_035_018),
        (NetName::Alexnet, 1000, 61_100_840),
        (NetName::Resnet18, 1000, 11_689_512),
        (NetName::Resnet34, 1000, 21_797_672),
        (NetName::Resnet50, 1000, 25_557_032),
        (NetName::MobilenetV2, 1000, 3_504_872),
        (NetName::AirbenchSmall, 10, 146_424),
        (NetName::Airbench, 10, 569_016),
    ];

    #[test]
    fn every_net_has_the_published_number_of_parameters() {
        for (name, classes, parameters) in COUNTS {
            assert_eq!(name.build(classes).parameters(), parameters, "{name} with {classes} classes");
        }
    }

    fn images_for(net: &Net, count: i64) -> Tensor {
        let side = *net.sides().start() as i64;
        normal(&[count, 3, side, side], 1)
    }

    #[test]
    fn a_net_that_takes_any_side_takes_larger_images() {
        for name in NetName::NAMES {
            let net = name.parse::<NetName>().unwrap().build(10);
            if *net.sides().end() == CIFAR_SIDE {
                continue;
            }
            let mut weights = Weights::new(net.params(), Compute::cpu(Precision::F32));
            weights.set(&net.initial_weights(1, None).unwrap()).unwrap();
            let images = normal(&[1, 3, 80, 80], 1);
            assert_eq!(net.logits(&weights, &images, 1).size(), [1, 10], "{name}");
        }
    }

    #[test]
    fn every_net_gives_one_finite_logit_a_class_in_both_precisions() {
        for (name, classes, _) in COUNTS {
            for precision in [Precision::F32, Precision::Bf16] {
                let net = name.build(classes);
                let mut weights = Weights::new(net.params(), Compute::cpu(precision));
                weights.set(&net.initial_weights(1, Some(&Statistics::of_noise())).unwrap()).unwrap();
                let images = images_for(&net, 2) * 50;
                let logits = net.logits(&weights, &images, 1);
                assert_eq!(logits.size(), [2, classes as i64], "{name}");
                assert_eq!(logits.kind(), Kind::Float);
                assert_eq!(logits.isfinite().all().int64_value(&[]), 1, "{name}");
            }
        }
    }

    #[test]
    fn the_gradient_of_every_net_is_finite_and_reaches_every_tensor_that_learns() {
        for name in NetName::NAMES {
            let net = name.parse::<NetName>().unwrap().build(10);
            let mut weights = Weights::new(net.params(), Compute::cpu(Precision::F32));
            weights.set(&net.initial_weights(1, Some(&Statistics::of_noise())).unwrap()).unwrap();
            let images = images_for(&net, 4);
            let mut pass = Pass::new(&weights, Mode::Train, 1).with_noise(ChaCha8Rng::seed_from_u64(1));
            let logits = net.forward(&mut pass, &images);
            let mut gradient = Gradient::new(net.params(), weights.compute());
            let incoming = normal(&[4, 10], 2);
            pass.backward(&logits, incoming, &mut gradient);
            for param in net.params() {
                let size = gradient.of(&param.entry.name).abs().sum(Kind::Float).double_value(&[]);
                assert_eq!(size > 0.0 && size.is_finite(), param.lr_mult > 0.0, "{name}: {} {size}", param.entry.name);
            }
        }
    }

    #[test]
    fn logits_change_with_the_weights() {
        for precision in [Precision::F32, Precision::Bf16] {
            let net = NetName::Cifar10Quick.build(10);
            let mut weights = Weights::new(net.params(), Compute::cpu(precision));
            let images = Tensor::ones([1, 3, 32, 32], (Kind::Float, Device::Cpu)) * 40;
            let mut logits = |seed| {
                weights.set(&net.initial_weights(seed, None).unwrap()).unwrap();
                net.logits(&weights, &images, 1)
            };
            assert_ne!(logits(1), logits(2));
        }
    }

    #[test]
    fn an_evaluation_uses_the_running_statistics_of_training() {
        let net = NetName::Resnet20.build(10);
        let mut weights = Weights::new(net.params(), Compute::cpu(Precision::F32));
        weights.set(&net.initial_weights(1, None).unwrap()).unwrap();
        let images = normal(&[4, 3, 32, 32], 1) * 9;
        let before = net.logits(&weights, &images, 1);
        assert_eq!(before, net.logits(&weights, &images, 1), "an evaluation changes nothing");
        net.forward(&mut Pass::new(&weights, Mode::Train, 1), &images);
        assert_ne!(before, net.logits(&weights, &images, 1));
        let running = weights.master("bn1.running_mean").abs().sum(Kind::Float).double_value(&[]);
        assert!(running > 0.0);
    }
}
