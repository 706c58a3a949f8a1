//! Batch normalisation with the sum and the activation behind it: kernels of ours on the CPU, libtorch elsewhere.
//! `layer.bias` and, where it is learnt, `layer.weight` are [c]; so are the running statistics
//! `layer.running_mean` and `layer.running_var`, which travel with the weights.

use half::bf16;
use tch::{Kind, Tensor, no_grad};

use super::norm_torch::torch_batch_norm;
use super::parallel::in_parallel;
use super::{channels_last, new_channels_last};
use crate::kernels::norm::{self as kernels, Factors, Sums};
use crate::kernels::{Element, activation::Activation};
use crate::memory::{Purpose, filled, or_unwind, with_capacity};
use crate::pass::{Pass, Var, sum};
use crate::raw::{Dense, Frozen, snapshot};

/// How a batch normalisation is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Norm {
    /// Part of a minibatch's statistics in the running ones, PyTorch's `momentum`.
    pub momentum: f64,
    pub epsilon: f64,
    /// Whether the scale is learnt; else it is 1.
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

/// Names of a layer's tensors.
struct Names {
    weight: String,
    bias: String,
}

/// A channel's statistics.
struct Statistics {
    mean: Vec<f32>,
    /// 1 / sqrt(variance + epsilon).
    inverse: Vec<f32>,
}

fn norm_of<T: Element + Dense>(pass: &mut Pass<'_>, layer: &str, x: &Var, norm: Norm, residual: Option<&Var>) -> Var {
    let Ok([n, c, h, w]) = <[i64; 4]>::try_from(x.value.size()) else { panic!("{layer} of {:?}", x.value.size()) };
    let length = (c * h * w) as usize;
    let (threads, input) = (pass.threads(), channels_last::<T>(&x.value));
    let names = Names { weight: format!("{layer}.weight"), bias: format!("{layer}.bias") };
    let statistics = statistics(pass, layer, &input, norm);
    let learnt = |name: &str| snapshot(pass.weights().master(name));
    let weight = if norm.scale { learnt(&names.weight) } else { vec![1.0; c as usize] };
    let scale: Vec<f32> = weight.iter().zip(&statistics.inverse).map(|(weight, inverse)| weight * inverse).collect();
    let shift: Vec<f32> =
        learnt(&names.bias).iter().zip(&statistics.mean).zip(&scale).map(|((bias, mean), a)| bias - mean * a).collect();
    let beside = residual.map(|residual| channels_last::<T>(&residual.value));
    let value = new_channels_last([n, c, h, w], |memory: &mut [T]| {
        let factors = Factors { mean: &statistics.mean, scale: &scale, shift: &shift, activation: norm.activation };
        let images = memory.chunks_exact_mut(length).zip(input.values().chunks_exact(length));
        let beside = beside.as_ref().map(Frozen::values);
        in_parallel(threads, images.enumerate(), |(at, (y, x))| {
            let beside = beside.map(|beside| &beside[at * length..][..length]);
            kernels::forward(&factors, x, beside, y);
        });
    });
    let (id, beside_id) = (x.id(), residual.and_then(Var::id));
    let inputs: Vec<&Var> = std::iter::once(x).chain(residual).collect();
    pass.record_sum(&inputs, true, value, move |back, mut gradients| {
        let factors = Factors { mean: &statistics.mean, scale: &scale, shift: &shift, activation: norm.activation };
        // of a value that is read twice, as behind a residual, the kernel adds the two gradients
        let gradient = channels_last::<T>(&gradients.remove(0));
        let more = (!gradients.is_empty()).then(|| channels_last::<T>(&sum(gradients)));
        let mut of_images = sums_of_images(n as usize, c as usize);
        let slopes = new_channels_last([n, c, h, w], |memory: &mut [T]| {
            let gradients = gradient.values().chunks_exact(length);
            let results = memory.chunks_exact_mut(length).zip(&mut of_images);
            let images = input.values().chunks_exact(length).zip(gradients).zip(results);
            let [beside, more] = [&beside, &more].map(|tensor| tensor.as_ref().map(Frozen::values));
            in_parallel(threads, images.enumerate(), |(at, ((x, gradient), (out, sums)))| {
                let [beside, more] = [beside, more].map(|all| all.map(|all| &all[at * length..][..length]));
                kernels::slopes(&factors, (x, beside), (gradient, more), out, sums);
            });
        });
        let sums = total(of_images);
        let count = (n * h * w) as f64;
        let (mut weight_slope, mut bias_slope) = (vec![], vec![]);
        let mut parts = [vec![], vec![], vec![]];
        for (channel, [sum, product]) in sums.into_iter().enumerate() {
            let (inverse, mean) = (f64::from(statistics.inverse[channel]), f64::from(statistics.mean[channel]));
            let a = f64::from(scale[channel]);
            bias_slope.push(sum as f32);
            weight_slope.push((product * inverse) as f32);
            // a (g - sum / count - (x - mean) inverse^2 product / count)
            let q = -a * inverse * inverse * product / count;
            parts[0].push(a as f32);
            parts[1].push(q as f32);
            parts[2].push((-a * sum / count - q * mean) as f32);
        }
        back.weight(&names.bias, &Tensor::from_slice(&bias_slope));
        if norm.scale {
            back.weight(&names.weight, &Tensor::from_slice(&weight_slope));
        }
        let slopes = channels_last::<T>(&slopes);
        back.add(id, || {
            new_channels_last([n, c, h, w], |memory: &mut [T]| {
                let inputs = slopes.values().chunks_exact(length).zip(input.values().chunks_exact(length));
                let images = memory.chunks_exact_mut(length).zip(inputs);
                in_parallel(threads, images, |(out, (slopes, x))| kernels::backward(&parts, slopes, x, out));
            })
        });
        back.add(beside_id, || slopes.tensor().shallow_clone());
    })
}

/// The minibatch's statistics, from which the running ones move, or in an evaluation the running ones.
fn statistics<T: Element + Dense>(pass: &Pass<'_>, layer: &str, input: &Frozen<T>, norm: Norm) -> Statistics {
    let running = [format!("{layer}.running_mean"), format!("{layer}.running_var")];
    let running = running.map(|name| pass.weights().master(&name).shallow_clone());
    let inverse = |variance: f64| (1.0 / (variance + norm.epsilon).sqrt()) as f32;
    let Some(momentum) = pass.norm_momentum(norm.momentum) else {
        let [mean, variance] = running.map(|tensor| snapshot(&tensor));
        return Statistics { mean, inverse: variance.into_iter().map(|v| inverse(f64::from(v))).collect() };
    };
    let (channels, images) = (input.tensor().size()[1] as usize, input.tensor().size()[0] as usize);
    let (values, mut of_images) = (input.values(), sums_of_images(images, channels));
    let items = values.chunks_exact(values.len() / images).zip(&mut of_images);
    in_parallel(pass.threads(), items, |(x, sums)| kernels::moments(x, sums));
    let count = (values.len() / channels) as f64;
    let moments = total(of_images).into_iter().map(|[sum, squares]| {
        let mean = sum / count;
        (mean, (squares / count - mean * mean).max(0.0))
    });
    let (mean, variance): (Vec<f64>, Vec<f64>) = moments.unzip();
    let unbiased: Vec<f64> = variance.iter().map(|variance| variance * count / (count - 1.0).max(1.0)).collect();
    let [mut running_mean, mut running_variance] = running;
    no_grad(|| {
        let f32s = |values: &[f64]| Tensor::from_slice(values).to_kind(Kind::Float);
        let _ = running_mean.lerp_(&f32s(&mean), momentum);
        let _ = running_variance.lerp_(&f32s(&unbiased), momentum);
    });
    Statistics {
        mean: mean.iter().map(|&mean| mean as f32).collect(),
        inverse: variance.into_iter().map(inverse).collect(),
    }
}

/// Room for two sums of each channel of each image.
fn sums_of_images(images: usize, channels: usize) -> Vec<Sums> {
    let of_image = |_| or_unwind(filled(channels, [0.0; 2], Purpose::Minibatch));
    let mut all = or_unwind(with_capacity(images, Purpose::Minibatch));
    all.extend((0..images).map(of_image));
    all
}

/// Sums over the images in their order, whatever thread had which.
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
    use super::super::testing::{Theirs, check_against_autograd};
    use super::*;

    const CHANNELS: [i64; 3] = [5, 16, 24];
    const ACTIVATIONS: [Activation; 4] = [Activation::Identity, Activation::Relu, Activation::Relu6, Activation::Gelu];

    fn declared(channels: i64, scale: bool) -> Vec<(&'static str, Vec<usize>)> {
        let names = ["layer.weight", "layer.bias", "layer.running_mean", "layer.running_var"];
        names
            .into_iter()
            .filter(|name| scale || *name != "layer.weight")
            .map(|name| (name, vec![channels as usize]))
            .collect()
    }

    fn theirs(x: &Tensor, weights: &Theirs, norm: Norm, adds: bool) -> Tensor {
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
                        &declared(channels, scale),
                        |pass, x| op(pass, "layer", x, norm, adds.then_some(x)),
                        |x, weights| theirs(x, weights, norm, adds),
                    );
                }
            }
        }
    }

    #[test]
    fn kernels_do_what_libtorch_does() {
        check(batch_norm);
    }

    /// `0.3 y + 0.5 y`, read by two.
    fn read_twice<'w>(pass: &mut Pass<'w>, y: &Var) -> Var {
        let (left, right) = (scaled(pass, y, 0.3), scaled(pass, y, 0.5));
        let ids = [left.id(), right.id()];
        pass.record(&[&left, &right], false, &left.value + &right.value, move |back, gradient| {
            ids.into_iter().for_each(|id| back.add(id, || gradient.shallow_clone()));
        })
    }

    #[test]
    fn two_readers_of_a_normalised_value_both_send_back_gradients() {
        for activation in ACTIVATIONS {
            for adds in [false, true] {
                let norm = Norm { momentum: 0.1, epsilon: 1e-5, scale: true, activation };
                check_against_autograd(
                    &[3, 24, 6, 7],
                    &declared(24, true),
                    |pass, x| {
                        let y = batch_norm(pass, "layer", x, norm, adds.then_some(x));
                        read_twice(pass, &y)
                    },
                    |x, weights| theirs(x, weights, norm, adds) * 0.8,
                );
            }
        }
    }

    #[test]
    fn what_runs_on_other_devices_does_the_same() {
        check(torch_batch_norm);
    }
}
