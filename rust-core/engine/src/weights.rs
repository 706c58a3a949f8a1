//! A net's weights: one flat f32 tensor, in the order of the layout, and a view of it for each tensor
//! of the net. Writing the flat tensor changes what the net computes; nothing is copied in between.

use std::collections::BTreeMap;

use tch::{Device, Kind, Tensor, no_grad};

use crate::device::Precision;
use crate::error::Result;
use crate::nets::Net;

/// The weights of one net. `Send`, because a worker moves between the threads of its tasks.
pub struct Weights {
    flat: Tensor,
    /// Leaves of the gradient, sorted by name as they stand in `flat`.
    views: BTreeMap<String, Tensor>,
    precision: Precision,
}

impl Weights {
    /// Weights of `net`, all zero until they are set.
    pub fn new(net: &Net, precision: Precision) -> Self {
        let length = net.layout().length();
        Self::over(Tensor::zeros([length as i64], (Kind::Float, Device::Cpu)), net, precision)
    }

    /// Weights of `net` over the memory of these: a write to either is a write to both. Gradients are
    /// taken apart, so that another thread may write between a forward and a backward pass.
    pub fn share(&self, net: &Net) -> Self {
        // `data` counts changes by itself; with a common count libtorch would refuse the backward pass
        Self::over(self.flat.data(), net, self.precision)
    }

    fn over(flat: Tensor, net: &Net, precision: Precision) -> Self {
        let views = net
            .layout()
            .ranges()
            .map(|(entry, range)| {
                let shape: Vec<i64> = entry.shape.iter().map(|&dim| dim as i64).collect();
                let view = flat.narrow(0, range.start as i64, range.len() as i64).view(&shape[..]);
                (entry.name.clone(), view.detach().set_requires_grad(true))
            })
            .collect();
        Self { flat, views, precision }
    }

    /// The tensor called `name`; the nets of this crate name none that they do not declare.
    pub fn get(&self, name: &str) -> &Tensor {
        self.views.get(name).unwrap_or_else(|| panic!("the net declares no tensor {name}"))
    }

    /// What the layers compute in.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The number of values.
    pub fn length(&self) -> usize {
        self.flat.numel()
    }

    /// The flat tensor; what is done to it in place is done to the weights.
    pub fn flat(&self) -> &Tensor {
        &self.flat
    }

    /// Replaces all weights; a slice of another length is refused.
    pub fn set(&mut self, values: &[f32]) -> Result<()> {
        firesteel_exchange::layout::check_length(self.length(), values)?;
        no_grad(|| self.flat.copy_(&Tensor::from_slice(values)));
        Ok(())
    }

    /// Copies all weights out; a slice of another length is refused.
    pub fn copy_to(&self, values: &mut [f32]) -> Result<()> {
        firesteel_exchange::layout::check_length(self.length(), values)?;
        self.flat.copy_data(values, values.len());
        Ok(())
    }

    /// The gradient of `loss` as one flat tensor in the order of the weights. Nothing accumulates.
    pub fn gradient(&self, loss: &Tensor) -> Tensor {
        let leaves: Vec<&Tensor> = self.views.values().collect();
        let gradients = Tensor::run_backward(&[loss], &leaves, false, false);
        let flat: Vec<Tensor> = gradients.iter().map(|gradient| gradient.reshape(-1)).collect();
        Tensor::cat(&flat, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::NetName;

    #[test]
    fn weights_out_in_out_are_the_same_bits() {
        let net = NetName::Cifar10Quick.build(10);
        let initial = net.initial_weights(3);
        let (mut first, mut second) = (vec![0.0; initial.len()], vec![0.0; initial.len()]);
        let mut weights = Weights::new(&net, Precision::F32);
        weights.set(&initial).unwrap();
        weights.copy_to(&mut first).unwrap();
        weights.set(&first).unwrap();
        weights.copy_to(&mut second).unwrap();
        assert_eq!(initial, first);
        assert_eq!(first, second);
    }

    #[test]
    fn a_forward_pass_changes_after_weights_are_set() {
        let net = NetName::Cifar10Quick.build(10);
        let mut weights = Weights::new(&net, Precision::F32);
        let images = Tensor::ones([1, 3, 32, 32], (Kind::Float, Device::Cpu)) * 40;
        weights.set(&net.initial_weights(1)).unwrap();
        let before = net.forward(&weights, &images);
        weights.set(&net.initial_weights(2)).unwrap();
        assert_ne!(before, net.forward(&weights, &images));
    }

    #[test]
    fn the_gradient_stands_in_the_order_of_the_layout() {
        let net = NetName::Cifar10Quick.build(10);
        let mut weights = Weights::new(&net, Precision::F32);
        weights.set(&net.initial_weights(1)).unwrap();
        let loss = weights.get("conv2.bias").sum(Kind::Float) * 3 + weights.get("ip2.weight").sum(Kind::Float);
        let rest: Tensor = weights.views.values().map(|view| view.sum(Kind::Float) * 0.0).sum();
        let gradient: Vec<f32> = Vec::try_from(weights.gradient(&(loss + rest))).unwrap();
        for (entry, range) in net.layout().ranges() {
            let expected = match entry.name.as_str() {
                "conv2.bias" => 3.0,
                "ip2.weight" => 1.0,
                _ => 0.0,
            };
            assert!(gradient[range].iter().all(|&g| g == expected), "{}", entry.name);
        }
    }

    #[test]
    fn shared_weights_are_one_memory_and_a_backward_pass_bears_the_others_writes() {
        let net = NetName::Cifar10Quick.build(10);
        let mut weights = Weights::new(&net, Precision::F32);
        weights.set(&net.initial_weights(1)).unwrap();
        let shared = weights.share(&net);
        let images = Tensor::ones([2, 3, 32, 32], (Kind::Float, Device::Cpu)) * 40;
        let loss = net.forward(&shared, &images).square().sum(Kind::Float);
        let other = net.initial_weights(2);
        weights.set(&other).unwrap();
        let gradient = shared.gradient(&loss);
        assert_eq!(gradient.isfinite().all().int64_value(&[]), 1);
        assert_ne!(gradient.abs().sum(Kind::Float).double_value(&[]), 0.0);
        let mut seen = vec![0.0; other.len()];
        shared.copy_to(&mut seen).unwrap();
        assert_eq!(seen, other);
        assert_eq!(net.forward(&shared, &images), net.forward(&weights, &images));
    }

    #[test]
    fn a_vector_of_another_length_is_refused() {
        let mut weights = Weights::new(&NetName::Cifar10Quick.build(10), Precision::F32);
        let error = weights.set(&[0.0; 7]).unwrap_err();
        assert_eq!(error.to_string(), "a vector of 7 values where 145578 were expected");
    }
}
