//! The operations that nets are written with: layers over a [`Pass`], each with its backward function. In bf16,
//! activations are bf16, and convolutions and linear layers read bf16 copies of the f32 weights; statistics and logits
//! are f32.

mod activation;
mod conv;
mod dropout;
mod linear;
mod lrn;
mod norm;
mod parallel;
mod pool;
#[cfg(test)]
mod testing;

use tch::{Kind, Tensor};

use crate::pass::{Pass, Var};

pub use activation::{gelu, relu};
pub use conv::{conv, conv_without_bias};
pub use dropout::dropout;
pub use linear::{linear, linear_without_bias, logits};
pub use lrn::lrn;
pub use norm::{Norm, batch_norm};
pub use pool::{Window, average_pool, max_pool, to_side};

pub use crate::raw::ConvGeometry;
use crate::raw::{Dense, ReadOnly, filled};

/// `[n, c, h, w]` to `[n, c h w]`: the logical order, whatever the order in memory.
pub fn flatten(pass: &mut Pass<'_>, x: &Var) -> Var {
    let (id, shape) = (x.id(), x.value.size());
    pass.record(&[x], false, x.value.flatten(1, -1), move |backward, gradient| {
        backward.add_gradient(id, || gradient.view(&shape[..]))
    })
}

/// The same values in f32.
pub fn to_f32(pass: &mut Pass<'_>, x: &Var) -> Var {
    let (id, before) = (x.id(), x.value.kind());
    let value = x.value.to_kind(Kind::Float);
    pass.record(&[x], false, value, move |backward, gradient| backward.add_gradient(id, || gradient.to_kind(before)))
}

/// `x` times a constant.
pub fn scaled(pass: &mut Pass<'_>, x: &Var, factor: f64) -> Var {
    let id = x.id();
    pass.record(&[x], false, &x.value * factor, move |backward, gradient| {
        backward.add_gradient(id, || gradient * factor)
    })
}

/// `[n, c, h, w]` to `[n, c]`: the mean over each channel.
pub fn mean_of_image(pass: &mut Pass<'_>, x: &Var) -> Var {
    let (id, shape) = (x.id(), x.value.size());
    let value = x.value.mean_dim([2i64, 3].as_slice(), false, None::<Kind>);
    pass.record(&[x], false, value, move |backward, gradient| {
        let pixels = shape[2] * shape[3];
        backward.add_gradient(id, || (gradient / pixels).view([shape[0], shape[1], 1, 1]).expand(&shape[..], false));
    })
}

/// Every other pixel, and `channels` more channels of zeros, half of them before the others and half after: ResNet's
/// shortcut without parameters.
pub fn subsampled(pass: &mut Pass<'_>, x: &Var, channels: i64) -> Var {
    let (id, shape) = (x.id(), x.value.size());
    let (before, own) = (channels / 2, shape[1]);
    let every_other = |x: &Tensor| x.slice(2, 0, None, 2).slice(3, 0, None, 2);
    let value = every_other(&x.value).constant_pad_nd([0, 0, 0, 0, before, channels - before]);
    pass.record(&[x], false, value, move |backward, gradient| {
        backward.add_gradient(id, || {
            let whole = Tensor::zeros(&shape[..], (gradient.kind(), gradient.device()));
            every_other(&whole).copy_(&gradient.narrow(1, before, own));
            whole
        });
    })
}

/// `x` with a border of zeros, `border` pixels wide.
pub fn padded(pass: &mut Pass<'_>, x: &Var, border: i64) -> Var {
    let (id, shape) = (x.id(), x.value.size());
    let value = x.value.constant_pad_nd([border; 4]);
    pass.record(&[x], false, value, move |backward, gradient| {
        backward.add_gradient(id, || gradient.narrow(2, border, shape[2]).narrow(3, border, shape[3]));
    })
}

/// The values of `x` in channels-last order; they are copied only if they are in another order.
fn channels_last<T: Dense>(x: &Tensor) -> ReadOnly<T> {
    let x = x.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2]);
    // SAFETY: nobody writes to a value or gradient of a pass after the operation that made it, since every operation
    // makes new tensors. Only weights are written in place, and they are not values of a pass.
    unsafe { ReadOnly::new(x) }
}

/// A new tensor `[n, c, h, w]` that `fill` writes in channels-last order.
fn new_channels_last<T: Dense>([n, c, h, w]: [i64; 4], fill: impl FnOnce(&mut [T])) -> Tensor {
    filled(&[n, h, w, c], fill).permute([0, 3, 1, 2])
}

#[cfg(test)]
mod tests {
    use super::testing::check_against_autograd;
    use super::*;

    #[test]
    fn operations_on_images_have_the_gradients_of_libtorchs() {
        let shape = [2, 3, 6, 5];
        check_against_autograd(&shape, &[], flatten, |x, _| x.flatten(1, -1));
        check_against_autograd(&shape, &[], |pass, x| scaled(pass, x, 0.3), |x, _| x * 0.3);
        check_against_autograd(&shape, &[], mean_of_image, |x, _| {
            x.mean_dim([2i64, 3].as_slice(), false, None::<Kind>)
        });
        check_against_autograd(&shape, &[], |pass, x| padded(pass, x, 2), |x, _| x.constant_pad_nd([2, 2, 2, 2]));
        let every_other = |x: &Tensor| x.slice(2, 0, None, 2).slice(3, 0, None, 2).constant_pad_nd([0, 0, 0, 0, 1, 2]);
        check_against_autograd(&shape, &[], |pass, x| subsampled(pass, x, 3), |x, _| every_other(x));
    }
}
