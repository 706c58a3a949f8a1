//! What the programs without Spark begin with: a data set in a local directory, and the configuration completed for it.

use std::path::{Path, PathBuf};

use tch::Device;

use crate::config::{Facts, TrainConfig, known};
use crate::data::{Dataset, Split};
use crate::error::{Error, Result};
use crate::estimate::Estimate;
use crate::memory::{MemoryLimit, readable};
use crate::metrics::DataFacts;

/// The data set of a run, in memory, and its completed configuration.
pub struct LocalData {
    pub config: TrainConfig,
    pub out: PathBuf,
    pub train: Dataset,
    pub test: Option<Dataset>,
    pub facts: DataFacts,
}

impl LocalData {
    /// Completes and checks `config`, and reads the data set. `program` is for the messages about what it cannot do.
    pub fn read(mut config: TrainConfig, program: &str) -> Result<Self> {
        let data = known("data", config.data.clone())?;
        let out = PathBuf::from(known("out", config.out.clone())?);
        if config.resume {
            return Err(Error::config(format!(
                "resume: the {program} program keeps no checkpoint, the Spark driver does"
            )));
        }
        if config.validation.is_some() {
            return Err(Error::config(format!(
                "validation: the {program} program reads no class folders, which alone are divided; the Spark driver does"
            )));
        }
        config = config.resolve(None)?;
        let Split { kind, train, test } = Dataset::read_dir(Path::new(&data), config.dataset, config.shape())?;
        config.dataset = Some(kind);
        config = config.resolve(Some(Facts { rows: train.rows() as u64, classes: train.classes(), encoded: false }))?;
        let facts = DataFacts {
            train_rows: train.rows(),
            test_rows: test.as_ref().map_or(0, Dataset::rows),
            classes: known("classes", config.classes)?,
        };
        let needing = [("patience", config.patience.is_some()), ("restore-best-weights", config.restore_best_weights)];
        if let Some((key, _)) = needing.into_iter().find(|(_, given)| *given && facts.test_rows == 0) {
            return Err(Error::config(format!("{key} needs images to evaluate, and {data} has only a training set")));
        }
        Ok(Self { config, out, train, test, facts })
    }
}

/// Refuses a run that needs more memory than this process can get; warns about one that needs more than is free now.
/// `resident` bytes stay, and the larger of a training worker's step and an evaluation comes on top; `advice` is what to
/// change.
pub fn check_memory(config: &TrainConfig, resident: u64, [train, test]: [Estimate; 2], advice: &str) -> Result<()> {
    if config.device.resolve(None, 0)? != Device::Cpu {
        return Ok(());
    }
    let wanted = resident.saturating_add(train.step.max(test.evaluation));
    let limit = MemoryLimit::of_this_process();
    let figures = || {
        let (step, batch) = (readable(train.step), config.batch.unwrap_or_default());
        format!("about {} more memory are wanted, {step} of them for a step on batch {batch}", readable(wanted))
    };
    if wanted > limit.bytes {
        let (bytes, by) = (readable(limit.bytes), limit.by);
        return Err(Error::memory(format!("{}, and {bytes} is what {by} leaves: {advice}", figures())));
    }
    if wanted > limit.available {
        log::warn!("{}, and {} are free: the run may be killed", figures(), readable(limit.available));
    }
    log::info!("{}", figures());
    Ok(())
}
