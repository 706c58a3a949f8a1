//! The libtorch of this process: its version, and its part for CUDA, which is loaded where it lies beside the rest.
//!
//! `libfiresteel.so` and `sequential` are linked against libtorch's CPU files only, so that one build serves both. A CUDA
//! build announces its GPUs when `libtorch_cuda.so` is loaded. That must happen before anything asks libtorch for a
//! device, because libtorch remembers the first answer.

use std::env;
use std::ffi::{CStr, CString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

unsafe extern "C" {
    /// torch/csrc/inductor/aoti_torch/c/shim.h: major, minor and patch version in the upper three bytes.
    safe fn aoti_torch_abi_version() -> u64;
}

/// The version of the libtorch that is loaded, which may be another than the one that this was built against.
pub fn version() -> String {
    let [major, minor, patch, ..] = aoti_torch_abi_version().to_be_bytes();
    format!("{major}.{minor}.{patch}")
}

/// What became of libtorch's part for CUDA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cuda {
    /// The libtorch in that directory was built without it.
    Absent(PathBuf),
    /// It is there and could not be loaded; the dynamic linker's words.
    Failed(String),
    Loaded,
}

static CUDA: OnceLock<Cuda> = OnceLock::new();
const MAIN: &str = "libtorch_cuda.so";
/// In the order in which they need each other. What these need in turn they find by their own search paths.
const PARTS: [&str; 2] = ["libc10_cuda.so", MAIN];

/// Loads the part for CUDA from `directory`, once in a process; a failure is kept for whoever wants a GPU.
pub fn load_cuda(directory: &Path) -> &'static Cuda {
    CUDA.get_or_init(|| {
        let cuda = open_parts(directory);
        log::info!("libtorch's part for CUDA: {cuda:?}");
        cuda
    })
}

/// What became of it, loading it from where `libtorch_cpu.so` came from if nobody has tried yet.
pub fn cuda() -> &'static Cuda {
    CUDA.get().unwrap_or_else(|| load_cuda(&directory()))
}

/// How many GPUs it sees.
pub fn gpus() -> usize {
    cuda(); // before libtorch is asked
    usize::try_from(tch::Cuda::device_count()).unwrap_or(0)
}

/// Where the dynamic linker found libtorch; empty where Linux does not say.
pub fn directory() -> PathBuf {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let paths = maps.lines().filter_map(|line| line.find('/').map(|at| Path::new(&line[at..])));
    let mut of_libtorch = paths.filter(|path| path.file_name().is_some_and(|name| name == "libtorch_cpu.so"));
    of_libtorch.next().and_then(Path::parent).map(Path::to_owned).unwrap_or_default()
}

fn open_parts(directory: &Path) -> Cuda {
    if !directory.join(MAIN).exists() {
        return Cuda::Absent(directory.to_owned());
    }
    let there = PARTS.iter().map(|name| directory.join(name)).filter(|path| path.exists());
    match there.map(|path| open(&path)).collect::<Result<Vec<()>, String>>() {
        Ok(_) => Cuda::Loaded,
        Err(why) => Cuda::Failed(why),
    }
}

/// Loads a library for the rest of the process.
fn open(path: &Path) -> Result<(), String> {
    let name = CString::new(path.as_os_str().as_bytes()).map_err(|error| error.to_string())?;
    // SAFETY: the name ends with a zero and lives through the call. The file is libtorch's own, from the directory whose
    // `libtorch_cpu.so` is loaded already, so its initialisers are as trusted as that file's.
    let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_LAZY | libc::RTLD_GLOBAL) };
    if !handle.is_null() {
        return Ok(());
    }
    // SAFETY: after a failed dlopen on this thread, dlerror answers a text that lives until the next call of its kind.
    let said = unsafe { CStr::from_ptr(libc::dlerror()) };
    Err(format!("load {}: {}", path.display(), said.to_string_lossy()))
}

/// Whether the kernel has NVIDIA's driver loaded.
pub fn has_driver() -> bool {
    Path::new("/proc/driver/nvidia/version").exists()
}

/// Why libtorch sees no GPU, and what to do: of what this process and machine are.
pub fn why_no_gpu() -> String {
    reason(cuda(), has_driver(), env::var("CUDA_VISIBLE_DEVICES").ok().as_deref())
}

fn reason(cuda: &Cuda, driver: bool, visible: Option<&str>) -> String {
    match (cuda, visible) {
        (Cuda::Absent(directory), _) => format!(
            "libtorch in {} was built without CUDA ({MAIN} is not there): set FIRESTEEL_LIBTORCH to one that was built \
             with it",
            directory.display()
        ),
        (Cuda::Failed(why), _) => format!("{why}: install what is missing beside it"),
        (Cuda::Loaded, _) if !driver => {
            "this machine has no NVIDIA driver (/proc/driver/nvidia is not there): run where there is a GPU".to_owned()
        }
        (Cuda::Loaded, Some(list)) => {
            format!(
                "the driver is there, and CUDA_VISIBLE_DEVICES is '{list}': unset it or name a GPU that nvidia-smi lists"
            )
        }
        (Cuda::Loaded, None) => {
            "the driver is there and shows no GPU that CUDA 13 can use: see what nvidia-smi says".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// A stand-in for a library, which makes the file `mark` when it is loaded.
    fn stand_in(path: &Path, mark: &Path) {
        let source = path.with_extension("c");
        let body = format!("fclose(fopen(\"{}\", \"w\"));", mark.display());
        let code = format!("#include <stdio.h>\n__attribute__((constructor)) static void loaded(void) {{ {body} }}");
        fs::write(&source, code).unwrap();
        let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(path).arg(&source).status().unwrap();
        assert!(built.success());
        fs::remove_file(source).unwrap();
    }

    #[test]
    fn the_loaded_libtorch_is_the_one_that_this_was_built_for() {
        assert_eq!(version(), crate::LIBTORCH);
    }

    #[test]
    fn the_part_for_cuda_is_loaded_where_it_is_there() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(open_parts(directory.path()), Cuda::Absent(directory.path().to_owned()));
        let mark = |name: &&str| directory.path().join(format!("{name}.loaded"));
        for name in &PARTS {
            stand_in(&directory.path().join(name), &mark(name));
        }
        assert_eq!(open_parts(directory.path()), Cuda::Loaded);
        assert!(PARTS.iter().all(|name| mark(name).exists()));
    }

    #[test]
    fn a_part_that_cannot_be_loaded_is_named_with_the_linkers_reason() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(MAIN);
        fs::write(&path, "no library").unwrap();
        let Cuda::Failed(why) = open_parts(directory.path()) else { panic!("it was loaded") };
        assert!(why.starts_with(&format!("load {}: ", path.display())), "{why}");
        assert!(reason(&Cuda::Failed(why.clone()), true, None).starts_with(&why));
    }

    #[test]
    fn the_directory_is_the_one_that_libtorch_came_from() {
        assert!(directory().join("libtorch_cpu.so").exists());
    }

    #[test]
    fn each_reason_for_no_gpu_has_a_remedy_of_its_own() {
        let absent = reason(&Cuda::Absent("/opt/torch/lib".into()), true, None);
        assert!(absent.contains("/opt/torch/lib was built without CUDA") && absent.contains("FIRESTEEL_LIBTORCH"));
        assert!(reason(&Cuda::Loaded, false, None).starts_with("this machine has no NVIDIA driver"));
        assert!(reason(&Cuda::Loaded, true, Some("")).contains("CUDA_VISIBLE_DEVICES is ''"));
        assert!(reason(&Cuda::Loaded, true, None).contains("nvidia-smi"));
        for other in [reason(&Cuda::Loaded, true, Some("7")), reason(&Cuda::Loaded, false, None)] {
            assert!(!other.contains("FIRESTEEL_LIBTORCH"), "{other}");
        }
    }
}
