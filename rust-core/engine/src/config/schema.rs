//! The table of settings as JSON, for programs that are not written in Rust. It is handed out across JNI, and stands in
//! `schema.json`, which is a resource of the JVM's library.

use serde_json::{Map, Value, json};

use super::{COMMON, Group, TrainConfig, settings};

/// The groups, in the order of the help text, each with `name` and `summary`; and the settings with `key`, `type`,
/// `group`, `help`, whether they are `common`, and where there are some `value` (a word for it), `names` (its values),
/// `default`, `limits` and `read-by`.
pub fn schema() -> Value {
    let groups: Vec<Value> =
        Group::ALL.iter().map(|group| json!({"name": group.name(), "summary": group.summary()})).collect();
    let defaults = TrainConfig::default().to_map();
    let settings: Vec<Value> = settings()
        .iter()
        .map(|setting| {
            let mut row = Map::from_iter([
                ("key".to_owned(), json!(setting.key)),
                ("type".to_owned(), json!(setting.value_type)),
                ("group".to_owned(), json!(setting.group.name())),
                ("help".to_owned(), json!(setting.help)),
                ("common".to_owned(), json!(COMMON.contains(&setting.key.as_str()))),
            ]);
            let (limits, readers) = (setting.limits.schema(), setting.readers.schema());
            let optional = [
                ("value", setting.value.map(|value| json!(value))),
                ("names", Some(setting.names).filter(|names| !names.is_empty()).map(|names| json!(names))),
                ("default", defaults.get(&setting.key).cloned()),
                ("limits", Some(limits).filter(|limits| !limits.is_empty()).map(Value::Object)),
                ("read-by", Some(readers).filter(|readers| !readers.is_empty()).map(Value::Object)),
            ];
            row.extend(optional.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
            Value::Object(row)
        })
        .collect();
    json!({"groups": groups, "settings": settings})
}

#[cfg(test)]
mod tests {
    use super::super::{Setting, SettingType};
    use super::*;

    fn help(key: &str) -> &'static str {
        let setting = settings().iter().find(|setting| setting.key == key);
        &setting.unwrap_or_else(|| panic!("{key} is no setting")).help
    }

    /// The schema with a line for each group and each setting, so that a change shows what changed.
    fn lines() -> String {
        let schema = schema();
        let list = |key: &str| {
            let rows: Vec<String> = schema[key].as_array().unwrap().iter().map(|row| format!("    {row}")).collect();
            format!("  \"{key}\": [\n{}\n  ]", rows.join(",\n"))
        };
        format!("{{\n{},\n{}\n}}\n", list("groups"), list("settings"))
    }

    #[test]
    fn the_file_of_the_schema_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/config/schema.json");
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(path, lines()).unwrap();
        }
        let file = std::fs::read_to_string(path).unwrap();
        assert!(file == lines(), "{path} is old: run this test once with UPDATE_EXPECT=1");
    }

    #[test]
    fn settings_are_the_keys_of_the_configuration() {
        let mut keys: Vec<&str> = settings().iter().map(|setting| setting.key.as_str()).collect();
        assert!(COMMON.iter().all(|key| keys.contains(key)));
        keys.sort_unstable();
        assert_eq!(keys, TrainConfig::keys());
        let flags = settings().iter().filter(|setting| setting.value_type == SettingType::Flag);
        let mut flags: Vec<&str> = flags.map(|setting| setting.key.as_str()).collect();
        flags.sort_unstable();
        assert_eq!(flags, TrainConfig::flags());
        for Setting { key, value_type, value, .. } in settings() {
            assert_eq!(value.is_none(), matches!(value_type, SettingType::Flag | SettingType::Switch), "{key}");
        }
    }

    #[test]
    fn help_names_every_value_that_is_a_name() {
        for Setting { key, names, help, .. } in settings() {
            let words: Vec<&str> = help.split(|c: char| !c.is_alphanumeric() && !"-_".contains(c)).collect();
            let missing: Vec<_> = names.iter().filter(|name| !words.contains(*name)).collect();
            assert!(missing.is_empty(), "{key}: {missing:?} of {help}");
        }
    }

    #[test]
    fn help_states_the_defaults_of_the_code() {
        for (key, value) in TrainConfig::default().to_map() {
            let value = match value {
                Value::Bool(_) => continue,
                Value::String(text) => text,
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
            let facts = super::super::Facts { rows: 50_000, classes: 10, encoded: false };
            let resolved = TrainConfig::from_json(json).unwrap().resolve(Some(facts)).unwrap().to_map();
            for key in keys {
                let stated = format!("(default: {}", resolved[*key]);
                assert!(help(key).contains(&stated), "{key}: {}", help(key));
            }
        }
    }

    #[test]
    fn the_schema_says_who_reads_a_setting() {
        let schema = schema();
        let read_by = |key: &str| {
            let rows = schema["settings"].as_array().unwrap();
            rows.iter().find(|row| row["key"] == key).map(|row| row["read-by"].clone()).unwrap()
        };
        assert_eq!(read_by("tau"), Value::Null);
        assert_eq!(read_by("lambda"), json!({"strategy": ["dcasgd"]}));
        assert_eq!(read_by("outer-lr"), json!({"strategy": ["sparknet", "async-nesterov"]}));
        assert_eq!(read_by("momentum2"), json!({"solver": ["adam", "adamw"]}));
        assert_eq!(read_by("power"), json!({"lr-policy": ["inv", "poly"]}));
        let in_stage = read_by("codec");
        let strategies = in_stage["strategy"].as_array().unwrap();
        assert!(strategies.len() == 10 && !strategies.contains(&json!("hogwild")), "{strategies:?}");
        assert!(read_by("update-bn")["net"].as_array().unwrap().contains(&json!("resnet20")));
    }

    #[test]
    fn the_documentation_has_every_key_and_its_default() {
        let text = include_str!("../../../../docs/configuration.md");
        let defaults = TrainConfig::default().to_map();
        for Setting { key, .. } in settings() {
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
