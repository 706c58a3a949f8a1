//! The layers of Caffe's CIFAR nets over libtorch, with Caffe's meaning of their borders. In bf16
//! convolutions, pooling and linear layers run in bf16 on bf16 copies of the f32 weights; logits are f32.

use tch::{Kind, Tensor};

use crate::device::Precision;
use crate::weights::Weights;

/// The input as the first layer wants it.
pub fn input(weights: &Weights, images: &Tensor) -> Tensor {
    cast(weights, images)
}

/// A convolution with stride 1; the layer's weight is `[out, in, height, width]`.
pub fn conv(weights: &Weights, layer: &str, x: &Tensor, padding: i64) -> Tensor {
    let (weight, bias) = parameters(weights, layer);
    x.conv2d(&weight, Some(&bias), [1, 1], [padding, padding], [1, 1], 1)
}

/// A linear layer; the layer's weight is `[out, in]`.
pub fn linear(weights: &Weights, layer: &str, x: &Tensor) -> Tensor {
    let (weight, bias) = parameters(weights, layer);
    x.linear(&weight, Some(&bias))
}

/// Logits in f32, whatever the layers before computed in.
pub fn logits(weights: &Weights, layer: &str, x: &Tensor) -> Tensor {
    linear(weights, layer, x).to_kind(Kind::Float)
}

/// Max pooling in Caffe's ceil mode: a window may hang over the border.
pub fn max_pool(x: &Tensor, kernel: i64, stride: i64) -> Tensor {
    x.max_pool2d([kernel, kernel], [stride, stride], [0, 0], [1, 1], true)
}

/// Average pooling in Caffe's ceil mode: a window that hangs over is divided by what of it lies inside.
pub fn avg_pool(x: &Tensor, kernel: i64, stride: i64) -> Tensor {
    x.avg_pool2d([kernel, kernel], [stride, stride], [0, 0], true, true, None::<i64>)
}

/// Local response normalisation within a channel, size 3: `x (1 + alpha mean_3x3(x^2))^-beta`, where
/// the mean counts the padding (Caffe's WITHIN_CHANNEL). Computed in f32.
pub fn lrn(x: &Tensor, alpha: f64, beta: f64) -> Tensor {
    let kind = x.kind();
    let x = x.to_kind(Kind::Float);
    let mean = x.square().avg_pool2d([3, 3], [1, 1], [1, 1], false, true, None::<i64>);
    (&x * (mean * alpha + 1.0).pow_tensor_scalar(-beta)).to_kind(kind)
}

fn parameters(weights: &Weights, layer: &str) -> (Tensor, Tensor) {
    let of = |name: &str| cast(weights, weights.get(&format!("{layer}.{name}")));
    (of("weight"), of("bias"))
}

fn cast(weights: &Weights, x: &Tensor) -> Tensor {
    match weights.precision() {
        Precision::F32 => x.shallow_clone(),
        Precision::Bf16 => x.to_kind(Kind::BFloat16),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(values: &[f32], side: i64) -> Tensor {
        Tensor::from_slice(values).view([1, 1, side, side])
    }

    fn values(x: &Tensor) -> Vec<f32> {
        Vec::try_from(x.flatten(0, -1)).unwrap()
    }

    /// 1 to 16 in rows of four: pooling 3/2 in ceil mode sees 3x3, 3x2, 2x3 and 2x2 of them.
    fn sixteen() -> Tensor {
        square(&(1..=16).map(|x| x as f32).collect::<Vec<_>>(), 4)
    }

    #[test]
    fn a_max_window_may_hang_over_the_border() {
        assert_eq!(values(&max_pool(&sixteen(), 3, 2)), [11.0, 12.0, 15.0, 16.0]);
    }

    #[test]
    fn an_average_divides_by_what_lies_inside() {
        assert_eq!(values(&avg_pool(&sixteen(), 3, 2)), [6.0, 7.5, 12.0, 13.5]);
    }

    #[test]
    fn lrn_within_a_channel_counts_the_padding() {
        let got = values(&lrn(&square(&[1.0, 2.0, 3.0, 4.0], 2), 0.9, 0.75));
        let scale = (1.0f64 + 0.9 * 30.0 / 9.0).powf(-0.75); // all four values lie in every window of nine
        for (x, y) in [1.0, 2.0, 3.0, 4.0].into_iter().zip(got) {
            assert!((f64::from(y) - x * scale).abs() < 1e-6);
        }
    }
}
