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
    if let Some(window) = Window::of(&x.value, pass.weights().master(&weight_name), geometry) {
        return multiply(pass, x, window, weight_name, bias_name);
    }
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

/// What a filter sees of an image where its result has a single pixel: `height` x `width` pixels from the first, which meet
/// as many of its taps from the tap `first` on. The others meet padding alone.
#[derive(Clone, Copy)]
struct Window {
    first: i64,
    height: i64,
    width: i64,
}

impl Window {
    /// None where the result has more than one pixel.
    fn of(x: &Tensor, weight: &Tensor, ConvGeometry { stride, padding, groups }: ConvGeometry) -> Option<Self> {
        let (side, taps) = (x.size(), weight.size());
        let single = |dim: usize| side[dim] + 2 * padding - taps[dim] < stride && padding < taps[dim];
        let seen = |dim: usize| side[dim].min(taps[dim] - padding);
        (groups == 1 && single(2) && single(3)).then(|| Self { first: padding, height: seen(2), width: seen(3) })
    }

    /// The values that meet in a row each, of an image or a filter whose pixels begin at `first`, in the order of memory.
    fn rows(self, of: &Tensor, first: i64) -> Tensor {
        self.part(of, first).permute([0, 2, 3, 1]).flatten(1, -1)
    }

    fn part(self, of: &Tensor, first: i64) -> Tensor {
        of.narrow(2, first, self.height).narrow(3, first, self.width)
    }

    /// A tensor of `shape`, zero but for what `rows` would read from it.
    fn spread(self, rows: &Tensor, shape: &[i64], first: i64) -> Tensor {
        let part = rows.view([shape[0], self.height, self.width, shape[1]]).permute([0, 3, 1, 2]);
        if part.size() == shape {
            return part;
        }
        let whole = Tensor::zeros(shape, (rows.kind(), rows.device()));
        self.part(&whole, first).copy_(&part);
        whole
    }
}

/// A convolution whose result has a single pixel: a product. libtorch's convolutions multiply the padding too there, which
/// for 3x3 filters of 512 channels on a pixel takes twenty times as long.
fn multiply(pass: &mut Pass<'_>, x: &Var, window: Window, weight_name: String, bias_name: Option<String>) -> Var {
    let weights = pass.weights();
    let (weight, bias) = (weights.master(&weight_name), bias_name.as_ref().map(|name| weights.get(name)));
    let (rows, matrix) = (window.rows(&x.value, 0), window.rows(weight, window.first).to_kind(x.value.kind()));
    let value = rows.linear(&matrix, bias).unsqueeze(-1).unsqueeze(-1);
    let (id, shape, learns) = (x.id(), x.value.size(), weights.learns(&weight_name));
    pass.record(&[x], true, value, move |backward, gradient| {
        let gradient = gradient.flatten(1, -1);
        if learns {
            let product = gradient.tr().mm(&rows);
            backward.set_weight_gradient(&weight_name, &window.spread(&product, &weight.size(), window.first));
        }
        if let Some(name) = bias_name {
            backward.set_weight_gradient(&name, &gradient.sum_dim_intlist([0i64].as_slice(), false, None::<Kind>));
        }
        backward.add_gradient(id, || window.spread(&gradient.mm(&matrix), &shape, 0));
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
    fn a_convolution_with_a_single_pixel_of_result_has_the_gradients_of_libtorchs() {
        // side, taps, stride, padding: ResNet's last blocks at 32 pixels, its first of them, a shortcut there, no padding
        for (side, taps, stride, padding) in
            [(1, 3, 1, 1), (2, 3, 2, 1), (2, 1, 2, 0), (3, 3, 1, 0), (1, 7, 2, 3), (3, 2, 2, 0)]
        {
            let geometry = ConvGeometry { stride, padding, groups: 1 };
            let filters = [4, 3, taps as usize, taps as usize];
            let weights = [("layer.weight", filters.as_slice()), ("layer.bias", &[4])];
            let (x, weight) = (normal_images([5, 3, side, side], 1), normal(&[4, 3, taps, taps], 2));
            assert!(Window::of(&x, &weight, geometry).is_some());
            check_against_autograd(
                &[5, 3, side, side],
                &weights,
                |pass, x| conv(pass, "layer", x, geometry),
                |x, w| x.conv2d(&w["layer.weight"], Some(&w["layer.bias"]), [stride; 2], [padding; 2], [1, 1], 1),
            );
        }
        let one = |groups| ConvGeometry { stride: 1, padding: 1, groups };
        let (pixel, four) = (normal_images([2, 4, 1, 1], 1), normal_images([2, 4, 2, 2], 1));
        assert!(Window::of(&pixel, &normal(&[4, 1, 3, 3], 2), one(4)).is_none());
        assert!(Window::of(&four, &normal(&[4, 4, 3, 3], 2), one(1)).is_none());
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
