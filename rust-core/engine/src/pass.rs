//! One forward pass of a net and, in training, the way back: a tape of operations, each with a function that
//! turns the gradient of its result into those of what it read. Nets are written with the functions of `ops`;
//! libtorch's autograd is not used, so that an operation may be a kernel of ours.

use rand_chacha::ChaCha8Rng;
use tch::{Device, Tensor};

use crate::weights::{Gradient, Weights};

/// What is done with the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A backward pass follows; batch normalisation uses the minibatch and moves its running statistics.
    Train,
    /// Nothing is kept; batch normalisation uses the minibatch, and its running statistics become the mean of those of
    /// this and of the `seen` minibatches before it.
    UpdateBn { seen: u64 },
    /// Nothing is kept; batch normalisation uses its running statistics.
    Evaluate,
}

/// A value of the pass.
pub struct Var {
    pub value: Tensor,
    /// Where its gradient is added up; none where nothing that learns lies before it.
    id: Option<usize>,
}

/// What an operation does with the gradient of its result, which is the sum of these.
type Backward<'w> = Box<dyn FnOnce(&mut Back<'_>, Vec<Tensor>) + 'w>;

struct Step<'w> {
    result: usize,
    backward: Backward<'w>,
}

/// A pass under way.
pub struct Pass<'w> {
    weights: &'w Weights,
    mode: Mode,
    /// Threads of a kernel.
    threads: usize,
    /// What dropout draws from.
    noise: Option<ChaCha8Rng>,
    tape: Vec<Step<'w>>,
    vars: usize,
}

impl<'w> Pass<'w> {
    /// A pass over `weights` as they are now.
    pub fn new(weights: &'w Weights, mode: Mode, threads: usize) -> Self {
        Self { weights, mode, threads, noise: None, tape: Vec::new(), vars: 0 }
    }

    /// With a generator, which a net with dropout needs in training.
    pub fn with_noise(self, noise: ChaCha8Rng) -> Self {
        Self { noise: Some(noise), ..self }
    }

    /// The generator, in training; a net that drops values is trained with one.
    pub fn noise(&mut self) -> Option<&mut ChaCha8Rng> {
        if self.mode != Mode::Train {
            return None;
        }
        Some(self.noise.as_mut().expect("a pass in training has a generator where a net drops values"))
    }

    pub fn weights(&self) -> &'w Weights {
        self.weights
    }

    /// Part that a minibatch takes in the running statistics, `usual` in training; none where the pass uses these
    /// statistics instead.
    pub fn norm_momentum(&self, usual: f64) -> Option<f64> {
        match self.mode {
            Mode::Train => Some(usual),
            Mode::UpdateBn { seen } => Some(1.0 / (seen + 1) as f64),
            Mode::Evaluate => None,
        }
    }

    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Whether the kernels can work on `x`; libtorch does what they cannot.
    pub fn has_kernels(&self, x: &Tensor) -> bool {
        x.device() == Device::Cpu
    }

    /// A value that no gradient is asked of.
    pub fn input(&self, value: Tensor) -> Var {
        Var { value, id: None }
    }

    /// The result of an operation on `inputs`. Without a gradient to pass on (none of the inputs wants one and
    /// the operation `learns` nothing, or the mode is not to train) `backward` is dropped with what it holds.
    pub fn record(
        &mut self,
        inputs: &[&Var],
        learns: bool,
        value: Tensor,
        backward: impl FnOnce(&mut Back<'_>, Tensor) + 'w,
    ) -> Var {
        self.record_sum(inputs, learns, value, move |back, gradients| backward(back, sum(gradients)))
    }

    /// The same of an operation that adds up itself what came of each reader of its result: one tensor or more.
    pub fn record_sum(
        &mut self,
        inputs: &[&Var],
        learns: bool,
        value: Tensor,
        backward: impl FnOnce(&mut Back<'_>, Vec<Tensor>) + 'w,
    ) -> Var {
        if self.mode != Mode::Train || !(learns || inputs.iter().any(|input| input.id.is_some())) {
            return Var { value, id: None };
        }
        let result = self.vars;
        self.vars += 1;
        self.tape.push(Step { result, backward: Box::new(backward) });
        Var { value, id: Some(result) }
    }

    /// Writes the gradient of the weights, given that of `result`. Weights that took no part keep what
    /// `into` says of them.
    pub fn backward(self, result: &Var, gradient: Tensor, into: &mut Gradient) {
        let mut back = Back { gradients: (0..self.vars).map(|_| vec![]).collect(), weights: into };
        back.add(result.id(), || gradient);
        for Step { result, backward } in self.tape.into_iter().rev() {
            let gradients = std::mem::take(&mut back.gradients[result]);
            if !gradients.is_empty() {
                backward(&mut back, gradients);
            }
        }
    }
}

impl Var {
    /// The same value, read once more.
    pub fn shared(&self) -> Self {
        Self { value: self.value.shallow_clone(), id: self.id }
    }

    /// Where its gradient goes, for the function that computes it.
    pub fn id(&self) -> Option<usize> {
        self.id
    }
}

/// A backward pass under way.
pub struct Back<'a> {
    /// Of each value, what has come of its readers so far.
    gradients: Vec<Vec<Tensor>>,
    weights: &'a mut Gradient,
}

/// The sum of at least one.
pub fn sum(gradients: Vec<Tensor>) -> Tensor {
    gradients.into_iter().reduce(|sum, gradient| sum + gradient).expect("the gradient of a value that was read")
}

impl Back<'_> {
    /// Adds to the gradient of the value `id`; `gradient` is called only where one is wanted.
    pub fn add(&mut self, id: Option<usize>, gradient: impl FnOnce() -> Tensor) {
        if let Some(id) = id {
            self.gradients[id].push(gradient());
        }
    }

    /// Writes the gradient of the weight `name`; an operation is the only one that reads its weights.
    pub fn weight(&mut self, name: &str, gradient: &Tensor) {
        self.weights.put(name, gradient);
    }
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;
    use crate::device::{Compute, Precision};
    use crate::nets::NetName;

    fn scaled(pass: &mut Pass<'_>, x: &Var, factor: f64) -> Var {
        let id = x.id();
        pass.record(&[x], false, &x.value * factor, move |back, gradient| back.add(id, || gradient * factor))
    }

    #[test]
    fn gradients_of_a_value_that_is_read_twice_add_up() {
        let net = NetName::Cifar10Quick.build(10);
        let weights = Weights::new(&net, Compute::cpu(Precision::F32));
        let mut pass = Pass::new(&weights, Mode::Train, 1);
        let images = pass.input(Tensor::ones([1], (Kind::Float, Device::Cpu)));
        let bias = pass.record(&[&images], true, images.value.shallow_clone(), |back, gradient| {
            back.weight("ip2.bias", &gradient.expand([10], false));
        });
        let (left, right) = (scaled(&mut pass, &bias, 2.0), scaled(&mut pass, &bias, 3.0));
        let (l, r) = (left.id(), right.id());
        let sum = pass.record(&[&left, &right], false, &left.value + &right.value, move |back, gradient| {
            back.add(l, || gradient.shallow_clone());
            back.add(r, || gradient.shallow_clone());
        });
        let mut gradient = Gradient::new(&net, Device::Cpu);
        pass.backward(&sum, Tensor::from_slice(&[1f32]), &mut gradient);
        assert_eq!(gradient.flat().sum(Kind::Double).double_value(&[]), 50.0);
    }

    #[test]
    fn nothing_is_kept_where_nothing_learns() {
        let net = NetName::Cifar10Quick.build(10);
        let weights = Weights::new(&net, Compute::cpu(Precision::F32));
        for mode in [Mode::Train, Mode::Evaluate] {
            let mut pass = Pass::new(&weights, mode, 1);
            let x = pass.input(Tensor::from_slice(&[1f32]));
            assert_eq!(scaled(&mut pass, &x, 2.0).id(), None);
            assert!(pass.tape.is_empty());
        }
    }
}
