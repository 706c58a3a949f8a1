//! The order, names and shapes of a flat vector, and the digest that both sides of a boundary
//! compare before any value is used. Tensors are in the order of their names, each row-major.

use std::fmt::Write;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Error, Result};

/// One tensor of a flat vector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// PyTorch's name, such as `conv1.weight`.
    pub name: String,
    /// PyTorch's shape: `[out, in, height, width]` of a convolution, `[out, in]` of a linear layer.
    pub shape: Vec<usize>,
}

impl Entry {
    /// How many values the tensor holds.
    pub fn numel(&self) -> usize {
        self.shape.iter().product()
    }
}

/// Names and shapes of the tensors in a flat vector, sorted by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    entries: Vec<Entry>,
}

impl Layout {
    /// Sorts `entries` by name; a name that occurs twice is refused.
    pub fn new(mut entries: Vec<Entry>) -> Result<Self> {
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        if let Some(pair) = entries.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(Error::Duplicate(pair[0].name.clone()));
        }
        Ok(Self { entries })
    }

    /// The tensors in the order of the vector.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The number of values of the whole vector.
    pub fn length(&self) -> usize {
        self.entries.iter().map(Entry::numel).sum()
    }

    /// Every tensor with the range of the vector that holds it.
    pub fn ranges(&self) -> impl Iterator<Item = (&Entry, Range<usize>)> {
        self.entries.iter().scan(0, |offset, entry| {
            let start = *offset;
            *offset += entry.numel();
            Some((entry, start..*offset))
        })
    }

    /// SHA-256 over one line `name dim dim ..` a tensor, as 64 hexadecimal digits.
    pub fn digest(&self) -> String {
        let mut text = String::new();
        for entry in &self.entries {
            text.push_str(&entry.name);
            for dim in &entry.shape {
                let _ = write!(text, " {dim}"); // writing to a String cannot fail
            }
            text.push('\n');
        }
        Sha256::digest(text.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }

    /// Refuses a digest that is not this layout's.
    pub fn check_digest(&self, got: &str) -> Result<()> {
        let expected = self.digest();
        if got == expected { Ok(()) } else { Err(Error::Digest { expected, got: got.to_owned() }) }
    }
}

/// Refuses a vector of another length than `expected`.
pub fn check_length(expected: usize, got: usize) -> Result<()> {
    if got == expected { Ok(()) } else { Err(Error::Length { expected, got }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, shape: &[usize]) -> Entry {
        Entry { name: name.to_owned(), shape: shape.to_vec() }
    }

    fn two() -> Layout {
        Layout::new(vec![entry("ip.weight", &[2, 3]), entry("conv.bias", &[4])]).unwrap()
    }

    #[test]
    fn tensors_stand_in_the_order_of_their_names() {
        let layout = two();
        let ranges: Vec<_> = layout.ranges().map(|(e, r)| (e.name.as_str(), r)).collect();
        assert_eq!(ranges, [("conv.bias", 0..4), ("ip.weight", 4..10)]);
        assert_eq!(layout.length(), 10);
    }

    #[test]
    fn the_digest_depends_on_names_and_shapes_and_not_on_the_order_given() {
        let same = Layout::new(vec![entry("conv.bias", &[4]), entry("ip.weight", &[2, 3])]).unwrap();
        let turned = Layout::new(vec![entry("conv.bias", &[4]), entry("ip.weight", &[3, 2])]).unwrap();
        let renamed = Layout::new(vec![entry("conv.bias", &[4]), entry("ip2.weight", &[2, 3])]).unwrap();
        assert_eq!(two().digest(), same.digest());
        assert_ne!(two().digest(), turned.digest());
        assert_ne!(two().digest(), renamed.digest());
        assert!(two().check_digest(&same.digest()).is_ok());
        assert!(matches!(two().check_digest(&turned.digest()), Err(Error::Digest { .. })));
    }

    #[test]
    fn a_name_that_stands_twice_is_refused() {
        let twice = Layout::new(vec![entry("a", &[1]), entry("a", &[2])]);
        assert_eq!(twice, Err(Error::Duplicate("a".to_owned())));
    }
}
