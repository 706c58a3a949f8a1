//! Files that are not the data they are named for: a failed download, an archive, a pointer of Git LFS. They are told
//! from their first bytes, before a size or a header in them is believed. No CIFAR or idx file begins like one of them:
//! those begin with a label below 20 or with two zeros.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::error::{Error, Result};

/// Bytes that are looked at; the mark of a tar archive ends at byte 262.
const HEAD: u64 = 512;

/// What a file that begins with `head` is and what to do about it; `None` for what may be data.
pub fn content(head: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(head).trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']).to_lowercase();
    let begins = |marks: &[&str]| marks.iter().any(|mark| text.starts_with(mark));
    if begins(&["version https://git-lfs"]) {
        return Some("a pointer of Git LFS, not the file: run `git lfs pull` where it was cloned");
    }
    if begins(&["<!doctype html", "<html", "<head", "<?xml"]) {
        return Some("a web page, not the file: download it again, and look at the page for why it came instead");
    }
    if head.get(257..262) == Some(b"ustar") {
        return Some("a tar archive: unpack it with `tar -xf` and give the directory of the files in it");
    }
    let marks: [(&[u8], &str); 5] = [
        (b"\x1f\x8b", "packed by gzip: unpack it with `gunzip`, or end the name of an idx file in .gz"),
        (b"PK\x03\x04", "a zip archive: unpack it with `unzip` and give the directory of the files in it"),
        (b"BZh", "packed by bzip2: unpack it with `bunzip2`"),
        (b"\xfd7zXZ", "packed by xz: unpack it with `unxz`"),
        (
            b"\x80\x02}",
            "Python's pickle: the binary version is needed, cifar-10-binary.tar.gz or cifar-100-binary.tar.gz",
        ),
    ];
    marks.into_iter().find(|(mark, _)| head.starts_with(mark)).map(|(_, what)| what)
}

/// Refuses the file at `path` if it begins like something else; `packed` where gzip is what it must be.
pub fn refuse(path: &Path, packed: bool) -> Result<()> {
    let mut head = Vec::new();
    let file = File::open(path).map_err(|cause| unreadable(path, cause))?;
    file.take(HEAD).read_to_end(&mut head).map_err(|cause| unreadable(path, cause))?;
    match content(&head) {
        Some(what) if !(packed && head.starts_with(b"\x1f\x8b")) => {
            Err(Error::data(format!("{} is {what}", path.display())))
        }
        _ => Ok(()),
    }
}

/// The error of a data file that cannot be read: its path, the system's reason, and what helps where that is known.
pub fn unreadable(path: &Path, cause: io::Error) -> Error {
    let remedy = match cause.kind() {
        io::ErrorKind::PermissionDenied => ": give the account that runs this permission to read it",
        _ => "",
    };
    Error::new(crate::Kind::Io, format!("read {}: {cause}{remedy}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn tar() -> Vec<u8> {
        let mut head = vec![0; 512];
        head[..16].copy_from_slice(b"data_batch_1.bin");
        head[257..262].copy_from_slice(b"ustar");
        head
    }

    #[test]
    fn what_is_not_data_is_called_what_it_is() {
        let tar = tar();
        let cases: [(&[u8], &str); 9] = [
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a", "a pointer of Git LFS"),
            (b"\xef\xbb\xbf\r\n <!DOCTYPE html><title>404", "a web page"),
            (b"<HTML>", "a web page"),
            (b"<?xml version='1.0'?><Error><Code>AccessDenied", "a web page"),
            (b"\x1f\x8b\x08\0", "packed by gzip"),
            (b"PK\x03\x04\x14", "a zip archive"),
            (b"BZh91AY", "packed by bzip2"),
            (b"\x80\x02}q\x01", "Python's pickle"),
            (&tar, "a tar archive"),
        ];
        for (head, what) in cases {
            assert!(content(head).is_some_and(|said| said.starts_with(what)), "{what}");
        }
    }

    #[test]
    fn data_are_not_taken_for_something_else() {
        assert_eq!(content(&[]), None);
        assert_eq!(content(&[0, 0, 8, 3, 0, 0, 0, 2]), None);
        for label in 0..100 {
            assert_eq!(content(&[label; 512]), None, "{label}");
            assert_eq!(content(&[&[19, label][..], &[255; 510]].concat()), None, "{label}");
        }
    }

    #[test]
    fn gzip_is_refused_only_where_it_must_not_be() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("train-images-idx3-ubyte.gz");
        fs::write(&path, b"\x1f\x8b\x08\0").unwrap();
        assert!(refuse(&path, true).is_ok());
        assert!(refuse(&path, false).unwrap_err().to_string().contains("packed by gzip"));
        fs::write(&path, b"<html>").unwrap();
        let error = refuse(&path, true).unwrap_err();
        assert_eq!(error.kind(), crate::Kind::Data);
        assert!(error.to_string().starts_with(&format!("{} is a web page", path.display())), "{error}");
    }

    #[test]
    fn a_file_that_may_not_be_read_is_told_with_what_helps() {
        let cause = io::Error::from(io::ErrorKind::PermissionDenied);
        let error = unreadable(Path::new("/data/test_batch.bin"), cause);
        assert_eq!(error.kind(), crate::Kind::Io);
        let expected =
            "read /data/test_batch.bin: permission denied: give the account that runs this permission to read it";
        assert_eq!(error.to_string(), expected);
    }
}
