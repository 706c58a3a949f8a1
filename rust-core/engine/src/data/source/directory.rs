//! Reads the data set in a directory.

use std::path::Path;

use super::kind::{DatasetKind, kinds_in, list};
use super::{advice, cifar, idx};
use crate::data::{Dataset, RecordFormat, Shape};
use crate::error::{Error, Kind, Result};

/// A data set: its training rows and, if it has any, its test rows.
#[derive(Debug)]
pub struct Split {
    pub kind: DatasetKind,
    pub train: Dataset,
    pub test: Option<Dataset>,
}

impl Dataset {
    /// Reads the data set in `directory` as images of `shape`; without `kind` it is detected from the files. More than one is an error of
    /// kind `config`, none or a malformed one an error of kind `data`, and what cannot be read one of kind `io`.
    pub fn read_dir(directory: &Path, kind: Option<DatasetKind>, shape: Shape) -> Result<Split> {
        if directory.is_file() {
            let (path, remedy) = (directory.display(), advice::of_file(directory));
            return Err(Error::new(Kind::Io, format!("{path} is a file, not a directory: {remedy}")));
        }
        let names = list(directory)?;
        let in_directory = |error: Error| error.context(directory.display().to_string());
        let kind = detect(directory, &names, kind).map_err(in_directory)?;
        let (train, test) = match kind {
            DatasetKind::Cifar10 => {
                cifar::check_batches(&names).map_err(in_directory)?;
                read_cifar(directory, cifar::cifar10_files(&names), RecordFormat::Cifar10, shape)?
            }
            DatasetKind::Cifar100 => {
                read_cifar(directory, cifar::cifar100_files(&names), RecordFormat::Cifar100, shape)?
            }
            DatasetKind::Idx => read_idx(directory, &names, shape)?,
            DatasetKind::Images => return Err(in_directory(none_found(&[kind]))),
        };
        Ok(Split { kind, train, test })
    }
}

type Rows = (Dataset, Option<Dataset>);

fn read_cifar(directory: &Path, files: (Vec<&str>, Option<&str>), format: RecordFormat, shape: Shape) -> Result<Rows> {
    let (train, test) = files;
    let test = test.map(|name| cifar::read(directory, &[name], format, shape)).transpose()?;
    Ok((cifar::read(directory, &train, format, shape)?, test))
}

fn read_idx(directory: &Path, names: &[String], shape: Shape) -> Result<Rows> {
    let in_directory = |error: Error| error.context(directory.display().to_string());
    let files = |prefix| idx::idx_files(names, prefix).map_err(in_directory);
    let train_files = files("train")?.ok_or_else(|| in_directory(none_found(&[DatasetKind::Idx])))?;
    let train = idx::read(directory, &train_files, None, shape)?;
    let test = files("t10k")?.map(|files| idx::read(directory, &files, Some(train.classes()), shape)).transpose()?;
    Ok((train, test))
}

fn detect(directory: &Path, names: &[String], kind: Option<DatasetKind>) -> Result<DatasetKind> {
    let candidates = kind.map_or(DatasetKind::READ_HERE.to_vec(), |kind| vec![kind]);
    match kinds_in(names, &candidates)?[..] {
        [] => Err(advice::of_directory(directory, names)
            .map_or_else(|| none_found(&candidates), |what| Error::data(format!("no training files: {what}")))),
        [kind] => Ok(kind),
        ref found => {
            let kinds: Vec<_> = found.iter().map(|kind| kind.name()).collect();
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
    use crate::data::testing::cifar10_record;
    use std::fs;
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
        let error = Dataset::read_dir(directory.path(), kind, Shape::CIFAR).unwrap_err();
        (error.kind(), error.to_string().replace(&directory.path().display().to_string(), "DIR"))
    }

    #[test]
    fn every_data_set_is_told_from_its_files() {
        for (name, kind, train, test, classes) in [
            ("cifar10-tiny", DatasetKind::Cifar10, 400, 100, 10),
            ("cifar100-tiny", DatasetKind::Cifar100, 100, 50, 100),
            ("idx-tiny", DatasetKind::Idx, 200, 100, 10),
        ] {
            let split = Dataset::read_dir(&testdata(name), None, Shape::CIFAR).unwrap();
            let test_rows = split.test.as_ref().map(Dataset::rows);
            assert_eq!((split.kind, split.train.rows(), test_rows), (kind, train, Some(test)));
            assert_eq!((split.train.classes(), split.test.unwrap().classes()), (classes, classes));
        }
    }

    #[test]
    fn a_test_set_may_be_absent_and_batches_come_in_order() {
        let directory = tempfile::tempdir().unwrap();
        for number in 1..=10 {
            let record = cifar10_record(number - 1, |_, _| 0);
            fs::write(directory.path().join(format!("data_batch_{number}.bin")), record).unwrap();
        }
        let split = Dataset::read_dir(directory.path(), None, Shape::CIFAR).unwrap();
        assert!(split.test.is_none());
        assert_eq!(split.train.labels(), (0..10).collect::<Vec<_>>());
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
    fn a_path_that_holds_no_data_set_is_told_with_what_helps() {
        let (_, message) = fails(&["data_batch_1", "batches.meta"], None);
        assert!(message.starts_with("DIR: no training files: these are CIFAR's files for Python, "), "{message}");
        let directory = directory_of(&["cifar-10-binary.tar.gz"]);
        let file = directory.path().join("cifar-10-binary.tar.gz");
        let error = Dataset::read_dir(&file, None, Shape::CIFAR).unwrap_err();
        let expected = "is a file, not a directory: unpack it and give the directory of the files in it";
        assert_eq!((error.kind(), error.to_string()), (Kind::Io, format!("{} {expected}", file.display())));
    }

    #[test]
    fn a_missing_or_doubled_batch_is_refused() {
        let (kind, message) = fails(&["data_batch_1.bin", "data_batch_2.bin", "data_batch_4.bin"], None);
        let expected =
            "DIR: data_batch_3.bin is missing beside data_batch_4.bin: bring it, or number the batches from 1";
        assert_eq!((kind, message), (Kind::Data, expected.to_owned()));
        let (kind, message) = fails(&["data_batch_01.bin", "data_batch_1.bin"], None);
        let expected = "DIR: data_batch_01.bin and data_batch_1.bin are both batch 1: remove one of them";
        assert_eq!((kind, message), (Kind::Data, expected.to_owned()));
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
        let error = Dataset::read_dir(Path::new("/nowhere/cifar"), None, Shape::CIFAR).unwrap_err();
        assert_eq!(error.kind(), Kind::Io);
        assert!(error.to_string().starts_with("/nowhere/cifar: "), "{error}");
    }
}
