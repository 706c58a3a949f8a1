//! Activations that stand alone; one beside a pooling or a normalisation is done by that operation's kernel.

use half::bf16;
use tch::Kind;

use super::parallel::in_parallel;
use super::{channels_last, new_channels_last};
use crate::kernels::Element;
use crate::kernels::activation::{gelu_backward, gelu_forward};
use crate::pass::{Pass, Var};
use crate::raw::Dense;

/// `max(x, 0)`.
pub fn relu(pass: &mut Pass<'_>, x: &Var) -> Var {
    let (id, value) = (x.id(), x.value.relu());
    let kept = value.shallow_clone();
    pass.record(&[x], false, value, move |backward, gradient| {
        backward.add_gradient(id, || kept.threshold_backward(&gradient, 0))
    })
}

/// `x Phi(x)` of images, see [`crate::kernels::activation::Activation::Gelu`].
pub fn gelu(pass: &mut Pass<'_>, x: &Var) -> Var {
    if !pass.has_kernels(&x.value) {
        let (id, input) = (x.id(), x.value.shallow_clone());
        return pass.record(&[x], false, x.value.gelu("none"), move |backward, gradient| {
            backward.add_gradient(id, || input.gelu_backward(&gradient, "none"));
        });
    }
    match x.value.kind() {
        Kind::BFloat16 => gelu_of::<bf16>(pass, x),
        _ => gelu_of::<f32>(pass, x),
    }
}

fn gelu_of<T: Element + Dense>(pass: &mut Pass<'_>, x: &Var) -> Var {
    let Ok([n, c, h, w]) = <[i64; 4]>::try_from(x.value.size()) else { panic!("gelu of {:?}", x.value.size()) };
    let (threads, input, length) = (pass.threads(), channels_last::<T>(&x.value), (c * h * w) as usize);
    let value = new_channels_last([n, c, h, w], |memory| {
        let images = memory.chunks_exact_mut(length).zip(input.values().chunks_exact(length));
        in_parallel(threads, images, |(y, x)| gelu_forward(x, y));
    });
    let id = x.id();
    pass.record(&[x], false, value, move |backward, gradient| {
        backward.add_gradient(id, || {
            let gradient = channels_last::<T>(&gradient);
            new_channels_last([n, c, h, w], |memory: &mut [T]| {
                let inputs = input.values().chunks_exact(length).zip(gradient.values().chunks_exact(length));
                let images = memory.chunks_exact_mut(length).zip(inputs);
                in_parallel(threads, images, |(out, (x, gradient))| gelu_backward(x, gradient, out));
            })
        });
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::check_against_autograd;
    use super::*;

    #[test]
    fn activations_have_the_gradients_of_libtorchs() {
        check_against_autograd(&[2, 3, 4, 5], &[], relu, |x, _| x.relu());
        check_against_autograd(&[2, 3, 4, 5], &[], gelu, |x, _| x.gelu("none"));
    }
}
