//! The options of a configuration as a user sees them: for each key its type, a word for its value, and what it means.
//! They are read from options.json, which is also a resource of the Scala driver, so that both programs show the same
//! help text.

use std::sync::LazyLock;

use serde::Deserialize;

/// One option.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigOption {
    /// The key in JSON; on the command line it follows two dashes.
    pub key: String,
    #[serde(rename = "type")]
    pub kind: OptionKind,
    /// A word for its value in the help text; flags and switches have none.
    pub value: Option<String>,
    /// What it means, its values if they are names, and its default.
    pub help: String,
}

/// The type of an option's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptionKind {
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

/// All options, in the order of the help text.
pub fn options() -> &'static [ConfigOption] {
    static OPTIONS: LazyLock<Vec<ConfigOption>> = LazyLock::new(|| {
        serde_json::from_str(include_str!("options.json")).expect("options.json is part of this program")
    });
    &OPTIONS
}

#[cfg(test)]
mod tests {
    use super::super::TrainConfig;
    use super::*;

    fn help(key: &str) -> &'static str {
        let option = options().iter().find(|option| option.key == key);
        &option.unwrap_or_else(|| panic!("{key} is no option")).help
    }

    #[test]
    fn options_are_the_keys_of_the_configuration() {
        let mut keys: Vec<&str> = options().iter().map(|option| option.key.as_str()).collect();
        keys.sort_unstable();
        assert_eq!(keys, TrainConfig::keys());
        let flags = options().iter().filter(|option| option.kind == OptionKind::Flag);
        let mut flags: Vec<&str> = flags.map(|option| option.key.as_str()).collect();
        flags.sort_unstable();
        assert_eq!(flags, TrainConfig::flags());
        for ConfigOption { key, kind, value, .. } in options() {
            assert_eq!(value.is_none(), matches!(kind, OptionKind::Flag | OptionKind::Switch), "{key}");
        }
    }

    #[test]
    fn help_states_the_defaults_of_the_code() {
        for (key, value) in TrainConfig::default().to_map() {
            let value = match value {
                serde_json::Value::Bool(_) => continue,
                serde_json::Value::String(text) => text,
                number => number.to_string(),
            };
            let stated = [format!("(default: {value})"), format!("(default: {value},"), format!("{value} (default)")];
            assert!(stated.iter().any(|stated| help(&key).contains(stated)), "{key}: {}", help(&key));
        }
    }

    #[test]
    fn help_states_the_defaults_that_depend_on_other_keys() {
        for (json, keys) in [
            (r#"{"solver": "adam", "lookahead-every": 2}"#, &["momentum2", "delta", "lookahead-alpha"][..]),
            (r#"{"solver": "muon", "lr-policy": "triangular"}"#, &["muon-lr", "lr-start", "lr-peak", "lr-end"]),
            (r#"{"strategy": "dcasgd", "consistency": "ssp"}"#, &["lambda", "staleness"]),
            (r#"{"strategy": "deepspark", "workers": 3}"#, &["alpha"]),
        ] {
            let facts = super::super::Facts { rows: 50_000, classes: 10 };
            let resolved = TrainConfig::from_json(json).unwrap().resolve(Some(facts)).unwrap().to_map();
            for key in keys {
                let stated = format!("(default: {}", resolved[*key]);
                assert!(help(key).contains(&stated), "{key}: {}", help(key));
            }
        }
    }

    #[test]
    fn the_documentation_has_every_key_and_its_default() {
        let text = include_str!("../../../../docs/configuration.md");
        let defaults = TrainConfig::default().to_map();
        for ConfigOption { key, .. } in options() {
            let row =
                text.lines().find(|line| line.starts_with("| `") && key_column(line).contains(&format!("`{key}`")));
            let row = row.unwrap_or_else(|| panic!("docs/configuration.md has no row for {key}"));
            if let Some(value) = defaults.get(key).filter(|value| !value.is_boolean()) {
                let default = row.split('|').nth(2).unwrap_or_default();
                assert!(
                    default.contains(value.to_string().trim_matches('"')),
                    "docs/configuration.md, {key}: {default}"
                );
            }
        }
    }

    fn key_column(row: &str) -> &str {
        row.split('|').nth(1).unwrap_or_default()
    }
}
