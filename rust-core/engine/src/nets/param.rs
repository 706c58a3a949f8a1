//! One tensor of a net: its shape, how it starts, and what the solver may do with it.

use firesteel_exchange::Entry;
use rand::{Rng, distr::Uniform};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal};

use super::whiten::whitening;
use crate::data::Statistics;
use crate::error::{Error, Result};

/// How a tensor starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// Gaussian around 0 with this standard deviation.
    Gauss(f64),
    /// Between minus and plus this.
    Uniform(f64),
    /// All the same.
    Constant(f32),
    /// Of a 3x3 convolution: its first filters hand on their channel, the others are `Uniform` with PyTorch's bound.
    Dirac,
    /// Of a convolution: makes patches of the training images uncorrelated.
    Whiten,
    /// Not a weight but a running statistic, which starts so.
    Statistic(f32),
}

/// One tensor of a net, as Caffe's prototxt describes it.
#[derive(Clone, Debug)]
pub struct Param {
    /// Name and shape as in PyTorch.
    pub entry: Entry,
    pub init: Init,
    /// Factor on the solver's learning rate; with 0 it is frozen.
    pub lr_mult: f64,
    /// Factor on the solver's weight decay.
    pub decay_mult: f64,
}

impl Param {
    fn new(name: String, shape: &[usize], init: Init) -> Self {
        let learns = if matches!(init, Init::Whiten | Init::Statistic(_)) { 0.0 } else { 1.0 };
        Self { entry: Entry { name, shape: shape.to_vec() }, init, lr_mult: learns, decay_mult: learns }
    }

    /// Whether it is a running statistic, which no solver moves.
    pub fn is_statistic(&self) -> bool {
        matches!(self.init, Init::Statistic(_))
    }

    /// Appends the tensor's first values.
    pub fn start(&self, random: &mut ChaCha8Rng, statistics: Option<&Statistics>, flat: &mut Vec<f32>) -> Result<()> {
        let numel = self.entry.numel();
        match self.init {
            Init::Constant(value) | Init::Statistic(value) => flat.resize(flat.len() + numel, value),
            Init::Gauss(deviation) => {
                let normal = Normal::new(0.0, deviation).expect("a standard deviation is finite");
                flat.extend(normal.sample_iter(random).take(numel).map(|x| x as f32));
            }
            Init::Uniform(bound) => uniform(bound, numel, random, flat),
            Init::Dirac => {
                let from = flat.len();
                let filter = numel / self.entry.shape[0];
                uniform(1.0 / (filter as f64).sqrt(), numel, random, flat);
                for channel in 0..self.entry.shape[0].min(self.entry.shape[1]) {
                    let filter = &mut flat[from + channel * filter..][..filter];
                    filter.fill(0.0);
                    filter[channel * 9 + 4] = 1.0; // the middle of 3x3
                }
            }
            Init::Whiten => {
                let missing = || Error::internal(format!("{} needs the sums over the training set", self.entry.name));
                flat.extend(whitening(statistics.ok_or_else(missing)?)?);
            }
        }
        Ok(())
    }
}

fn uniform(bound: f64, count: usize, random: &mut ChaCha8Rng, flat: &mut Vec<f32>) {
    let uniform = Uniform::new(-bound, bound).expect("a bound is positive and finite");
    flat.extend(random.sample_iter(uniform).take(count).map(|x| x as f32));
}

/// A weight and a bias named `layer.weight` and `layer.bias`; the bias starts at zero with twice the
/// learning rate, as in Caffe's nets.
pub fn layer(layer: &str, weight: &[usize], deviation: f64) -> Vec<Param> {
    let bias = Param::new(format!("{layer}.bias"), &weight[..1], Init::Constant(0.0));
    vec![Param::new(format!("{layer}.weight"), weight, Init::Gauss(deviation)), Param { lr_mult: 2.0, ..bias }]
}

/// A weight alone.
pub fn conv_layer(layer: &str, weight: &[usize], init: Init) -> Param {
    Param::new(format!("{layer}.weight"), weight, init)
}

/// A weight and a bias of a linear layer or a convolution as PyTorch starts them.
pub fn torch_layer(layer: &str, weight: &[usize]) -> Vec<Param> {
    let seen: usize = weight[1..].iter().product();
    let init = Init::Uniform(1.0 / (seen as f64).sqrt());
    vec![Param::new(format!("{layer}.weight"), weight, init), Param::new(format!("{layer}.bias"), &weight[..1], init)]
}

/// A linear layer as PyTorch starts it.
pub fn linear_layer(layer: &str, out: usize, from: usize) -> Vec<Param> {
    torch_layer(layer, &[out, from])
}

/// The tensors of a batch normalisation: bias, running statistics and, where it is learnt, the scale.
pub fn norm_layer(layer: &str, channels: usize, scale: bool) -> Vec<Param> {
    let param = |name: &str, init| Param::new(format!("{layer}.{name}"), &[channels], init);
    let mut params = vec![
        param("bias", Init::Constant(0.0)),
        param("running_mean", Init::Statistic(0.0)),
        param("running_var", Init::Statistic(1.0)),
    ];
    if scale {
        params.push(param("weight", Init::Constant(1.0)));
    }
    params
}

#[cfg(test)]
mod tests {
    use super::super::NetName;
    use super::*;
    use crate::data::Statistics;

    fn started(name: NetName, seed: u64) -> Vec<f32> {
        name.build(10).initial_weights(seed, Some(&Statistics::of_noise())).unwrap()
    }

    #[test]
    fn initial_weights_follow_the_seed_and_the_published_spread() {
        for name in [NetName::Cifar10Quick, NetName::Resnet20, NetName::AirbenchSmall] {
            let (net, flat) = (name.build(10), started(name, 7));
            assert_eq!(flat, started(name, 7));
            assert_ne!(flat, started(name, 8));
            for ((entry, range), param) in net.layout().ranges().zip(net.params()) {
                let values = &flat[range];
                let spread = (values.iter().map(|x| f64::from(x * x)).sum::<f64>() / values.len() as f64).sqrt();
                // a few values may spread otherwise by chance
                let near = |expected: f64| values.len() < 100 || (spread / expected - 1.0).abs() < 0.15;
                match param.init {
                    Init::Constant(value) | Init::Statistic(value) => assert_eq!(values, vec![value; values.len()]),
                    Init::Gauss(deviation) => assert!(near(deviation), "{}: {spread}", entry.name),
                    Init::Uniform(bound) => assert!(near(bound / 3f64.sqrt()), "{}: {spread}", entry.name),
                    Init::Dirac | Init::Whiten => assert!(spread > 0.0, "{}", entry.name),
                }
            }
        }
    }

    #[test]
    fn a_dirac_filter_hands_on_its_channel() {
        let (net, flat) = (NetName::AirbenchSmall.build(10), started(NetName::AirbenchSmall, 3));
        let (entry, range) = net.layout().ranges().find(|(entry, _)| entry.name == "block1.conv1.weight").unwrap();
        assert_eq!(entry.shape, [32, 24, 3, 3]);
        let values = &flat[range];
        assert_eq!(values[5 * 216..][..216].iter().sum::<f32>(), 1.0);
        assert_eq!(values[5 * 216 + 5 * 9 + 4], 1.0);
        assert!(values[24 * 216..].iter().all(|x| x.abs() < 1.0 / 216f32.sqrt()));
    }

    #[test]
    fn a_net_that_whitens_asks_for_sums() {
        let error = NetName::Airbench.build(10).initial_weights(0, None).unwrap_err();
        assert_eq!(error.to_string(), "whiten.weight needs the sums over the training set");
    }
}
