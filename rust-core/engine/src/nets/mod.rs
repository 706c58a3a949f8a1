//! The nets: a name, the tensors with their initial values and Caffe multipliers, a forward function
//! and the published recipe. A new net is one file here, one line in [`NetName`], one row of a test.

mod airbench;
mod alexnet;
mod cifar10_128;
mod cifar10_full;
mod cifar10_quick;
mod mobilenet_v2;
mod nin;
mod param;
mod resnet;
mod resnet_imagenet;
#[cfg(test)]
mod torchvision;
mod vgg;
mod whiten;

use std::ops::RangeInclusive;

#[cfg(test)]
use firesteel_exchange::Entry;
use firesteel_exchange::Layout;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tch::Tensor;

use crate::data::{SIDE, Statistics};
use crate::error::Result;
use crate::memory::{Purpose, with_capacity};
use crate::names::names;
use crate::ops::{Slide, Window};
use crate::pass::{Mode, Pass, Var};
use crate::weights::Weights;

pub use param::{Init, Param};
use param::{conv_layer, layer, linear_layer, norm_layer, torch_layer};

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

/// The solver settings with which a net was published.
#[derive(Clone, Debug)]
pub struct Recipe {
    pub batch: usize,
    pub lr: f64,
    pub momentum: f64,
    pub weight_decay: f64,
    /// Minibatches of the whole run, all workers together.
    pub max_iter: u64,
    /// Where the learning rate falls to a tenth, in minibatches of `max_iter`.
    pub drops: Vec<u64>,
}

/// A net: what it holds and what it computes.
pub struct Net {
    /// Sorted by name, as in the flat vector.
    params: Vec<Param>,
    layout: Layout,
    forward: Forward,
    /// Of the images, in pixels.
    sides: RangeInclusive<usize>,
    pub recipe: Recipe,
}

/// `[n, 3, h, w]` normalised images to `[n, classes]` logits in f32.
type Forward = for<'w> fn(&mut Pass<'w>, &Var) -> Var;

impl Net {
    fn new(mut params: Vec<Param>, forward: Forward, recipe: Recipe) -> Self {
        params.sort_by(|a, b| a.entry.name.cmp(&b.entry.name));
        let layout = Layout::new(params.iter().map(|p| p.entry.clone()).collect())
            .expect("a net of this crate names no tensor twice");
        Self { params, layout, forward, sides: SIDE..=SIDE, recipe }
    }

    /// Of images from this side on, as its last layers take a mean over what is left of them.
    fn with_least_side(self, least: usize) -> Self {
        Self { sides: least..=usize::MAX, ..self }
    }

    /// Sides in pixels of the images that it takes.
    pub fn sides(&self) -> &RangeInclusive<usize> {
        &self.sides
    }

    pub fn params(&self) -> &[Param] {
        &self.params
    }

    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// `[n, 3, h, w]` normalised images to `[n, classes]` logits in f32, as a part of `pass`.
    pub fn forward(&self, pass: &mut Pass<'_>, images: &Tensor) -> Var {
        let images = pass.input(images.to_kind(pass.weights().compute().precision.kind()));
        (self.forward)(pass, &images)
    }

    /// The same on its own, for an evaluation.
    pub fn logits(&self, weights: &Weights, images: &Tensor, threads: usize) -> Tensor {
        self.forward(&mut Pass::new(weights, Mode::Evaluate, threads), images).value
    }

    /// The flat vector that `seed` starts with, the same on every machine. A net that whitens its patches needs
    /// the sums over its training set.
    pub fn initial_weights(&self, seed: u64, statistics: Option<&Statistics>) -> Result<Vec<f32>> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut flat = with_capacity(self.layout.length(), Purpose::Weights)?;
        for param in &self.params {
            param.start(&mut random, statistics, &mut flat)?;
        }
        Ok(flat)
    }

    /// Whether the initial weights depend on the data.
    pub fn whitens(&self) -> bool {
        self.params.iter().any(|param| param.init == Init::Whiten)
    }

    /// Whether there are running statistics.
    pub fn has_statistics(&self) -> bool {
        self.params.iter().any(Param::is_statistic)
    }

    /// The number of parameters as it is published: without the running statistics.
    pub fn parameters(&self) -> usize {
        self.params.iter().filter(|param| !param.is_statistic()).map(|param| param.entry.numel()).sum()
    }
}

#[cfg(test)]
impl Net {
    /// Tensors without a net around them.
    pub fn of_entries(entries: Vec<Entry>) -> Self {
        let param = |entry| Param { entry, init: Init::Constant(0.0), lr_mult: 1.0, decay_mult: 1.0 };
        let recipe = Recipe { batch: 1, lr: 1.0, momentum: 0.0, weight_decay: 0.0, max_iter: 1, drops: vec![] };
        Self::new(entries.into_iter().map(param).collect(), |pass, x| pass.input(x.value.shallow_clone()), recipe)
    }
}

/// Of the 5x5 convolutions.
const PAD_2: Slide = Slide { stride: 1, padding: 2, groups: 1 };
/// Of the 3x3 convolutions that keep the size.
const PAD_1: Slide = Slide { stride: 1, padding: 1, groups: 1 };
/// Of Caffe's CIFAR nets; their ReLU stands behind a maximum and before an average.
const CAFFE_POOL: Window = Window { kernel: 3, stride: 2, ceil: true, relu: true };

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;
    use crate::device::{Compute, Precision};
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
        Tensor::randn([count, 3, side, side], (Kind::Float, Device::Cpu))
    }

    #[test]
    fn a_net_of_any_side_takes_larger_images() {
        for name in NetName::NAMES {
            let net = name.parse::<NetName>().unwrap().build(10);
            if *net.sides().end() == SIDE {
                continue;
            }
            let mut weights = Weights::new(&net, Compute::cpu(Precision::F32));
            weights.set(&net.initial_weights(1, None).unwrap()).unwrap();
            let images = Tensor::randn([1, 3, 80, 80], (Kind::Float, Device::Cpu));
            assert_eq!(net.logits(&weights, &images, 1).size(), [1, 10], "{name}");
        }
    }

    #[test]
    fn every_net_gives_one_finite_logit_a_class_in_both_precisions() {
        for (name, classes, _) in COUNTS {
            for precision in [Precision::F32, Precision::Bf16] {
                let net = name.build(classes);
                let mut weights = Weights::new(&net, Compute::cpu(precision));
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
            let mut weights = Weights::new(&net, Compute::cpu(Precision::F32));
            weights.set(&net.initial_weights(1, Some(&Statistics::of_noise())).unwrap()).unwrap();
            let images = images_for(&net, 4);
            let mut pass = Pass::new(&weights, Mode::Train, 1).with_noise(ChaCha8Rng::seed_from_u64(1));
            let logits = net.forward(&mut pass, &images);
            let mut gradient = Gradient::new(&net, Device::Cpu);
            let incoming = Tensor::randn([4, 10], (Kind::Float, Device::Cpu));
            pass.backward(&logits, incoming, &mut gradient);
            for param in net.params() {
                let size = gradient.of(&param.entry.name).abs().sum(Kind::Float).double_value(&[]);
                assert_eq!(size > 0.0 && size.is_finite(), param.lr_mult > 0.0, "{name}: {} {size}", param.entry.name);
            }
        }
    }

    #[test]
    fn an_evaluation_uses_what_training_saw() {
        let net = NetName::Resnet20.build(10);
        let mut weights = Weights::new(&net, Compute::cpu(Precision::F32));
        weights.set(&net.initial_weights(1, None).unwrap()).unwrap();
        let images = Tensor::randn([4, 3, 32, 32], (Kind::Float, Device::Cpu)) * 9;
        let before = net.logits(&weights, &images, 1);
        assert_eq!(before, net.logits(&weights, &images, 1), "an evaluation changes nothing");
        net.forward(&mut Pass::new(&weights, Mode::Train, 1), &images);
        assert_ne!(before, net.logits(&weights, &images, 1));
        let running = weights.master("bn1.running_mean").abs().sum(Kind::Float).double_value(&[]);
        assert!(running > 0.0);
    }
}
