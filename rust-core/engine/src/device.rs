//! The machine from the point of view of a worker: device, precision of the arithmetic, threads, and the allocator's
//! settings.

use std::num::NonZero;
use std::sync::{Once, OnceLock};
use std::time::Instant;

use tch::{Device, Kind, Tensor, no_grad};

use crate::error::{Error, Result};
use crate::libtorch;
use crate::names::names;

names! {
    /// The device that a configuration may ask for.
    pub enum DeviceName("device") {
        Auto = "auto",
        Cpu = "cpu",
        Cuda = "cuda",
    }
}

impl DeviceName {
    /// The device of worker `worker`: `assigned`, the GPU that Spark assigned to its task, or otherwise the GPUs that
    /// libtorch sees, in turn. If `auto` uses no GPU although the machine seems to have one, a warning says why.
    pub fn resolve(self, assigned: Option<usize>, worker: u64) -> Result<Device> {
        if self == Self::Cpu {
            return Ok(Device::Cpu);
        }
        let device = self.choose(assigned, worker, libtorch::gpus(), libtorch::why_no_gpu)?;
        if device == Device::Cpu && libtorch::has_driver() {
            static TOLD: Once = Once::new();
            TOLD.call_once(|| {
                log::warn!("device auto computes on the processor though there is a GPU: {}", libtorch::why_no_gpu());
            });
        }
        Ok(device)
    }

    fn choose(
        self,
        assigned: Option<usize>,
        worker: u64,
        gpus: usize,
        why_none: impl FnOnce() -> String,
    ) -> Result<Device> {
        match (self, assigned) {
            (Self::Cpu, _) => Ok(Device::Cpu),
            (_, Some(gpu)) if gpu < gpus => Ok(Device::Cuda(gpu)),
            (_, Some(gpu)) if gpus == 0 => Err(Error::config(format!(
                "device {self}: Spark gave GPU {gpu}, and libtorch sees none: {}",
                why_none()
            ))),
            (_, Some(gpu)) => Err(Error::config(format!("device {self}: Spark gave GPU {gpu}, libtorch sees {gpus}"))),
            (_, None) if gpus > 0 => Ok(Device::Cuda((worker % gpus as u64) as usize)),
            (Self::Auto, None) => Ok(Device::Cpu),
            (Self::Cuda, None) => Err(Error::config(format!("device cuda: libtorch sees no GPU: {}", why_none()))),
        }
    }
}

/// A device as people and files call it: `cpu`, `cuda:1`.
pub fn name(device: Device) -> String {
    match device {
        Device::Cuda(gpu) => format!("cuda:{gpu}"),
        other => format!("{other:?}").to_lowercase(),
    }
}

names! {
    /// The precision that a configuration may ask for.
    pub enum PrecisionName("precision") {
        F32 = "f32",
        Bf16 = "bf16",
        Auto = "auto",
    }
}

/// The precision in which convolutions and linear layers compute; the weights themselves are always f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    F32,
    Bf16,
}

impl PrecisionName {
    /// Decides `auto`: bf16 if convolutions are faster in it on this machine, otherwise f32.
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
    /// libtorch's name of it.
    pub fn kind(self) -> Kind {
        match self {
            Self::F32 => Kind::Float,
            Self::Bf16 => Kind::BFloat16,
        }
    }
}

/// The device and precision in which the layers of a worker compute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compute {
    pub device: Device,
    pub precision: Precision,
}

impl Compute {
    /// On the processor.
    pub fn cpu(precision: Precision) -> Self {
        Self { device: Device::Cpu, precision }
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

/// Whether convolutions are faster in bf16 on this machine, measured once in each process. The processor's instruction
/// set does not decide it: for the same processor versions of libtorch differ by a factor of ten.
fn multiplies_bf16() -> bool {
    static FASTER: OnceLock<bool> = OnceLock::new();
    *FASTER.get_or_init(|| no_grad(probe))
}

/// Times a convolution of 210 MFLOP in both precisions alternately, four times each after a first that is not counted.
/// Takes 20 ms.
fn probe() -> bool {
    let threads = tch::get_num_threads();
    tch::set_num_threads(1);
    let of = |kind| {
        let image = Tensor::ones([16, 16, 16, 32], (kind, Device::Cpu)).permute([0, 3, 1, 2]);
        (image, Tensor::ones([32, 32, 5, 5], (kind, Device::Cpu)))
    };
    let sides = [of(Kind::Float), of(Kind::BFloat16)];
    let mut least = [f64::INFINITY; 2];
    for round in 0..5 {
        for ((image, weight), least) in sides.iter().zip(&mut least) {
            let start = Instant::now();
            let _ = image.conv2d(weight, None::<&Tensor>, [1, 1], [2, 2], [1, 1], 1);
            if round > 0 {
                *least = least.min(start.elapsed().as_secs_f64());
            }
        }
    }
    tch::set_num_threads(threads);
    let [f32, bf16] = least;
    log::info!("a convolution takes {:.2} ms in f32 and {:.2} ms in bf16", 1e3 * f32, 1e3 * bf16);
    bf16 < f32
}

/// Cores that this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// `threads`, but not more than there are cores: more would wait for each other in every operation.
pub fn at_most_the_cores(threads: usize) -> usize {
    let cores = cores();
    if threads > cores {
        log::warn!("{cores} threads a worker are used and not {threads}: there are no more cores");
    }
    threads.min(cores)
}

/// Sets how many threads libtorch uses for operations of the calling thread. OpenMP keeps this number for each calling
/// thread, so every call that computes sets it again.
pub fn set_threads(threads: usize) {
    tch::set_num_threads(i32::try_from(threads).unwrap_or(i32::MAX));
}

/// Says once what a processor without AVX2 means: libtorch has kernels for it, which run with SSE or AVX.
#[cfg(target_arch = "x86_64")]
pub fn warn_of_a_slow_processor() {
    if let Some(warning) = slow_processor(std::arch::is_x86_feature_detected!("avx2")) {
        log::warn!("{warning}");
    }
}

/// Other architectures have kernels of their own.
#[cfg(not(target_arch = "x86_64"))]
pub fn warn_of_a_slow_processor() {}

fn slow_processor(avx2: bool) -> Option<&'static str> {
    let warning = "this processor has no AVX2, for which libtorch's fast kernels are written: training works, several \
                   times slower and with other bits than on one that has it";
    (!avx2).then_some(warning)
}

/// Keeps freed memory in the process. Activations of a step are megabytes, and by default glibc maps and unmaps each of
/// them. That causes page faults, during which the other task threads of a JVM cannot change their mappings either.
/// Measured with cifar10_quick: two workers in `local[2]` are faster by a fifth. The settings apply to the whole
/// process: memory freed at the top of the heap is kept for reuse instead of being returned to the kernel.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn keep_memory() {
    const LARGEST: i32 = 32 << 20; // glibc accepts no more: half of an arena's heap
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

/// Does nothing with other allocators.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn keep_memory() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_gets_the_gpu_of_its_task_or_one_in_turn() {
        use DeviceName::{Auto, Cpu, Cuda};
        let chosen =
            |name: DeviceName, assigned, worker, gpus| name.choose(assigned, worker, gpus, String::new).unwrap();
        assert_eq!(chosen(Auto, None, 3, 0), Device::Cpu);
        assert_eq!(chosen(Cpu, Some(1), 3, 2), Device::Cpu);
        assert_eq!([0, 1, 2].map(|worker| chosen(Auto, None, worker, 2)), [0, 1, 0].map(Device::Cuda));
        assert_eq!(chosen(Cuda, Some(1), 0, 2), Device::Cuda(1));
    }

    #[test]
    fn a_worker_has_the_threads_that_it_is_given_as_far_as_there_are_cores() {
        let cores = std::thread::available_parallelism().unwrap().get();
        assert_eq!([1, cores, cores + 1, usize::MAX].map(at_most_the_cores), [1, cores, cores, cores]);
    }

    #[test]
    fn a_gpu_that_is_not_there_is_refused() {
        let said = |name: DeviceName, assigned, gpus| {
            name.choose(assigned, 0, gpus, || "it was built without CUDA".to_owned()).unwrap_err().to_string()
        };
        assert_eq!(said(DeviceName::Cuda, None, 0), "device cuda: libtorch sees no GPU: it was built without CUDA");
        let none = "device auto: Spark gave GPU 1, and libtorch sees none: it was built without CUDA";
        assert_eq!(said(DeviceName::Auto, Some(1), 0), none);
        assert_eq!(said(DeviceName::Auto, Some(1), 1), "device auto: Spark gave GPU 1, libtorch sees 1");
    }

    #[test]
    fn a_processor_without_avx2_is_told_that_it_is_slow() {
        assert!(slow_processor(false).is_some_and(|warning| warning.contains("no AVX2")));
        assert_eq!(slow_processor(true), None);
    }

    #[test]
    fn devices_have_the_names_that_pytorch_gives_them() {
        assert_eq!([Device::Cpu, Device::Cuda(0), Device::Cuda(3)].map(name), ["cpu", "cuda:0", "cuda:3"]);
    }
}
