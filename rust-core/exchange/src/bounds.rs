//! The ranges of the parameters of rules and outer optimisers.

use crate::{Error, Result};

/// The range of a parameter; NaN and infinity are outside all of them.
#[derive(Clone, Copy)]
pub(crate) enum Bounds {
    Share,
    BelowOne,
    Positive,
    NotNegative,
}

impl Bounds {
    /// Refuses a `value` of `owner`'s `key` outside these limits.
    pub(crate) fn check(self, owner: &'static str, key: &'static str, value: f32) -> Result<()> {
        let (holds, limits) = match self {
            Self::Share => ((0.0..=1.0).contains(&value), "in 0..=1"),
            Self::BelowOne => ((0.0..1.0).contains(&value), "in 0..1"),
            Self::Positive => (value > 0.0 && value.is_finite(), "above 0 and finite"),
            Self::NotNegative => (value >= 0.0 && value.is_finite(), "0 or above and finite"),
        };
        if holds { Ok(()) } else { Err(Error::Setting { owner, key, value: value.to_string(), limits }) }
    }
}
