//! What the values of a minibatch are written as: f32, or bf16 for a net whose first layer takes that.

use half::bf16;

/// A normalised pixel value; its default is 0.
pub trait Value: Copy + Default + Send + Sync {
    /// The nearest value, of two the one with an even last bit. `value` is not NaN: means and scales are finite.
    fn nearest(value: f32) -> Self;
}

impl Value for f32 {
    #[inline(always)]
    fn nearest(value: f32) -> f32 {
        value
    }
}

impl Value for bf16 {
    /// Without the branch for NaN that `bf16::from_f32` has, which keeps a loop from being vectorised.
    #[inline(always)]
    fn nearest(value: f32) -> bf16 {
        let bits = value.to_bits();
        let even = (bits >> 16) & 1;
        bf16::from_bits(((bits + 0x7fff + even) >> 16) as u16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bf16_is_rounded_as_its_own_crate_rounds() {
        let halves = (0..=u16::MAX).flat_map(|high| {
            [0, 1, 0x7fff, 0x8000, 0x8001, 0xffff].map(|low| f32::from_bits(u32::from(high) << 16 | low))
        });
        let mut seen = 0;
        for value in halves.filter(|value| !value.is_nan()) {
            assert_eq!(bf16::nearest(value).to_bits(), bf16::from_f32(value).to_bits(), "{value:e}");
            seen += 1;
        }
        assert!(seen > 390_000);
    }

    #[test]
    fn a_tie_goes_to_the_even_one() {
        let [low, odd, high] = [1.0, 1.0078125, 1.015625];
        assert_eq!(bf16::nearest((low + odd) / 2.0).to_f32(), low);
        assert_eq!(bf16::nearest((odd + high) / 2.0).to_f32(), high);
    }
}
