//! An operation's way back held against libtorch's autograd.

use std::collections::BTreeMap;

use firesteel_exchange::Entry;
use tch::{Device, Kind, Tensor};

use crate::device::{Compute, Precision};
use crate::nets::Net;
use crate::pass::{Mode, Pass, Var};
use crate::weights::{Gradient, Weights};

/// The weights as leaves of autograd, by name.
pub type Theirs = BTreeMap<String, Tensor>;

const CPU: (Kind, Device) = (Kind::Float, Device::Cpu);

/// What `operation` makes of `x`, without weights.
pub fn evaluated(x: Tensor, operation: impl FnOnce(&mut Pass<'_>, &Var) -> Var) -> Tensor {
    let net = Net::of_entries(vec![]);
    let weights = Weights::new(&net, Compute::cpu(Precision::F32));
    let mut pass = Pass::new(&weights, Mode::Evaluate, 1);
    let x = pass.input(x);
    operation(&mut pass, &x).value
}

/// Compares values and all gradients of `ours` with those of `theirs` on random input of `shape` in
/// channels-last order and random weights, on one thread and on three.
pub fn check_against_autograd(
    shape: &[i64],
    declared: &[(&str, Vec<usize>)],
    ours: impl for<'w> Fn(&mut Pass<'w>, &Var) -> Var,
    theirs: impl Fn(&Tensor, &Theirs) -> Tensor,
) {
    let entry = |(name, shape): &(&str, Vec<usize>)| Entry { name: (*name).to_owned(), shape: shape.clone() };
    let net = Net::of_entries(declared.iter().map(entry).collect());
    let mut weights = Weights::new(&net, Compute::cpu(Precision::F32));
    let flat: Vec<f32> = Vec::try_from(Tensor::randn([weights.length() as i64], CPU)).unwrap();
    weights.set(&flat).unwrap();
    let x = match shape {
        &[n, c, h, w] => Tensor::randn([n, h, w, c], CPU).permute([0, 3, 1, 2]),
        _ => Tensor::randn(shape, CPU),
    };
    let leaf = |tensor: &Tensor| tensor.copy().set_requires_grad(true);
    let leaves: Theirs =
        net.layout().entries().iter().map(|e| (e.name.clone(), leaf(weights.master(&e.name)))).collect();
    let their_x = leaf(&x);
    let their_y = theirs(&their_x, &leaves);
    let incoming = Tensor::randn_like(&their_y);
    for threads in [1, 3] {
        let mut pass = Pass::new(&weights, Mode::Train, threads);
        let (id_source, value) = (pass.input(x.shallow_clone()), x.shallow_clone());
        // a value that wants a gradient and keeps it
        let seen = std::rc::Rc::new(std::cell::RefCell::new(None));
        let keep = seen.clone();
        let x = pass.record(&[&id_source], true, value, move |_, gradient| *keep.borrow_mut() = Some(gradient));
        let y = ours(&mut pass, &x);
        assert_close(&y.value, &their_y.detach(), "value");
        let mut gradient = Gradient::new(&net, Device::Cpu);
        pass.backward(&y, incoming.shallow_clone(), &mut gradient);
        {
            let learnt = leaves.iter().filter(|(name, _)| !name.contains("running_"));
            let inputs: Vec<&Tensor> = std::iter::once(&their_x).chain(learnt.clone().map(|(_, leaf)| leaf)).collect();
            let expected = Tensor::run_backward(&[(&their_y * &incoming).sum(Kind::Float)], &inputs, true, false);
            assert_close(&seen.take().unwrap(), &expected[0], "gradient of the input");
            for ((name, _), expected) in learnt.zip(&expected[1..]) {
                assert_close(gradient.of(name), expected, name);
            }
        }
    }
}

/// Holds that `operation` on bf16 gives, forwards, what it gives on the same values in f32, rounded.
pub fn check_bf16(shape: &[i64; 4], operation: impl Fn(&mut Pass<'_>, &Var) -> Var) {
    let &[n, c, h, w] = shape;
    let x = Tensor::randn([n, h, w, c], CPU).permute([0, 3, 1, 2]).to_kind(Kind::BFloat16);
    let narrow = evaluated(x.shallow_clone(), &operation);
    let wide = evaluated(x.to_kind(Kind::Float), &operation);
    assert_eq!(narrow, wide.to_kind(Kind::BFloat16));
}

fn assert_close(ours: &Tensor, theirs: &Tensor, what: &str) {
    assert_eq!(ours.size(), theirs.size(), "{what}");
    let apart = (ours - theirs).abs().max().double_value(&[]);
    let size = theirs.abs().max().double_value(&[]).max(1.0);
    assert!(apart <= 1e-5 * size, "{what}: {apart} apart where values are up to {size}");
}
