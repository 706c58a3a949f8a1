//! CIFAR-10 and CIFAR-100 in their authors' binary layout (<https://www.cs.toronto.edu/~kriz/cifar.html>).

use std::fs;
use std::path::Path;

use super::read_log::ReadLog;
use super::{Dataset, RecordFormat};
use crate::error::{Error, Result};

/// The files of CIFAR-10, for error messages.
pub const CIFAR10_FILES: &str = "data_batch_1.bin (and so on), test_batch.bin";
/// The files of CIFAR-100, for error messages.
pub const CIFAR100_FILES: &str = "train.bin, test.bin";

/// The training files among `names`, sorted by number, and the test file.
pub fn cifar10_files(names: &[String]) -> (Vec<&str>, Option<&str>) {
    let number = |name: &str| name.strip_prefix("data_batch_")?.strip_suffix(".bin")?.parse::<u32>().ok();
    let mut numbered: Vec<_> = names.iter().filter_map(|name| Some((number(name)?, name.as_str()))).collect();
    numbered.sort_unstable();
    (numbered.into_iter().map(|(_, name)| name).collect(), find(names, "test_batch.bin"))
}

/// The training file among `names`, and the test file.
pub fn cifar100_files(names: &[String]) -> (Vec<&str>, Option<&str>) {
    (find(names, "train.bin").into_iter().collect(), find(names, "test.bin"))
}

fn find<'a>(names: &'a [String], wanted: &str) -> Option<&'a str> {
    names.iter().find(|name| *name == wanted).map(String::as_str)
}

/// All rows of the files `names` in `directory`, in this order. Errors name the file and the byte in it.
pub fn read(directory: &Path, names: &[&str], format: RecordFormat, classes: usize) -> Result<Dataset> {
    let (mut dataset, mut log) = (Dataset::with_capacity(classes, 0)?, ReadLog::new());
    for name in names {
        log.report(|| format!("{} after {} rows", directory.join(name).display(), dataset.rows()));
        append_file(&mut dataset, &directory.join(name), format)?;
    }
    Ok(dataset)
}

fn append_file(dataset: &mut Dataset, path: &Path, format: RecordFormat) -> Result<()> {
    let bytes = fs::read(path).map_err(|cause| Error::io(path, cause))?;
    let (length, record_len) = (bytes.len(), format.record_len());
    if length == 0 {
        return Err(Error::data(format!("{}: the file is empty", path.display())));
    }
    if !length.is_multiple_of(record_len) {
        let (path, whole) = (path.display(), length / record_len * record_len);
        let what = format!("{length} bytes is not a multiple of {record_len}, a record's");
        return Err(Error::data(format!("{path}: {what}; the last one begins at byte {whole}")));
    }
    let rows = length / record_len;
    dataset.append_records(format, &bytes, rows).map_err(|error| error.context(path.display().to_string()))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{cifar10_record, cifar100_record};
    use super::*;
    use crate::error::Kind;

    fn read_one(bytes: &[u8], format: RecordFormat) -> (String, Result<Dataset>) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("data_batch_3.bin");
        fs::write(&path, bytes).unwrap();
        let result = read(directory.path(), &["data_batch_3.bin"], format, format.classes().unwrap());
        (path.display().to_string(), result)
    }

    fn message(bytes: &[u8], format: RecordFormat) -> String {
        let (path, result) = read_one(bytes, format);
        let error = result.unwrap_err();
        assert_eq!(error.kind(), Kind::Data);
        error.to_string().replace(&path, "PATH")
    }

    #[test]
    fn a_file_is_its_records_one_by_one() {
        let records: Vec<_> = (0..5).map(|k| cifar10_record(k, move |_, at| (at + k as usize) as u8)).collect();
        let whole = read_one(&records.concat(), RecordFormat::Cifar10).1.unwrap();
        let mut single = Dataset::with_capacity(10, 5).unwrap();
        for record in &records {
            single.append_records(RecordFormat::Cifar10, record, 1).unwrap();
        }
        assert_eq!(whole, single);
    }

    #[test]
    fn a_truncated_batch_names_the_file_and_the_broken_record() {
        let mut bytes = cifar10_record(0, |_, _| 0).repeat(3);
        bytes.pop();
        let expected = "PATH: 9218 bytes is not a multiple of 3073, a record's; the last one begins at byte 6146";
        assert_eq!(message(&bytes, RecordFormat::Cifar10), expected);
    }

    #[test]
    fn an_empty_file_is_refused() {
        assert_eq!(message(&[], RecordFormat::Cifar100), "PATH: the file is empty");
    }

    #[test]
    fn a_label_out_of_range_names_file_record_and_byte() {
        let ten = [cifar10_record(9, |_, _| 0), cifar10_record(77, |_, _| 0)].concat();
        let expected = "PATH: label 77 of record 1 at byte 3073 is not below 10, the classes";
        assert_eq!(message(&ten, RecordFormat::Cifar10), expected);
        let hundred = [cifar100_record(255, 99, |_, _| 0), cifar100_record(0, 100, |_, _| 0)].concat();
        let expected = "PATH: label 100 of record 1 at byte 3075 is not below 100, the classes";
        assert_eq!(message(&hundred, RecordFormat::Cifar100), expected);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("train.bin")).unwrap();
        for name in ["train.bin", "absent.bin"] {
            let error = read(directory.path(), &[name], RecordFormat::Cifar100, 100).unwrap_err();
            assert_eq!(error.kind(), Kind::Io);
            assert!(error.to_string().starts_with(&directory.path().join(name).display().to_string()), "{error}");
        }
    }

    #[test]
    fn batches_come_by_their_number() {
        let names = ["data_batch_10.bin", "data_batch_2.bin", "data_batch_x.bin", "test_batch.bin"].map(String::from);
        assert_eq!(cifar10_files(&names), (vec!["data_batch_2.bin", "data_batch_10.bin"], Some("test_batch.bin")));
    }
}
