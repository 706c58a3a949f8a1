//! MNIST's idx files (<https://yann.lecun.com/exdb/mnist/>): images and labels in separate files with big-endian
//! headers, often gzipped. The sizes in a header are compared with the length of the file before memory is allocated
//! for them.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::foreign;
use super::read_log::ReadLog;
use crate::data::record::{Image, RecordFormat};
use crate::data::shape::Shape;
use crate::data::store::Dataset;
use crate::data::transform::{ImageLoader, Refusal};
use crate::error::{Error, Result};

/// The files of an idx data set, for error messages.
pub const IDX_FILES: &str = "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-... (also .idx3-ubyte, .gz)";
const PIECE: u64 = 16 << 20; // bytes read between two checks whether to log progress
/// Deflate compresses at most this many bytes into one, which limits the size of what a gzip file contains.
const DEFLATE_LIMIT: u64 = 1032;

/// A split's two files.
#[derive(Debug, PartialEq, Eq)]
pub struct IdxFiles<'a> {
    pub images: &'a str,
    pub labels: &'a str,
}

/// The files of the split `prefix` (`train`, `t10k`) among `names`; an error when one of the two is missing.
pub fn idx_files<'a>(names: &'a [String], prefix: &str) -> Result<Option<IdxFiles<'a>>> {
    let find = |what: &str| {
        let spellings = ["-", "."]
            .into_iter()
            .flat_map(|dot| ["", ".gz"].map(|end| format!("{prefix}-{what}{end}", what = what.replacen('-', dot, 1))));
        spellings.into_iter().find_map(|wanted| names.iter().find(|name| **name == wanted)).map(String::as_str)
    };
    match (find("images-idx3-ubyte"), find("labels-idx1-ubyte")) {
        (Some(images), Some(labels)) => Ok(Some(IdxFiles { images, labels })),
        (Some(images), None) => Err(Error::data(format!("{images} has no {prefix}-labels-idx1-ubyte beside it"))),
        (None, Some(labels)) => Err(Error::data(format!("{labels} has no {prefix}-images-idx3-ubyte beside it"))),
        (None, None) => Ok(None),
    }
}

/// The rows of one split as images of `shape`. Without `classes`, for the training set, the number of classes is the largest label plus 1.
/// Errors name the file and the byte, counted in the unpacked file.
pub fn read(directory: &Path, files: &IdxFiles, classes: Option<usize>, shape: Shape) -> Result<Dataset> {
    let (images_path, labels_path) = (directory.join(files.images), directory.join(files.labels));
    let images = IdxFile::open(&images_path)?.read::<3>()?;
    let labels = IdxFile::open(&labels_path)?.read::<1>()?;
    let [rows, height, width] = images.dims;
    if labels.dims != [rows] {
        let (images, count, labels_path) = (images_path.display(), labels.dims[0], labels_path.display());
        return Err(Error::data(format!("{labels_path}: {count} labels for the {rows} images of {images}")));
    }
    let in_images = |error: Error| error.context(images_path.display().to_string());
    RecordFormat::Idx { height, width }.check().map_err(in_images)?;
    let most = labels.bytes.iter().copied().max().map_or(0, usize::from);
    let mut dataset = Dataset::with_capacity(classes.unwrap_or(most + 1), shape, rows)?;
    let mut loader = ImageLoader::new(shape);
    for (row, (&label, bytes)) in labels.bytes.iter().zip(images.bytes.chunks_exact(height * width)).enumerate() {
        let at = header_len(1) + row;
        dataset.check_label(label.into(), row, at).map_err(|error| error.context(labels_path.display().to_string()))?;
        let image = Image::Lines { height, width, channels: 1, blue_first: false, bytes };
        dataset.push(label.into(), image, &mut loader).map_err(|refusal| match refusal {
            Refusal::NoImage(why) => in_images(Error::data(why)),
            Refusal::Failed(error) => error,
        })?;
    }
    Ok(dataset)
}

/// The magic number, and 4 bytes for the size of each dimension.
fn header_len(rank: usize) -> usize {
    4 + 4 * rank
}

struct Idx<const RANK: usize> {
    dims: [usize; RANK],
    bytes: Vec<u8>,
}

struct IdxFile {
    path: PathBuf,
    reader: Box<dyn Read>,
    /// Upper limit on its unpacked size.
    limit: u64,
}

impl IdxFile {
    fn open(path: &Path) -> Result<Self> {
        let packed = path.extension().is_some_and(|extension| extension == "gz");
        foreign::refuse(path, packed)?;
        let file = File::open(path).map_err(|cause| foreign::unreadable(path, cause))?;
        let length = file.metadata().map_err(|cause| foreign::unreadable(path, cause))?.len();
        let file = BufReader::new(file);
        Ok(IdxFile {
            path: path.to_owned(),
            reader: if packed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) },
            limit: if packed { length.saturating_mul(DEFLATE_LIMIT) } else { length },
        })
    }

    fn read<const RANK: usize>(mut self) -> Result<Idx<RANK>> {
        let header = self.take(0, header_len(RANK) as u64)?;
        if header.len() < header_len(RANK) {
            return Err(self.error(format!("{} bytes are less than an idx header", header.len())));
        }
        // two zero bytes, 8 for unsigned bytes, and the number of dimensions
        let (magic, expected) = (big_endian(&header, 0), 0x0800 + RANK as u32);
        if magic != expected {
            return Err(self.error(format!("magic number {magic:#010x} at byte 0 is not {expected:#010x}")));
        }
        let dims: [usize; RANK] = std::array::from_fn(|axis| big_endian(&header, 4 + 4 * axis) as usize);
        if let Some(axis) = dims.iter().position(|&size| size == 0) {
            return Err(self.error(format!("size 0 of dimension {axis} at byte {}", 4 + 4 * axis)));
        }
        let start = header.len() as u64;
        let claimed = dims.iter().try_fold(1u64, |product, &size| product.checked_mul(size as u64));
        let body = claimed.filter(|&body| body <= self.limit.saturating_sub(start)).ok_or_else(|| {
            self.error(format!("the header claims {dims:?} bytes after byte {start}, the file is too short for them"))
        })?;
        let bytes = self.take(start, body)?;
        if (bytes.len() as u64) < body {
            return Err(self.error(format!("ends at byte {}, not at {}", start + bytes.len() as u64, start + body)));
        }
        if !self.take(start + body, 1)?.is_empty() {
            return Err(self.error(format!("goes on after its last value, at byte {}", start + body)));
        }
        Ok(Idx { dims, bytes })
    }

    /// Reads `length` bytes, or fewer at the end of the file. `offset` is the position, for messages. Memory is
    /// allocated only for bytes that are there.
    fn take(&mut self, offset: u64, length: u64) -> Result<Vec<u8>> {
        let (mut bytes, mut log) = (Vec::new(), ReadLog::new());
        let read = loop {
            let piece = (length - bytes.len() as u64).min(PIECE);
            // returns an error if memory is missing, and does not abort
            match self.reader.by_ref().take(piece).read_to_end(&mut bytes) {
                Ok(read) if (read as u64) < piece || bytes.len() as u64 == length => break Ok(()),
                Ok(_) => log.report(|| format!("{}: {} bytes of {length}", self.path.display(), bytes.len())),
                Err(cause) => break Err(cause),
            }
        };
        read.map_err(|cause| match cause.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                self.error(format!("broken gzip after byte {}", offset + bytes.len() as u64)).caused_by(cause)
            }
            _ => foreign::unreadable(&self.path, cause),
        })?;
        Ok(bytes)
    }

    fn error(&self, what: String) -> Error {
        Error::data(format!("{}: {what}", self.path.display()))
    }
}

fn big_endian(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::fs;
    use std::io::Write;

    fn idx(dims: &[u32], body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, dims.len() as u8];
        bytes.extend(dims.iter().flat_map(|size| size.to_be_bytes()));
        bytes.extend(body);
        bytes
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn images() -> Vec<u8> {
        idx(&[3, 4, 2], &(0..24).collect::<Vec<_>>())
    }

    fn labels() -> Vec<u8> {
        idx(&[3], &[2, 0, 4])
    }

    /// Reads a split of these bytes; paths in the message are cut to the files' names.
    fn read_split(
        images: &[u8],
        labels: &[u8],
        end: &str,
        classes: Option<usize>,
    ) -> std::result::Result<Dataset, String> {
        let directory = tempfile::tempdir().unwrap();
        let names = [format!("i{end}"), format!("l{end}")];
        fs::write(directory.path().join(&names[0]), images).unwrap();
        fs::write(directory.path().join(&names[1]), labels).unwrap();
        let files = IdxFiles { images: &names[0], labels: &names[1] };
        read(directory.path(), &files, classes, Shape::CIFAR).map_err(|error| {
            assert_eq!(error.kind(), Kind::Data);
            error.to_string().replace(&format!("{}/", directory.path().display()), "")
        })
    }

    fn said(images: &[u8], labels: &[u8]) -> String {
        read_split(images, labels, "", None).unwrap_err()
    }

    #[test]
    fn a_file_is_its_records_one_by_one() {
        let whole = read_split(&images(), &labels(), "", None).unwrap();
        let mut single = Dataset::with_capacity(5, Shape::CIFAR, 0).unwrap();
        for (label, image) in [2u8, 0, 4].iter().zip((0..24).collect::<Vec<u8>>().chunks(8)) {
            let record = [&[*label], image].concat();
            single.append_records(RecordFormat::Idx { height: 4, width: 2 }, &record, 1).unwrap();
        }
        assert_eq!(whole, single);
        assert_eq!(whole.classes(), 5);
    }

    #[test]
    fn gzip_in_one_member_or_several_is_the_plain_file() {
        let plain = read_split(&images(), &labels(), "", None).unwrap();
        let (front, back) = (&images()[..21], &images()[21..]);
        let members = [gzip(front), gzip(back)].concat();
        assert_eq!(read_split(&gzip(&images()), &gzip(&labels()), ".gz", None).unwrap(), plain);
        assert_eq!(read_split(&members, &gzip(&labels()), ".gz", None).unwrap(), plain);
    }

    #[test]
    fn malformed_files_name_file_and_byte() {
        assert_eq!(said(&images()[..9], &labels()), "i: 9 bytes are less than an idx header");
        assert_eq!(said(&[], &labels()), "i: 0 bytes are less than an idx header");
        assert_eq!(said(&labels().repeat(2), &labels()), "i: magic number 0x00000801 at byte 0 is not 0x00000803");
        assert_eq!(said(&images(), &images()), "l: magic number 0x00000803 at byte 0 is not 0x00000801");
        assert_eq!(said(&idx(&[3, 0, 2], &[]), &labels()), "i: size 0 of dimension 1 at byte 8");
        assert_eq!(said(&[images(), vec![0]].concat(), &labels()), "i: goes on after its last value, at byte 40");
        assert_eq!(said(&images(), &idx(&[2], &[0, 1])), "l: 2 labels for the 3 images of i");
        let wide = idx(&[3, 1, 65_536], &[0; 3 * 65_536]);
        assert_eq!(said(&wide, &labels()), "i: images of 1 x 65536 pixels; a side has 1 to 65535");
    }

    #[test]
    fn a_header_that_claims_more_than_the_file_holds_is_refused_before_it_is_allocated() {
        let truncated = &images()[..39];
        let expected = "the header claims [3, 4, 2] bytes after byte 16, the file is too short for them";
        assert_eq!(said(truncated, &labels()), format!("i: {expected}"));
        let huge = idx(&[u32::MAX, u32::MAX, u32::MAX], &[1]);
        for (bytes, end) in [(huge.clone(), ""), (gzip(&huge), ".gz")] {
            let message = read_split(&bytes, &bytes, end, None).unwrap_err();
            assert!(message.contains("the file is too short for them"), "{message}");
        }
        let short = gzip(truncated);
        assert_eq!(read_split(&short, &short, ".gz", None).unwrap_err(), "i.gz: ends at byte 39, not at 40");
    }

    #[test]
    fn a_broken_gzip_names_the_file_and_the_byte() {
        let whole = gzip(&images());
        let mut corrupt = whole.clone();
        let checksum = corrupt.len() - 8;
        corrupt[checksum] ^= 1;
        for (bytes, place) in [(&whole[..whole.len() - 4], 40), (&corrupt, 40), (&images(), 0)] {
            let message = read_split(bytes, &gzip(&labels()), ".gz", None).unwrap_err();
            assert!(message.starts_with(&format!("i.gz: broken gzip after byte {place}: ")), "{message}");
        }
    }

    #[test]
    fn what_is_no_idx_file_at_all_is_called_what_it_is() {
        let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 26421880\n";
        for (bytes, what) in [(&b"<html>404"[..], "a web page"), (&pointer[..], "a pointer of Git LFS")] {
            let message = read_split(bytes, &gzip(&labels()), ".gz", None).unwrap_err();
            assert!(message.starts_with(&format!("i.gz is {what}, not the file: ")), "{message}");
        }
        assert!(said(&gzip(&images()), &labels()).starts_with("i is packed by gzip: "));
    }

    #[test]
    fn bytes_behind_a_gzip_member_are_refused_and_another_member_is_read() {
        for behind in [&b"x"[..], b"garbage that is longer than a header of gzip", &[0; 8]] {
            let bytes = [&gzip(&images())[..], behind].concat();
            let message = read_split(&bytes, &gzip(&labels()), ".gz", None).unwrap_err();
            assert!(message.starts_with("i.gz: broken gzip after byte 40: "), "{message}");
        }
        let members = [gzip(&images()), gzip(b"more")].concat();
        let message = read_split(&members, &gzip(&labels()), ".gz", None).unwrap_err();
        assert_eq!(message, "i.gz: goes on after its last value, at byte 40");
    }

    #[test]
    fn a_test_label_that_training_has_not_is_refused() {
        let message = read_split(&images(), &labels(), "", Some(4)).unwrap_err();
        assert_eq!(message, "l: label 4 of record 2 at byte 10 is not below 4, the classes");
    }

    #[test]
    fn both_spellings_are_found_and_the_plain_file_goes_first() {
        let names = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<Vec<_>>();
        let listed = names(&["t10k-images.idx3-ubyte.gz", "t10k-labels-idx1-ubyte", "t10k-labels-idx1-ubyte.gz"]);
        let found = idx_files(&listed, "t10k").unwrap().unwrap();
        assert_eq!(found, IdxFiles { images: "t10k-images.idx3-ubyte.gz", labels: "t10k-labels-idx1-ubyte" });
        assert!(idx_files(&listed, "train").unwrap().is_none());
        let error = idx_files(&listed[..1], "t10k").unwrap_err();
        assert_eq!(error.to_string(), "t10k-images.idx3-ubyte.gz has no t10k-labels-idx1-ubyte beside it");
    }
}
