//! The range of each number, independent of the other settings.

use firesteel_exchange::server;
use serde_json::{Map, Value, json};

use crate::error::{Error, Result};

pub const MOST_CLASSES: u64 = 1 << 20; // the last layer of a wide net has gigabytes then
pub const MOST_PIXELS: u64 = 1024; // of a side; activations of a larger image take gigabytes in a wide net
/// Limit of everything that is counted: steps, images, workers. Rounds and lengths have 32 bits in the JVM, and the
/// product of two counts fits 64.
pub const MOST: u64 = i32::MAX as u64;
pub const MOST_THREADS: u64 = 1024; // of one worker; each thread of hogwild has its own gradient and solver
pub const MOST_PARTS: u64 = 1024; // of the center; each is a connection of every worker
pub const MOST_SEED: u64 = i64::MAX as u64; // the JVM has no larger integer
pub const MOST_SECONDS: u64 = server::MOST_SECONDS;

/// The range of a setting's number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limits {
    /// Not a number.
    Any,
    /// `least` to `most`, in `unit`.
    Whole { least: u64, most: u64, unit: &'static str },
    /// A finite number; `words` say what the bounds are.
    Real { least: Bound, most: Bound, words: &'static str },
}

/// One end of a range of real numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// The number itself is in the range.
    Included(f64),
    Excluded(f64),
    None,
}

pub const ANY: Limits = Limits::Any;
pub const ABOVE_0: Limits = Limits::Real { least: Bound::Excluded(0.0), most: Bound::None, words: "above 0" };
pub const AT_LEAST_0: Limits = Limits::Real { least: Bound::Included(0.0), most: Bound::None, words: "at least 0" };
pub const UP_TO_1: Limits = Limits::Real { least: Bound::Included(0.0), most: Bound::Included(1.0), words: "0 to 1" };
pub const BELOW_1: Limits =
    Limits::Real { least: Bound::Included(0.0), most: Bound::Excluded(1.0), words: "at least 0 and below 1" };
pub const ABOVE_0_BELOW_1: Limits =
    Limits::Real { least: Bound::Excluded(0.0), most: Bound::Excluded(1.0), words: "above 0 and below 1" };
pub const ABOVE_0_UP_TO_1: Limits =
    Limits::Real { least: Bound::Excluded(0.0), most: Bound::Included(1.0), words: "above 0 and at most 1" };

/// A number of things.
pub const fn whole(least: u64, most: u64) -> Limits {
    Limits::Whole { least, most, unit: "" }
}

/// A length in pixels.
pub const fn pixels(least: u64, most: u64) -> Limits {
    Limits::Whole { least, most, unit: " pixels" }
}

impl Limits {
    /// Refuses a number out of the range, by the setting's key.
    pub fn check(self, key: &str, wholes: &[u64], real: Option<f64>) -> Result<()> {
        let refused =
            |must: String, not: &dyn std::fmt::Display| Err(Error::config(format!("{key} must be {must}, not {not}")));
        match self {
            Self::Any => Ok(()),
            Self::Whole { least, most, unit } => match wholes.iter().find(|value| !(least..=most).contains(value)) {
                Some(value) if least > 1 => refused(format!("{least} to {most}{unit}"), value),
                Some(value) if *value < least => refused(format!("at least {least}{unit}"), value),
                Some(value) => refused(format!("at most {most}{unit}"), value),
                None => Ok(()),
            },
            Self::Real { least, most, words } => match real {
                Some(x) if !(x.is_finite() && least.is_below(x) && most.is_above(x)) => refused(words.to_owned(), &x),
                _ => Ok(()),
            },
        }
    }

    /// Its part of the schema: `least`, `most`, and `above` and `below` for bounds that are not in the range.
    pub fn schema(self) -> Map<String, Value> {
        let bounds = match self {
            Self::Any => vec![],
            Self::Whole { least, most, .. } => vec![("least", json!(least)), ("most", json!(most))],
            Self::Real { least, most, .. } => [("least", "above", least), ("most", "below", most)]
                .into_iter()
                .filter_map(|(included, excluded, bound)| match bound {
                    Bound::Included(x) => Some((included, json!(x))),
                    Bound::Excluded(x) => Some((excluded, json!(x))),
                    Bound::None => None,
                })
                .collect(),
        };
        bounds.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }
}

impl Bound {
    /// Whether `x` is in the range whose lower bound this is.
    fn is_below(self, x: f64) -> bool {
        match self {
            Self::Included(bound) => x >= bound,
            Self::Excluded(bound) => x > bound,
            Self::None => true,
        }
    }

    /// Whether `x` is in the range whose upper bound this is.
    fn is_above(self, x: f64) -> bool {
        match self {
            Self::Included(bound) => x <= bound,
            Self::Excluded(bound) => x < bound,
            Self::None => true,
        }
    }
}
