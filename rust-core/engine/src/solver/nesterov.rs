//! Caffe's Nesterov (src/caffe/solvers/nesterov_solver.cpp) over the flat vector, u being SGD's update:
//! `v <- mu v + u;  x <- x - (1 + mu) v + mu v_before`, which is `x <- x - (u + mu v)`. The rate stands
//! inside the buffer; torch's SGD with `nesterov` keeps it outside, and differs after a change of the rate.

use tch::Tensor;

use super::{State, Terms};

/// One step on `x`; the state is `v`.
pub fn step(terms: &Terms, state: &mut State, (x, gradient): (&mut Tensor, &Tensor), step: u64) {
    let update = terms.update(x, gradient, terms.rate(step));
    advance(terms.settings.momentum, &mut state.vectors[0], x, update);
}

/// The step that `update` makes, with momentum `mu`.
pub fn advance(mu: f64, v: &mut Tensor, x: &mut Tensor, update: Tensor) {
    let _ = v.g_mul_scalar_(mu);
    let _ = v.g_add_(&update);
    let _ = x.g_sub_(&update);
    let _ = x.g_sub_(&(&*v * mu));
}
