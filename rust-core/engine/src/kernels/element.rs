//! The two formats of activations, f32 and bf16: a kernel reads and writes either one and computes in f32.

use firesteel_exchange::bf16::{narrow, widen};
use half::bf16;

/// The format of a value in memory.
pub trait Element: Copy + Default + Send + Sync + 'static {
    fn get(self) -> f32;
    /// Rounded to nearest, ties to even; a NaN stays one.
    fn of(value: f32) -> Self;
}

impl Element for f32 {
    #[inline(always)]
    fn get(self) -> f32 {
        self
    }
    #[inline(always)]
    fn of(value: f32) -> Self {
        value
    }
}

impl Element for bf16 {
    #[inline(always)]
    fn get(self) -> f32 {
        widen(self.to_bits())
    }
    #[inline(always)]
    fn of(value: f32) -> Self {
        bf16::from_bits(narrow(value))
    }
}

/// `N` values from index `at` on. `from_fn` keeps them in registers. A loop that fills a zeroed array is compiled to
/// vectors of odd widths that go through memory; with it the backward pass of mean pooling took seven times as long.
#[inline(always)]
pub fn load<T: Element, const N: usize>(from: &[T], at: usize) -> [f32; N] {
    let from = &from[at..at + N];
    std::array::from_fn(|lane| from[lane].get())
}

/// Rounds `N` values and writes them from index `at` on.
#[inline(always)]
pub fn store<T: Element, const N: usize>(from: &[f32; N], to: &mut [T], at: usize) {
    let to = &mut to[at..at + N];
    for lane in 0..N {
        to[lane] = T::of(from[lane]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bf16_rounds_as_the_half_crate_does() {
        let special = [0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN_POSITIVE, f32::NAN, 1e-45];
        let every = (0..=u16::MAX)
            .flat_map(|high| [0, 1, 0x7fff, 0x8000, 0x8001, 0xffff].map(|low| u32::from(high) << 16 | low));
        for value in special.into_iter().chain(every.map(f32::from_bits)) {
            let (ours, theirs) = (<bf16 as Element>::of(value), bf16::from_f32(value));
            assert_eq!(ours.is_nan(), theirs.is_nan(), "{value}");
            assert!(ours.is_nan() || ours.to_bits() == theirs.to_bits(), "{value}");
            assert!(ours.is_nan() || ours.get() == theirs.to_f32(), "{value}");
        }
    }
}
