//! Outer optimisers: previous center and the workers' mean give the next center. Averaging is the
//! one without a step of its own; it is what SparkNet does.

/// One step of the outer optimiser, once a round.
pub trait Outer: Send {
    /// Moves `center` given the workers' `mean`; the two have the same length.
    fn step(&mut self, center: &mut [f32], mean: &[f32]);
}

/// `c <- mean`: plain averaging.
#[derive(Clone, Copy, Debug, Default)]
pub struct Averaging;

impl Outer for Averaging {
    fn step(&mut self, center: &mut [f32], mean: &[f32]) {
        center.copy_from_slice(mean);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averaging_takes_the_mean_bit_for_bit() {
        let mean = [0.1, -0.0, f32::MIN_POSITIVE, 1.0 / 3.0];
        let mut center = [9.0; 4];
        Averaging.step(&mut center, &mean);
        assert_eq!(center.map(f32::to_bits), mean.map(f32::to_bits));
    }
}
