//! The files that a run of a program without Spark leaves beside its metrics: the model, its preprocessing and the
//! configuration.

use std::fs;
use std::path::{Path, PathBuf};

use firesteel_exchange::Entry;
use serde_json::{Map, Value};

use crate::config::TrainConfig;
use crate::data::Normalizer;
use crate::error::{Error, Result};
use crate::tensors::{FileLayout, encode};

/// A run's configuration, as it was asked for and completed.
#[derive(Clone, Copy)]
pub struct Configuration<'a> {
    pub asked: &'a TrainConfig,
    pub completed: &'a TrainConfig,
}

/// Writes the files into `out` and answers the path of the model.
pub fn write(out: &Path, config: Configuration<'_>, weights: &[f32], normalizer: &Normalizer) -> Result<PathBuf> {
    let model = out.join("model.safetensors");
    let Configuration { asked, completed } = config;
    let record = Value::Object(completed.record(asked));
    let text = serde_json::to_vec_pretty(&record).map_err(|e| Error::internal("write JSON").caused_by(e))?;
    write_whole(&out.join("config.json"), &text)?;
    let tensors = completed.build_net()?.layout().entries().to_vec();
    write_whole(&model, &encode(&pytorch_file(tensors), weights)?)?;
    let shape = normalizer.shape();
    let tensors = vec![entry("mean", &[shape.channels, shape.height, shape.width]), entry("scale", &[shape.channels])];
    let preprocessing = encode(&pytorch_file(tensors), &normalizer.to_vec())?;
    write_whole(&out.join("preprocessing.safetensors"), &preprocessing)?;
    Ok(model)
}

/// The versions of this program and of libtorch, for the metrics.
pub fn versions() -> Map<String, Value> {
    let text = |text: &str| Value::String(text.to_owned());
    [("firesteel".to_owned(), text(env!("CARGO_PKG_VERSION"))), ("libtorch".to_owned(), text(crate::LIBTORCH))]
        .into_iter()
        .collect()
}

fn entry(name: &str, shape: &[usize]) -> Entry {
    Entry { name: name.to_owned(), shape: shape.to_vec() }
}

/// With the metadata `format: pt`, which PyTorch's own writer sets.
fn pytorch_file(tensors: Vec<Entry>) -> FileLayout {
    FileLayout { tensors, metadata: [("format".to_owned(), "pt".to_owned())].into() }
}

/// Writes to a temporary file beside `path` and renames it, so that the file exists only when it is complete. A failure
/// leaves neither.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let partial = path.with_extension("partial");
    let written = fs::write(&partial, bytes).and_then(|()| fs::File::open(&partial)?.sync_all());
    written.and_then(|()| fs::rename(&partial, path)).map_err(|e| {
        let _ = fs::remove_file(&partial); // it may not be there; the first failure is the one to tell
        Error::io(path, e)
    })
}
