//! What the solvers share: hyperparameters, the factors on learning rate and decay of every weight, and the rate of a
//! step.

use tch::{Device, Tensor};

use super::{Algorithm, Lookahead, Schedule};
use crate::params::Param;
use crate::raw::filled;

/// The hyperparameters of a solver.
#[derive(Clone, Debug, PartialEq)]
pub struct Hyperparameters {
    pub algorithm: Algorithm,
    pub lr: f64,
    /// Adam's beta1.
    pub momentum: f64,
    pub weight_decay: f64,
    /// Whether weight decay is applied to the weights directly instead of being added to the gradient. Muon's always
    /// is.
    pub decoupled_decay: bool,
    /// Upper limit on the L2 norm of the whole gradient; a larger gradient is scaled down to it.
    pub clip_gradients: Option<f64>,
    pub schedule: Schedule,
    pub lookahead: Option<Lookahead>,
}

/// One tensor in the flat vector, with its own factors on learning rate and decay.
pub struct ParamGroup {
    pub start: i64,
    pub length: i64,
    pub shape: Vec<i64>,
    pub lr_mult: f64,
    /// `weight_decay * decay_mult`.
    pub decay: f64,
}

impl ParamGroup {
    /// A one-dimensional view of the tensor's values in `flat`.
    pub fn of(&self, flat: &Tensor) -> Tensor {
        flat.narrow(0, self.start, self.length)
    }
}

/// The hyperparameters, and the factors that each weight has.
pub struct ParamGroups {
    pub hyper: Hyperparameters,
    /// In the order of the flat vector.
    pub list: Vec<ParamGroup>,
    lr_mult: Tensor,
    /// `weight_decay * decay_mult` of each weight; times `lr_mult` where decay is decoupled.
    decay: Tensor,
}

impl ParamGroups {
    /// Moves the factors to `device`, where the weights are.
    pub fn move_to(&mut self, device: Device) {
        self.lr_mult = self.lr_mult.to_device(device);
        self.decay = self.decay.to_device(device);
    }

    /// For `params` in the order of the flat vector.
    pub fn new(params: &[Param], hyper: Hyperparameters) -> Self {
        let list: Vec<ParamGroup> = params
            .iter()
            .scan(0, |end, param| {
                let (start, length) = (*end, param.entry.numel() as i64);
                *end += length;
                let shape = param.entry.shape.iter().map(|&dim| dim as i64).collect();
                let decay = hyper.weight_decay * param.decay_mult;
                Some(ParamGroup { start, length, shape, lr_mult: param.lr_mult, decay })
            })
            .collect();
        let lr_mult = spread(&list, |group| group.lr_mult);
        let decay =
            spread(&list, |group| if hyper.decoupled_decay { group.lr_mult * group.decay } else { group.decay });
        Self { hyper, list, lr_mult, decay }
    }

    /// The learning rate of local step `step`.
    pub fn rate(&self, step: u64) -> f64 {
        self.rate_from(self.hyper.lr, step)
    }

    /// The learning rate of local step `step` for another base learning rate under the same policy.
    pub fn rate_from(&self, base: f64, step: u64) -> f64 {
        self.hyper.schedule.rate(base, step)
    }

    /// `rate lr_mult d`, where `d` is the direction.
    pub fn update(&self, x: &Tensor, gradient: &Tensor, rate: f64) -> Tensor {
        let mut update = if self.hyper.decoupled_decay {
            gradient * &self.lr_mult
        } else {
            let mut direction = self.direction(x, gradient);
            let _ = direction.g_mul_(&self.lr_mult);
            direction
        };
        let _ = update.g_mul_scalar_(rate);
        update
    }

    /// `g + weight_decay decay_mult x`, or the gradient `g` alone where decay is decoupled.
    pub fn direction(&self, x: &Tensor, gradient: &Tensor) -> Tensor {
        if self.hyper.decoupled_decay {
            return gradient.shallow_clone();
        }
        let mut direction = x * &self.decay;
        let _ = direction.g_add_(gradient);
        direction
    }

    /// Decoupled decay: `x <- x (1 - rate lr_mult weight_decay decay_mult)`. Does nothing if decay is not decoupled.
    pub fn shrink(&self, x: &mut Tensor, rate: f64) {
        if self.hyper.decoupled_decay && self.hyper.weight_decay > 0.0 {
            let _ = x.addcmul_(&x.shallow_clone(), &(&self.decay * -rate));
        }
    }

    /// `lr_mult` of each weight.
    pub fn lr_mult(&self) -> &Tensor {
        &self.lr_mult
    }

    /// The gradient, scaled down if its norm is above the limit.
    pub fn clipped(&self, gradient: &Tensor) -> Tensor {
        let Some(limit) = self.hyper.clip_gradients else { return gradient.shallow_clone() };
        let norm = gradient.norm().double_value(&[]);
        if norm > limit { gradient * (limit / norm) } else { gradient.shallow_clone() }
    }
}

/// A flat vector with one value for each weight, the same for all weights of a tensor.
pub fn spread(groups: &[ParamGroup], value: impl Fn(&ParamGroup) -> f64) -> Tensor {
    let length = groups.iter().map(|group| group.length).sum();
    filled(&[length], |mut flat| {
        for group in groups {
            let (of_group, rest) = flat.split_at_mut(group.length as usize);
            of_group.fill(value(group) as f32);
            flat = rest;
        }
    })
}
