//! Batch normalisation by libtorch's operators, for devices that our own kernels do not run on.

use tch::Tensor;

use super::Norm;
use crate::kernels::activation::Activation;
use crate::pass::{Pass, Var};
use crate::raw::batch_norm_backward;

/// The same as [`super::batch_norm`].
pub fn batch_norm(pass: &mut Pass<'_>, layer: &str, x: &Var, norm: Norm, residual: Option<&Var>) -> Var {
    let master = |name: &str| pass.weights().master(&format!("{layer}.{name}")).shallow_clone();
    let [bias, mean, variance] = ["bias", "running_mean", "running_var"].map(master);
    let weight = if norm.scale { master("weight") } else { bias.ones_like() };
    let momentum = pass.norm_momentum(norm.momentum);
    let (y, saved_mean, saved_inverse) = Tensor::native_batch_norm(
        &x.value,
        Some(&weight),
        Some(&bias),
        Some(&mean),
        Some(&variance),
        momentum.is_some(),
        momentum.unwrap_or(0.0),
        norm.epsilon,
    );
    let before = match residual {
        Some(residual) => y + &residual.value,
        None => y,
    };
    let value = match norm.activation {
        Activation::Identity => before.shallow_clone(),
        Activation::Relu => before.relu(),
        Activation::Relu6 => before.clamp(0, 6),
        Activation::Gelu => before.gelu("none"),
    };
    let (id, residual_id, input) = (x.id(), residual.and_then(Var::id), x.value.shallow_clone());
    let (weight_name, bias_name) = (format!("{layer}.weight"), format!("{layer}.bias"));
    let inputs: Vec<&Var> = std::iter::once(x).chain(residual).collect();
    pass.record(&inputs, true, value, move |backward, gradient| {
        let gradient = match norm.activation {
            Activation::Identity => gradient,
            Activation::Relu => before.threshold_backward(&gradient, 0),
            Activation::Relu6 => before.hardtanh_backward(&gradient, 0, 6),
            Activation::Gelu => before.gelu_backward(&gradient, "none"),
        };
        let saved = (&saved_mean, &saved_inverse);
        let [input, weight, bias] = batch_norm_backward(&gradient, (&input, &weight), saved, norm.epsilon);
        if norm.scale {
            backward.set_weight_gradient(&weight_name, &weight);
        }
        backward.set_weight_gradient(&bias_name, &bias);
        backward.add_gradient(id, || input);
        backward.add_gradient(residual_id, || gradient);
    })
}
