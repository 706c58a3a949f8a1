//! How much memory this process may have, as Linux says: the machine's, its control groups' (a container's), and what
//! `ulimit -v` leaves of the address space. Where a file is missing there is no limit of that kind.

use std::fs;
use std::path::Path;

use serde::Serialize;

/// Where there is no limit; the JVM can hold it.
const NONE: u64 = i64::MAX as u64;

/// The lowest of the limits, with its name for a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Limit {
    /// Bytes that can surely not be exceeded.
    pub bytes: u64,
    pub by: String,
    /// Bytes that are free now without pushing anything out; 0 where the kernel does not say.
    pub available: u64,
}

impl Limit {
    /// That of this process.
    pub fn of_this_process() -> Self {
        Self::below(Path::new("/"))
    }

    /// The same, read from `/proc` and `/sys` below `root`.
    fn below(root: &Path) -> Self {
        let text = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_default();
        let meminfo = text("proc/meminfo");
        let of_machine = |key: &str| kibibytes(&meminfo, key).unwrap_or(0);
        let swap = of_machine("SwapTotal:");
        let mut limits = vec![(of_machine("MemTotal:"), "the machine's memory")];
        limits.extend(control_groups(root, &text("proc/self/cgroup")).map(|bytes| (bytes, "its container's limit")));
        // what does not fit into memory may still be swapped
        let mut limits: Vec<_> =
            limits.into_iter().filter(|(bytes, _)| *bytes > 0).map(|(b, by)| (b + swap, by)).collect();
        limits.extend(address_space(&text("proc/self/limits"), &text("proc/self/status")).map(|b| (b, "ulimit -v")));
        let (bytes, by) = limits.into_iter().min().unwrap_or((NONE, "nothing"));
        Self { bytes, by: by.to_owned(), available: of_machine("MemAvailable:").min(bytes) }
    }
}

/// Bytes of a line `key: n kB`.
fn kibibytes(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// The lowest limit of this process's control group and of those above it, in either version of the interface.
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
    limits.min().filter(|&bytes| bytes < 1 << 60) // version 1 says 2^63 less a page where there is none
}

/// What `ulimit -v` leaves beyond what is mapped already.
fn address_space(limits: &str, status: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    let soft: u64 = line.split_whitespace().next()?.parse().ok()?; // not where it is "unlimited"
    Some(soft.saturating_sub(kibibytes(status, "VmSize:").unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files below a directory that is removed with it.
    fn machine(files: &[(&str, &str)]) -> Limit {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Limit::below(root.path())
    }

    const MEMINFO: (&str, &str) =
        ("proc/meminfo", "MemTotal:  8388608 kB\nMemAvailable: 4194304 kB\nSwapTotal: 1048576 kB\n");
    const GIB: u64 = 1 << 30;

    #[test]
    fn the_lowest_limit_is_told_with_its_name() {
        let limit = |bytes, by: &str| Limit { bytes, by: by.to_owned(), available: bytes.min(4 * GIB) };
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
        let soft = ulimit("Limit   Soft Limit  Hard Limit Units\nMax address space  2147483648  unlimited bytes\n");
        assert_eq!(machine(&[MEMINFO, status, soft]), limit(GIB, "ulimit -v"));
        let none = ulimit("Max address space  unlimited  unlimited bytes\n");
        assert_eq!(machine(&[MEMINFO, status, none]).by, "the machine's memory");
    }

    #[test]
    fn a_machine_that_says_nothing_has_no_limit() {
        assert_eq!(machine(&[]).bytes, NONE);
        assert!(Limit::of_this_process().bytes > 1 << 20);
    }
}
