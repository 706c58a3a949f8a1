//! The whitening convolution of airbench (Jordan 2024, arXiv 2404.00498, after Page's "How to train your ResNet"):
//! its filters are the principal axes of 2x2 patches of the training images, scaled so that the output of each has
//! variance 1, followed by the same filters negated.

use crate::data::{Normalize, Normalizer, PATCH, Statistics};
use crate::error::Result;

/// Added to the variance along an axis, in units of normalised pixels, so that a small one is not scaled up without
/// limit.
const EPSILON: f64 = 5e-4;

/// Filters `[2 PATCH, 3, 2, 2]`, by decreasing variance, for images that are normalised by channel.
pub fn whitening(statistics: &Statistics) -> Result<Vec<f32>> {
    let scale = Normalizer::fit(Normalize::Channel, statistics)?.scale().map(f64::from);
    let (variances, axes) = eigen(statistics.patch_covariance(scale)?);
    let filters: Vec<f32> = variances
        .iter()
        .zip(&axes)
        .flat_map(|(variance, axis)| axis.map(|value| (value / (variance + EPSILON).sqrt()) as f32))
        .collect();
    let negatives = filters.iter().map(|value| -value);
    Ok(filters.iter().copied().chain(negatives).collect())
}

/// Eigenvalues of a symmetric matrix in decreasing order, and the eigenvectors, by Jacobi rotations: the result has the
/// same bits on every machine, which LAPACK implementations do not guarantee.
fn eigen(mut a: [[f64; PATCH]; PATCH]) -> ([f64; PATCH], [[f64; PATCH]; PATCH]) {
    let mut axes: [[f64; PATCH]; PATCH] =
        std::array::from_fn(|row| std::array::from_fn(|column| f64::from(row == column)));
    for _ in 0..64 {
        for p in 0..PATCH {
            for q in p + 1..PATCH {
                if a[p][q] == 0.0 {
                    continue;
                }
                let theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let c = 1.0 / (t * t + 1.0).sqrt();
                rotate(&mut a, &mut axes, (p, q), (c, t * c));
            }
        }
    }
    let mut order: Vec<usize> = (0..PATCH).collect();
    order.sort_by(|&left, &right| a[right][right].total_cmp(&a[left][left]));
    (std::array::from_fn(|at| a[order[at]][order[at]]), std::array::from_fn(|at| axes[order[at]]))
}

/// Rotates the plane of axes p and q by the angle whose cosine is c and sine is s.
fn rotate(a: &mut [[f64; PATCH]; PATCH], axes: &mut [[f64; PATCH]; PATCH], (p, q): (usize, usize), (c, s): (f64, f64)) {
    for row in a.iter_mut() {
        (row[p], row[q]) = (c * row[p] - s * row[q], s * row[p] + c * row[q]);
    }
    for k in 0..PATCH {
        let (x, y) = (a[p][k], a[q][k]);
        (a[p][k], a[q][k]) = (c * x - s * y, s * x + c * y);
        let (x, y) = (axes[p][k], axes[q][k]);
        (axes[p][k], axes[q][k]) = (c * x - s * y, s * x + c * y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whitened_patches_are_uncorrelated_with_variance_one() {
        let statistics = Statistics::of_noise();
        let scale = Normalizer::fit(Normalize::Channel, &statistics).unwrap().scale().map(f64::from);
        let covariance = statistics.patch_covariance(scale).unwrap();
        let filters = whitening(&statistics).unwrap();
        let filter = |at: usize| &filters[at * PATCH..(at + 1) * PATCH];
        for left in 0..PATCH {
            for right in 0..PATCH {
                let mut sum = 0.0;
                for (i, row) in covariance.iter().enumerate() {
                    for (j, value) in row.iter().enumerate() {
                        sum += f64::from(filter(left)[i]) * value * f64::from(filter(right)[j]);
                    }
                }
                // along an axis of variance v the output has variance v / (v + epsilon)
                let expected = if left == right { 1.0 } else { 0.0 };
                assert!((sum - expected).abs() < 0.02, "{left}, {right}: {sum}");
            }
        }
        assert!(filter(PATCH).iter().zip(filter(0)).all(|(negative, value)| *negative == -value));
    }
}
