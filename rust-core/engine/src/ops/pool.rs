//! Pooling together with the ReLU before or after it: our own kernels on the CPU, libtorch's operators on other
//! devices.

use half::bf16;
use tch::{Kind, Tensor};

use super::parallel::in_parallel;
use super::{channels_last, new_channels_last};
use crate::kernels::{Element, pool as kernels, pool::Pooling, pool::WindowTable};
use crate::memory::{Purpose, filled, or_unwind};
use crate::pass::{Pass, Var};
use crate::raw::Dense;

/// The window of a pooling layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub kernel: usize,
    pub stride: usize,
    /// Caffe's rounding: a window that begins inside the image may extend past its border.
    pub ceil: bool,
    /// A ReLU after the maximum, or before the average.
    pub relu: bool,
}

/// The maximum of each window.
pub fn max_pool(pass: &mut Pass<'_>, x: &Var, window: Window) -> Var {
    if !pass.has_kernels(&x.value) {
        return torch_max_pool(pass, x, window);
    }
    match x.value.kind() {
        Kind::BFloat16 => max_of::<bf16>(pass, x, window),
        _ => max_of::<f32>(pass, x, window),
    }
}

/// The mean of each window, over the part of it that lies inside the image.
pub fn average_pool(pass: &mut Pass<'_>, x: &Var, window: Window) -> Var {
    if !pass.has_kernels(&x.value) {
        return torch_average_pool(pass, x, window);
    }
    match x.value.kind() {
        Kind::BFloat16 => average_of::<bf16>(pass, x, window),
        _ => average_of::<f32>(pass, x, window),
    }
}

/// `[n, c, h, w]` to `[n, c, side, side]`: means over windows of nearly equal size that together cover the image,
/// PyTorch's `AdaptiveAvgPool2d`.
pub fn to_side(pass: &mut Pass<'_>, x: &Var, side: i64) -> Var {
    let (id, input) = (x.id(), x.value.shallow_clone());
    if input.size()[2..] == [side, side] {
        return x.shared();
    }
    pass.record(&[x], false, input.adaptive_avg_pool2d([side, side]), move |backward, gradient| {
        backward.add_gradient(id, || input.internal_adaptive_avg_pool2d_backward(&gradient));
    })
}

/// The windows of an image, the number of values of one image of the input and of the output, and the output's shape.
fn geometry(x: &Tensor, window: Window) -> (WindowTable, usize, usize, [i64; 4]) {
    let Ok([n, c, h, w]) = <[i64; 4]>::try_from(x.size()) else { panic!("pooling of {:?}", x.size()) };
    let (height, width, channels) = (h as usize, w as usize, c as usize);
    let Window { kernel, stride, ceil, relu } = window;
    let pooling = Pooling { height, width, channels, kernel, stride, ceil, relu };
    let (rows, columns) = pooling.output();
    (pooling.table(), height * width * channels, rows * columns * channels, [n, c, rows as i64, columns as i64])
}

fn max_of<T: Element + Dense>(pass: &mut Pass<'_>, x: &Var, window: Window) -> Var {
    let (table, input_length, output_length, shape) = geometry(&x.value, window);
    let (id, threads, input) = (x.id(), pass.threads(), channels_last::<T>(&x.value));
    let mut argmax = or_unwind(filled(shape.iter().product::<i64>() as usize, 0, Purpose::Minibatch));
    let value = new_channels_last(shape, |memory: &mut [T]| {
        let outputs = memory.chunks_exact_mut(output_length).zip(argmax.chunks_exact_mut(output_length));
        let images = input.values().chunks_exact(input_length).zip(outputs);
        in_parallel(threads, images, |(x, (y, argmax))| kernels::max_forward(&table, x, y, argmax));
    });
    pass.record(&[x], false, value, move |backward, gradient| {
        backward.add_gradient(id, || {
            let gradient = channels_last::<T>(&gradient);
            let shape = [shape[0], shape[1], table.pooling.height as i64, table.pooling.width as i64];
            new_channels_last(shape, |memory: &mut [T]| {
                let gradients = gradient.values().chunks_exact(output_length).zip(argmax.chunks_exact(output_length));
                let images = memory.chunks_exact_mut(input_length).zip(gradients);
                in_parallel(threads, images, |(x, (y, argmax))| kernels::max_backward(&table, y, argmax, x));
            })
        });
    })
}

fn average_of<T: Element + Dense>(pass: &mut Pass<'_>, x: &Var, window: Window) -> Var {
    let (table, input_length, output_length, shape) = geometry(&x.value, window);
    let (id, threads, input) = (x.id(), pass.threads(), channels_last::<T>(&x.value));
    let value = new_channels_last(shape, |memory: &mut [T]| {
        let images = input.values().chunks_exact(input_length).zip(memory.chunks_exact_mut(output_length));
        in_parallel(threads, images, |(x, y)| kernels::average_forward(&table, x, y));
    });
    pass.record(&[x], false, value, move |backward, gradient| {
        backward.add_gradient(id, || {
            let gradient = channels_last::<T>(&gradient);
            let shape = [shape[0], shape[1], table.pooling.height as i64, table.pooling.width as i64];
            new_channels_last(shape, |memory: &mut [T]| {
                let inputs =
                    gradient.values().chunks_exact(output_length).zip(input.values().chunks_exact(input_length));
                let images = memory.chunks_exact_mut(input_length).zip(inputs);
                in_parallel(threads, images, |(gx, (gy, x))| kernels::average_backward(&table, gy, x, gx));
            })
        });
    })
}

fn torch_max_pool(pass: &mut Pass<'_>, x: &Var, window: Window) -> Var {
    let (kernel, stride) = ([window.kernel as i64; 2], [window.stride as i64; 2]);
    let (id, input) = (x.id(), x.value.shallow_clone());
    let (maxima, argmax) = input.max_pool2d_with_indices(kernel, stride, [0, 0], [1, 1], window.ceil);
    let value = if window.relu { maxima.relu() } else { maxima };
    let kept = value.shallow_clone();
    pass.record(&[x], false, value, move |backward, gradient| {
        backward.add_gradient(id, || {
            let gradient = if window.relu { kept.threshold_backward(&gradient, 0) } else { gradient };
            input.max_pool2d_with_indices_backward(&gradient, kernel, stride, [0, 0], [1, 1], window.ceil, &argmax)
        });
    })
}

fn torch_average_pool(pass: &mut Pass<'_>, x: &Var, window: Window) -> Var {
    let (kernel, stride) = ([window.kernel as i64; 2], [window.stride as i64; 2]);
    let id = x.id();
    let input = if window.relu { x.value.relu() } else { x.value.shallow_clone() };
    let value = input.avg_pool2d(kernel, stride, [0, 0], window.ceil, true, None::<i64>);
    pass.record(&[x], false, value, move |backward, gradient| {
        backward.add_gradient(id, || {
            let gradient = input.avg_pool2d_backward(&gradient, kernel, stride, [0, 0], window.ceil, true, None::<i64>);
            if window.relu { input.threshold_backward(&gradient, 0) } else { gradient }
        });
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check_against_autograd, check_bf16, evaluated};
    use super::*;

    const WINDOWS: [Window; 6] = [
        Window { kernel: 3, stride: 2, ceil: true, relu: true },
        Window { kernel: 3, stride: 2, ceil: true, relu: false },
        Window { kernel: 3, stride: 2, ceil: false, relu: true },
        Window { kernel: 2, stride: 2, ceil: false, relu: false },
        Window { kernel: 3, stride: 1, ceil: false, relu: true },
        Window { kernel: 2, stride: 3, ceil: true, relu: true },
    ];
    /// Numbers of channels that kernels process in single channels, in one block of 16, and in a block of 32 and
    /// singles.
    const SHAPES: [[i64; 4]; 3] = [[2, 5, 9, 8], [1, 16, 8, 11], [3, 35, 7, 7]];

    /// 1 to 16 in rows of four. With kernel 3 and stride 2 in ceil mode the windows are 3x3, 3x2, 2x3 and 2x2 of them.
    fn sixteen() -> Tensor {
        Tensor::from_slice(&(1..=16).map(|x| x as f32).collect::<Vec<_>>()).view([1, 1, 4, 4])
    }

    fn values_of(x: &Tensor) -> Vec<f32> {
        Vec::try_from(x.flatten(0, -1)).unwrap()
    }

    #[test]
    fn a_window_of_a_maximum_may_extend_past_the_border() {
        assert_eq!(values_of(&evaluated(sixteen(), |pass, x| max_pool(pass, x, WINDOWS[1]))), [11.0, 12.0, 15.0, 16.0]);
    }

    #[test]
    fn an_average_is_over_the_part_inside_the_image() {
        let got = evaluated(sixteen(), |pass, x| average_pool(pass, x, WINDOWS[1]));
        assert_eq!(values_of(&got), [6.0, 7.5, 12.0, 13.5]);
    }

    type Pool = for<'w> fn(&mut Pass<'w>, &Var, Window) -> Var;

    fn check(window: Window, shape: [i64; 4], max: Pool, average: Pool) {
        let (kernel, stride) = ([window.kernel as i64; 2], [window.stride as i64; 2]);
        let relu = move |x: &Tensor| if window.relu { x.relu() } else { x.shallow_clone() };
        let maxima = |x: &Tensor| x.max_pool2d(kernel, stride, [0, 0], [1, 1], window.ceil);
        let means = |x: &Tensor| x.avg_pool2d(kernel, stride, [0, 0], window.ceil, true, None::<i64>);
        check_against_autograd(&shape, &[], |pass, x| max(pass, x, window), |x, _| relu(&maxima(x)));
        check_against_autograd(&shape, &[], |pass, x| average(pass, x, window), |x, _| means(&relu(x)));
    }

    #[test]
    fn kernels_agree_with_libtorch() {
        for (window, shape) in WINDOWS.into_iter().flat_map(|window| SHAPES.map(|shape| (window, shape))) {
            check(window, shape, max_pool, average_pool);
        }
    }

    #[test]
    fn the_operators_for_other_devices_agree_with_autograd() {
        for window in WINDOWS {
            check(window, SHAPES[0], torch_max_pool, torch_average_pool);
        }
    }

    #[test]
    fn adaptive_pooling_has_the_gradients_of_libtorchs() {
        for side in [1, 2, 3, 6] {
            check_against_autograd(
                &[2, 3, 6, 6],
                &[],
                |pass, x| to_side(pass, x, side),
                |x, _| x.adaptive_avg_pool2d([side, side]),
            );
        }
    }

    #[test]
    fn bf16_is_the_f32_result_rounded() {
        for window in WINDOWS {
            check_bf16(&SHAPES[1], |pass, x| max_pool(pass, x, window));
            check_bf16(&SHAPES[1], |pass, x| average_pool(pass, x, window));
        }
    }
}
