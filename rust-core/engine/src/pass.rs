//! One forward pass of a net and, in training, its backward pass: a tape of operations, each with a function that
//! computes the gradients of its inputs from the gradient of its result. Nets are written with the functions of `ops`.
//! libtorch's autograd is not used, so that an operation may be one of our own kernels.

use rand_chacha::ChaCha8Rng;
use tch::{Device, Tensor};

use crate::weights::{Gradient, Weights};

/// What the pass is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A backward pass follows. Batch normalisation uses the minibatch's statistics and updates its running statistics.
    Train,
    /// No backward pass. Batch normalisation uses the minibatch's statistics, and its running statistics become the
    /// mean over this minibatch and the `seen` minibatches before it.
    UpdateBn { seen: u64 },
    /// No backward pass. Batch normalisation uses its running statistics.
    Evaluate,
}

/// A value that was computed in the pass.
pub struct Var {
    pub value: Tensor,
    /// Index of its gradient in the backward pass; none where it depends on nothing that learns.
    id: Option<usize>,
}

/// The backward function of an operation. It gets the gradients that the readers of its result have contributed, at
/// least one; their sum is the gradient of the result.
type BackwardFn<'w> = Box<dyn FnOnce(&mut BackwardPass<'_>, Vec<Tensor>) + 'w>;

struct TapeEntry<'w> {
    result: usize,
    backward: BackwardFn<'w>,
}

/// A forward pass.
pub struct Pass<'w> {
    weights: &'w Weights,
    mode: Mode,
    /// Threads that a kernel may use.
    threads: usize,
    /// The random numbers of dropout.
    noise: Option<ChaCha8Rng>,
    tape: Vec<TapeEntry<'w>>,
    /// How many values have an `id`.
    vars: usize,
}

impl<'w> Pass<'w> {
    /// A pass over the current values of `weights`.
    pub fn new(weights: &'w Weights, mode: Mode, threads: usize) -> Self {
        Self { weights, mode, threads, noise: None, tape: Vec::new(), vars: 0 }
    }

    /// Adds the random generator that a net with dropout needs in training.
    pub fn with_noise(self, noise: ChaCha8Rng) -> Self {
        Self { noise: Some(noise), ..self }
    }

    /// The random generator in training, none in other modes. Panics in training if none was given.
    pub fn noise(&mut self) -> Option<&mut ChaCha8Rng> {
        if self.mode != Mode::Train {
            return None;
        }
        Some(self.noise.as_mut().expect("a net with dropout is trained with a random generator"))
    }

    pub fn weights(&self) -> &'w Weights {
        self.weights
    }

    /// The weight of this minibatch in the running statistics, which in training is `usual`; none where the pass reads
    /// the running statistics and does not update them.
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

    /// Whether our own kernels can work on `x`; libtorch's operators are used where they cannot.
    pub fn has_kernels(&self, x: &Tensor) -> bool {
        x.device() == Device::Cpu
    }

    /// A value whose gradient is not needed.
    pub fn input(&self, value: Tensor) -> Var {
        Var { value, id: None }
    }

    /// The result of an operation on `inputs`; `learns` says whether the operation itself has weights. `backward` is
    /// dropped with all that it holds if it will not be called: if the mode is not `Train`, or neither the operation
    /// nor an input learns.
    pub fn record(
        &mut self,
        inputs: &[&Var],
        learns: bool,
        value: Tensor,
        backward: impl FnOnce(&mut BackwardPass<'_>, Tensor) + 'w,
    ) -> Var {
        self.record_unsummed(inputs, learns, value, move |pass, gradients| backward(pass, sum(gradients)))
    }

    /// Like `record`, for an operation that itself adds up the gradients that the readers of its result contributed.
    pub fn record_unsummed(
        &mut self,
        inputs: &[&Var],
        learns: bool,
        value: Tensor,
        backward: impl FnOnce(&mut BackwardPass<'_>, Vec<Tensor>) + 'w,
    ) -> Var {
        if self.mode != Mode::Train || !(learns || inputs.iter().any(|input| input.id.is_some())) {
            return Var { value, id: None };
        }
        let result = self.vars;
        self.vars += 1;
        self.tape.push(TapeEntry { result, backward: Box::new(backward) });
        Var { value, id: Some(result) }
    }

    /// Runs the backward pass: writes the gradient of the weights to `into`, given the gradient of `result`. The
    /// gradient of a weight that no operation used is left as it is in `into`.
    pub fn backward(self, result: &Var, gradient: Tensor, into: &mut Gradient) {
        let mut pass = BackwardPass { gradients: (0..self.vars).map(|_| vec![]).collect(), weights: into };
        pass.add_gradient(result.id(), || gradient);
        for TapeEntry { result, backward } in self.tape.into_iter().rev() {
            let gradients = std::mem::take(&mut pass.gradients[result]);
            if !gradients.is_empty() {
                backward(&mut pass, gradients);
            }
        }
    }
}

impl Var {
    /// The same value for another reader.
    pub fn shared(&self) -> Self {
        Self { value: self.value.shallow_clone(), id: self.id }
    }

    /// The index that [`BackwardPass::add_gradient`] takes.
    pub fn id(&self) -> Option<usize> {
        self.id
    }
}

/// A backward pass.
pub struct BackwardPass<'a> {
    /// For each value, what its readers have contributed so far.
    gradients: Vec<Vec<Tensor>>,
    weights: &'a mut Gradient,
}

/// The sum of at least one tensor.
pub fn sum(gradients: Vec<Tensor>) -> Tensor {
    gradients.into_iter().reduce(|sum, gradient| sum + gradient).expect("a value that was read has a gradient")
}

impl BackwardPass<'_> {
    /// Adds to the gradient of the value `id`; `gradient` is not called where none is needed.
    pub fn add_gradient(&mut self, id: Option<usize>, gradient: impl FnOnce() -> Tensor) {
        if let Some(id) = id {
            self.gradients[id].push(gradient());
        }
    }

    /// Sets the gradient of the weight `name`, which exactly one operation uses.
    pub fn set_weight_gradient(&mut self, name: &str, gradient: &Tensor) {
        self.weights.put(name, gradient);
    }

    /// Sets the gradient of the matrix `name`, which exactly one operation uses, to the product `left right`.
    pub fn set_weight_product(&mut self, name: &str, left: &Tensor, right: &Tensor) {
        self.weights.put_product(name, left, right);
    }
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;
    use crate::device::{Compute, Precision};
    use crate::params::Params;

    fn scaled(pass: &mut Pass<'_>, x: &Var, factor: f64) -> Var {
        let id = x.id();
        pass.record(&[x], false, &x.value * factor, move |backward, gradient| {
            backward.add_gradient(id, || gradient * factor);
        })
    }

    #[test]
    fn the_gradients_of_a_value_that_is_read_twice_add_up() {
        let params = Params::of_shapes(&[("bias", &[10]), ("unused", &[3])]);
        let weights = Weights::new(&params, Compute::cpu(Precision::F32));
        let mut pass = Pass::new(&weights, Mode::Train, 1);
        let images = pass.input(Tensor::ones([1], (Kind::Float, Device::Cpu)));
        let bias = pass.record(&[&images], true, images.value.shallow_clone(), |backward, gradient| {
            backward.set_weight_gradient("bias", &gradient.expand([10], false));
        });
        let (left, right) = (scaled(&mut pass, &bias, 2.0), scaled(&mut pass, &bias, 3.0));
        let (l, r) = (left.id(), right.id());
        let sum = pass.record(&[&left, &right], false, &left.value + &right.value, move |backward, gradient| {
            backward.add_gradient(l, || gradient.shallow_clone());
            backward.add_gradient(r, || gradient.shallow_clone());
        });
        let mut gradient = Gradient::new(&params, weights.compute());
        pass.backward(&sum, Tensor::from_slice(&[1f32]), &mut gradient);
        assert_eq!(gradient.flat().sum(Kind::Double).double_value(&[]), 50.0);
    }

    #[test]
    fn nothing_is_recorded_where_nothing_learns() {
        let weights = Weights::new(&Params::of_shapes(&[]), Compute::cpu(Precision::F32));
        for mode in [Mode::Train, Mode::Evaluate] {
            let mut pass = Pass::new(&weights, mode, 1);
            let x = pass.input(Tensor::from_slice(&[1f32]));
            assert_eq!(scaled(&mut pass, &x, 2.0).id(), None);
            assert!(pass.tape.is_empty());
        }
    }
}
