//! What decides the last bits of a result, beside data, seed and configuration: kernels for other vector instructions,
//! other numbers of threads and other versions of libtorch add in other orders.

use std::path::PathBuf;

use serde::Serialize;

use crate::device::{PrecisionName, cores};
use crate::libtorch;
use crate::raw;

/// What the workers of this process compute with, where that is a processor and not a GPU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// The processor's name according to Linux.
    pub cpu: String,
    /// Of libtorch's own kernels: `AVX512`, `AVX2`, `DEFAULT`. oneDNN and our own kernels choose theirs from the processor.
    pub instruction_set: String,
    /// Of one worker: what was asked for, at most the cores.
    pub threads: usize,
    /// The version of libtorch that is loaded.
    pub libtorch: String,
}

impl Machine {
    /// For workers of `threads` threads.
    pub fn of_this_process(threads: usize) -> Self {
        Self {
            cpu: processor(),
            instruction_set: raw::cpu_capability(),
            threads: threads.min(cores()),
            libtorch: libtorch::version(),
        }
    }
}

/// What a process can compute with, for who asks whether its machine fits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// What `auto` or the asked precision means here.
    pub precision: PrecisionName,
    /// Cores that this process may use.
    pub cores: usize,
    /// The GPUs that libtorch sees.
    pub gpus: usize,
    /// Why libtorch sees none, where the machine seems to have one.
    pub no_gpu: Option<String>,
    /// Where libtorch was loaded from; empty where Linux does not say.
    pub libtorch: PathBuf,
    /// The version of the C library; empty where that is not glibc.
    pub glibc: String,
}

impl Inspection {
    /// For workers of that precision.
    pub fn of_this_process(precision: PrecisionName) -> Self {
        let gpus = libtorch::gpus();
        Self {
            precision: precision.resolve().into(),
            cores: cores(),
            gpus,
            no_gpu: (gpus == 0 && libtorch::has_driver()).then(libtorch::why_no_gpu),
            libtorch: libtorch::directory(),
            glibc: glibc(),
        }
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn glibc() -> String {
    // SAFETY: it takes nothing and returns a static string.
    unsafe { std::ffi::CStr::from_ptr(libc::gnu_get_libc_version()) }.to_string_lossy().into_owned()
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn glibc() -> String {
    String::new()
}

/// The processor's name; empty where Linux tells none, as on ARM.
pub fn processor() -> String {
    field("/proc/cpuinfo", "model name")
}

/// The value behind the first `key` of a file in /proc.
pub fn field(file: &str, key: &str) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(key)).unwrap_or_default();
    line.split_once(':').map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_tells_what_decides_the_bits() {
        let machine = Machine::of_this_process(usize::MAX);
        assert_eq!((machine.libtorch.as_str(), machine.threads), (crate::LIBTORCH, cores()));
        assert!(["AVX512", "AVX2", "DEFAULT"].contains(&machine.instruction_set.as_str()), "{machine:?}");
        assert_eq!(Machine::of_this_process(1).threads, 1);
    }

    #[test]
    fn an_inspection_decides_what_auto_means() {
        let found = Inspection::of_this_process(PrecisionName::Auto);
        assert_ne!(found.precision, PrecisionName::Auto);
        assert_eq!(Inspection::of_this_process(PrecisionName::F32).precision, PrecisionName::F32);
        assert_eq!(found.cores, cores());
        assert!(found.libtorch.join("libtorch_cpu.so").is_file(), "{found:?}");
        let version: Vec<u32> = found.glibc.split('.').map(|part| part.parse().unwrap()).collect();
        assert!(version >= vec![2, 28], "{found:?}"); // libtorch was loaded
    }
}
