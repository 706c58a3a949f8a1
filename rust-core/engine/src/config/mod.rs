//! The configuration of a run: the options of the command line, the keys of a JSON file, what crosses JNI, and what
//! `OUT/config.json` contains. Every setting is a row of the table in `table.rs`.

mod choices;
mod limits;
mod parts;
mod periods;
mod readers;
mod record;
mod resolve;
mod schema;
mod settings;
mod table;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::names::nearest;

pub use choices::{BadImagesPolicy, CodecName, Consistency, LrScale, OuterName, Period, SolverState, Strategy};
pub(crate) use parts::known;
pub use periods::PeriodStart;
pub use record::laid_over;
pub use schema::schema;
pub use settings::{Group, Setting, SettingType};
pub use table::{COMMON, TrainConfig, settings};

/// The properties of the data set on which a configuration depends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// Images of the training set.
    pub rows: u64,
    pub classes: usize,
    /// Whether the images are files of any size, so that the net decides on the size in memory.
    #[serde(default)]
    pub encoded: bool,
}

impl TrainConfig {
    /// Every key, sorted.
    pub fn keys() -> Vec<String> {
        Self::default().to_object().into_iter().map(|(key, _)| key).collect()
    }

    /// Every key with a truth value that is false by default: on the command line an option without a value.
    pub fn flags() -> Vec<String> {
        Self::default().to_object().into_iter().filter(|(_, value)| value.is_boolean()).map(|(key, _)| key).collect()
    }

    /// Reads a JSON object; an unknown key is refused with the most similar known one in the message.
    pub fn from_json(text: &str) -> Result<Self> {
        let map: Map<String, Value> = serde_json::from_str(text)
            .map_err(|e| Error::config("the configuration is no JSON object").caused_by(e))?;
        Self::from_map(map)
    }

    /// The configuration with the keys of `map`, and defaults for all others.
    pub fn from_map(map: Map<String, Value>) -> Result<Self> {
        let keys = Self::keys();
        let known: Vec<&str> = keys.iter().map(String::as_str).collect();
        if let Some(key) = map.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(Error::config(match nearest(key, &known) {
                Some(near) => format!("unknown key {key}, did you mean {near}?"),
                None => format!("unknown key {key}, known: {}", keys.join(", ")),
            }));
        }
        for (key, value) in &map {
            let alone = Map::from_iter([(key.clone(), value.clone())]);
            serde_json::from_value::<Self>(Value::Object(alone)).map_err(|e| Error::config(format!("{key}: {e}")))?;
        }
        serde_json::from_value(Value::Object(map)).map_err(|e| Error::config(e.to_string()))
    }

    /// The JSON object with all keys that have a value.
    pub fn to_map(&self) -> Map<String, Value> {
        self.to_object().into_iter().filter(|(_, value)| !value.is_null()).collect()
    }

    fn to_object(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(map)) => map,
            other => unreachable!("the configuration is a JSON object, not {other:?}"),
        }
    }
}
