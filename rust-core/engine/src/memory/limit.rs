//! How much memory this process can get, according to Linux: the memory of the machine, the limits of its control
//! groups (those of a container), and the address space that `ulimit -v` leaves. A missing file means that there is no
//! such limit.

use std::fs;
use std::path::Path;

use serde::Serialize;

/// Stands for no limit; the largest value that the JVM can represent.
const NONE: u64 = i64::MAX as u64;

/// The lowest of the limits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MemoryLimit {
    /// Bytes.
    pub bytes: u64,
    /// The name of the limit for a message.
    pub by: String,
    /// Bytes that can be allocated now without swapping; 0 if the kernel does not report it.
    pub available: u64,
}

impl MemoryLimit {
    /// The limit of this process.
    pub fn of_this_process() -> Self {
        Self::below(Path::new("/"))
    }

    /// Reads `proc` and `sys` below `root`.
    fn below(root: &Path) -> Self {
        let text = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_default();
        let meminfo = text("proc/meminfo");
        let of_machine = |key: &str| kibibytes(&meminfo, key).unwrap_or(0);
        let swap = of_machine("SwapTotal:");
        let mut limits = vec![(of_machine("MemTotal:"), "the machine's memory")];
        limits.extend(control_groups(root, &text("proc/self/cgroup")).map(|bytes| (bytes, "its container's limit")));
        // memory can be swapped, address space cannot
        let mut limits: Vec<_> =
            limits.into_iter().filter(|(bytes, _)| *bytes > 0).map(|(b, by)| (b + swap, by)).collect();
        limits.extend(address_space(&text("proc/self/limits"), &text("proc/self/status")).map(|b| (b, "ulimit -v")));
        let (bytes, by) = limits.into_iter().min().unwrap_or((NONE, "nothing"));
        Self { bytes, by: by.to_owned(), available: of_machine("MemAvailable:").min(bytes) }
    }
}

/// The number of a line `key: n kB`, in bytes.
fn kibibytes(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// The lowest memory limit of this process's control group and its ancestors, for both versions of the interface.
fn control_groups(root: &Path, groups: &str) -> Option<u64> {
    let limits = groups.lines().flat_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (_, controllers, path) = (fields.next(), fields.next().unwrap_or(""), fields.next().unwrap_or(""));
        let (mount, file) = match controllers {
            "" => ("sys/fs/cgroup", "memory.max"),
            _ if controllers.split(',').any(|name| name == "memory") => {
                ("sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => return vec![],
        };
        let path = Path::new(path.trim_start_matches('/')).to_owned();
        let read = |group: &Path| fs::read_to_string(root.join(mount).join(group).join(file)).ok();
        path.ancestors().filter_map(read).filter_map(|text| text.trim().parse().ok()).collect()
    });
    limits.min().filter(|&bytes| bytes < 1 << 60) // without a limit version 1 reports 2^63 less a page
}

/// The address space that `ulimit -v` leaves in addition to what is mapped already.
fn address_space(limits: &str, status: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    let soft: u64 = line.split_whitespace().next()?.parse().ok()?; // fails for "unlimited"
    Some(soft.saturating_sub(kibibytes(status, "VmSize:").unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The limit of a machine that has these files.
    fn machine(files: &[(&str, &str)]) -> MemoryLimit {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        MemoryLimit::below(root.path())
    }

    const MEMINFO: (&str, &str) =
        ("proc/meminfo", "MemTotal:  8388608 kB\nMemAvailable: 4194304 kB\nSwapTotal: 1048576 kB\n");
    const GIB: u64 = 1 << 30;

    #[test]
    fn the_lowest_limit_is_returned_with_its_name() {
        let limit = |bytes, by: &str| MemoryLimit { bytes, by: by.to_owned(), available: bytes.min(4 * GIB) };
        assert_eq!(machine(&[MEMINFO]), limit(9 * GIB, "the machine's memory"));
        let version_2 = ("proc/self/cgroup", "0::/a/b\n");
        let groups = [("sys/fs/cgroup/a/memory.max", "2147483648\n"), ("sys/fs/cgroup/a/b/memory.max", "max\n")];
        assert_eq!(machine(&[MEMINFO, version_2, groups[0], groups[1]]), limit(3 * GIB, "its container's limit"));
        let version_1 = ("proc/self/cgroup", "5:cpu:/x\n4:memory:/docker/c\n");
        let group = |bytes| ("sys/fs/cgroup/memory/memory.limit_in_bytes", bytes);
        assert_eq!(machine(&[MEMINFO, version_1, group("1073741824")]), limit(2 * GIB, "its container's limit"));
        assert_eq!(machine(&[MEMINFO, version_1, group("9223372036854771712")]).by, "the machine's memory");
        let status = ("proc/self/status", "VmPeak: 9 kB\nVmSize: 1048576 kB\n");
        let ulimit = |soft| ("proc/self/limits", soft);
        let soft = ulimit(
            "MemoryLimit   Soft MemoryLimit  Hard MemoryLimit Units\nMax address space  2147483648  unlimited bytes\n",
        );
        assert_eq!(machine(&[MEMINFO, status, soft]), limit(GIB, "ulimit -v"));
        let none = ulimit("Max address space  unlimited  unlimited bytes\n");
        assert_eq!(machine(&[MEMINFO, status, none]).by, "the machine's memory");
    }

    #[test]
    fn a_machine_without_these_files_has_no_limit() {
        assert_eq!(machine(&[]).bytes, NONE);
        assert!(MemoryLimit::of_this_process().bytes > 1 << 20);
    }
}
