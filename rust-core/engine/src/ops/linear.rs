//! Linear layers.

use tch::Kind;

use super::to_f32;
use crate::pass::{Pass, Var};

/// `x w^T + b`; `layer.weight` is `[out, in]`, `layer.bias` is `[out]`.
pub fn linear(pass: &mut Pass<'_>, layer: &str, x: &Var) -> Var {
    multiply(pass, layer, x, Some(format!("{layer}.bias")))
}

/// `x w^T`; the result is f32, whatever the precision of `x`.
pub fn linear_without_bias(pass: &mut Pass<'_>, layer: &str, x: &Var) -> Var {
    let x = multiply(pass, layer, x, None);
    to_f32(pass, &x)
}

fn multiply(pass: &mut Pass<'_>, layer: &str, x: &Var, bias_name: Option<String>) -> Var {
    let weight_name = format!("{layer}.weight");
    let weights = pass.weights();
    let (weight, bias) = (weights.get(&weight_name), bias_name.as_ref().map(|name| weights.get(name)));
    let value = x.value.linear(weight, bias);
    let (id, input) = (x.id(), x.value.shallow_clone());
    pass.record(&[x], true, value, move |backward, gradient| {
        backward.set_weight_product(&weight_name, &gradient.tr(), &input);
        if let Some(bias_name) = bias_name {
            backward.set_weight_gradient(&bias_name, &gradient.sum_dim_intlist([0i64].as_slice(), false, None::<Kind>));
        }
        backward.add_gradient(id, || gradient.mm(weight));
    })
}

/// A linear layer whose result is f32, whatever the precision of `x`.
pub fn logits(pass: &mut Pass<'_>, layer: &str, x: &Var) -> Var {
    let x = linear(pass, layer, x);
    to_f32(pass, &x)
}

#[cfg(test)]
mod tests {
    use super::super::testing::check_against_autograd;
    use super::*;

    #[test]
    fn a_linear_layer_has_the_gradients_of_libtorchs() {
        check_against_autograd(
            &[5, 7],
            &[("layer.weight", &[3, 7]), ("layer.bias", &[3])],
            |pass, x| logits(pass, "layer", x),
            |x, w| x.linear(&w["layer.weight"], Some(&w["layer.bias"])),
        );
    }
}
