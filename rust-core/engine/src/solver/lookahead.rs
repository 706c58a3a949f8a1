//! Lookahead (Zhang, Lucas, Hinton, Ba 2019) around any solver: after every `every` local steps the slow weights `phi`
//! move a fraction of the distance to the weights `x`, which continue from there:
//! `phi <- phi + alpha (x - phi);  x <- phi`.

use tch::Tensor;

use super::param_groups::spread;
use super::{ParamGroups, Part};

/// The parameters of Lookahead.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lookahead {
    /// Local steps between two updates of the slow weights, counted from a solver state of zero.
    pub every: u64,
    pub alpha: f64,
}

/// `alpha` for each weight. It is 1 for weights that the solver does not update, so that `update` leaves the running
/// statistics as the forward pass wrote them.
pub fn alphas(groups: &ParamGroups, lookahead: Lookahead) -> Tensor {
    spread(&groups.list, |group| if group.lr_mult > 0.0 { lookahead.alpha } else { 1.0 })
}

/// The slow weights begin at the weights.
pub fn begin(part: &mut Part<'_>) {
    let x = part.x.shallow_clone();
    slow_weights(part).copy_(&x);
}

/// `phi <- phi + alphas (x - phi);  x <- phi`.
pub fn update(part: &mut Part<'_>) {
    let Some(alphas) = part.alphas.as_ref().map(Tensor::shallow_clone) else { return };
    let mut x = part.x.shallow_clone();
    let phi = slow_weights(part);
    let _ = phi.lerp_tensor_(&x, &alphas);
    x.copy_(phi);
}

/// The last vector of the state.
fn slow_weights<'a>(part: &'a mut Part<'_>) -> &'a mut Tensor {
    let last = part.state.len() - 1;
    &mut part.state[last]
}
