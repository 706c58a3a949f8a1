//! Lookahead (Zhang, Lucas, Hinton, Ba 2019) around any solver: every `every` local steps the slow
//! weights follow the fast ones a part of the way, and the fast ones go on from there:
//! `phi <- phi + alpha (x - phi);  x <- phi`.

use tch::Tensor;

use super::Terms;
use super::terms::spread;

/// How often, and how far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lookahead {
    /// Local steps, counted from where the solver's state was zero.
    pub every: u64,
    pub alpha: f64,
}

/// `alpha` of every weight: 1 for what the solver does not move, so that running statistics, which the
/// forward pass moves, stay what they are.
pub fn pull(terms: &Terms, lookahead: Lookahead) -> Tensor {
    spread(&terms.parts, |part| if part.lr_mult > 0.0 { lookahead.alpha } else { 1.0 })
}

/// `phi <- phi + pull (x - phi);  x <- phi`.
pub fn follow(phi: &mut Tensor, x: &mut Tensor, pull: &Tensor) {
    let _ = phi.lerp_tensor_(x, pull);
    x.copy_(phi);
}
