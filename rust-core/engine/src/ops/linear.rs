//! Linear layers.

use tch::Kind;

use super::cast;
use crate::pass::{Pass, Var};

/// `x w^T + b`; `layer.weight` is `[out, in]`, `layer.bias` is `[out]`.
pub fn linear(pass: &mut Pass<'_>, layer: &str, x: &Var) -> Var {
    let (weight_name, bias_name) = (format!("{layer}.weight"), format!("{layer}.bias"));
    let weights = pass.weights();
    let (weight, bias) = (weights.get(&weight_name), weights.get(&bias_name));
    let value = x.value.linear(weight, Some(bias));
    let (id, input) = (x.id(), x.value.shallow_clone());
    pass.record(&[x], true, value, move |back, gradient| {
        back.weight(&weight_name, &gradient.tr().mm(&input));
        back.weight(&bias_name, &gradient.sum_dim_intlist([0i64].as_slice(), false, None::<Kind>));
        back.add(id, || gradient.mm(weight));
    })
}

/// A linear layer whose result is f32, whatever the layers before computed in.
pub fn logits(pass: &mut Pass<'_>, layer: &str, x: &Var) -> Var {
    let x = linear(pass, layer, x);
    if x.value.kind() == Kind::Float { x } else { cast(pass, &x, Kind::Float) }
}

#[cfg(test)]
mod tests {
    use super::super::testing::check_against_autograd;
    use super::*;

    #[test]
    fn a_linear_layer_goes_back_as_libtorchs_own_does() {
        check_against_autograd(
            &[5, 7],
            &[("layer.weight", vec![3, 7]), ("layer.bias", vec![3])],
            |pass, x| logits(pass, "layer", x),
            |x, w| x.linear(&w["layer.weight"], Some(&w["layer.bias"])),
        );
    }
}
