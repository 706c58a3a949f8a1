//! Flat vectors as safetensors files: models, normalisers and checkpoints, which PyTorch loads by name. Only this file
//! writes and checks headers, with the safetensors crate. The values after the header (f32, little-endian) are streamed
//! by the caller, so that a file may be larger than the largest array.

use std::collections::{BTreeMap, HashMap};

use firesteel_exchange::{Entry, Layout, layout::check_length};
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A file begins with the length of its header as a u64.
const LENGTH: usize = size_of::<u64>();
/// The header is padded with spaces to a multiple of this, so that the values after it are aligned.
const ALIGNMENT: usize = 8;

/// The contents of a file of tensors. It crosses JNI as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileLayout {
    /// In any order; the values are stored in the order of the names.
    pub tensors: Vec<Entry>,
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

/// A header that has been checked: its tensors fill the file without gaps and overlaps.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Header {
    /// In the order of their positions in the file.
    pub tensors: Vec<Placed>,
    pub metadata: BTreeMap<String, String>,
}

/// A tensor and the position of its values in the file.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Placed {
    pub name: String,
    /// `F32`, or another type of the format.
    pub dtype: String,
    pub shape: Vec<usize>,
    /// First byte, counted from the start of the file.
    pub start: u64,
    pub bytes: u64,
}

/// The bytes of a file before its values: the length of the header, and the header.
pub fn header(layout: &FileLayout) -> Result<Vec<u8>> {
    let too_large = || Error::layout("tensors of more bytes than a file can have");
    let mut tensors = Vec::with_capacity(layout.tensors.len());
    let mut start = 0usize;
    for entry in Layout::new(layout.tensors.clone())?.entries() {
        let values = entry.shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
        let bytes = values.and_then(|values| values.checked_mul(size_of::<f32>())).ok_or_else(too_large)?;
        let end = start.checked_add(bytes).ok_or_else(too_large)?;
        let info = TensorInfo { dtype: Dtype::F32, shape: entry.shape.clone(), data_offsets: (start, end) };
        tensors.push((entry.name.clone(), info));
        start = end;
    }
    let metadata: HashMap<String, String> = layout.metadata.clone().into_iter().collect();
    let metadata = Metadata::new(Some(metadata), tensors).map_err(refused)?;
    let json = serde_json::to_vec(&metadata).map_err(|cause| Error::internal("write JSON").caused_by(cause))?;
    let padded = json.len().next_multiple_of(ALIGNMENT);
    let mut bytes = (padded as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(&json);
    bytes.resize(LENGTH + padded, b' ');
    Ok(bytes)
}

/// Reads and checks a header that `header` or another program wrote; `file_bytes` is the length of the whole file.
pub fn read_header(bytes: &[u8], file_bytes: u64) -> Result<Header> {
    let (length, json) =
        bytes.split_first_chunk::<LENGTH>().ok_or_else(|| Error::layout("shorter than a header's length"))?;
    let length = u64::from_le_bytes(*length);
    if length != json.len() as u64 {
        return Err(Error::layout(format!("a header of {} bytes where {length} are announced", json.len())));
    }
    let header: Metadata =
        serde_json::from_slice(json).map_err(|cause| Error::layout("not a safetensors header").caused_by(cause))?;
    let values = header.data_len() as u64;
    if values.checked_add(bytes.len() as u64) != Some(file_bytes) {
        let before = bytes.len();
        let message = format!("{file_bytes} bytes, where the header says {before} and {values} of values");
        return Err(Error::layout(message));
    }
    let place = |name: String| {
        let info =
            header.info(&name).ok_or_else(|| Error::layout(format!("tensor {name} is listed, not described")))?;
        let (start, end) = info.data_offsets;
        Ok(Placed {
            dtype: format!("{:?}", info.dtype),
            shape: info.shape.clone(),
            start: (bytes.len() + start) as u64,
            bytes: (end - start) as u64,
            name,
        })
    };
    let tensors = header.offset_keys().into_iter().map(place).collect::<Result<_>>()?;
    let metadata = header.metadata().clone().unwrap_or_default().into_iter().collect();
    Ok(Header { tensors, metadata })
}

/// The bytes of a whole file with `values` in the order of the names; for small files.
pub fn encode(layout: &FileLayout, values: &[f32]) -> Result<Vec<u8>> {
    let mut bytes = header(layout)?;
    check_length(Layout::new(layout.tensors.clone())?.length(), values.len())?;
    bytes.reserve_exact(size_of_val(values));
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    Ok(bytes)
}

fn refused(cause: safetensors::SafeTensorError) -> Error {
    Error::layout("not a file of tensors").caused_by(cause)
}

#[cfg(test)]
mod tests {
    use safetensors::SafeTensors;

    use super::*;

    fn layout(shape: &[usize]) -> FileLayout {
        FileLayout {
            tensors: vec![
                Entry { name: "b".to_owned(), shape: vec![1] },
                Entry { name: "a".to_owned(), shape: shape.to_vec() },
            ],
            metadata: BTreeMap::from([("round".to_owned(), "7".to_owned())]),
        }
    }

    /// The header of a whole file, which a reader that streams reads first.
    fn head(file: &[u8]) -> &[u8] {
        let length = u64::from_le_bytes(file[..LENGTH].try_into().unwrap()) as usize;
        &file[..LENGTH + length]
    }

    #[test]
    fn other_programs_read_the_values_and_the_metadata() {
        let values = [1.0, -0.0, f32::MIN_POSITIVE, f32::INFINITY, 0.1];
        let file = encode(&layout(&[2, 2]), &values).unwrap();
        let read = SafeTensors::deserialize(&file).unwrap();
        assert_eq!(
            read.tensor("a").unwrap().data(),
            values[..4].iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<_>>()
        );
        assert_eq!(read.tensor("b").unwrap().data(), values[4].to_le_bytes());
        let (_, header) = SafeTensors::read_metadata(&file).unwrap();
        assert_eq!(header.metadata().as_ref().unwrap()["round"], "7");
        assert_eq!(file, encode(&layout(&[2, 2]), &values).unwrap());
    }

    #[test]
    fn a_header_has_the_positions_of_the_values() {
        let file = encode(&layout(&[2, 2]), &[0.0; 5]).unwrap();
        let header = read_header(head(&file), file.len() as u64).unwrap();
        let start = head(&file).len() as u64;
        let placed = |name: &str, shape: &[usize], start, bytes| Placed {
            name: name.to_owned(),
            dtype: "F32".to_owned(),
            shape: shape.to_vec(),
            start,
            bytes,
        };
        assert_eq!(header.tensors, [placed("a", &[2, 2], start, 16), placed("b", &[1], start + 16, 4)]);
        assert_eq!(header.metadata["round"], "7");
    }

    #[test]
    fn tensors_larger_than_any_array_have_a_header() {
        let huge = FileLayout { tensors: vec![Entry { name: "a".to_owned(), shape: vec![1 << 40] }], ..layout(&[]) };
        let bytes = header(&huge).unwrap();
        let file_bytes = bytes.len() as u64 + (4 << 40);
        assert_eq!(read_header(&bytes, file_bytes).unwrap().tensors[0].bytes, 4 << 40);
        let beyond =
            FileLayout { tensors: vec![Entry { name: "a".to_owned(), shape: vec![1 << 40, 1 << 40] }], ..huge };
        assert!(header(&beyond).unwrap_err().to_string().contains("more bytes than a file can have"));
    }

    #[test]
    fn a_file_of_another_length_than_its_header_says_is_refused() {
        let file = encode(&layout(&[4]), &[1.0; 5]).unwrap();
        for length in (0..file.len() as u64).chain([file.len() as u64 + 1, u64::MAX]) {
            assert!(read_header(head(&file), length).is_err(), "{length} bytes");
        }
        for end in 0..head(&file).len() {
            assert!(read_header(&file[..end], file.len() as u64).is_err(), "a header cut at {end}");
        }
    }

    /// Gaps, overlaps, wrong sizes, unknown types, and products that overflow.
    #[test]
    fn a_false_header_is_refused() {
        let false_headers = [
            r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
            r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
            r#"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#,
            r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#,
            r#"{"a":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}}"#,
            r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296,2],"data_offsets":[0,8]}}"#,
            r#"{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#,
            r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}} {}"#,
            "[]",
        ];
        for header in false_headers {
            let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
            bytes.extend_from_slice(header.as_bytes());
            let file_bytes = bytes.len() as u64 + 8;
            assert!(read_header(&bytes, file_bytes).is_err(), "{header}");
        }
    }
}
