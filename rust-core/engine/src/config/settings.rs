//! What the table of settings is made of, and the macro that turns it into the configuration.

use serde::Serialize;

use super::limits::Limits;
use super::readers::Readers;
use crate::data::Augment;
use crate::names::Named;

/// One setting of a run.
pub struct Setting {
    /// The key in JSON; on the command line it follows two dashes.
    pub key: String,
    pub group: Group,
    pub value_type: SettingType,
    /// A word for its value in the help text; flags and switches have none.
    pub value: Option<&'static str>,
    /// The values it may have, where they are names.
    pub names: &'static [&'static str],
    pub limits: Limits,
    pub readers: Readers,
    /// What it means, its values if they are names, and its default.
    pub help: String,
}

/// What a setting is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    Data,
    Net,
    Solver,
    Distribution,
    Exchange,
    Output,
}

impl Group {
    /// Every group, in the order of the help text.
    pub const ALL: [Self; 6] = [Self::Data, Self::Net, Self::Solver, Self::Distribution, Self::Exchange, Self::Output];

    /// The name in the help text.
    pub fn name(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Net => "net",
            Self::Solver => "solver",
            Self::Distribution => "distribution",
            Self::Exchange => "exchange",
            Self::Output => "output",
        }
    }

    /// What its settings are about, in a few words.
    pub fn summary(self) -> &'static str {
        match self {
            Self::Data => "the data set, and what is done to its images",
            Self::Net => "the net, and on what it is computed",
            Self::Solver => "how long to train, the local steps and the learning rate",
            Self::Distribution => "the strategy: who exchanges what with whom, and when",
            Self::Exchange => "how the exchanged values travel",
            Self::Output => "what a run leaves, and how often",
        }
    }
}

/// The type of a setting's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SettingType {
    Text,
    /// A whole number.
    Whole,
    /// Whole numbers, separated by commas on the command line.
    Wholes,
    /// A number.
    Real,
    /// False unless it is given.
    Flag,
    /// True, false or not set.
    Switch,
}

/// A type that a setting may have.
pub trait SettingValue {
    const TYPE: SettingType;
    /// The type where the setting may be absent.
    const OPTIONAL: SettingType = Self::TYPE;
    const NAMES: &'static [&'static str] = &[];

    /// The numbers in it that [`Limits`] of whole numbers are for.
    fn wholes(&self) -> Vec<u64> {
        vec![]
    }

    /// The number that [`Limits`] of real numbers are for.
    fn real(&self) -> Option<f64> {
        None
    }
}

impl<T: Named> SettingValue for T {
    const TYPE: SettingType = SettingType::Text;
    const NAMES: &'static [&'static str] = T::NAMES;
}

impl SettingValue for Augment {
    const TYPE: SettingType = SettingType::Text;
}

impl SettingValue for String {
    const TYPE: SettingType = SettingType::Text;
}

impl SettingValue for bool {
    const TYPE: SettingType = SettingType::Flag;
    const OPTIONAL: SettingType = SettingType::Switch;
}

impl SettingValue for u64 {
    const TYPE: SettingType = SettingType::Whole;

    fn wholes(&self) -> Vec<u64> {
        vec![*self]
    }
}

impl SettingValue for usize {
    const TYPE: SettingType = SettingType::Whole;

    fn wholes(&self) -> Vec<u64> {
        vec![*self as u64]
    }
}

impl SettingValue for Vec<u64> {
    const TYPE: SettingType = SettingType::Wholes;

    fn wholes(&self) -> Vec<u64> {
        self.clone()
    }
}

impl SettingValue for f64 {
    const TYPE: SettingType = SettingType::Real;

    fn real(&self) -> Option<f64> {
        Some(*self)
    }
}

impl<T: SettingValue> SettingValue for Option<T> {
    const TYPE: SettingType = T::OPTIONAL;
    const NAMES: &'static [&'static str] = T::NAMES;

    fn wholes(&self) -> Vec<u64> {
        self.as_ref().map_or(vec![], T::wholes)
    }

    fn real(&self) -> Option<f64> {
        self.as_ref().and_then(T::real)
    }
}

/// Declares the configuration from the table: in each group rows of `name: type = default, "VALUE", limits, readers;`,
/// whose documentation is the help text.
macro_rules! settings {
    ($($group:ident {
        $($(#[doc = $help:literal])+ $field:ident: $type:ty = $default:expr, $value:literal, $limits:expr, $readers:expr;)+
    })+) => {
        /// Everything that can be set of a run. Keys in JSON are the option names of the command line. A field whose
        /// default depends on the net's recipe or on the data set is `None` until [`TrainConfig::resolve`] fills it.
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
        pub struct TrainConfig {
            $($($(#[doc = $help])+ pub $field: $type,)+)+
        }

        impl Default for TrainConfig {
            fn default() -> Self {
                Self { $($($field: $default,)+)+ }
            }
        }

        impl TrainConfig {
            /// Checks each number by itself.
            pub(super) fn check_limits(&self) -> crate::error::Result<()> {
                use crate::config::settings::SettingValue;
                $($(
                    $limits.check($crate::config::settings::key(stringify!($field)).as_str(),
                        &self.$field.wholes(), self.$field.real())?;
                )+)+
                Ok(())
            }
        }

        /// Every setting, in the order of the help text.
        pub fn settings() -> &'static [crate::config::Setting] {
            use crate::config::settings::{Group, Setting, SettingValue, key};
            static SETTINGS: std::sync::LazyLock<Vec<Setting>> = std::sync::LazyLock::new(|| vec![
                $($(Setting {
                    key: key(stringify!($field)),
                    group: Group::$group,
                    value_type: <$type as SettingValue>::TYPE,
                    value: Some($value).filter(|value: &&str| !value.is_empty()),
                    names: <$type as SettingValue>::NAMES,
                    limits: $limits,
                    readers: $readers,
                    help: concat!($($help),+).trim_start().to_owned(),
                },)+)+
            ]);
            &SETTINGS
        }
    };
}
pub(super) use settings;

/// The key of a field.
pub fn key(field: &str) -> String {
    field.replace('_', "-")
}
