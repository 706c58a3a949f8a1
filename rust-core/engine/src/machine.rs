//! What decides the last bits of a result, beside data, seed and configuration: kernels for other vector instructions,
//! other numbers of threads and other versions of libtorch add in other orders.

use serde::Serialize;

use crate::device::cores;
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
}
