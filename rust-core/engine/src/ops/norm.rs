//! Batch normalisation together with the residual connection and the activation after it: our own kernels on the CPU,
//! libtorch's operators on other devices. `layer.bias` and, where it is learnt, `layer.weight` are `[c]`; so are the
//! running statistics `layer.running_mean` and `layer.running_var`, which are part of the flat vector of weights.

use half::bf16;
use tch::{Kind, Tensor, no_grad};

use super::norm_torch::torch_batch_norm;
use super::parallel::in_parallel;
use super::{channels_last, new_channels_last};
use crate::kernels::norm::{self as kernels, Factors, Sums};
use crate::kernels::{Element, activation::Activation};
use crate::memory::{Purpose, filled, or_unwind, with_capacity};
use crate::pass::{Pass, Var, sum};
use crate::raw::{Dense, ReadOnly, atomic_copy};

/// The parameters of a batch normalisation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Norm {
    /// Weight of a minibatch's statistics in the running ones: PyTorch's `momentum`.
    pub momentum: f64,
    pub epsilon: f64,
    /// Whether the scale `layer.weight` is learnt; otherwise it is 1.
    pub scale: bool,
    pub activation: Activation,
}

/// `act(norm(x) + residual)`.
pub fn batch_norm(pass: &mut Pass<'_>, layer: &str, x: &Var, norm: Norm, residual: Option<&Var>) -> Var {
    if !pass.has_kernels(&x.value) {
        return torch_batch_norm(pass, layer, x, norm, residual);
    }
    match x.value.kind() {
        Kind::BFloat16 => norm_of::<bf16>(pass, layer, x, norm, residual),
        _ => norm_of::<f32>(pass, layer, x, norm, residual),
    }
}

/// The names of a layer's learnt tensors.
struct Names {
    weight: String,
    bias: String,
}

/// What each channel is normalised by.
struct ChannelMoments {
    mean: Vec<f32>,
    /// 1 / sqrt(variance + epsilon).
    inverse: Vec<f32>,
}

fn norm_of<T: Element + Dense>(pass: &mut Pass<'_>, layer: &str, x: &Var, norm: Norm, residual: Option<&Var>) -> Var {
    let Ok([n, c, h, w]) = <[i64; 4]>::try_from(x.value.size()) else { panic!("{layer} of {:?}", x.value.size()) };
    let length = (c * h * w) as usize;
    let (threads, input) = (pass.threads(), channels_last::<T>(&x.value));
    let names = Names { weight: format!("{layer}.weight"), bias: format!("{layer}.bias") };
    let moments = moments(pass, layer, &input, norm);
    let learnt = |name: &str| atomic_copy(pass.weights().master(name));
    let weight = if norm.scale { learnt(&names.weight) } else { vec![1.0; c as usize] };
    let scale: Vec<f32> = weight.iter().zip(&moments.inverse).map(|(weight, inverse)| weight * inverse).collect();
    let shift: Vec<f32> =
        learnt(&names.bias).iter().zip(&moments.mean).zip(&scale).map(|((bias, mean), a)| bias - mean * a).collect();
    let added = residual.map(|residual| channels_last::<T>(&residual.value));
    let value = new_channels_last([n, c, h, w], |memory: &mut [T]| {
        let factors = Factors { mean: &moments.mean, scale: &scale, shift: &shift, activation: norm.activation };
        let images = memory.chunks_exact_mut(length).zip(input.values().chunks_exact(length));
        let added = added.as_ref().map(ReadOnly::values);
        in_parallel(threads, images.enumerate(), |(at, (y, x))| {
            let added = added.map(|added| &added[at * length..][..length]);
            kernels::forward(&factors, x, added, y);
        });
    });
    let (id, residual_id) = (x.id(), residual.and_then(Var::id));
    let inputs: Vec<&Var> = std::iter::once(x).chain(residual).collect();
    pass.record_unsummed(&inputs, true, value, move |backward, mut gradients| {
        let factors = Factors { mean: &moments.mean, scale: &scale, shift: &shift, activation: norm.activation };
        // the result of a block is read twice, by the next block and by its shortcut; the kernel adds the two gradients
        let gradient = channels_last::<T>(&gradients.remove(0));
        let more = (!gradients.is_empty()).then(|| channels_last::<T>(&sum(gradients)));
        let mut of_images = sums_of_images(n as usize, c as usize);
        let before = new_channels_last([n, c, h, w], |memory: &mut [T]| {
            let gradients = gradient.values().chunks_exact(length);
            let results = memory.chunks_exact_mut(length).zip(&mut of_images);
            let images = input.values().chunks_exact(length).zip(gradients).zip(results);
            let [added, more] = [&added, &more].map(|tensor| tensor.as_ref().map(ReadOnly::values));
            in_parallel(threads, images.enumerate(), |(at, ((x, gradient), (out, sums)))| {
                let [added, more] = [added, more].map(|all| all.map(|all| &all[at * length..][..length]));
                kernels::activation_backward(&factors, (x, added), (gradient, more), out, sums);
            });
        });
        let sums = total(of_images);
        let count = (n * h * w) as f64;
        let (mut weight_gradient, mut bias_gradient) = (vec![], vec![]);
        let mut factors = [vec![], vec![], vec![]];
        for (channel, [sum, product]) in sums.into_iter().enumerate() {
            let (inverse, mean) = (f64::from(moments.inverse[channel]), f64::from(moments.mean[channel]));
            let a = f64::from(scale[channel]);
            bias_gradient.push(sum as f32);
            weight_gradient.push((product * inverse) as f32);
            // the gradient of x is a (g - sum / count - (x - mean) inverse^2 product / count), g being that before the
            // activation; ordered by g and x it is a g + q x - (a sum / count + q mean)
            let q = -a * inverse * inverse * product / count;
            factors[0].push(a as f32);
            factors[1].push(q as f32);
            factors[2].push((-a * sum / count - q * mean) as f32);
        }
        backward.set_weight_gradient(&names.bias, &Tensor::from_slice(&bias_gradient));
        if norm.scale {
            backward.set_weight_gradient(&names.weight, &Tensor::from_slice(&weight_gradient));
        }
        let before = channels_last::<T>(&before);
        backward.add_gradient(id, || {
            new_channels_last([n, c, h, w], |memory: &mut [T]| {
                let inputs = before.values().chunks_exact(length).zip(input.values().chunks_exact(length));
                let images = memory.chunks_exact_mut(length).zip(inputs);
                in_parallel(threads, images, |(out, (before, x))| kernels::backward(&factors, before, x, out));
            })
        });
        backward.add_gradient(residual_id, || before.tensor().shallow_clone());
    })
}

/// The mean and variance of the minibatch, with which it updates the running statistics, or in an evaluation the
/// running statistics.
fn moments<T: Element + Dense>(pass: &Pass<'_>, layer: &str, input: &ReadOnly<T>, norm: Norm) -> ChannelMoments {
    let running = [format!("{layer}.running_mean"), format!("{layer}.running_var")];
    let running = running.map(|name| pass.weights().master(&name).shallow_clone());
    let inverse = |variance: f64| (1.0 / (variance + norm.epsilon).sqrt()) as f32;
    let Some(momentum) = pass.norm_momentum(norm.momentum) else {
        let [mean, variance] = running.map(|tensor| atomic_copy(&tensor));
        return ChannelMoments { mean, inverse: variance.into_iter().map(|v| inverse(f64::from(v))).collect() };
    };
    let (channels, images) = (input.tensor().size()[1] as usize, input.tensor().size()[0] as usize);
    let (values, mut of_images) = (input.values(), sums_of_images(images, channels));
    let items = values.chunks_exact(values.len() / images).zip(&mut of_images);
    in_parallel(pass.threads(), items, |(x, sums)| kernels::moments(x, sums));
    let count = (values.len() / channels) as f64;
    let pairs = total(of_images).into_iter().map(|[sum, squares]| {
        let mean = sum / count;
        (mean, (squares / count - mean * mean).max(0.0))
    });
    let (mean, variance): (Vec<f64>, Vec<f64>) = pairs.unzip();
    let unbiased: Vec<f64> = variance.iter().map(|variance| variance * count / (count - 1.0).max(1.0)).collect();
    let [mut running_mean, mut running_variance] = running;
    no_grad(|| {
        let f32s = |values: &[f64]| Tensor::from_slice(values).to_kind(Kind::Float);
        let _ = running_mean.lerp_(&f32s(&mean), momentum);
        let _ = running_variance.lerp_(&f32s(&unbiased), momentum);
    });
    ChannelMoments {
        mean: mean.iter().map(|&mean| mean as f32).collect(),
        inverse: variance.into_iter().map(inverse).collect(),
    }
}

/// For each image, two zeros for each channel.
fn sums_of_images(images: usize, channels: usize) -> Vec<Sums> {
    let of_image = |_| or_unwind(filled(channels, [0.0; 2], Purpose::Minibatch));
    let mut all = or_unwind(with_capacity(images, Purpose::Minibatch));
    all.extend((0..images).map(of_image));
    all
}

/// The sums over all images, added in the order of the images so that the number of threads does not matter.
fn total(of_images: Vec<Sums>) -> Sums {
    let mut total = vec![[0.0; 2]; of_images.first().map_or(0, Vec::len)];
    for sums in of_images {
        for (total, sums) in total.iter_mut().zip(sums) {
            total[0] += sums[0];
            total[1] += sums[1];
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::super::scaled;
    use super::super::testing::{Leaves, check_against_autograd};
    use super::*;

    const CHANNELS: [i64; 3] = [5, 16, 24];
    const ACTIVATIONS: [Activation; 4] = [Activation::Identity, Activation::Relu, Activation::Relu6, Activation::Gelu];

    fn declared(shape: &[usize], scale: bool) -> Vec<(&'static str, &[usize])> {
        let names = ["layer.weight", "layer.bias", "layer.running_mean", "layer.running_var"];
        names.into_iter().filter(|name| scale || *name != "layer.weight").map(|name| (name, shape)).collect()
    }

    fn reference(x: &Tensor, weights: &Leaves, norm: Norm, adds: bool) -> Tensor {
        let (weight, bias) = (weights.get("layer.weight"), weights.get("layer.bias"));
        let y = x.batch_norm(weight, bias, None::<&Tensor>, None::<&Tensor>, true, 0.0, norm.epsilon, false);
        let y = if adds { y + x } else { y };
        match norm.activation {
            Activation::Identity => y,
            Activation::Relu => y.relu(),
            Activation::Relu6 => y.clamp(0, 6),
            Activation::Gelu => y.gelu("none"),
        }
    }

    type Op = for<'w> fn(&mut Pass<'w>, &str, &Var, Norm, Option<&Var>) -> Var;

    fn check(op: Op) {
        for channels in CHANNELS {
            for activation in ACTIVATIONS {
                for (scale, adds) in [(true, false), (true, true), (false, false)] {
                    let norm = Norm { momentum: 0.1, epsilon: 1e-5, scale, activation };
                    check_against_autograd(
                        &[3, channels, 6, 7],
                        &declared(&[channels as usize], scale),
                        |pass, x| op(pass, "layer", x, norm, adds.then_some(x)),
                        |x, weights| reference(x, weights, norm, adds),
                    );
                }
            }
        }
    }

    #[test]
    fn kernels_agree_with_libtorch() {
        check(batch_norm);
    }

    /// `0.3 y + 0.5 y`, so that two operations read y.
    fn read_twice<'w>(pass: &mut Pass<'w>, y: &Var) -> Var {
        let (left, right) = (scaled(pass, y, 0.3), scaled(pass, y, 0.5));
        let ids = [left.id(), right.id()];
        pass.record(&[&left, &right], false, &left.value + &right.value, move |backward, gradient| {
            ids.into_iter().for_each(|id| backward.add_gradient(id, || gradient.shallow_clone()));
        })
    }

    #[test]
    fn the_gradients_of_two_readers_of_a_normalised_value_are_added() {
        for activation in ACTIVATIONS {
            for adds in [false, true] {
                let norm = Norm { momentum: 0.1, epsilon: 1e-5, scale: true, activation };
                check_against_autograd(
                    &[3, 24, 6, 7],
                    &declared(&[24], true),
                    |pass, x| {
                        let y = batch_norm(pass, "layer", x, norm, adds.then_some(x));
                        read_twice(pass, &y)
                    },
                    |x, weights| reference(x, weights, norm, adds) * 0.8,
                );
            }
        }
    }

    #[test]
    fn the_operators_for_other_devices_agree_with_autograd() {
        check(torch_batch_norm);
    }
}
