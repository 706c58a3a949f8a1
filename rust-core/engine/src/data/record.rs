//! The byte layouts of one row: where its label is and what its image is. `RecordFormat.scala` of the connector writes
//! the same layouts.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Height and width of CIFAR's images in pixels.
const CIFAR_SIDE: usize = 32;
/// A larger side of a raw image is taken for a broken header.
const MOST_SIDE: usize = 65_535;
/// Bytes before a record of varying length: its row number (u64) and its length (u32), little-endian.
const HEAD: usize = 12;
/// Bytes of the label (u32, little-endian) at the start of a record of varying length.
const LABEL: usize = 4;
/// Bytes of the weight (f32, little-endian) after the label, in formats that have weights.
const WEIGHT: usize = 4;
/// Bytes before raw pixels: height and width (u32, little-endian), channels, whether blue comes first, two zeros.
const PIXELS_HEAD: usize = 12;

/// The format of one row in bytes; in JSON `{"format":"cifar10"}`, `{"format":"idx","height":28,"width":28}`,
/// `{"format":"encoded"}`, `{"format":"encoded","weighted":true}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "format", rename_all = "lowercase")]
pub enum RecordFormat {
    /// 1 label, 3072 planar RGB.
    Cifar10,
    /// 1 coarse label, 1 fine label (the one that is used), 3072 planar RGB.
    Cifar100,
    /// 1 label, `height` x `width` grey.
    Idx { height: usize, width: usize },
    /// A head, a label of 4 bytes, a weight of 4 bytes if `weighted`, then a JPEG or PNG file.
    Encoded {
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        weighted: bool,
    },
    /// The same with `PIXELS_HEAD` and the lines of an image of 1, 3 or 4 channels in place of the file.
    Pixels {
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        weighted: bool,
    },
}

/// An image as its source has it.
#[derive(Clone, Copy, Debug)]
pub enum Image<'a> {
    /// Red, green and blue planes of `height` x `width`.
    Planar { height: usize, width: usize, bytes: &'a [u8] },
    /// Lines of pixels of 1, 3 or 4 bytes: grey, or three colours and perhaps an alpha, which is left out.
    Lines { height: usize, width: usize, channels: usize, blue_first: bool, bytes: &'a [u8] },
    /// A JPEG or PNG file.
    Encoded(&'a [u8]),
    /// Bytes that are no image, and why.
    Broken(&'a str),
}

/// One row of a chunk.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    pub label: u32,
    /// Where the label is in the chunk.
    pub label_at: usize,
    /// The row's weight in the training loss, where the record has it; any value.
    pub weight: Option<f32>,
    /// The number of the row in its data set, where the record has it.
    pub row: Option<u64>,
    pub image: Image<'a>,
}

impl RecordFormat {
    /// The number of classes if the format determines it; for others it is found from the labels.
    pub fn classes(self) -> Option<usize> {
        match self {
            RecordFormat::Cifar10 => Some(10),
            RecordFormat::Cifar100 => Some(100),
            _ => None,
        }
    }

    /// Whether records have a weight.
    pub fn is_weighted(self) -> bool {
        matches!(self, RecordFormat::Encoded { weighted: true } | RecordFormat::Pixels { weighted: true })
    }

    /// Bytes of one record, if all have the same number.
    pub fn fixed_len(self) -> Option<usize> {
        let pixels = match self {
            RecordFormat::Cifar10 | RecordFormat::Cifar100 => 3 * CIFAR_SIDE * CIFAR_SIDE,
            RecordFormat::Idx { height, width } => height * width,
            RecordFormat::Encoded { .. } | RecordFormat::Pixels { .. } => return None,
        };
        Some(self.label_bytes() + pixels)
    }

    fn label_bytes(self) -> usize {
        if self == RecordFormat::Cifar100 { 2 } else { 1 }
    }

    /// Refuses sizes that no image has, with an error of kind `data`.
    pub fn check(self) -> Result<()> {
        match self {
            RecordFormat::Idx { height, width }
                if [height, width].iter().any(|side| !(1..=MOST_SIDE).contains(side)) =>
            {
                Err(Error::data(format!("images of {height} x {width} pixels; a side has 1 to {MOST_SIDE}")))
            }
            _ => Ok(()),
        }
    }

    /// The `rows` records that `bytes` consists of.
    pub fn records(self, bytes: &[u8], rows: usize) -> Result<Vec<Record<'_>>> {
        match self.fixed_len() {
            Some(length) if rows.checked_mul(length) != Some(bytes.len()) => {
                Err(Error::layout(format!("{} bytes are not {rows} records of {length} bytes", bytes.len())))
            }
            Some(length) => Ok(self.fixed(bytes, length)),
            None => self.framed(bytes, rows),
        }
    }

    fn fixed(self, bytes: &[u8], length: usize) -> Vec<Record<'_>> {
        let label_at = self.label_bytes() - 1;
        let record = |(at, record)| -> Record<'_> {
            let record: &[u8] = record;
            let bytes = &record[self.label_bytes()..];
            let image = match self {
                RecordFormat::Idx { height, width } => {
                    Image::Lines { height, width, channels: 1, blue_first: false, bytes }
                }
                _ => Image::Planar { height: CIFAR_SIDE, width: CIFAR_SIDE, bytes },
            };
            Record { label: record[label_at].into(), label_at: at * length + label_at, weight: None, row: None, image }
        };
        bytes.chunks_exact(length).enumerate().map(record).collect()
    }

    /// Records with a head each. The connector wrote them, so that lengths that do not fit are a defect.
    fn framed(self, bytes: &[u8], rows: usize) -> Result<Vec<Record<'_>>> {
        let broken = |at| Error::layout(format!("{} bytes are not {rows} records: byte {at}", bytes.len()));
        let image_at = LABEL + if self.is_weighted() { WEIGHT } else { 0 };
        let (mut records, mut at) = (Vec::new(), 0);
        while at < bytes.len() {
            let head = bytes.get(at..at + HEAD).ok_or_else(|| broken(at))?;
            let row = u64::from_le_bytes(head[..8].try_into().expect("8 bytes"));
            let length = number(head, 8);
            let body = bytes.get(at + HEAD..).and_then(|rest| rest.get(..length)).ok_or_else(|| broken(at))?;
            let (start, bytes) = body.split_at_checked(image_at).ok_or_else(|| broken(at))?;
            let image = match self {
                RecordFormat::Pixels { .. } => raw(bytes),
                _ => Image::Encoded(bytes),
            };
            let weight = self.is_weighted().then(|| f32::from_bits(number(start, LABEL) as u32));
            records.push(Record { label: number(start, 0) as u32, label_at: at + HEAD, weight, row: Some(row), image });
            at += HEAD + length;
        }
        if records.len() == rows { Ok(records) } else { Err(broken(at)) }
    }
}

impl Record<'_> {
    /// Refuses a weight that is negative, infinite or NaN; `at` is the record's number in its chunk.
    pub fn check_weight(&self, at: usize) -> Result<()> {
        match self.weight {
            Some(weight) if !(weight.is_finite() && weight >= 0.0) => {
                let row = self.row.map_or_else(String::new, |row| format!(", row {row} of the data set,"));
                Err(Error::data(format!("weight {weight} of record {at}{row} is below 0 or not finite")))
            }
            _ => Ok(()),
        }
    }
}

/// Raw pixels; what they should be is a column of somebody's table, so that a wrong length is a bad image.
fn raw(bytes: &[u8]) -> Image<'_> {
    let Some((head, bytes)) = bytes.split_at_checked(PIXELS_HEAD) else { return Image::Broken("no pixels") };
    let (height, width) = (number(head, 0), number(head, 4));
    let (channels, blue_first) = (usize::from(head[8]), head[9] == 1);
    let expected = [height, width, channels].iter().try_fold(1usize, |product, &n| product.checked_mul(n));
    if channels == 0 {
        Image::Broken(std::str::from_utf8(bytes).unwrap_or("no pixels")) // the connector's own reason
    } else if height == 0 || width == 0 || height.max(width) > MOST_SIDE {
        Image::Broken("height or width is 0, or above 65535")
    } else if !matches!(channels, 1 | 3 | 4) {
        Image::Broken("an image has 1, 3 or 4 channels")
    } else if expected != Some(bytes.len()) {
        Image::Broken("the bytes are not height x width x channels")
    } else {
        Image::Lines { height, width, channels, blue_first, bytes }
    }
}

/// The u32, little-endian, at `at`.
fn number(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::testing::{framed, weighted};

    const ENCODED: RecordFormat = RecordFormat::Encoded { weighted: false };
    const PIXELS: RecordFormat = RecordFormat::Pixels { weighted: false };

    #[test]
    fn a_record_with_a_head_tells_its_row_label_and_image() {
        let bytes = [framed(7, 300, b"jpeg"), framed(9, 0, b"")].concat();
        let records = ENCODED.records(&bytes, 2).unwrap();
        assert_eq!((records[0].row, records[0].label), (Some(7), 300));
        assert!(matches!(records[0].image, Image::Encoded(b"jpeg")));
        assert_eq!((records[1].row, records[1].label, records[1].label_at), (Some(9), 0, 20 + 12));
        assert!(matches!(records[1].image, Image::Encoded(b"")));
    }

    #[test]
    fn a_weight_stands_between_label_and_image() {
        let bytes = [weighted(7, 300, 0.25, b"jpeg"), weighted(9, 0, 2.0, b"")].concat();
        let records = RecordFormat::Encoded { weighted: true }.records(&bytes, 2).unwrap();
        assert_eq!((records[0].label, records[0].weight, records[0].row), (300, Some(0.25), Some(7)));
        assert!(matches!(records[0].image, Image::Encoded(b"jpeg")));
        assert_eq!((records[1].weight, records[1].label_at), (Some(2.0), 24 + 12));
        assert!(matches!(records[1].image, Image::Encoded(b"")));
        let without = framed(7, 1, b"");
        let error = RecordFormat::Encoded { weighted: true }.records(&without, 1).unwrap_err();
        assert_eq!(error.kind(), crate::Kind::Layout, "{error}");
        assert_eq!(ENCODED.records(&without, 1).unwrap()[0].weight, None);
    }

    #[test]
    fn lengths_that_do_not_fit_the_chunk_are_refused() {
        let whole = framed(7, 1, b"jpeg");
        for (bytes, rows) in [(&whole[..19], 1), (&whole[..11], 1), (&whole[..], 2), (&[0; 14], 1)] {
            let error = ENCODED.records(bytes, rows).unwrap_err();
            assert_eq!(error.kind(), crate::Kind::Layout, "{error}");
        }
    }

    #[test]
    fn raw_pixels_that_are_no_image_say_why() {
        let image = |height: u32, width: u32, channels: u8, length: usize| {
            let head = [&height.to_le_bytes()[..], &width.to_le_bytes(), &[channels, 1, 0, 0]].concat();
            framed(0, 0, &[head, vec![0; length]].concat())
        };
        let said = |bytes: &[u8]| match PIXELS.records(bytes, 1).unwrap()[0].image {
            Image::Broken(why) => why.to_owned(),
            Image::Lines { height, width, channels, blue_first, .. } => {
                format!("{height} {width} {channels} {blue_first}")
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(said(&image(2, 3, 3, 18)), "2 3 3 true");
        assert_eq!(said(&image(2, 3, 3, 17)), "the bytes are not height x width x channels");
        assert_eq!(said(&image(u32::MAX, u32::MAX, 4, 4)), "height or width is 0, or above 65535");
        assert_eq!(said(&image(1, 1, 2, 2)), "an image has 1, 3 or 4 channels");
        assert_eq!(said(&framed(0, 0, b"short")), "no pixels");
        let reason = [&[0; PIXELS_HEAD][..], "value 3 is 256".as_bytes()].concat();
        assert_eq!(said(&framed(0, 0, &reason)), "value 3 is 256");
    }
}
