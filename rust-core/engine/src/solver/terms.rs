//! What the solvers share: the settings, the factors of every weight, and the rate of a step.

use tch::{Device, Tensor};

use super::{Lookahead, Policy, Rule};
use crate::nets::Param;
use crate::raw::filled;

/// What a solver needs to know.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub rule: Rule,
    pub lr: f64,
    /// Adam's beta1.
    pub momentum: f64,
    pub weight_decay: f64,
    /// Whether decay shrinks the weights by themselves, apart from gradient and momentum. Muon's always does.
    pub decoupled_decay: bool,
    /// The most that the L2 norm of the whole gradient may be; a longer one is scaled down to it.
    pub clip_gradients: Option<f64>,
    pub policy: Policy,
    /// Local steps in which the rate rises.
    pub warm_up: Option<u64>,
    pub lookahead: Option<Lookahead>,
}

/// One tensor of the net in the flat vector.
pub struct Part {
    pub start: i64,
    pub length: i64,
    pub shape: Vec<i64>,
    pub lr_mult: f64,
    /// `weight_decay * decay_mult`.
    pub decay: f64,
}

impl Part {
    /// The tensor's values in `flat`, one after another; the memory is shared.
    pub fn of(&self, flat: &Tensor) -> Tensor {
        flat.narrow(0, self.start, self.length)
    }
}

/// The settings, with the factors that they give every weight.
pub struct Terms {
    pub settings: Settings,
    pub parts: Vec<Part>,
    lr_mult: Tensor,
    /// `weight_decay * decay_mult` of every weight; times `lr_mult` where decay is decoupled.
    decay: Tensor,
}

impl Terms {
    /// Puts the factors beside weights on `device`.
    pub fn move_to(&mut self, device: Device) {
        self.lr_mult = self.lr_mult.to_device(device);
        self.decay = self.decay.to_device(device);
    }

    /// Terms for the tensors `params`, which stand in their order in the flat vector.
    pub fn new(params: &[Param], settings: Settings) -> Self {
        let parts: Vec<Part> = params
            .iter()
            .scan(0, |end, param| {
                let (start, length) = (*end, param.entry.numel() as i64);
                *end += length;
                let shape = param.entry.shape.iter().map(|&dim| dim as i64).collect();
                let decay = settings.weight_decay * param.decay_mult;
                Some(Part { start, length, shape, lr_mult: param.lr_mult, decay })
            })
            .collect();
        let lr_mult = spread(&parts, |part| part.lr_mult);
        let decay =
            spread(&parts, |part| if settings.decoupled_decay { part.lr_mult * part.decay } else { part.decay });
        Self { settings, parts, lr_mult, decay }
    }

    /// The learning rate of local step `step`.
    pub fn rate(&self, step: u64) -> f64 {
        self.rate_from(self.settings.lr, step)
    }

    /// The learning rate of local step `step` that `base` becomes under the same policy.
    pub fn rate_from(&self, base: f64, step: u64) -> f64 {
        let rising = self.settings.warm_up.filter(|&steps| step < steps);
        let part = rising.map_or(1.0, |steps| (step + 1) as f64 / steps as f64);
        part * self.settings.policy.rate(base, step)
    }

    /// `eta lr_mult d`, where `d` is the direction.
    pub fn update(&self, x: &Tensor, gradient: &Tensor, rate: f64) -> Tensor {
        let mut update = if self.settings.decoupled_decay {
            gradient * &self.lr_mult
        } else {
            let mut direction = self.direction(x, gradient);
            let _ = direction.g_mul_(&self.lr_mult);
            direction
        };
        let _ = update.g_mul_scalar_(rate);
        update
    }

    /// `g + lambda decay_mult x`, or `g` where decay is decoupled.
    pub fn direction(&self, x: &Tensor, gradient: &Tensor) -> Tensor {
        if self.settings.decoupled_decay {
            return gradient.shallow_clone();
        }
        let mut direction = x * &self.decay;
        let _ = direction.g_add_(gradient);
        direction
    }

    /// `x <- x (1 - eta lr_mult lambda decay_mult)` where decay is decoupled.
    pub fn shrink(&self, x: &mut Tensor, rate: f64) {
        if self.settings.decoupled_decay && self.settings.weight_decay > 0.0 {
            let _ = x.addcmul_(&x.shallow_clone(), &(&self.decay * -rate));
        }
    }

    /// `lr_mult` of every weight.
    pub fn lr_mult(&self) -> &Tensor {
        &self.lr_mult
    }

    /// The gradient as it is, or scaled down to the limit on its norm.
    pub fn clipped(&self, gradient: &Tensor) -> Tensor {
        let Some(limit) = self.settings.clip_gradients else { return gradient.shallow_clone() };
        let norm = gradient.norm().double_value(&[]);
        if norm > limit { gradient * (limit / norm) } else { gradient.shallow_clone() }
    }
}

/// One value a weight, the same for all weights of a tensor.
pub fn spread(parts: &[Part], value: impl Fn(&Part) -> f64) -> Tensor {
    let length = parts.iter().map(|part| part.length).sum();
    filled(&[length], |mut flat| {
        for part in parts {
            let (of_part, rest) = flat.split_at_mut(part.length as usize);
            of_part.fill(value(part) as f32);
            flat = rest;
        }
    })
}
