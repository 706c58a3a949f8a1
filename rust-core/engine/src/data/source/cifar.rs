//! CIFAR-10 and CIFAR-100 in their authors' binary layout (<https://www.cs.toronto.edu/~kriz/cifar.html>).

use std::fs;
use std::path::Path;

use super::foreign;
use super::read_log::ReadLog;
use crate::data::{Dataset, RecordFormat, Shape};
use crate::error::{Error, Result};

/// The files of CIFAR-10, for error messages.
pub const CIFAR10_FILES: &str = "data_batch_1.bin (and so on), test_batch.bin";
/// The files of CIFAR-100, for error messages.
pub const CIFAR100_FILES: &str = "train.bin, test.bin";

/// The training files among `names`, sorted by number, and the test file.
pub fn cifar10_files(names: &[String]) -> (Vec<&str>, Option<&str>) {
    (batches(names).into_iter().map(|(_, name)| name).collect(), find(names, "test_batch.bin"))
}

/// Refuses batches that are numbered twice or with a gap: what is trained on would not be the data set.
pub fn check_batches(names: &[String]) -> Result<()> {
    let batches = batches(names);
    for pair in batches.windows(2) {
        let [(number, one), (next, other)] = [pair[0], pair[1]];
        if number == next {
            return Err(Error::data(format!("{one} and {other} are both batch {number}: remove one of them")));
        }
    }
    let gap = batches.iter().zip(1..).find(|((number, _), expected)| number != expected);
    match gap {
        Some(((_, name), missing)) => Err(Error::data(format!(
            "data_batch_{missing}.bin is missing beside {name}: bring it, or number the batches from 1"
        ))),
        None => Ok(()),
    }
}

/// Numbers and names, sorted.
fn batches(names: &[String]) -> Vec<(u32, &str)> {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()); // `parse` would take a sign, too
    let number = |name: &str| {
        let text = name.strip_prefix("data_batch_")?.strip_suffix(".bin")?;
        text.parse().ok().filter(|_| digits(text))
    };
    let mut numbered: Vec<_> = names.iter().filter_map(|name| Some((number(name)?, name.as_str()))).collect();
    numbered.sort_unstable();
    numbered
}

/// The training file among `names`, and the test file.
pub fn cifar100_files(names: &[String]) -> (Vec<&str>, Option<&str>) {
    (find(names, "train.bin").into_iter().collect(), find(names, "test.bin"))
}

fn find<'a>(names: &'a [String], wanted: &str) -> Option<&'a str> {
    names.iter().find(|name| *name == wanted).map(String::as_str)
}

/// All rows of the files `names` in `directory`, in this order, as images of `shape`. Errors name the file and the byte in
/// it.
pub fn read(directory: &Path, names: &[&str], format: RecordFormat, shape: Shape) -> Result<Dataset> {
    let classes = format.classes().expect("a format of CIFAR's tells its classes");
    let (mut dataset, mut log) = (Dataset::with_capacity(classes, shape, 0)?, ReadLog::new());
    for name in names {
        log.report(|| format!("{} after {} rows", directory.join(name).display(), dataset.rows()));
        append_file(&mut dataset, &directory.join(name), format)?;
    }
    Ok(dataset)
}

fn append_file(dataset: &mut Dataset, path: &Path, format: RecordFormat) -> Result<()> {
    foreign::refuse(path, false)?;
    let bytes = fs::read(path).map_err(|cause| foreign::unreadable(path, cause))?;
    let (length, record_len) = (bytes.len(), format.fixed_len().expect("CIFAR's records have one length"));
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
    use super::*;
    use crate::data::testing::{cifar10_record, cifar100_record};
    use crate::error::Kind;

    fn read_one(bytes: &[u8], format: RecordFormat) -> (String, Result<Dataset>) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("data_batch_3.bin");
        fs::write(&path, bytes).unwrap();
        let result = read(directory.path(), &["data_batch_3.bin"], format, Shape::CIFAR);
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
        let mut single = Dataset::with_capacity(10, Shape::CIFAR, 5).unwrap();
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
            let error = read(directory.path(), &[name], RecordFormat::Cifar100, Shape::CIFAR).unwrap_err();
            assert_eq!(error.kind(), Kind::Io);
            assert!(
                error.to_string().starts_with(&format!("read {}: ", directory.path().join(name).display())),
                "{error}"
            );
        }
    }

    #[test]
    fn a_page_that_came_instead_of_the_file_is_told_before_its_length() {
        let (path, result) = read_one(b"<!DOCTYPE html><html>", RecordFormat::Cifar10);
        assert!(result.unwrap_err().to_string().starts_with(&format!("{path} is a web page, not the file: ")));
    }

    #[test]
    fn batches_come_by_their_number() {
        let names = ["data_batch_10.bin", "data_batch_2.bin", "data_batch_+3.bin", "test_batch.bin"].map(String::from);
        assert_eq!(cifar10_files(&names), (vec!["data_batch_2.bin", "data_batch_10.bin"], Some("test_batch.bin")));
    }
}
