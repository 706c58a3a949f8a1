//! Batch normalisation by libtorch alone, for devices without kernels of ours.

use tch::Tensor;

use super::norm::Norm;
use crate::kernels::activation::Activation;
use crate::pass::{Pass, Var};
use crate::raw::batch_norm_backward;

/// What `batch_norm` computes.
pub fn torch_batch_norm(pass: &mut Pass<'_>, layer: &str, x: &Var, norm: Norm, residual: Option<&Var>) -> Var {
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
    let (id, beside_id, input) = (x.id(), residual.and_then(Var::id), x.value.shallow_clone());
    let (weight_name, bias_name) = (format!("{layer}.weight"), format!("{layer}.bias"));
    let inputs: Vec<&Var> = std::iter::once(x).chain(residual).collect();
    pass.record(&inputs, true, value, move |back, gradient| {
        let gradient = match norm.activation {
            Activation::Identity => gradient,
            Activation::Relu => before.threshold_backward(&gradient, 0),
            Activation::Relu6 => before.hardtanh_backward(&gradient, 0, 6),
            Activation::Gelu => before.gelu_backward(&gradient, "none"),
        };
        let saved = (&saved_mean, &saved_inverse);
        let [input, weight, bias] = batch_norm_backward(&gradient, (&input, &weight), saved, norm.epsilon);
        if norm.scale {
            back.weight(&weight_name, &weight);
        }
        back.weight(&bias_name, &bias);
        back.add(id, || input);
        back.add(beside_id, || gradient);
    })
}
