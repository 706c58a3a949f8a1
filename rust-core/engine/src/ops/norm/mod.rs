//! Batch normalisation together with the residual connection and the activation after it: our own kernels on the CPU,
//! libtorch's operators on other devices. `layer.bias` and, where it is learnt, `layer.weight` are `[c]`; so are the
//! running statistics `layer.running_mean` and `layer.running_var`, which are part of the flat vector of weights.

mod kernels;
mod libtorch;

use half::bf16;
use tch::Kind;

use crate::kernels::activation::Activation;
use crate::pass::{Pass, Var};

/// The parameters of a batch normalisation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Norm {
    /// Weight of a minibatch's statistics in the running ones: PyTorch's `momentum`.
    pub momentum: f64,
    pub epsilon: f64,
    /// Whether the scale `layer.weight` is learnt; otherwise it is 1.
    pub scale: bool,
    pub activation: Activation,
}

/// `act(norm(x) + residual)`.
pub fn batch_norm(pass: &mut Pass<'_>, layer: &str, x: &Var, norm: Norm, residual: Option<&Var>) -> Var {
    if !pass.has_kernels(&x.value) {
        return libtorch::batch_norm(pass, layer, x, norm, residual);
    }
    match x.value.kind() {
        Kind::BFloat16 => kernels::batch_norm::<bf16>(pass, layer, x, norm, residual),
        _ => kernels::batch_norm::<f32>(pass, layer, x, norm, residual),
    }
}

#[cfg(test)]
mod tests {
    use super::super::scaled;
    use super::super::testing::{Leaves, check_against_autograd};
    use tch::Tensor;

    use super::*;

    const CHANNELS: [i64; 3] = [5, 16, 24];
    const ACTIVATIONS: [Activation; 4] = [Activation::Identity, Activation::Relu, Activation::Relu6, Activation::Gelu];

    fn declared(shape: &[usize], scale: bool) -> Vec<(&'static str, &[usize])> {
        let names = ["layer.weight", "layer.bias", "layer.running_mean", "layer.running_var"];
        names.into_iter().filter(|name| scale || *name != "layer.weight").map(|name| (name, shape)).collect()
    }

    fn reference(x: &Tensor, weights: &Leaves, norm: Norm, adds: bool) -> Tensor {
        let (weight, bias) = (weights.get("layer.weight"), weights.get("layer.bias"));
        let y = x.batch_norm(weight, bias, None::<&Tensor>, None::<&Tensor>, true, 0.0, norm.epsilon, false);
        let y = if adds { y + x } else { y };
        match norm.activation {
            Activation::Identity => y,
            Activation::Relu => y.relu(),
            Activation::Relu6 => y.clamp(0, 6),
            Activation::Gelu => y.gelu("none"),
        }
    }

    type Op = for<'w> fn(&mut Pass<'w>, &str, &Var, Norm, Option<&Var>) -> Var;

    fn check(op: Op) {
        for channels in CHANNELS {
            for activation in ACTIVATIONS {
                for (scale, adds) in [(true, false), (true, true), (false, false)] {
                    let norm = Norm { momentum: 0.1, epsilon: 1e-5, scale, activation };
                    check_against_autograd(
                        &[3, channels, 6, 7],
                        &declared(&[channels as usize], scale),
                        |pass, x| op(pass, "layer", x, norm, adds.then_some(x)),
                        |x, weights| reference(x, weights, norm, adds),
                    );
                }
            }
        }
    }

    #[test]
    fn kernels_agree_with_libtorch() {
        check(batch_norm);
    }

    /// `0.3 y + 0.5 y`, so that two operations read y.
    fn read_twice<'w>(pass: &mut Pass<'w>, y: &Var) -> Var {
        let (left, right) = (scaled(pass, y, 0.3), scaled(pass, y, 0.5));
        let ids = [left.id(), right.id()];
        pass.record(&[&left, &right], false, &left.value + &right.value, move |backward, gradient| {
            ids.into_iter().for_each(|id| backward.add_gradient(id, || gradient.shallow_clone()));
        })
    }

    #[test]
    fn the_gradients_of_two_readers_of_a_normalised_value_are_added() {
        for activation in ACTIVATIONS {
            for adds in [false, true] {
                let norm = Norm { momentum: 0.1, epsilon: 1e-5, scale: true, activation };
                check_against_autograd(
                    &[3, 24, 6, 7],
                    &declared(&[24], true),
                    |pass, x| {
                        let y = batch_norm(pass, "layer", x, norm, adds.then_some(x));
                        read_twice(pass, &y)
                    },
                    |x, weights| reference(x, weights, norm, adds) * 0.8,
                );
            }
        }
    }

    #[test]
    fn the_operators_for_other_devices_agree_with_autograd() {
        check(libtorch::batch_norm);
    }
}
