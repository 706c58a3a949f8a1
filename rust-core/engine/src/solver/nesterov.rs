//! Caffe's Nesterov solver (src/caffe/solvers/nesterov_solver.cpp) over the flat vector, with u the update of SGD:
//! `v <- mu v + u;  x <- x - (1 + mu) v + mu v_before`, which is `x <- x - (u + mu v)`. The learning rate is a factor
//! inside v; in PyTorch's SGD with `nesterov` it is outside, so the two differ after a change of the rate.

use tch::Tensor;

use super::Part;

/// One step. The state is `v`.
pub fn step(part: &mut Part<'_>, rate: f64) {
    let update = part.update(rate);
    advance(part.hyper.momentum, &mut part.state[0], &mut part.x, update);
}

/// One step on `x` for a given `update` and momentum `mu`.
pub fn advance(mu: f64, v: &mut Tensor, x: &mut Tensor, update: Tensor) {
    let _ = v.g_mul_scalar_(mu);
    let _ = v.g_add_(&update);
    let _ = x.g_sub_(&update);
    let _ = x.g_sub_(&(&*v * mu));
}
