//! Compares an operation and its gradients with libtorch's autograd.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use tch::{Kind, Tensor};

use crate::device::{Compute, Precision};
use crate::params::Params;
use crate::pass::{Mode, Pass, Var};
use crate::testing::{normal, normal_images};
use crate::weights::{Gradient, Weights};

/// The weights as leaves of autograd, by name.
pub type Leaves = BTreeMap<String, Tensor>;

/// The result of `operation` on `x`, without weights.
pub fn evaluated(x: Tensor, operation: impl FnOnce(&mut Pass<'_>, &Var) -> Var) -> Tensor {
    let weights = Weights::new(&Params::of_shapes(&[]), Compute::cpu(Precision::F32));
    let mut pass = Pass::new(&weights, Mode::Evaluate, 1);
    let x = pass.input(x);
    operation(&mut pass, &x).value
}

/// Compares the value and all gradients of `operation` with those of `reference` by autograd, on random input of
/// `shape` in channels-last order and random weights, with one thread and with three.
pub fn check_against_autograd(
    shape: &[i64],
    declared: &[(&str, &[usize])],
    operation: impl for<'w> Fn(&mut Pass<'w>, &Var) -> Var,
    reference: impl Fn(&Tensor, &Leaves) -> Tensor,
) {
    let params = Params::of_shapes(declared);
    let mut weights = Weights::new(&params, Compute::cpu(Precision::F32));
    let flat: Vec<f32> = Vec::try_from(normal(&[weights.length() as i64], 1)).unwrap();
    weights.set(&flat).unwrap();
    let x = match shape {
        &[n, c, h, w] => normal_images([n, c, h, w], 2),
        _ => normal(shape, 2),
    };
    let leaf = |tensor: &Tensor| tensor.copy().set_requires_grad(true);
    let names = params.iter().map(|param| param.entry.name.clone());
    let leaves: Leaves = names.map(|name| (name.clone(), leaf(weights.master(&name)))).collect();
    let reference_x = leaf(&x);
    let reference_y = reference(&reference_x, &leaves);
    let incoming = normal(&reference_y.size(), 3);
    for threads in [1, 3] {
        let mut pass = Pass::new(&weights, Mode::Train, threads);
        let input = pass.input(x.shallow_clone());
        // an operation that returns its input and keeps the gradient that it gets
        let input_gradient = Rc::new(RefCell::new(None));
        let keep = input_gradient.clone();
        let x = pass.record(&[&input], true, x.shallow_clone(), move |_, gradient| {
            *keep.borrow_mut() = Some(gradient);
        });
        let y = operation(&mut pass, &x);
        assert_close(&y.value, &reference_y.detach(), "value");
        let mut gradient = Gradient::new(&params, weights.compute());
        pass.backward(&y, incoming.shallow_clone(), &mut gradient);
        let learnt = leaves.iter().filter(|(name, _)| !name.contains("running_"));
        let inputs: Vec<&Tensor> = std::iter::once(&reference_x).chain(learnt.clone().map(|(_, leaf)| leaf)).collect();
        let sum = (&reference_y * &incoming).sum(Kind::Float);
        let expected = Tensor::run_backward(&[sum], &inputs, true, false);
        assert_close(&input_gradient.take().unwrap(), &expected[0], "gradient of the input");
        for ((name, _), expected) in learnt.zip(&expected[1..]) {
            assert_close(gradient.of(name), expected, name);
        }
    }
}

/// Asserts that the result of `operation` on bf16 values is its result on the same values in f32, rounded.
pub fn check_bf16(shape: &[i64; 4], operation: impl Fn(&mut Pass<'_>, &Var) -> Var) {
    let x = normal_images(*shape, 4).to_kind(Kind::BFloat16);
    let bf16 = evaluated(x.shallow_clone(), &operation);
    let f32 = evaluated(x.to_kind(Kind::Float), &operation);
    assert_eq!(bf16, f32.to_kind(Kind::BFloat16));
}

fn assert_close(actual: &Tensor, expected: &Tensor, what: &str) {
    assert_eq!(actual.size(), expected.size(), "{what}");
    let difference = (actual - expected).abs().max().double_value(&[]);
    let largest = expected.abs().max().double_value(&[]).max(1.0);
    assert!(difference <= 1e-5 * largest, "{what}: {difference} apart where values are up to {largest}");
}
