//! What nets are written with: layers over a [`Pass`], each with its way back. In bf16 convolutions, pooling
//! and linear layers run in bf16 on bf16 copies of the f32 weights; statistics and logits are f32.

mod activation;
mod conv;
mod linear;
mod lrn;
mod norm;
mod norm_torch;
mod pool;
#[cfg(test)]
mod testing;

use tch::{Kind, Tensor};

use crate::pass::{Pass, Var};

pub use activation::relu;
pub use conv::conv;
pub use linear::{linear, logits};
pub use lrn::lrn;
pub use norm::{Norm, batch_norm};
pub use pool::{Window, average_pool, max_pool};

pub use crate::raw::Slide;

/// `[n, c, h, w]` to `[n, c h w]`, in this order whatever the order in memory.
pub fn flatten(pass: &mut Pass<'_>, x: &Var) -> Var {
    let (id, shape) = (x.id(), x.value.size());
    pass.record(&[x], false, x.value.flatten(1, -1), move |back, gradient| back.add(id, || gradient.view(&shape[..])))
}

/// The same values in another kind.
fn cast(pass: &mut Pass<'_>, x: &Var, kind: Kind) -> Var {
    let (id, before) = (x.id(), x.value.kind());
    pass.record(&[x], false, x.value.to_kind(kind), move |back, gradient| back.add(id, || gradient.to_kind(before)))
}

/// A four-dimensional tensor whose values lie channels-last, a copy only where they do not yet.
fn channels_last(x: &Tensor) -> Tensor {
    x.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2])
}

/// A new tensor `[n, c, h, w]` that `fill` writes in channels-last order; it gets one of `[n, h, w, c]`.
fn new_channels_last([n, c, h, w]: [i64; 4], like: &Tensor, fill: impl FnOnce(&mut Tensor)) -> Tensor {
    let mut memory = Tensor::empty([n, h, w, c], (like.kind(), like.device()));
    fill(&mut memory);
    memory.permute([0, 3, 1, 2])
}
