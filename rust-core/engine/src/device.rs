//! What the machine offers a worker: the precision of its arithmetic, the threads of its steps, and memory
//! that stays with the process between them.

use tch::Kind;

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

impl Precision {
    /// As libtorch calls it.
    pub fn kind(self) -> Kind {
        match self {
            Self::F32 => Kind::Float,
            Self::Bf16 => Kind::BFloat16,
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

/// Keeps freed memory in the process. Activations of a step are megabytes; by default glibc maps and unmaps
/// each, which costs page faults, and in a JVM stops the other task threads while they fault too. Measured
/// with cifar10_quick: two workers in `local[2]` gain a fifth. The limits hold for the whole process, where
/// they mean that memory freed at the top of the heap is kept for reuse and not given back to the kernel.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn keep_memory() {
    const LARGEST: i32 = 32 << 20; // what glibc takes: half of an arena's heap
    const TRIM: i32 = 1 << 30;
    const PAD: i32 = 64 << 20;
    let settings = [(libc::M_MMAP_THRESHOLD, LARGEST), (libc::M_TRIM_THRESHOLD, TRIM), (libc::M_TOP_PAD, PAD)];
    for (name, value) in settings {
        // SAFETY: mallopt takes its own lock, and may be called at any time from any thread.
        if unsafe { libc::mallopt(name, value) } == 0 {
            log::warn!("glibc refused allocator setting {name} = {value}");
        }
    }
}

/// Other allocators are left as they are.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn keep_memory() {}
