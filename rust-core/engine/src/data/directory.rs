//! Finds out from the names of its files which data set a directory contains, and reads it.

use std::fmt;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::cifar::{self, CIFAR10_FILES, CIFAR100_FILES};
use super::idx::{self, IDX_FILES};
use super::{Dataset, RecordFormat};
use crate::error::{Error, Result};

/// The data sets that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DatasetKind {
    Cifar10,
    Cifar100,
    Idx,
}

impl DatasetKind {
    /// Every kind.
    pub const ALL: [DatasetKind; 3] = [DatasetKind::Cifar10, DatasetKind::Cifar100, DatasetKind::Idx];

    /// The name in a configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            DatasetKind::Cifar10 => "cifar10",
            DatasetKind::Cifar100 => "cifar100",
            DatasetKind::Idx => "idx",
        }
    }

    fn files(self) -> &'static str {
        match self {
            DatasetKind::Cifar10 => CIFAR10_FILES,
            DatasetKind::Cifar100 => CIFAR100_FILES,
            DatasetKind::Idx => IDX_FILES,
        }
    }

    fn has_training_files(self, names: &[String]) -> Result<bool> {
        Ok(match self {
            DatasetKind::Cifar10 => !cifar::cifar10_files(names).0.is_empty(),
            DatasetKind::Cifar100 => !cifar::cifar100_files(names).0.is_empty(),
            DatasetKind::Idx => idx::idx_files(names, "train")?.is_some(),
        })
    }
}

impl fmt::Display for DatasetKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A data set: its training rows and, if it has any, its test rows.
#[derive(Debug)]
pub struct Split {
    pub kind: DatasetKind,
    pub train: Dataset,
    pub test: Option<Dataset>,
}

impl Dataset {
    /// Reads the data set in `directory`; without `kind` it is detected from the files. More than one is an error of
    /// kind `config`, none or a malformed one an error of kind `data`, and what cannot be read one of kind `io`.
    pub fn read_dir(directory: &Path, kind: Option<DatasetKind>) -> Result<Split> {
        let names = list(directory)?;
        let in_directory = |error: Error| error.context(directory.display().to_string());
        let kind = detect(&names, kind).map_err(in_directory)?;
        let (train, test) = match kind {
            DatasetKind::Cifar10 => read_cifar(directory, cifar::cifar10_files(&names), RecordFormat::Cifar10, 10)?,
            DatasetKind::Cifar100 => read_cifar(directory, cifar::cifar100_files(&names), RecordFormat::Cifar100, 100)?,
            DatasetKind::Idx => read_idx(directory, &names)?,
        };
        Ok(Split { kind, train, test })
    }
}

type Rows = (Dataset, Option<Dataset>);

fn read_cifar(
    directory: &Path,
    files: (Vec<&str>, Option<&str>),
    format: RecordFormat,
    classes: usize,
) -> Result<Rows> {
    let (train, test) = files;
    let test = test.map(|name| cifar::read(directory, &[name], format, classes)).transpose()?;
    Ok((cifar::read(directory, &train, format, classes)?, test))
}

fn read_idx(directory: &Path, names: &[String]) -> Result<Rows> {
    let in_directory = |error: Error| error.context(directory.display().to_string());
    let files = |prefix| idx::idx_files(names, prefix).map_err(in_directory);
    let train_files = files("train")?.ok_or_else(|| in_directory(none_found(&[DatasetKind::Idx])))?;
    let train = idx::read(directory, &train_files, None)?;
    let test = files("t10k")?.map(|files| idx::read(directory, &files, Some(train.classes()))).transpose()?;
    Ok((train, test))
}

/// The names of the entries of a directory, sorted, without those that are not Unicode: no data file has such a name.
fn list(directory: &Path) -> Result<Vec<String>> {
    let failed = |cause| Error::io(directory, cause);
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        names.extend(entry.map_err(failed)?.file_name().into_string().ok());
    }
    names.sort_unstable();
    Ok(names)
}

fn detect(names: &[String], kind: Option<DatasetKind>) -> Result<DatasetKind> {
    let candidates = kind.map_or(DatasetKind::ALL.to_vec(), |kind| vec![kind]);
    let mut found = Vec::new();
    for &kind in &candidates {
        if kind.has_training_files(names)? {
            found.push(kind);
        }
    }
    match found[..] {
        [] => Err(none_found(&candidates)),
        [kind] => Ok(kind),
        [..] => {
            let kinds: Vec<_> = found.iter().map(|kind| kind.as_str()).collect();
            Err(Error::config(format!("holds several data sets, name one as `dataset`: {}", kinds.join(", "))))
        }
    }
}

fn none_found(candidates: &[DatasetKind]) -> Error {
    let looked_for: Vec<_> = candidates.iter().map(|kind| format!("{kind}: {}", kind.files())).collect();
    Error::data(format!("no training files; looked for {}", looked_for.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use std::path::PathBuf;

    fn testdata(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(name)
    }

    fn directory_of(names: &[&str]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for name in names {
            fs::write(directory.path().join(name), []).unwrap();
        }
        directory
    }

    fn fails(names: &[&str], kind: Option<DatasetKind>) -> (Kind, String) {
        let directory = directory_of(names);
        let error = Dataset::read_dir(directory.path(), kind).unwrap_err();
        (error.kind(), error.to_string().replace(&directory.path().display().to_string(), "DIR"))
    }

    #[test]
    fn every_data_set_is_told_from_its_files() {
        for (name, kind, train, test, classes) in [
            ("cifar10-tiny", DatasetKind::Cifar10, 400, 100, 10),
            ("cifar100-tiny", DatasetKind::Cifar100, 100, 50, 100),
            ("idx-tiny", DatasetKind::Idx, 200, 100, 10),
        ] {
            let split = Dataset::read_dir(&testdata(name), None).unwrap();
            let test_rows = split.test.as_ref().map(Dataset::rows);
            assert_eq!((split.kind, split.train.rows(), test_rows), (kind, train, Some(test)));
            assert_eq!((split.train.classes(), split.test.unwrap().classes()), (classes, classes));
        }
    }

    #[test]
    fn a_test_set_may_be_absent_and_batches_come_in_order() {
        let (from, directory) = (testdata("cifar10-tiny"), tempfile::tempdir().unwrap());
        fs::copy(from.join("data_batch_1.bin"), directory.path().join("data_batch_10.bin")).unwrap();
        fs::copy(from.join("data_batch_2.bin"), directory.path().join("data_batch_9.bin")).unwrap();
        let swapped = Dataset::read_dir(directory.path(), None).unwrap();
        assert!(swapped.test.is_none());
        let straight = Dataset::read_dir(&from, None).unwrap().train;
        assert_eq!(swapped.train.labels()[200..], straight.labels()[..200]);
        assert_eq!(swapped.train.labels()[..200], straight.labels()[200..]);
    }

    #[test]
    fn a_directory_without_data_says_what_was_looked_for() {
        let (kind, message) = fails(&["readme.txt", "test_batch.bin"], None);
        assert_eq!(kind, Kind::Data);
        for part in ["DIR: no training files", "data_batch_1.bin", "train.bin", "train-images-idx3-ubyte"] {
            assert!(message.contains(part), "{message}");
        }
        let (_, message) = fails(&["data_batch_1.bin"], Some(DatasetKind::Cifar100));
        assert_eq!(message, "DIR: no training files; looked for cifar100: train.bin, test.bin");
    }

    #[test]
    fn two_data_sets_in_one_directory_must_be_told_apart() {
        let names = ["data_batch_1.bin", "train.bin"];
        let expected = "DIR: holds several data sets, name one as `dataset`: cifar10, cifar100";
        assert_eq!(fails(&names, None), (Kind::Config, expected.to_owned()));
        assert_eq!(fails(&names, Some(DatasetKind::Cifar100)).1, "DIR/train.bin: the file is empty");
    }

    #[test]
    fn images_without_labels_are_refused() {
        let expected = "DIR: train-images-idx3-ubyte has no train-labels-idx1-ubyte beside it";
        assert_eq!(fails(&["train-images-idx3-ubyte"], None), (Kind::Data, expected.to_owned()));
    }

    #[test]
    fn a_missing_directory_is_named() {
        let error = Dataset::read_dir(Path::new("/nowhere/cifar"), None).unwrap_err();
        assert_eq!(error.kind(), Kind::Io);
        assert!(error.to_string().starts_with("/nowhere/cifar: "), "{error}");
    }

    #[test]
    fn names_are_those_of_the_configuration() {
        for kind in DatasetKind::ALL {
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{kind}\""));
        }
    }
}
