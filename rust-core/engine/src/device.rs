//! What the processor offers a worker: the precision of its arithmetic and the threads of its steps.

use crate::names::names;

names! {
    /// The precision that a configuration may ask for.
    pub enum PrecisionName("precision") {
        F32 = "f32",
        Bf16 = "bf16",
        Auto = "auto",
    }
}

/// The precision that convolutions and linear layers compute in; weights are always kept in f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    F32,
    Bf16,
}

impl PrecisionName {
    /// Settles `auto`: bf16 where the processor multiplies it natively, else f32.
    pub fn resolve(self) -> Precision {
        match self {
            Self::F32 => Precision::F32,
            Self::Bf16 => Precision::Bf16,
            Self::Auto if multiplies_bf16() => Precision::Bf16,
            Self::Auto => Precision::F32,
        }
    }
}

impl From<Precision> for PrecisionName {
    fn from(precision: Precision) -> Self {
        match precision {
            Precision::F32 => Self::F32,
            Precision::Bf16 => Self::Bf16,
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn multiplies_bf16() -> bool {
    std::arch::is_x86_feature_detected!("avx512bf16")
}

#[cfg(not(target_arch = "x86_64"))]
fn multiplies_bf16() -> bool {
    false
}

/// Gives libtorch `threads` threads for the steps of the calling thread. OpenMP keeps the number for
/// each calling thread, so every call that computes says it again.
pub fn set_threads(threads: usize) {
    tch::set_num_threads(i32::try_from(threads).unwrap_or(i32::MAX));
}
