//! Caffe's SGD over the flat vector: `v <- mu v + rate lr_mult (g + weight_decay decay_mult x);  x <- x - v`. The
//! learning rate is a factor inside the momentum v, so a drop of the rate does not reduce the momentum gathered before
//! it.

use super::Part;

/// One step. The state is `v`.
pub fn step(part: &mut Part<'_>, rate: f64) {
    let update = part.update(rate);
    let v = &mut part.state[0];
    let _ = v.g_mul_scalar_(part.hyper.momentum);
    let _ = v.g_add_(&update);
    let _ = part.x.g_sub_(v);
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind, Tensor};

    use crate::device::{Compute, Precision};
    use crate::nets::NetName;
    use crate::solver::{Algorithm, Hyperparameters, Policy, Solver, testing};
    use crate::weights::Weights;

    /// Two steps on `cifar10_full`, whose ip1 has decay_mult 250 for the weight and 0 for the bias, with a drop of the
    /// learning rate. The first value of each tensor is compared with the equation in f64.
    #[test]
    fn two_steps_follow_caffes_equations_for_every_tensor() {
        let net = NetName::Cifar10Full.build(10);
        let hyper = Hyperparameters {
            lr: 0.01,
            momentum: 0.9,
            weight_decay: 0.004,
            schedule: Policy::Multistep { gamma: 0.1, stepvalue: vec![1] }.into(),
            ..testing::plain(Algorithm::Sgd)
        };
        let mut weights = Weights::new(net.params(), Compute::cpu(Precision::F32));
        let initial: Vec<f32> = net.initial_weights(5, None).unwrap().iter().map(|x| x + 0.25).collect();
        weights.set(&initial).unwrap();
        let mut solver = Solver::new(net.params().as_slice(), hyper);
        let gradients = [0.5, -0.125];
        for (step, gradient) in gradients.into_iter().enumerate() {
            let gradient = Tensor::full([initial.len() as i64], gradient, (Kind::Float, Device::Cpu));
            solver.step(&mut weights, &gradient, step as u64);
        }
        let mut after = vec![0.0; initial.len()];
        weights.copy_to(&mut after).unwrap();
        for ((entry, range), param) in net.layout().ranges().zip(net.params()) {
            let (mut x, mut v) = (f64::from(initial[range.start]), 0.0);
            for (rate, gradient) in [0.01, 0.001].into_iter().zip(gradients) {
                v = 0.9 * v + rate * param.lr_mult * (gradient + 0.004 * param.decay_mult * x);
                x -= v;
            }
            assert!((x - f64::from(after[range.start])).abs() < 1e-6, "{}", entry.name);
        }
    }
}
