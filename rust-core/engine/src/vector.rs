//! Flat vectors that are not slices of this process's memory, such as arrays of Java, and their copies to and from
//! tensors. The copies are made in pieces that stay in the processor's cache: the vector of a large net has hundreds of
//! megabytes, and each further copy of it as a whole would take as long as several local steps.

use tch::{Tensor, no_grad};

use crate::error::Result;
use crate::memory::{Purpose, filled};
use crate::raw;

/// Values of a piece: 256 KiB.
const PIECE: usize = 1 << 16;

/// Where the vector of a round lies: the weights, or the weights followed by the solver's state.
pub trait RoundVector {
    /// The number of values that the round starts from.
    fn given(&self) -> usize;

    /// The number of values that the round leaves.
    fn wanted(&self) -> usize;

    /// Copies given values, from index `from` on, to all of `into`.
    fn read(&mut self, from: usize, into: &mut [f32]) -> Result<()>;

    /// Stores `values` as those from index `from` on.
    fn write(&mut self, from: usize, values: &[f32]) -> Result<()>;
}

/// A vector that the round changes in place.
impl RoundVector for [f32] {
    fn given(&self) -> usize {
        self.len()
    }

    fn wanted(&self) -> usize {
        self.len()
    }

    fn read(&mut self, from: usize, into: &mut [f32]) -> Result<()> {
        into.copy_from_slice(&self[from..from + into.len()]);
        Ok(())
    }

    fn write(&mut self, from: usize, values: &[f32]) -> Result<()> {
        self[from..from + values.len()].copy_from_slice(values);
        Ok(())
    }
}

/// Replaces the values of a flat f32 `tensor` by those that `read` copies, given the index of the first one.
pub fn copy_in(tensor: &Tensor, mut read: impl FnMut(usize, &mut [f32]) -> Result<()>) -> Result<()> {
    for (from, size) in pieces(tensor.numel()) {
        let mut done = Ok(());
        let piece = raw::filled(&[size as i64], |values| done = read(from, values));
        done?;
        no_grad(|| tensor.narrow(0, from as i64, size as i64).copy_(&piece));
    }
    Ok(())
}

/// Hands the values of a flat f32 `tensor` to `write`, with the index of the first one.
pub fn copy_out(tensor: &Tensor, mut write: impl FnMut(usize, &[f32]) -> Result<()>) -> Result<()> {
    let mut values = filled(tensor.numel().min(PIECE), 0.0, Purpose::Weights)?;
    for (from, size) in pieces(tensor.numel()) {
        tensor.narrow(0, from as i64, size as i64).copy_data(&mut values[..size], size);
        write(from, &values[..size])?;
    }
    Ok(())
}

/// Where each piece of `length` values begins, and its size.
pub fn pieces(length: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..length).step_by(PIECE).map(move |from| (from, PIECE.min(length - from)))
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;
    use crate::error::Error;

    #[test]
    fn values_pass_through_a_tensor_with_their_bits_whatever_their_number() {
        for length in [1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 7] {
            let mut given: Vec<f32> = (0..length).map(|at| at as f32 / 3.0).collect();
            let tensor = Tensor::zeros([length as i64], (Kind::Float, Device::Cpu));
            copy_in(&tensor, |from, into| given.read(from, into)).unwrap();
            let mut copied = vec![0.0; length];
            copy_out(&tensor, |from, values| copied.write(from, values)).unwrap();
            assert_eq!(copied, given);
        }
    }

    #[test]
    fn a_failed_read_or_write_ends_the_copy() {
        let tensor = Tensor::zeros([3 * PIECE as i64], (Kind::Float, Device::Cpu));
        let mut calls = Vec::new();
        let mut fail = |from| {
            calls.push(from);
            if from == PIECE { Err(Error::internal("no more")) } else { Ok(()) }
        };
        assert!(copy_in(&tensor, |from, _| fail(from)).is_err());
        assert!(copy_out(&tensor, |from, _| fail(from)).is_err());
        assert_eq!(calls, [0, PIECE, 0, PIECE]);
    }
}
