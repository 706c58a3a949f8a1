//! A net's weights: one flat f32 tensor in the order of the layout, which is what solvers and exchanges see,
//! and each tensor of the net as its layer computes with it: convolutions' filters in channels-last order, all
//! of them in the precision of the arithmetic. The gradient is one flat f32 tensor likewise.

use std::collections::BTreeMap;

use tch::{Device, Kind, Tensor, no_grad};

use crate::device::{Compute, Precision};
use crate::error::Result;
use crate::nets::Net;

/// A net's tensors by name.
type Named = BTreeMap<String, Tensor>;

/// The weights of one net. `Send`, because a worker moves between the threads of its tasks.
pub struct Weights {
    flat: Tensor,
    /// Each tensor over the memory of `flat`.
    views: Named,
    /// What layers read: a copy made by `refresh`, or the view where a copy would be the same.
    copies: Named,
    precision: Precision,
    /// Tensors that the solver never moves.
    frozen: Vec<String>,
}

impl Weights {
    /// Weights of `net`, all zero until they are set.
    pub fn new(net: &Net, compute: Compute) -> Self {
        let flat = Tensor::zeros([net.layout().length() as i64], (Kind::Float, compute.device));
        Self::over(flat, net, compute.precision)
    }

    /// Weights of `net` over the flat memory of these: a write to either is a write to both, which the layers
    /// of either see from its next `refresh` on.
    pub fn share(&self, net: &Net) -> Self {
        Self::over(self.flat.shallow_clone(), net, self.precision)
    }

    fn over(flat: Tensor, net: &Net, precision: Precision) -> Self {
        let views = views(&flat, net);
        let kind = precision.kind();
        let copy = |view: &Tensor| match view.dim() {
            4 => view.permute([0, 2, 3, 1]).to_kind(kind).contiguous().permute([0, 3, 1, 2]),
            _ => view.to_kind(kind),
        };
        let copies = views.iter().map(|(name, view)| (name.clone(), copy(view))).collect();
        let frozen = net.params().iter().filter(|param| param.lr_mult == 0.0).map(|param| param.entry.name.clone());
        Self { flat, views, copies, precision, frozen: frozen.collect() }
    }

    /// Brings the layers' copies up to the flat tensor.
    pub fn refresh(&mut self) {
        no_grad(|| {
            for (copy, view) in self.copies.values_mut().zip(self.views.values()) {
                if copy.data_ptr() != view.data_ptr() {
                    copy.copy_(view);
                }
            }
        });
    }

    /// The tensor called `name` in the precision of the arithmetic; the nets of this crate name none that they
    /// do not declare.
    pub fn get(&self, name: &str) -> &Tensor {
        named(&self.copies, name)
    }

    /// The same in f32, over the flat memory.
    pub fn master(&self, name: &str) -> &Tensor {
        named(&self.views, name)
    }

    /// Whether the tensor called `name` wants a gradient.
    pub fn learns(&self, name: &str) -> bool {
        !self.frozen.iter().any(|frozen| frozen == name)
    }

    /// Where and in what the layers compute.
    pub fn compute(&self) -> Compute {
        Compute { device: self.flat.device(), precision: self.precision }
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
        self.refresh();
        Ok(())
    }

    /// Copies all weights out; a slice of another length is refused.
    pub fn copy_to(&self, values: &mut [f32]) -> Result<()> {
        firesteel_exchange::layout::check_length(self.length(), values)?;
        self.flat.copy_data(values, values.len());
        Ok(())
    }
}

/// The gradient of a net's weights.
pub struct Gradient {
    flat: Tensor,
    views: Named,
}

impl Gradient {
    /// All zero.
    pub fn new(net: &Net, device: Device) -> Self {
        let flat = Tensor::zeros([net.layout().length() as i64], (Kind::Float, device));
        Self { views: views(&flat, net), flat }
    }

    /// In the order of the weights.
    pub fn flat(&self) -> &Tensor {
        &self.flat
    }

    /// That of the tensor called `name`, over the flat memory.
    pub fn of(&self, name: &str) -> &Tensor {
        named(&self.views, name)
    }

    /// Sets that of the tensor called `name`.
    pub fn put(&mut self, name: &str, gradient: &Tensor) {
        let mut view = named(&self.views, name).shallow_clone();
        no_grad(|| view.copy_(gradient));
    }
}

fn named<'a>(tensors: &'a Named, name: &str) -> &'a Tensor {
    tensors.get(name).unwrap_or_else(|| panic!("the net declares no tensor {name}"))
}

fn views(flat: &Tensor, net: &Net) -> Named {
    net.layout()
        .ranges()
        .map(|(entry, range)| {
            let shape: Vec<i64> = entry.shape.iter().map(|&dim| dim as i64).collect();
            (entry.name.clone(), flat.narrow(0, range.start as i64, range.len() as i64).view(&shape[..]))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::NetName;

    fn quick(precision: Precision) -> (Net, Weights) {
        let net = NetName::Cifar10Quick.build(10);
        let weights = Weights::new(&net, Compute::cpu(precision));
        (net, weights)
    }

    #[test]
    fn weights_out_in_out_are_the_same_bits() {
        let (net, mut weights) = quick(Precision::F32);
        let initial = net.initial_weights(3, None).unwrap();
        let (mut first, mut second) = (vec![0.0; initial.len()], vec![0.0; initial.len()]);
        weights.set(&initial).unwrap();
        weights.copy_to(&mut first).unwrap();
        weights.set(&first).unwrap();
        weights.copy_to(&mut second).unwrap();
        assert_eq!(initial, first);
        assert_eq!(first, second);
    }

    #[test]
    fn a_forward_pass_changes_after_weights_are_set() {
        for precision in [Precision::F32, Precision::Bf16] {
            let (net, mut weights) = quick(precision);
            let images = Tensor::ones([1, 3, 32, 32], (Kind::Float, Device::Cpu)) * 40;
            weights.set(&net.initial_weights(1, None).unwrap()).unwrap();
            let before = net.logits(&weights, &images, 1);
            weights.set(&net.initial_weights(2, None).unwrap()).unwrap();
            assert_ne!(before, net.logits(&weights, &images, 1));
        }
    }

    #[test]
    fn layers_see_the_flat_values_in_their_shape() {
        let (net, mut weights) = quick(Precision::F32);
        weights.set(&net.initial_weights(1, None).unwrap()).unwrap();
        for (entry, _) in net.layout().ranges() {
            assert_eq!(weights.get(&entry.name), weights.master(&entry.name), "{}", entry.name);
            assert_eq!(weights.get(&entry.name).size(), entry.shape.iter().map(|&d| d as i64).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_gradient_stands_in_the_order_of_the_layout() {
        let (net, _) = quick(Precision::F32);
        let mut gradient = Gradient::new(&net, Device::Cpu);
        gradient.put("conv2.bias", &Tensor::full([32], 3, (Kind::BFloat16, Device::Cpu)));
        let flat: Vec<f32> = Vec::try_from(gradient.flat()).unwrap();
        for (entry, range) in net.layout().ranges() {
            let expected = if entry.name == "conv2.bias" { 3.0 } else { 0.0 };
            assert!(flat[range].iter().all(|&g| g == expected), "{}", entry.name);
        }
    }

    #[test]
    fn shared_weights_are_one_memory_that_each_reads_at_its_refresh() {
        let (net, mut weights) = quick(Precision::F32);
        let mut shared = weights.share(&net);
        let images = Tensor::ones([2, 3, 32, 32], (Kind::Float, Device::Cpu)) * 40;
        let other = net.initial_weights(2, None).unwrap();
        weights.set(&other).unwrap();
        let mut seen = vec![0.0; other.len()];
        shared.copy_to(&mut seen).unwrap();
        assert_eq!(seen, other);
        shared.refresh();
        assert_eq!(net.logits(&shared, &images, 1), net.logits(&weights, &images, 1));
    }

    #[test]
    fn a_vector_of_another_length_is_refused() {
        let (_, mut weights) = quick(Precision::F32);
        let error = weights.set(&[0.0; 7]).unwrap_err();
        assert_eq!(error.to_string(), "a vector of 7 values where 145578 were expected");
    }
}
