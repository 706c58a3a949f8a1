//! Sums over 2x2 patches of the images, for nets whose first convolution whitens them. They are exact integers, so the
//! sums over partitions can be added in any order.

use super::shape::{CHANNELS, Shape};
use crate::error::{Error, Result};

/// Values of a 2x2 patch, in the order channel, row, column of a filter.
pub const PATCH: usize = CHANNELS * 4;
const PAIRS: usize = PATCH * (PATCH + 1) / 2;
/// Numbers of the flat form: the number of patches, a sum for each value, a sum of products for each pair of values.
pub const PATCH_SUMS: usize = 1 + PATCH + PAIRS;
/// One of this many images is used: about 5,000 of 50,000, as in airbench.
const ONE_OF: u64 = 10;

/// The sums.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchSums([u64; PATCH_SUMS]);

impl Default for PatchSums {
    fn default() -> Self {
        Self([0; PATCH_SUMS])
    }
}

impl PatchSums {
    /// Over about a tenth of the NHWC images. Whether an image is used depends on its pixels and not on its position,
    /// so that the sums do not depend on the partitioning of the set.
    pub fn of(shape: Shape, pixels: &[u8]) -> Self {
        let mut sums = Self::default();
        for image in pixels.chunks_exact(shape.values()) {
            let total: u64 = image.iter().map(|&value| u64::from(value)).sum();
            if total.is_multiple_of(ONE_OF) {
                sums.add(shape, image);
            }
        }
        sums
    }

    fn add(&mut self, shape: Shape, image: &[u8]) {
        let (line, [down, right]) = (shape.line(), [shape.height, shape.width].map(|side| side.saturating_sub(1)));
        let (mut values, mut pairs) = ([0u64; PATCH], [[0u64; PATCH]; PATCH]);
        for y in 0..down {
            for x in 0..right {
                let patch: [u32; PATCH] = std::array::from_fn(|at| {
                    let (channel, dy, dx) = (at / 4, at / 2 % 2, at % 2);
                    u32::from(image[(y + dy) * line + (x + dx) * CHANNELS + channel])
                });
                for (at, value) in patch.into_iter().enumerate() {
                    values[at] += u64::from(value);
                    for (sum, other) in pairs[at].iter_mut().zip(patch) {
                        *sum += u64::from(value * other);
                    }
                }
            }
        }
        self.0[0] += (down * right) as u64;
        let upper = pairs.iter().enumerate().flat_map(|(at, row)| &row[at..]);
        for (sum, more) in self.0[1..].iter_mut().zip(values.iter().chain(upper)) {
            *sum += more;
        }
    }

    /// The flat form: the number of patches, the sums, the sums of products.
    pub fn numbers(&self) -> &[u64] {
        &self.0
    }

    /// Reads what `numbers` returns.
    pub fn from_numbers(numbers: &[u64]) -> Self {
        let mut sums = Self::default();
        sums.0.copy_from_slice(numbers);
        sums
    }

    /// The covariance of the values of a patch, each multiplied by the `scale` of its channel.
    pub fn covariance(&self, scale: [f64; CHANNELS]) -> Result<[[f64; PATCH]; PATCH]> {
        let count = self.0[0] as f64;
        if count == 0.0 {
            return Err(Error::data(format!("too few training images to whiten: one of {ONE_OF} is looked at")));
        }
        let mut covariance = [[0.0; PATCH]; PATCH];
        let mut products = self.0[1 + PATCH..].iter();
        for row in 0..PATCH {
            for column in row..PATCH {
                let product = *products.next().expect("a sum for each pair") as f64 / count;
                let means = self.0[1 + row] as f64 / count * (self.0[1 + column] as f64 / count);
                covariance[row][column] = (product - means) * scale[row / 4] * scale[column / 4];
                covariance[column][row] = covariance[row][column];
            }
        }
        Ok(covariance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn covariance_is_that_of_the_patches() {
        // left half 0, right half 10, but for the blue channel, which is constant
        let image: Vec<u8> = (0..3072).map(|at| if at % 3 < 2 && at / 3 % 32 >= 16 { 10 } else { 0 }).collect();
        let covariance = PatchSums::of(Shape::CIFAR, &image).covariance([1.0, 2.0, 1.0]).unwrap();
        // of 31 columns of patches the left value is 10 in 15, the right in 16, both in 15
        let expected = 100.0 * (15.0 / 31.0 - 15.0 / 31.0 * 16.0 / 31.0);
        assert!((covariance[0][1] - expected).abs() < 1e-9);
        assert!((covariance[0][5] - 2.0 * expected).abs() < 1e-9);
        assert_eq!(covariance[8..], [[0.0; PATCH]; 4]);
    }

    #[test]
    fn without_images_there_is_nothing_to_whiten() {
        let error = PatchSums::default().covariance([1.0; 3]).unwrap_err();
        assert_eq!(error.to_string(), "too few training images to whiten: one of 10 is looked at");
    }
}
