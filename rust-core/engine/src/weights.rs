//! The weights of a net: one flat f32 tensor in the order of the layout, which solvers and exchanges work on, and a
//! copy of each tensor as its layer computes with it, in the precision of the arithmetic and, for convolution filters,
//! in channels-last order. The gradient is one flat f32 tensor too.

use std::cell::Cell;
use std::collections::BTreeMap;

use tch::{Kind, Tensor, no_grad};

use crate::device::{Compute, Precision};
use crate::error::Result;
use crate::params::Params;
use crate::vector;

/// Tensors by name.
type Named = BTreeMap<String, Tensor>;

/// What a layer reads: a copy, or the view itself where a copy would be identical to it.
struct LayerCopy {
    tensor: Tensor,
    /// Whether the weights have changed since the copy was made. It is made anew when the layer reads it, because a layer may
    /// need a part of its weights alone, which it takes from the master: of a 3x3 filter on a single pixel, a ninth.
    stale: Cell<bool>,
}

/// The weights of one net. `Send`, because a worker moves between the threads of its tasks.
pub struct Weights {
    flat: Tensor,
    /// Each tensor as a view of `flat`.
    views: Named,
    copies: BTreeMap<String, LayerCopy>,
    precision: Precision,
    /// Names of the tensors that the solver never updates.
    frozen: Vec<String>,
}

impl Weights {
    /// Zeros.
    pub fn new(params: &Params, compute: Compute) -> Self {
        let flat = Tensor::zeros([params.layout().length() as i64], (Kind::Float, compute.device));
        Self::over(flat, params, compute.precision)
    }

    /// Weights that share the flat memory of these: a write to either is a write to both. The layers of each see it
    /// after its next `refresh`.
    pub fn share(&self, params: &Params) -> Self {
        Self::over(self.flat.shallow_clone(), params, self.precision)
    }

    fn over(flat: Tensor, params: &Params, precision: Precision) -> Self {
        let views = views(&flat, params);
        let kind = precision.kind();
        let copy = |view: &Tensor| match view.dim() {
            4 => view.permute([0, 2, 3, 1]).to_kind(kind).contiguous().permute([0, 3, 1, 2]),
            _ => view.to_kind(kind),
        };
        let copy = |view: &Tensor| LayerCopy { tensor: copy(view), stale: Cell::new(false) };
        let copies = views.iter().map(|(name, view)| (name.clone(), copy(view))).collect();
        let frozen = params.iter().filter(|param| param.lr_mult == 0.0).map(|param| param.entry.name.clone());
        Self { flat, views, copies, precision, frozen: frozen.collect() }
    }

    /// Lets the layers see the flat tensor as it is now.
    pub fn refresh(&mut self) {
        for (copy, view) in self.copies.values().zip(self.views.values()) {
            copy.stale.set(copy.tensor.data_ptr() != view.data_ptr());
        }
    }

    /// The tensor called `name` in the precision of the arithmetic. Panics on a name that was not declared.
    pub fn get(&self, name: &str) -> &Tensor {
        let copy = named(&self.copies, name);
        if copy.stale.take() {
            no_grad(|| copy.tensor.shallow_clone().copy_(self.master(name)));
        }
        &copy.tensor
    }

    /// The tensor called `name` in f32, a view of the flat memory.
    pub fn master(&self, name: &str) -> &Tensor {
        named(&self.views, name)
    }

    /// Whether a gradient of the tensor called `name` is needed.
    pub fn learns(&self, name: &str) -> bool {
        !self.frozen.iter().any(|frozen| frozen == name)
    }

    /// The device and the precision that the layers compute in.
    pub fn compute(&self) -> Compute {
        Compute { device: self.flat.device(), precision: self.precision }
    }

    /// The number of values.
    pub fn length(&self) -> usize {
        self.flat.numel()
    }

    /// The flat tensor; changing it in place changes the weights.
    pub fn flat(&self) -> &Tensor {
        &self.flat
    }

    /// Replaces all weights; a slice of another length is refused.
    pub fn set(&mut self, values: &[f32]) -> Result<()> {
        firesteel_exchange::layout::check_length(self.length(), values.len())?;
        self.read_from(|from, into| {
            into.copy_from_slice(&values[from..from + into.len()]);
            Ok(())
        })
    }

    /// Replaces all weights by those that `read` copies, given the index of the first one of a piece.
    pub fn read_from(&mut self, read: impl FnMut(usize, &mut [f32]) -> Result<()>) -> Result<()> {
        vector::copy_in(&self.flat, read)?;
        self.refresh();
        Ok(())
    }

    /// Copies all weights to `values`; a slice of another length is refused.
    pub fn copy_to(&self, values: &mut [f32]) -> Result<()> {
        firesteel_exchange::layout::check_length(self.length(), values.len())?;
        self.flat.copy_data(values, values.len());
        Ok(())
    }
}

/// The gradient of a net's weights.
pub struct Gradient {
    flat: Tensor,
    views: Named,
    /// Where the gradient of a matrix is computed: in the precision of the arithmetic, and kept, because a new block of
    /// tens of megabytes in every step is memory that the kernel maps and clears page by page. Of f32 it is the view.
    products: Named,
}

impl Gradient {
    /// Zeros.
    pub fn new(params: &Params, compute: Compute) -> Self {
        let flat = Tensor::zeros([params.layout().length() as i64], (Kind::Float, compute.device));
        let views = views(&flat, params);
        let matrices = views.iter().filter(|(_, view)| view.dim() == 2);
        let products = matrices.map(|(name, view)| (name.clone(), view.to_kind(compute.precision.kind()))).collect();
        Self { flat, views, products }
    }

    /// In the order of the weights.
    pub fn flat(&self) -> &Tensor {
        &self.flat
    }

    /// The gradient of the tensor called `name`, a view of the flat memory.
    pub fn of(&self, name: &str) -> &Tensor {
        named(&self.views, name)
    }

    /// Sets the gradient of the tensor called `name`.
    pub fn put(&mut self, name: &str, gradient: &Tensor) {
        let mut view = named(&self.views, name).shallow_clone();
        no_grad(|| view.copy_(gradient));
    }

    /// Sets the gradient of the matrix called `name` to the product `left right`.
    pub fn put_product(&mut self, name: &str, left: &Tensor, right: &Tensor) {
        let product = named(&self.products, name).shallow_clone();
        let _ = no_grad(|| left.mm_out(&product, right));
        if product.kind() != Kind::Float {
            self.put(name, &product);
        }
    }
}

fn named<'a, T>(tensors: &'a BTreeMap<String, T>, name: &str) -> &'a T {
    tensors.get(name).unwrap_or_else(|| panic!("the net declares no tensor {name}"))
}

fn views(flat: &Tensor, params: &Params) -> Named {
    params
        .layout()
        .ranges()
        .map(|(entry, range)| {
            let shape: Vec<i64> = entry.shape.iter().map(|&dim| dim as i64).collect();
            (entry.name.clone(), flat.narrow(0, range.start as i64, range.len() as i64).view(&shape[..]))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    /// A filter, whose order in memory changes for the layer, a matrix and two vectors.
    fn params() -> Params {
        let shapes: [(&str, &[usize]); 4] =
            [("conv.bias", &[3]), ("conv.weight", &[3, 2, 2, 2]), ("fc.bias", &[4]), ("fc.weight", &[4, 3])];
        Params::of_shapes(&shapes)
    }

    fn weights(precision: Precision) -> Weights {
        Weights::new(&params(), Compute::cpu(precision))
    }

    /// Values that bf16 represents exactly, all different.
    fn values(from: usize) -> Vec<f32> {
        (from..from + params().layout().length()).map(|at| at as f32).collect()
    }

    #[test]
    fn weights_come_back_with_the_same_bits() {
        let mut weights = weights(Precision::F32);
        let given: Vec<f32> = values(0).iter().map(|value| value / 3.0).collect();
        let mut copied = vec![0.0; given.len()];
        weights.set(&given).unwrap();
        weights.copy_to(&mut copied).unwrap();
        assert_eq!(given, copied);
    }

    #[test]
    fn layers_read_the_values_that_were_set_last_in_their_shape() {
        for precision in [Precision::F32, Precision::Bf16] {
            let mut weights = weights(precision);
            for from in [0, 50] {
                let given = values(from);
                weights.set(&given).unwrap();
                for (entry, range) in params().layout().ranges() {
                    let shape: Vec<i64> = entry.shape.iter().map(|&dim| dim as i64).collect();
                    let expected = Tensor::from_slice(&given[range]).view(&shape[..]);
                    assert_eq!(weights.get(&entry.name), &expected.to_kind(precision.kind()), "{}", entry.name);
                    assert_eq!(weights.master(&entry.name), &expected, "{}", entry.name);
                }
            }
        }
    }

    #[test]
    fn a_gradient_lies_in_the_order_of_the_layout() {
        let mut gradient = Gradient::new(&params(), Compute::cpu(Precision::F32));
        gradient.put("fc.bias", &Tensor::full([4], 3, (Kind::BFloat16, Device::Cpu)));
        let flat: Vec<f32> = Vec::try_from(gradient.flat()).unwrap();
        for (entry, range) in params().layout().ranges() {
            let expected = if entry.name == "fc.bias" { 3.0 } else { 0.0 };
            assert!(flat[range].iter().all(|&g| g == expected), "{}", entry.name);
        }
    }

    #[test]
    fn the_gradient_of_a_matrix_is_a_product_rounded_as_the_arithmetic_does() {
        for precision in [Precision::F32, Precision::Bf16] {
            let mut gradient = Gradient::new(&params(), Compute::cpu(precision));
            let factor = |rows: i64, columns: i64| {
                (Tensor::arange(rows * columns, (Kind::Float, Device::Cpu)) / 7)
                    .view([rows, columns])
                    .to_kind(precision.kind())
            };
            let (left, right) = (factor(5, 4), factor(5, 3));
            gradient.put_product("fc.weight", &left.tr(), &right);
            assert_eq!(gradient.of("fc.weight"), &left.tr().mm(&right).to_kind(Kind::Float));
            assert_eq!(gradient.flat().narrow(0, 31, 12).view([4, 3]), *gradient.of("fc.weight"));
        }
    }

    #[test]
    fn shared_weights_have_one_memory_and_layers_see_a_change_after_a_refresh() {
        let mut weights = weights(Precision::F32);
        let mut shared = weights.share(&params());
        weights.set(&values(1)).unwrap();
        let mut copied = vec![0.0; weights.length()];
        shared.copy_to(&mut copied).unwrap();
        assert_eq!(copied, values(1));
        assert_ne!(shared.get("conv.weight"), weights.get("conv.weight"));
        shared.refresh();
        assert_eq!(shared.get("conv.weight"), weights.get("conv.weight"));
    }

    #[test]
    fn a_vector_of_another_length_is_refused() {
        let error = weights(Precision::F32).set(&[0.0; 7]).unwrap_err();
        assert_eq!(error.to_string(), "a vector of 7 values where 43 were expected");
    }
}
