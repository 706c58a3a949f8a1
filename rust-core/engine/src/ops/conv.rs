//! Convolutions, by libtorch in both directions.

use tch::{Kind, Tensor};

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
        // oneDNN has the bias's gradient from the weight's, which is the most work of all
        let wanted = [id.is_some(), learns, learns && bias_name.is_some()];
        if wanted != [false; 3] {
            let [input, weight, bias] = convolution_backward(&gradient, (&input, weight), slide, wanted);
            if learns {
                back.weight(&weight_name, &weight);
                bias_name.iter().for_each(|name| back.weight(name, &bias));
            }
            back.add(id, || input);
        }
        if let Some(bias_name) = bias_name.filter(|_| !learns) {
            back.weight(&bias_name, &over_images(&gradient));
        }
    })
}

/// Sums over all but the channels of `[n, c, h, w]`.
fn over_images(gradient: &Tensor) -> Tensor {
    gradient.sum_dim_intlist([0i64, 2, 3].as_slice(), false, None::<Kind>)
}

#[cfg(test)]
mod tests {
    use tch::Device;

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
    #[test]
    fn a_bias_has_the_same_gradient_without_its_weights() {
        let images = |channels| Tensor::randn([2, 5, 4, channels], (Kind::Float, Device::Cpu)).permute([0, 3, 1, 2]);
        let (x, gradient) = (images(3), images(6));
        let weight = Tensor::randn([6, 3, 1, 1], (Kind::Float, Device::Cpu));
        let slide = Slide { stride: 1, padding: 0, groups: 1 };
        let [_, _, bias] = convolution_backward(&gradient, (&x, &weight), slide, [false, true, true]);
        assert!((over_images(&gradient) - bias).abs().max().double_value(&[]) < 1e-5);
    }
}
