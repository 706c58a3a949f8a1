//! The data sets that can be read, told from the names of their files.

use std::fs;
use std::path::Path;

use super::cifar::{self, CIFAR10_FILES, CIFAR100_FILES};
use super::idx::{self, IDX_FILES};
use crate::error::{Error, Result};
use crate::names::names;

names! {
    /// The data sets that can be read.
    pub enum DatasetKind("dataset") {
        Cifar10 = "cifar10",
        Cifar100 = "cifar100",
        Idx = "idx",
        Images = "images",
    }
}

impl DatasetKind {
    /// Those that are read here. Class folders of images are read by the Spark driver only.
    pub const READ_HERE: [DatasetKind; 3] = [DatasetKind::Cifar10, DatasetKind::Cifar100, DatasetKind::Idx];

    /// Its files, for error messages.
    pub(super) fn files(self) -> &'static str {
        match self {
            DatasetKind::Cifar10 => CIFAR10_FILES,
            DatasetKind::Cifar100 => CIFAR100_FILES,
            DatasetKind::Idx => IDX_FILES,
            DatasetKind::Images => "class folders of images, which the Spark driver reads and this program does not",
        }
    }

    fn has_training_files(self, names: &[String]) -> Result<bool> {
        Ok(match self {
            DatasetKind::Cifar10 => !cifar::cifar10_files(names).0.is_empty(),
            DatasetKind::Cifar100 => !cifar::cifar100_files(names).0.is_empty(),
            DatasetKind::Idx => idx::idx_files(names, "train")?.is_some(),
            DatasetKind::Images => false,
        })
    }
}

/// The names of the entries of a directory, sorted, without those that are not Unicode: no data file has such a name.
pub(super) fn list(directory: &Path) -> Result<Vec<String>> {
    let failed = |cause| Error::io(directory, cause);
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        names.extend(entry.map_err(failed)?.file_name().into_string().ok());
    }
    names.sort_unstable();
    Ok(names)
}

/// Those of `candidates` whose training files are among `names`.
pub(super) fn kinds_in(names: &[String], candidates: &[DatasetKind]) -> Result<Vec<DatasetKind>> {
    let mut found = Vec::new();
    for &kind in candidates {
        if kind.has_training_files(names)? {
            found.push(kind);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_configuration() {
        for kind in DatasetKind::READ_HERE {
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{kind}\""));
        }
    }
}
