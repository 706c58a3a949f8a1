//! Local response normalisation within a channel: Caffe's `norm_region: WITHIN_CHANNEL`.

use tch::{Kind, Tensor};

use crate::pass::{Pass, Var};

/// With Caffe's `local_size` 3: `x s^-beta` with `s = 1 + alpha mean_3x3(x^2)`, where the mean includes the zeros
/// around the image. Computed in f32.
pub fn lrn(pass: &mut Pass<'_>, x: &Var, alpha: f64, beta: f64) -> Var {
    let (id, kind) = (x.id(), x.value.kind());
    let input = x.value.to_kind(Kind::Float);
    let scale = mean(&input.square()) * alpha + 1.0;
    let value = &input * scale.pow_tensor_scalar(-beta);
    let kept = value.shallow_clone();
    pass.record(&[x], false, value.to_kind(kind), move |backward, gradient| {
        backward.add_gradient(id, || {
            let gradient = gradient.to_kind(Kind::Float);
            // the transpose of the mean over 3x3 windows is that mean itself
            let through = input * mean(&(&gradient * kept / &scale)) * (2.0 * alpha * beta);
            (gradient * scale.pow_tensor_scalar(-beta) - through).to_kind(kind)
        });
    })
}

fn mean(x: &Tensor) -> Tensor {
    x.avg_pool2d([3, 3], [1, 1], [1, 1], false, true, None::<i64>)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check_against_autograd, evaluated};
    use super::*;

    #[test]
    fn lrn_within_a_channel_includes_the_padding() {
        let x = Tensor::from_slice(&[1f32, 2.0, 3.0, 4.0]).view([1, 1, 2, 2]);
        let got: Vec<f32> = Vec::try_from(evaluated(x, |pass, x| lrn(pass, x, 0.9, 0.75)).flatten(0, -1)).unwrap();
        let scale = (1.0f64 + 0.9 * 30.0 / 9.0).powf(-0.75); // all four values lie in each of the four windows of nine
        for (x, y) in [1.0, 2.0, 3.0, 4.0].into_iter().zip(got) {
            assert!((f64::from(y) - x * scale).abs() < 1e-6);
        }
    }

    #[test]
    fn lrn_has_the_gradients_of_libtorchs() {
        check_against_autograd(
            &[2, 3, 6, 5],
            &[],
            |pass, x| lrn(pass, x, 0.8, 0.75),
            |x, _| x * (mean(&x.square()) * 0.8 + 1.0).pow_tensor_scalar(-0.75),
        );
    }
}
