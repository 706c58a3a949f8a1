//! What to do about a path that holds no data set: where one lies near it, or what must be unpacked or fetched first.

use std::fs;
use std::path::{Path, PathBuf};

use super::kind::{DatasetKind, kinds_in, list};

const ARCHIVES: [&str; 6] = [".tar.gz", ".tgz", ".tar", ".zip", ".tar.bz2", ".tar.xz"];
/// Directories below the given one that are looked into: `MNIST/raw` of torchvision is two below its root.
const DEPTH: usize = 2;
const MOST: usize = 100; // of one directory
const UNPACK: &str = "unpack it and give the directory of the files in it";

/// For a directory of these names in which no data set was found.
pub fn of_directory(directory: &Path, names: &[String]) -> Option<String> {
    if let Some(version) = other_version(names) {
        return Some(version);
    }
    if let Some((path, kind)) = data_below(directory, DEPTH) {
        return Some(format!("{} has those of {kind}: give that directory", path.display()));
    }
    if let Some(archive) = names.iter().find(|name| is_archive(name)) {
        return Some(format!("{archive} lies there: {UNPACK}"));
    }
    let below = |path: &PathBuf| Some(format!("{}: {}", path.display(), other_version(&list(path).ok()?)?));
    directories(directory).iter().find_map(below)
}

/// For a file where a directory was wanted.
pub fn of_file(path: &Path) -> &'static str {
    match path.file_name().and_then(|name| name.to_str()) {
        Some(name) if is_archive(name) => UNPACK,
        _ => "give the directory that it lies in",
    }
}

/// CIFAR is published in three versions; only one of them is read.
fn other_version(names: &[String]) -> Option<String> {
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    let version = if has("data_batch_1") || has("train") && has("meta") {
        "Python"
    } else if has("data_batch_1.mat") || has("train.mat") {
        "Matlab"
    } else {
        return None;
    };
    Some(format!(
        "these are CIFAR's files for {version}, and the binary version is needed, cifar-10-binary.tar.gz or \
         cifar-100-binary.tar.gz of https://www.cs.toronto.edu/~kriz/cifar.html"
    ))
}

fn is_archive(name: &str) -> bool {
    ARCHIVES.iter().any(|end| name.ends_with(end))
}

/// The first directory with training files, the nearer ones before those below them.
fn data_below(directory: &Path, depth: usize) -> Option<(PathBuf, DatasetKind)> {
    let below = directories(directory);
    let data =
        |path: &PathBuf| Some((path.clone(), *kinds_in(&list(path).ok()?, &DatasetKind::READ_HERE).ok()?.first()?));
    below.iter().find_map(data).or_else(|| {
        let deeper = |path: &PathBuf| data_below(path, depth - 1);
        if depth > 1 { below.iter().find_map(deeper) } else { None }
    })
}

/// Those in `directory`, sorted; none where it cannot be listed, since this only looks for advice.
fn directories(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).take(MOST).collect();
    paths.sort_unstable();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes these files, and says what is advised for the directory of them all.
    fn advised(files: &[&str]) -> Option<String> {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, []).unwrap();
        }
        let advice = of_directory(root.path(), &list(root.path()).unwrap());
        advice.map(|text| text.replace(&root.path().display().to_string(), "DIR"))
    }

    #[test]
    fn data_below_the_directory_are_found() {
        let expected = "DIR/cifar-10-batches-bin has those of cifar10: give that directory";
        let archive_too = ["cifar-10-binary.tar.gz", "cifar-10-batches-bin/data_batch_1.bin"];
        assert_eq!(advised(&archive_too).unwrap(), expected);
        let raw = ["MNIST/raw/train-images-idx3-ubyte", "MNIST/raw/train-labels-idx1-ubyte"];
        assert_eq!(advised(&raw).unwrap(), "DIR/MNIST/raw has those of idx: give that directory");
        assert_eq!(advised(&["a/b/c/train.bin"]), None);
    }

    #[test]
    fn another_version_of_cifar_is_named() {
        let python = advised(&["data_batch_1", "data_batch_2", "test_batch", "batches.meta"]).unwrap();
        assert!(python.starts_with("these are CIFAR's files for Python, and the binary version is needed"), "{python}");
        assert_eq!(advised(&["train", "test", "meta"]).unwrap(), python);
        assert_eq!(
            advised(&["cifar-10-batches-py/data_batch_1"]).unwrap(),
            format!("DIR/cifar-10-batches-py: {python}")
        );
        assert!(advised(&["data_batch_1.mat"]).unwrap().contains("for Matlab"));
    }

    #[test]
    fn an_archive_is_to_be_unpacked() {
        let expected = "cifar-10-binary.tar.gz lies there: unpack it and give the directory of the files in it";
        assert_eq!(advised(&["cifar-10-binary.tar.gz", "readme.html"]).unwrap(), expected);
        assert_eq!(of_file(Path::new("/d/cifar-10-binary.tar.gz")), UNPACK);
        assert_eq!(of_file(Path::new("/d/data_batch_1.bin")), "give the directory that it lies in");
    }

    #[test]
    fn nothing_is_advised_where_nothing_is_known() {
        assert_eq!(advised(&["readme.txt", "notes/a.txt"]), None);
    }
}
