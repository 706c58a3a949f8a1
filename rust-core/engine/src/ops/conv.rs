//! Convolutions, by libtorch in both directions.

use crate::pass::{Pass, Var};
use crate::raw::{Slide, convolution_backward};

/// A convolution; `layer.weight` is `[out, in / groups, height, width]`, `layer.bias` is `[out]`.
pub fn conv(pass: &mut Pass<'_>, layer: &str, x: &Var, slide: Slide) -> Var {
    convolve(pass, layer, x, slide, Some(format!("{layer}.bias")))
}

/// One without a bias, as before a normalisation.
pub fn conv_without_bias(pass: &mut Pass<'_>, layer: &str, x: &Var, slide: Slide) -> Var {
    convolve(pass, layer, x, slide, None)
}

fn convolve(pass: &mut Pass<'_>, layer: &str, x: &Var, slide: Slide, bias_name: Option<String>) -> Var {
    let weight_name = format!("{layer}.weight");
    let weights = pass.weights();
    let (weight, bias) = (weights.get(&weight_name), bias_name.as_ref().map(|name| weights.get(name)));
    let Slide { stride, padding, groups } = slide;
    let value = x.value.conv2d(weight, bias, [stride, stride], [padding, padding], [1, 1], groups);
    let (id, input, learns) = (x.id(), x.value.shallow_clone(), weights.learns(&weight_name));
    pass.record(&[x], true, value, move |back, gradient| {
        let wanted = [id.is_some(), learns, bias_name.is_some()];
        let [input, weight, bias] = convolution_backward(&gradient, (&input, weight), slide, wanted);
        if learns {
            back.weight(&weight_name, &weight);
        }
        if let Some(bias_name) = bias_name {
            back.weight(&bias_name, &bias);
        }
        back.add(id, || input);
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::check_against_autograd;
    use super::*;

    #[test]
    fn a_convolution_goes_back_as_libtorchs_own_does() {
        let slide = Slide { stride: 2, padding: 1, groups: 1 };
        let weights = [("layer.weight", vec![4, 3, 3, 3]), ("layer.bias", vec![4])];
        check_against_autograd(
            &[2, 3, 7, 6],
            &weights,
            |pass, x| conv(pass, "layer", x, slide),
            |x, w| x.conv2d(&w["layer.weight"], Some(&w["layer.bias"]), [2, 2], [1, 1], [1, 1], 1),
        );
    }
}
