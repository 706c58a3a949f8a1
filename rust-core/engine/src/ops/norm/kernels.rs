//! Batch normalisation by our own kernels, for the CPU.

use tch::{Kind, Tensor, no_grad};

use super::super::parallel::in_parallel;
use super::super::{channels_last, new_channels_last};
use super::Norm;
use crate::kernels::Element;
use crate::kernels::norm::{self as kernels, Factors, Sums};
use crate::memory::{Purpose, filled, or_unwind, with_capacity};
use crate::pass::{Pass, Var, sum};
use crate::raw::{Dense, ReadOnly, atomic_copy};

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

/// The same as [`super::batch_norm`], where activations are `T`.
pub fn batch_norm<T: Element + Dense>(
    pass: &mut Pass<'_>,
    layer: &str,
    x: &Var,
    norm: Norm,
    residual: Option<&Var>,
) -> Var {
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
