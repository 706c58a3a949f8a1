//! Convolutions: libtorch's operators, forward and backward.

use tch::{Kind, Tensor};

use crate::pass::{Pass, Var};
use crate::raw::{ConvGeometry, convolution_backward};

/// A convolution; `layer.weight` is `[out, in / groups, height, width]`, `layer.bias` is `[out]`.
pub fn conv(pass: &mut Pass<'_>, layer: &str, x: &Var, geometry: ConvGeometry) -> Var {
    convolve(pass, layer, x, geometry, Some(format!("{layer}.bias")))
}

/// A convolution without a bias, which a batch normalisation after it would cancel.
pub fn conv_without_bias(pass: &mut Pass<'_>, layer: &str, x: &Var, geometry: ConvGeometry) -> Var {
    convolve(pass, layer, x, geometry, None)
}

fn convolve(pass: &mut Pass<'_>, layer: &str, x: &Var, geometry: ConvGeometry, bias_name: Option<String>) -> Var {
    let weight_name = format!("{layer}.weight");
    let weights = pass.weights();
    let (weight, bias) = (weights.get(&weight_name), bias_name.as_ref().map(|name| weights.get(name)));
    let ConvGeometry { stride, padding, groups } = geometry;
    let value = x.value.conv2d(weight, bias, [stride, stride], [padding, padding], [1, 1], groups);
    let (id, input, learns) = (x.id(), x.value.shallow_clone(), weights.learns(&weight_name));
    pass.record(&[x], true, value, move |backward, gradient| {
        // Of a frozen weight no gradient is computed, the most expensive of the three. libtorch computes the bias's
        // gradient along with it, so there the bias's own is summed below.
        let wanted = [id.is_some(), learns, learns && bias_name.is_some()];
        if wanted != [false; 3] {
            let [input, weight, bias] = convolution_backward(&gradient, (&input, weight), geometry, wanted);
            if learns {
                backward.set_weight_gradient(&weight_name, &weight);
                bias_name.iter().for_each(|name| backward.set_weight_gradient(name, &bias));
            }
            backward.add_gradient(id, || input);
        }
        if let Some(bias_name) = bias_name.filter(|_| !learns) {
            backward.set_weight_gradient(&bias_name, &bias_gradient(&gradient));
        }
    })
}

/// The gradient of a bias from the gradient of the result `[n, c, h, w]`: its sum for each channel.
fn bias_gradient(gradient: &Tensor) -> Tensor {
    gradient.sum_dim_intlist([0i64, 2, 3].as_slice(), false, None::<Kind>)
}

#[cfg(test)]
mod tests {
    use super::super::testing::check_against_autograd;
    use super::*;
    use crate::testing::{normal, normal_images};

    #[test]
    fn a_convolution_has_the_gradients_of_libtorchs() {
        let geometry = ConvGeometry { stride: 2, padding: 1, groups: 1 };
        let weights = [("layer.weight", [4, 3, 3, 3].as_slice()), ("layer.bias", &[4])];
        check_against_autograd(
            &[2, 3, 7, 6],
            &weights,
            |pass, x| conv(pass, "layer", x, geometry),
            |x, w| x.conv2d(&w["layer.weight"], Some(&w["layer.bias"]), [2, 2], [1, 1], [1, 1], 1),
        );
    }

    #[test]
    fn a_bias_has_the_same_gradient_with_a_frozen_weight() {
        let (x, gradient) = (normal_images([2, 3, 5, 4], 1), normal_images([2, 6, 5, 4], 2));
        let weight = normal(&[6, 3, 1, 1], 3);
        let geometry = ConvGeometry { stride: 1, padding: 0, groups: 1 };
        let [_, _, bias] = convolution_backward(&gradient, (&x, &weight), geometry, [false, true, true]);
        assert!((bias_gradient(&gradient) - bias).abs().max().double_value(&[]) < 1e-5);
    }
}
