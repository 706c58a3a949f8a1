//! The nets: a name, the tensors with their initial values and Caffe multipliers, a forward function
//! and the published recipe. A new net is one file here, one line in [`NetName`], one row of a test.

mod cifar10_128;
mod cifar10_full;
mod cifar10_quick;

use firesteel_exchange::{Entry, Layout};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal};
use tch::Tensor;

use crate::names::names;
use crate::ops::{Slide, Window};
use crate::pass::{Mode, Pass, Var};
use crate::weights::Weights;

names! {
    /// The nets that can be named in a configuration.
    pub enum NetName("net") {
        Cifar10Quick = "cifar10_quick",
        Cifar10Full = "cifar10_full",
        Cifar10V128 = "cifar10_128",
    }
}

impl NetName {
    /// The net for `classes` classes.
    pub fn build(self, classes: usize) -> Net {
        match self {
            Self::Cifar10Quick => cifar10_quick::net(classes),
            Self::Cifar10Full => cifar10_full::net(classes),
            Self::Cifar10V128 => cifar10_128::net(classes),
        }
    }
}

/// How a tensor starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// Gaussian around 0 with this standard deviation.
    Gauss(f64),
    /// All zeros.
    Zero,
}

/// One tensor of a net, as Caffe's prototxt describes it.
#[derive(Clone, Debug)]
pub struct Param {
    /// Name and shape as in PyTorch.
    pub entry: Entry,
    pub init: Init,
    /// Factor on the solver's learning rate.
    pub lr_mult: f64,
    /// Factor on the solver's weight decay.
    pub decay_mult: f64,
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
    pub recipe: Recipe,
}

/// `[n, 3, 32, 32]` normalised images to `[n, classes]` logits in f32.
type Forward = for<'w> fn(&mut Pass<'w>, &Var) -> Var;

impl Net {
    fn new(mut params: Vec<Param>, forward: Forward, recipe: Recipe) -> Self {
        params.sort_by(|a, b| a.entry.name.cmp(&b.entry.name));
        let layout = Layout::new(params.iter().map(|p| p.entry.clone()).collect())
            .expect("a net of this crate names no tensor twice");
        Self { params, layout, forward, recipe }
    }

    pub fn params(&self) -> &[Param] {
        &self.params
    }

    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// `[n, 3, 32, 32]` normalised images to `[n, classes]` logits in f32, as a part of `pass`.
    pub fn forward(&self, pass: &mut Pass<'_>, images: &Tensor) -> Var {
        let images = pass.input(images.to_kind(pass.weights().compute().precision.kind()));
        (self.forward)(pass, &images)
    }

    /// The same on its own, for an evaluation.
    pub fn logits(&self, weights: &Weights, images: &Tensor, threads: usize) -> Tensor {
        self.forward(&mut Pass::new(weights, Mode::Evaluate, threads), images).value
    }

    /// The flat vector that `seed` starts with, the same on every machine.
    pub fn initial_weights(&self, seed: u64) -> Vec<f32> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut flat = Vec::with_capacity(self.layout.length());
        for param in &self.params {
            let numel = param.entry.numel();
            match param.init {
                Init::Zero => flat.resize(flat.len() + numel, 0.0),
                Init::Gauss(std) => {
                    let normal = Normal::new(0.0, std).expect("a standard deviation is finite");
                    flat.extend(normal.sample_iter(&mut random).take(numel).map(|x| x as f32));
                }
            }
        }
        flat
    }
}

#[cfg(test)]
impl Net {
    /// Tensors without a net around them.
    pub fn of_entries(entries: Vec<Entry>) -> Self {
        let param = |entry| Param { entry, init: Init::Zero, lr_mult: 1.0, decay_mult: 1.0 };
        let recipe = Recipe { batch: 1, lr: 1.0, momentum: 0.0, weight_decay: 0.0, max_iter: 1, drops: vec![] };
        Self::new(entries.into_iter().map(param).collect(), |pass, x| pass.input(x.value.shallow_clone()), recipe)
    }
}

/// Of the 5x5 convolutions.
const PAD_2: Slide = Slide { stride: 1, padding: 2, groups: 1 };
/// Of Caffe's CIFAR nets; their ReLU stands behind a maximum and before an average.
const CAFFE_POOL: Window = Window { kernel: 3, stride: 2, ceil: true, relu: true };

/// A weight and a bias named `layer.weight` and `layer.bias`; the bias starts at zero with twice the
/// learning rate, as in Caffe's nets.
fn layer(layer: &str, weight: &[usize], std: f64) -> Vec<Param> {
    let entry = |name: &str, shape: &[usize]| Entry { name: format!("{layer}.{name}"), shape: shape.to_vec() };
    vec![
        Param { entry: entry("weight", weight), init: Init::Gauss(std), lr_mult: 1.0, decay_mult: 1.0 },
        Param { entry: entry("bias", &weight[..1]), init: Init::Zero, lr_mult: 2.0, decay_mult: 1.0 },
    ]
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;
    use crate::device::{Compute, Precision};

    /// Net, classes, parameters: the counts of the prototxt files.
    const COUNTS: [(NetName, usize, usize); 6] = [
        (NetName::Cifar10Quick, 10, 145_578),
        (NetName::Cifar10Quick, 100, 151_428),
        (NetName::Cifar10Full, 10, 89_578),
        (NetName::Cifar10Full, 100, 181_828),
        (NetName::Cifar10V128, 10, 849_674),
        (NetName::Cifar10V128, 100, 1_034_084),
    ];

    #[test]
    fn every_net_has_the_published_number_of_parameters() {
        for (name, classes, parameters) in COUNTS {
            assert_eq!(name.build(classes).layout().length(), parameters, "{name} with {classes} classes");
        }
    }

    #[test]
    fn every_net_gives_one_finite_logit_a_class_in_both_precisions() {
        for (name, classes, _) in COUNTS {
            for precision in [Precision::F32, Precision::Bf16] {
                let net = name.build(classes);
                let mut weights = Weights::new(&net, Compute::cpu(precision));
                weights.set(&net.initial_weights(1)).unwrap();
                let images = Tensor::randn([2, 3, 32, 32], (Kind::Float, Device::Cpu)) * 50;
                let logits = net.logits(&weights, &images, 1);
                assert_eq!(logits.size(), [2, classes as i64], "{name}");
                assert_eq!(logits.kind(), Kind::Float);
                assert_eq!(logits.isfinite().all().int64_value(&[]), 1, "{name}");
            }
        }
    }

    #[test]
    fn initial_weights_follow_the_seed_and_the_published_spread() {
        let net = NetName::Cifar10Quick.build(10);
        let flat = net.initial_weights(7);
        assert_eq!(flat, net.initial_weights(7));
        assert_ne!(flat, net.initial_weights(8));
        for ((entry, range), param) in net.layout().ranges().zip(net.params()) {
            let values = &flat[range];
            let spread = (values.iter().map(|x| f64::from(x * x)).sum::<f64>() / values.len() as f64).sqrt();
            match param.init {
                Init::Zero => assert_eq!(spread, 0.0, "{}", entry.name),
                Init::Gauss(std) => assert!((spread / std - 1.0).abs() < 0.1, "{}: {spread}", entry.name),
            }
        }
    }
}
