//! The tensors that a net declares: names, shapes, initial values, and Caffe's multipliers on learning rate and weight
//! decay. Weights, solvers and nets are all built from this list; it knows none of them.

mod whiten;

use firesteel_exchange::{Entry, Layout};
use rand::{Rng, SeedableRng, distr::Uniform};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal};

use crate::data::Statistics;
use crate::error::{Error, Result};
use crate::memory::{Purpose, with_capacity};
use whiten::whitening;

/// How a tensor is initialised.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// Normally distributed with mean 0 and this standard deviation.
    Gauss(f64),
    /// Uniformly distributed between minus and plus this bound.
    Uniform(f64),
    /// Every value is this one.
    Constant(f32),
    /// For a 3x3 convolution, PyTorch's `dirac_`: filter i copies input channel i; filters beyond the input channels
    /// are `Uniform` with PyTorch's default bound.
    Dirac,
    /// For a 2x2 convolution: filters that whiten patches of the training images (see `whiten.rs`).
    Whiten,
    /// A running statistic of a batch normalisation, initialised to this value; no solver updates it.
    Statistic(f32),
}

/// One tensor of a net, with the attributes that Caffe's prototxt gives it.
#[derive(Clone, Debug)]
pub struct Param {
    /// Name and shape as in PyTorch.
    pub entry: Entry,
    pub init: Init,
    /// Factor on the solver's learning rate; a tensor with factor 0 is frozen.
    pub lr_mult: f64,
    /// Factor on the solver's weight decay.
    pub decay_mult: f64,
}

/// All tensors of a net, sorted by name: the order of the flat vector.
#[derive(Clone, Debug)]
pub struct Params {
    list: Vec<Param>,
    layout: Layout,
}

impl Params {
    /// Sorts `list` by name. Panics on a name that occurs twice, which is a defect of the net that declares it.
    pub fn new(mut list: Vec<Param>) -> Self {
        list.sort_by(|a, b| a.entry.name.cmp(&b.entry.name));
        let layout =
            Layout::new(list.iter().map(|param| param.entry.clone()).collect()).expect("tensor names are unique");
        Self { list, layout }
    }

    /// In the order of the flat vector.
    pub fn as_slice(&self) -> &[Param] {
        &self.list
    }

    /// In the order of the flat vector.
    pub fn iter(&self) -> std::slice::Iter<'_, Param> {
        self.list.iter()
    }

    /// Names, shapes and digest of the flat vector.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The initial values as a flat vector; a seed gives the same ones on every machine. A net with a whitening layer
    /// needs the `statistics` of its training set.
    pub fn initial_values(&self, seed: u64, statistics: Option<&Statistics>) -> Result<Vec<f32>> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut flat = with_capacity(self.layout.length(), Purpose::Weights)?;
        for param in &self.list {
            param.append_initial_values(&mut random, statistics, &mut flat)?;
        }
        Ok(flat)
    }

    /// Tensors of these names and shapes, initialised to 0, with all factors 1.
    #[cfg(test)]
    pub fn of_shapes(shapes: &[(&str, &[usize])]) -> Self {
        let param = |&(name, shape): &(&str, &[usize])| Param {
            entry: Entry { name: name.to_owned(), shape: shape.to_vec() },
            init: Init::Constant(0.0),
            lr_mult: 1.0,
            decay_mult: 1.0,
        };
        Self::new(shapes.iter().map(param).collect())
    }
}

impl<'a> IntoIterator for &'a Params {
    type Item = &'a Param;
    type IntoIter = std::slice::Iter<'a, Param>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Param {
    fn new(name: String, shape: &[usize], init: Init) -> Self {
        let factor = if matches!(init, Init::Whiten | Init::Statistic(_)) { 0.0 } else { 1.0 };
        Self { entry: Entry { name, shape: shape.to_vec() }, init, lr_mult: factor, decay_mult: factor }
    }

    /// Whether it is a running statistic, which no solver updates.
    pub fn is_statistic(&self) -> bool {
        matches!(self.init, Init::Statistic(_))
    }

    fn append_initial_values(
        &self,
        random: &mut ChaCha8Rng,
        statistics: Option<&Statistics>,
        flat: &mut Vec<f32>,
    ) -> Result<()> {
        let numel = self.entry.numel();
        match self.init {
            Init::Constant(value) | Init::Statistic(value) => flat.resize(flat.len() + numel, value),
            Init::Gauss(deviation) => {
                let normal = Normal::new(0.0, deviation).expect("a standard deviation is finite");
                flat.extend(normal.sample_iter(random).take(numel).map(|x| x as f32));
            }
            Init::Uniform(bound) => uniform(bound, numel, random, flat),
            Init::Dirac => {
                let start = flat.len();
                let filter_length = numel / self.entry.shape[0];
                uniform(1.0 / (filter_length as f64).sqrt(), numel, random, flat);
                for channel in 0..self.entry.shape[0].min(self.entry.shape[1]) {
                    let filter = &mut flat[start + channel * filter_length..][..filter_length];
                    filter.fill(0.0);
                    filter[channel * 9 + 4] = 1.0; // the centre of the 3x3 kernel
                }
            }
            Init::Whiten => {
                let missing = || {
                    let name = &self.entry.name;
                    Error::internal(format!("{name} needs the statistics of the training set"))
                };
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

/// `layer.weight`, normally distributed, and `layer.bias`, zero with twice the learning rate, as in Caffe's nets.
pub fn caffe_layer(layer: &str, weight: &[usize], deviation: f64) -> Vec<Param> {
    let bias = Param::new(format!("{layer}.bias"), &weight[..1], Init::Constant(0.0));
    vec![Param::new(format!("{layer}.weight"), weight, Init::Gauss(deviation)), Param { lr_mult: 2.0, ..bias }]
}

/// `layer.weight` alone: a layer without a bias.
pub fn conv_layer(layer: &str, weight: &[usize], init: Init) -> Param {
    Param::new(format!("{layer}.weight"), weight, init)
}

/// `layer.weight` and `layer.bias` of a linear layer or a convolution, initialised as PyTorch does by default.
pub fn torch_layer(layer: &str, weight: &[usize]) -> Vec<Param> {
    let fan_in: usize = weight[1..].iter().product();
    let init = Init::Uniform(1.0 / (fan_in as f64).sqrt());
    vec![Param::new(format!("{layer}.weight"), weight, init), Param::new(format!("{layer}.bias"), &weight[..1], init)]
}

/// A linear layer of `from` inputs and `out` outputs, initialised as PyTorch does by default.
pub fn linear_layer(layer: &str, out: usize, from: usize) -> Vec<Param> {
    torch_layer(layer, &[out, from])
}

/// The tensors of a batch normalisation: bias, running statistics and, if `scale`, a learnt scale named `layer.weight`.
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
    use super::*;
    use crate::data::PATCH;

    fn initial(params: Vec<Param>, seed: u64) -> (Params, Vec<f32>) {
        let params = Params::new(params);
        let flat = params.initial_values(seed, Some(&Statistics::of_noise())).unwrap();
        (params, flat)
    }

    fn every_kind() -> Vec<Param> {
        let mut params = caffe_layer("caffe", &[32, 3, 5, 5], 0.01);
        params.extend(torch_layer("torch", &[20, 60]));
        params.extend(norm_layer("norm", 16, true));
        params.push(conv_layer("dirac", &[32, 24, 3, 3], Init::Dirac));
        params.push(conv_layer("whiten", &[2 * PATCH, 3, 2, 2], Init::Whiten));
        params
    }

    #[test]
    fn initial_values_follow_the_seed_and_have_the_declared_distribution() {
        let (params, flat) = initial(every_kind(), 7);
        assert_eq!(flat, initial(every_kind(), 7).1);
        assert_ne!(flat, initial(every_kind(), 8).1);
        for ((entry, range), param) in params.layout().ranges().zip(&params) {
            let values = &flat[range];
            let spread = (values.iter().map(|x| f64::from(x * x)).sum::<f64>() / values.len() as f64).sqrt();
            // the spread of 20 values differs from the expected one by chance; that of 1,200 by less than 15 %
            let near = |expected: f64| values.len() < 100 || (spread / expected - 1.0).abs() < 0.15;
            match param.init {
                Init::Constant(value) | Init::Statistic(value) => assert_eq!(values, vec![value; values.len()]),
                Init::Gauss(deviation) => assert!(near(deviation), "{}: {spread}", entry.name),
                Init::Uniform(bound) => assert!(near(bound / 3f64.sqrt()), "{}: {spread}", entry.name),
                Init::Dirac | Init::Whiten => assert!(spread > 0.0, "{}", entry.name),
            }
        }
    }

    #[test]
    fn a_dirac_filter_copies_its_channel() {
        let (_, values) = initial(vec![conv_layer("conv", &[32, 24, 3, 3], Init::Dirac)], 3);
        let filter_length = 24 * 9;
        assert_eq!(values[5 * filter_length..][..filter_length].iter().sum::<f32>(), 1.0);
        assert_eq!(values[5 * filter_length + 5 * 9 + 4], 1.0);
        assert!(values[24 * filter_length..].iter().all(|x| x.abs() < 1.0 / (filter_length as f32).sqrt()));
    }

    #[test]
    fn a_whitening_layer_needs_statistics() {
        let params = Params::new(vec![conv_layer("whiten", &[2 * PATCH, 3, 2, 2], Init::Whiten)]);
        let error = params.initial_values(0, None).unwrap_err();
        assert_eq!(error.to_string(), "whiten.weight needs the statistics of the training set");
    }
}
