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
    pub lr_mult: Tensor,
    /// `weight_decay * decay_mult` of each weight; times `lr_mult` where decay is decoupled.
    pub decay: Tensor,
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

    /// What `gradient` is to be multiplied by, if its norm is above the limit.
    pub fn clipping(&self, gradient: &Tensor) -> Option<f64> {
        let limit = self.hyper.clip_gradients?;
        let norm = gradient.norm().double_value(&[]);
        (norm > limit).then_some(limit / norm)
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
