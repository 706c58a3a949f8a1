//! Activations on their own; where a pooling or a normalisation stands beside one, its kernel does both.

use crate::pass::{Pass, Var};

/// `max(x, 0)`.
pub fn relu(pass: &mut Pass<'_>, x: &Var) -> Var {
    let (id, value) = (x.id(), x.value.relu());
    let kept = value.shallow_clone();
    pass.record(&[x], false, value, move |back, gradient| back.add(id, || kept.threshold_backward(&gradient, 0)))
}

#[cfg(test)]
mod tests {
    use super::super::testing::check_against_autograd;
    use super::*;

    #[test]
    fn a_relu_goes_back_as_libtorchs_own_does() {
        check_against_autograd(&[2, 3, 4, 5], &[], relu, |x, _| x.relu());
    }
}
