//! What tests of several modules share.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};
use tch::Tensor;

use crate::raw::filled;

/// Standard normal values of this shape, the same ones for the same seed. libtorch's own generator is shared by all
/// threads, so what it draws in one test depends on the tests beside it.
pub fn normal(shape: &[i64], seed: u64) -> Tensor {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    filled::<f32>(shape, |values| values.fill_with(|| StandardNormal.sample(&mut random)))
}

/// The same for images `[n, c, h, w]`, in channels-last order.
pub fn normal_images([n, c, h, w]: [i64; 4], seed: u64) -> Tensor {
    normal(&[n, h, w, c], seed).permute([0, 3, 1, 2])
}
