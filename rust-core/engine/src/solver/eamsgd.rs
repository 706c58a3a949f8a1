//! The local step of EAMSGD (Zhang, Choromanska, LeCun, "Deep learning with elastic averaging SGD", 2015): Nesterov's
//! momentum, with the gradient g computed after x has moved by the momentum:
//! `v <- delta v;  x <- x + v;  u = rate lr_mult (g(x) + weight_decay decay_mult x);  x <- x - u;  v <- v - u`.

use tch::Tensor;

use super::{Part, State};

/// Moves `x` to the point at which the gradient is computed; delta is the momentum.
pub fn look_ahead(momentum: f64, state: &mut State, x: &mut Tensor) {
    let v = &mut state.vectors[0];
    let _ = v.g_mul_scalar_(momentum);
    let _ = x.g_add_(v);
}

/// One step. The state is `v`, which is added to x; that of Caffe's SGD is subtracted.
pub fn step(part: &mut Part<'_>, rate: f64) {
    let update = part.update(rate);
    let _ = part.x.g_sub_(&update);
    let _ = part.state[0].g_sub_(&update);
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind, Tensor};

    use crate::device::{Compute, Precision};
    use crate::nets::NetName;
    use crate::solver::{Algorithm, Hyperparameters, Policy, Solver, testing};
    use crate::weights::Weights;

    /// Three steps on `cifar10_full`, whose tensors have different factors, with a drop of the learning rate; the
    /// gradient depends on x. The first value of each tensor is compared with the equations in f64.
    #[test]
    fn steps_follow_the_papers_equations_for_every_tensor() {
        let net = NetName::Cifar10Full.build(10);
        let hyper = Hyperparameters {
            lr: 0.01,
            momentum: 0.5,
            weight_decay: 0.004,
            schedule: Policy::Multistep { gamma: 0.1, stepvalue: vec![2] }.into(),
            ..testing::plain(Algorithm::Eamsgd)
        };
        let mut weights = Weights::new(net.params(), Compute::cpu(Precision::F32));
        let initial: Vec<f32> = net.initial_weights(5, None).unwrap().iter().map(|x| x + 0.25).collect();
        weights.set(&initial).unwrap();
        let mut solver = Solver::new(net.params().as_slice(), hyper);
        for step in 0..3 {
            solver.look_ahead(&mut weights);
            let gradient = weights.flat() * 2 + Tensor::full([1], 0.5, (Kind::Float, Device::Cpu));
            solver.step(&mut weights, &gradient, step);
        }
        let mut after = vec![0.0; initial.len()];
        weights.copy_to(&mut after).unwrap();
        for ((entry, range), param) in net.layout().ranges().zip(net.params()) {
            let (mut x, mut v) = (f64::from(initial[range.start]), 0.0);
            for rate in [0.01, 0.01, 0.001] {
                v *= 0.5;
                x += v;
                let update = rate * param.lr_mult * (2.0 * x + 0.5 + 0.004 * param.decay_mult * x);
                x -= update;
                v -= update;
            }
            assert!((x - f64::from(after[range.start])).abs() < 1e-6, "{}", entry.name);
        }
    }
}
