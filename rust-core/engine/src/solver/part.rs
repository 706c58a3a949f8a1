//! What a step works on: the same range of every flat vector. Most solvers treat each weight alone. On a CPU their step
//! goes through the vectors in parts that stay in a core's cache: over whole vectors, each operation would read and write
//! memory, and each temporary would be mapped anew: of AlexNet 228 MB, with which a step took 1.4 times as long.

use tch::{Device, Tensor};

use super::{Hyperparameters, ParamGroups, State};

/// Values of a part for each thread of libtorch. An operation on fewer values does not use another thread, and the
/// vectors and temporaries of a step, 128 KiB each, fit into a core's second-level cache.
const VALUES: i64 = 32_768;

/// A range of the vectors of a step, as views: what is written to them is written to the vectors.
pub struct Part<'a> {
    pub hyper: &'a Hyperparameters,
    /// The weights.
    pub x: Tensor,
    pub gradient: Tensor,
    /// The vectors of the solver's state, Lookahead's slow weights last.
    pub state: Vec<Tensor>,
    /// Steps before this one since the state was zero.
    pub steps: u64,
    /// `lr_mult` of each weight.
    pub lr_mult: Tensor,
    /// `weight_decay decay_mult` of each weight; times `lr_mult` where decay is decoupled.
    decay: Tensor,
    /// Lookahead's `alpha` for each weight.
    pub alphas: Option<Tensor>,
}

/// How many values a part of a vector like `x` has. Elsewhere than on a CPU a step is one part.
pub fn length_for(x: &Tensor) -> i64 {
    let whole = x.numel().max(1) as i64;
    if x.device() == Device::Cpu { whole.min(VALUES * i64::from(tch::get_num_threads().max(1))) } else { whole }
}

impl<'a> Part<'a> {
    /// The part that begins at value `start` and has at most `length` values.
    pub fn new(
        groups: &'a ParamGroups,
        state: &State,
        alphas: Option<&Tensor>,
        (x, gradient): (&Tensor, &Tensor),
        (start, length): (i64, i64),
    ) -> Self {
        let length = length.min(x.numel() as i64 - start);
        let of = |vector: &Tensor| vector.narrow(0, start, length);
        Self {
            hyper: &groups.hyper,
            x: of(x),
            gradient: of(gradient),
            state: state.vectors.iter().map(of).collect(),
            steps: state.steps,
            lr_mult: of(&groups.lr_mult),
            decay: of(&groups.decay),
            alphas: alphas.map(of),
        }
    }

    /// `rate lr_mult d`, where `d` is the direction.
    pub fn update(&self, rate: f64) -> Tensor {
        let mut update = if self.hyper.decoupled_decay {
            &self.gradient * &self.lr_mult
        } else {
            let mut direction = self.direction();
            let _ = direction.g_mul_(&self.lr_mult);
            direction
        };
        let _ = update.g_mul_scalar_(rate);
        update
    }

    /// `g + weight_decay decay_mult x`, or the gradient `g` alone where decay is decoupled.
    pub fn direction(&self) -> Tensor {
        if self.hyper.decoupled_decay {
            return self.gradient.shallow_clone();
        }
        let mut direction = &self.x * &self.decay;
        let _ = direction.g_add_(&self.gradient);
        direction
    }

    /// Decoupled decay: `x <- x (1 - rate lr_mult weight_decay decay_mult)`. Does nothing if decay is not decoupled.
    pub fn shrink(&mut self, rate: f64) {
        if self.hyper.decoupled_decay && self.hyper.weight_decay > 0.0 {
            let _ = self.x.addcmul_(&self.x.shallow_clone(), &(&self.decay * -rate));
        }
    }
}
