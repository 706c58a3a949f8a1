//! Flat vectors as safetensors files: models, normalisers and checkpoints, which PyTorch loads by name.
//! Pure: bytes in, bytes out; whoever holds the file system moves them.

use std::collections::{BTreeMap, HashMap};

use firesteel_exchange::{Entry, Layout, layout::check_length};
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What a file of tensors holds; it crosses JNI as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileLayout {
    /// In any order; values stand in the order of the names.
    pub tensors: Vec<Entry>,
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

/// The bytes of a safetensors file with `values`, f32 little-endian, in the order of the names.
pub fn encode(layout: &FileLayout, values: &[f32]) -> Result<Vec<u8>> {
    let order = Layout::new(layout.tensors.clone())?;
    check_length(order.length(), values)?;
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let width = size_of::<f32>();
    let views = order
        .ranges()
        .map(|(entry, range)| {
            let data = &bytes[range.start * width..range.end * width];
            Ok((entry.name.clone(), TensorView::new(Dtype::F32, entry.shape.clone(), data).map_err(refused)?))
        })
        .collect::<Result<Vec<_>>>()?;
    let metadata: HashMap<String, String> = layout.metadata.clone().into_iter().collect();
    serialize(views, Some(metadata)).map_err(refused)
}

/// The values of `layout`'s tensors in `file`, in the order of the names. Tensors that the layout does
/// not name are passed over; one that is missing, or of another shape or type, is an error.
pub fn decode(layout: &FileLayout, file: &[u8]) -> Result<Vec<f32>> {
    let order = Layout::new(layout.tensors.clone())?;
    let tensors = SafeTensors::deserialize(file).map_err(refused)?;
    let mut values = Vec::with_capacity(order.length());
    for entry in order.entries() {
        let view = tensors.tensor(&entry.name).map_err(refused)?;
        if view.shape() != entry.shape || view.dtype() != Dtype::F32 {
            let (got, dtype) = (view.shape(), view.dtype());
            let message = format!("tensor {} is {dtype:?} {got:?}, not F32 {:?}", entry.name, entry.shape);
            return Err(Error::layout(message));
        }
        values.extend(view.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)));
    }
    Ok(values)
}

/// The texts that a file of tensors carries beside them.
pub fn metadata(file: &[u8]) -> Result<BTreeMap<String, String>> {
    let (_, header) = SafeTensors::read_metadata(file).map_err(refused)?;
    Ok(header.metadata().clone().unwrap_or_default().into_iter().collect())
}

fn refused(cause: safetensors::SafeTensorError) -> Error {
    Error::layout("not a file of the expected tensors").caused_by(cause)
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn values_and_metadata_come_back_bit_for_bit() {
        let values = [1.0, -0.0, f32::MIN_POSITIVE, f32::INFINITY, 0.1];
        let file = encode(&layout(&[2, 2]), &values).unwrap();
        let back = decode(&layout(&[2, 2]), &file).unwrap();
        assert_eq!(back.iter().map(|x| x.to_bits()).collect::<Vec<_>>(), values.map(f32::to_bits));
        assert_eq!(metadata(&file).unwrap()["round"], "7");
        assert_eq!(file, encode(&layout(&[2, 2]), &values).unwrap());
    }

    #[test]
    fn a_tensor_of_another_shape_is_named() {
        let file = encode(&layout(&[4]), &[0.0; 5]).unwrap();
        let error = decode(&layout(&[2, 2]), &file).unwrap_err();
        assert_eq!(error.to_string(), "tensor a is F32 [4], not F32 [2, 2]");
    }

    #[test]
    fn a_file_cut_anywhere_is_refused() {
        let file = encode(&layout(&[4]), &[1.0; 5]).unwrap();
        for end in 0..file.len() {
            assert!(decode(&layout(&[4]), &file[..end]).is_err(), "cut at {end}");
        }
    }
}
