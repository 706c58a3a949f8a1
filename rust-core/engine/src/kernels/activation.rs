//! Activations and their derivatives as functions of one value, without branches and calls, so that the compiler turns
//! a loop over them into vector instructions. Products are added with `mul_add`: one instruction with one rounding
//! where the processor has it (x86-64 since 2013), and a slower function with the same bits where it does not.

use multiversion::multiversion;

use super::Element;

/// The activation that follows a batch normalisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    Identity,
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// `x Phi(x)`, Phi being the cumulative distribution function of the standard normal: PyTorch's default GELU.
    Gelu,
}

/// `e^x` for x <= 0, with a relative error below 4e-7. Below -87 the result is that of -87, which is 2e-38.
#[inline(always)]
fn exp_of_negative(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 x 2^23: the low bits of x + ROUND are the integer nearest to x
    let x = if x < -87.0 { -87.0 } else { x };
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let turns = shifted - ROUND;
    // Cody and Waite: ln 2 is split in two, so that the product of the first with a small integer is exact
    let rest = turns.mul_add(2.121_944_4e-4, turns.mul_add(-0.693_359_4, x));
    let series = series(rest, [1.0, 1.0, 0.5, 1.666_666_6e-1, 4.166_579_6e-2, 8.333_452e-3, 1.398_2e-3]);
    // 2^turns, made by its bits: a conversion `as i32` saturates, which is not vectorised
    series * f32::from_bits(shifted.to_bits().wrapping_add(127) << 23)
}

/// `c_0 + c_1 x + c_2 x^2 + ..` by Horner's rule.
#[inline(always)]
fn series<const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    let mut sum = 0.0;
    for at in (0..N).rev() {
        sum = x.mul_add(sum, coefficients[at]);
    }
    sum
}

/// Phi(x) and the density of the standard normal at x, which is its derivative. Abramowitz and Stegun, 7.1.26, whose
/// absolute error is below 2e-7.
#[inline(always)]
fn normal(x: f32) -> (f32, f32) {
    let half = exp_of_negative(-0.5 * x * x);
    let t = 1.0 / x.abs().mul_add(0.327_591_1 * std::f32::consts::FRAC_1_SQRT_2, 1.0);
    let tail = 0.5 * t * series(t, [0.254_829_6, -0.284_496_74, 1.421_413_8, -1.453_152, 1.061_405_4]) * half;
    (if x < 0.0 { tail } else { 1.0 - tail }, half * 0.398_942_3)
}

impl Activation {
    #[inline(always)]
    pub fn of(self, x: f32) -> f32 {
        match self {
            Self::Identity => x,
            Self::Relu => {
                if x <= 0.0 {
                    0.0
                } else {
                    x
                }
            }
            Self::Relu6 => {
                let floored = if x <= 0.0 { 0.0 } else { x };
                if floored >= 6.0 { 6.0 } else { floored }
            }
            Self::Gelu => x * normal(x).0,
        }
    }

    /// The derivative at `x`.
    #[inline(always)]
    pub fn derivative(self, x: f32) -> f32 {
        match self {
            Self::Identity => 1.0,
            Self::Relu => {
                if x <= 0.0 {
                    0.0
                } else {
                    1.0
                }
            }
            Self::Relu6 => {
                let over = if x >= 6.0 { 0.0 } else { 1.0 };
                if x <= 0.0 { 0.0 } else { over }
            }
            Self::Gelu => {
                let (phi, density) = normal(x);
                x.mul_add(density, phi)
            }
        }
    }
}

/// The GELU of every value.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2+fma"))]
pub fn gelu_forward<T: Element>(x: &[T], y: &mut [T]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y = T::of(Activation::Gelu.of(x.get()));
    }
}

/// The gradient of `x` from the gradient of its GELU.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2+fma"))]
pub fn gelu_backward<T: Element>(x: &[T], gradient: &[T], input: &mut [T]) {
    for (input, (x, gradient)) in input.iter_mut().zip(x.iter().zip(gradient)) {
        *input = T::of(gradient.get() * Activation::Gelu.derivative(x.get()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Phi by its Taylor series around 0, which in f64 is accurate for |x| up to 5.
    fn phi(x: f64) -> f64 {
        let (mut term, mut sum) = (x, x);
        for k in 1..200 {
            term *= -x * x / (2.0 * f64::from(k));
            sum += term / (2.0 * f64::from(k) + 1.0);
        }
        0.5 + sum / (2.0 * std::f64::consts::PI).sqrt()
    }

    #[test]
    fn gelu_and_its_derivative_agree_with_the_normal_distribution() {
        for at in -500..=500 {
            let x = f64::from(at) / 100.0;
            let density = (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
            let (value, derivative) = (Activation::Gelu.of(x as f32), Activation::Gelu.derivative(x as f32));
            assert!((f64::from(value) - x * phi(x)).abs() < 2e-6, "value at {x}: {value}");
            assert!((f64::from(derivative) - phi(x) - x * density).abs() < 2e-6, "derivative at {x}: {derivative}");
        }
    }

    #[test]
    fn relu6_is_constant_below_0_and_from_6_on() {
        let at = [-1.0, 0.0, 0.5, 5.5, 6.0, 7.0];
        assert_eq!(at.map(|x| Activation::Relu6.of(x)), [0.0, 0.0, 0.5, 5.5, 6.0, 6.0]);
        // at 0 and 6 as in PyTorch
        assert_eq!(at.map(|x| Activation::Relu6.derivative(x)), [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn gelu_of_large_values_is_the_identity_or_almost_0_and_a_nan_stays_a_nan() {
        assert_eq!([1e30, f32::INFINITY].map(|x| Activation::Gelu.of(x)), [1e30, f32::INFINITY]);
        assert!(Activation::Gelu.of(-20.0).abs() < 1e-37);
        for activation in [Activation::Identity, Activation::Relu, Activation::Relu6, Activation::Gelu] {
            assert!(activation.of(f32::NAN).is_nan());
        }
    }

    #[test]
    fn the_exponential_is_within_its_limit() {
        for at in 0..=8700 {
            let x = -f64::from(at) / 100.0;
            let apart = f64::from(exp_of_negative(x as f32)) / f64::from(x as f32).exp() - 1.0;
            assert!(apart.abs() < 4e-7, "{x}: {apart}");
        }
    }
}
