//! The state of a solver: vectors of the net's length (momentum and the like) and, where the algorithm needs it, the
//! number of its steps. As one slice the vectors come first and the number last, so that averaging the states of
//! several workers leaves equal numbers as they are.

use firesteel_exchange::layout::check_length;
use tch::{Device, Kind, Tensor, no_grad};

use crate::error::Result;
use crate::vector::{self, RoundVector};

/// The size of a solver's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateShape {
    pub vectors: usize,
    /// Whether the number of steps is part of it.
    pub counted: bool,
}

impl StateShape {
    /// Values of the state of a net of `weights` weights.
    pub fn length(self, weights: usize) -> usize {
        self.vectors * weights + usize::from(self.counted)
    }
}

/// The state of one solver, initially zero.
pub struct State {
    pub vectors: Vec<Tensor>,
    /// Since the state was zero. A slice holds it as an f32, exact up to 2^24 steps.
    pub steps: u64,
    shape: StateShape,
    weights: usize,
}

impl State {
    /// Zeros for a net of `weights` weights.
    pub fn new(shape: StateShape, weights: usize) -> Self {
        let zeros = || Tensor::zeros([weights as i64], (Kind::Float, Device::Cpu));
        Self { vectors: (0..shape.vectors).map(|_| zeros()).collect(), steps: 0, shape, weights }
    }

    /// The number of values.
    pub fn length(&self) -> usize {
        self.shape.length(self.weights)
    }

    /// Replaces the state; a slice of another length is refused.
    pub fn set(&mut self, values: &[f32]) -> Result<()> {
        check_length(self.length(), values.len())?;
        self.read_from(|from, into| {
            into.copy_from_slice(&values[from..from + into.len()]);
            Ok(())
        })
    }

    /// Copies the state out; a slice of another length is refused.
    pub fn copy_to(&self, values: &mut [f32]) -> Result<()> {
        check_length(self.length(), values.len())?;
        self.write_to(|from, piece| values.write(from, piece))
    }

    /// Replaces the state by the values that `read` copies, given the index of the first one of a piece.
    pub fn read_from(&mut self, mut read: impl FnMut(usize, &mut [f32]) -> Result<()>) -> Result<()> {
        for (number, tensor) in self.vectors.iter().enumerate() {
            vector::copy_in(tensor, |from, into| read(number * self.weights + from, into))?;
        }
        let mut steps = [0.0];
        if self.shape.counted {
            read(self.shape.vectors * self.weights, &mut steps)?;
        }
        self.steps = steps[0].round() as u64;
        Ok(())
    }

    /// Hands the state to `write`, with the index of the first value of a piece.
    pub fn write_to(&self, mut write: impl FnMut(usize, &[f32]) -> Result<()>) -> Result<()> {
        for (number, tensor) in self.vectors.iter().enumerate() {
            vector::copy_out(tensor, |from, values| write(number * self.weights + from, values))?;
        }
        if self.shape.counted {
            write(self.shape.vectors * self.weights, &[self.steps as f32])?;
        }
        Ok(())
    }

    /// Sets the state to zero.
    pub fn reset(&mut self) {
        no_grad(|| {
            for vector in &mut self.vectors {
                let _ = vector.zero_();
            }
        });
        self.steps = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_comes_back_with_the_same_bits_and_its_number_of_steps() {
        for (shape, length) in
            [(StateShape { vectors: 2, counted: true }, 7), (StateShape { vectors: 3, counted: false }, 9)]
        {
            let values: Vec<f32> = (0..length).map(|i| i as f32 + if i == 6 { 0.0 } else { 0.1 }).collect();
            let (mut state, mut seen) = (State::new(shape, 3), vec![0.0; length]);
            assert_eq!(state.length(), length);
            state.set(&values).unwrap();
            state.copy_to(&mut seen).unwrap();
            assert_eq!(seen, values);
            assert_eq!(state.steps, if shape.counted { 6 } else { 0 });
            state.reset();
            state.copy_to(&mut seen).unwrap();
            assert_eq!((seen, state.steps), (vec![0.0; length], 0));
        }
    }

    #[test]
    fn a_state_of_another_length_is_refused() {
        let mut state = State::new(StateShape { vectors: 1, counted: true }, 3);
        let error = state.set(&[0.0; 3]).unwrap_err();
        assert_eq!(error.to_string(), "a vector of 3 values where 4 were expected");
        assert!(state.copy_to(&mut [0.0; 5]).is_err());
    }
}
