//! The file `config.json` of a run: the keys that were set, under `completed` the whole configuration, and under `labels` the
//! names of the classes where the driver knew them. Another run that is given the file reads only the keys that were set; the
//! rest is derived anew from its own length, workers, data set and machine.

use serde_json::{Map, Value};

use super::TrainConfig;

/// The key of the completed configuration. The driver's `RunConfig` has the same, as of the next.
const COMPLETED: &str = "completed";

/// The key of the classes' names, which only the driver writes.
const LABELS: &str = "labels";

/// Two ways to say how long to train: either one in the upper layer replaces both in the lower.
const LENGTHS: [&str; 2] = ["iterations", "epochs"];

impl TrainConfig {
    /// The contents of `config.json` for this configuration, which was derived from `asked`.
    pub fn record(&self, asked: &Self) -> Map<String, Value> {
        let mut record = asked.asked();
        record.insert(COMPLETED.to_owned(), Value::Object(self.to_map()));
        record
    }

    /// The keys that a configuration file sets. Files of earlier versions have no `completed`: all their keys count as set.
    pub fn asked_in(mut file: Map<String, Value>) -> Map<String, Value> {
        file.remove(COMPLETED);
        file.remove(LABELS);
        file
    }

    /// The keys that have another value than the default.
    pub(super) fn asked(&self) -> Map<String, Value> {
        let defaults = Self::default().to_object();
        self.to_object().into_iter().filter(|(key, value)| defaults.get(key) != Some(value)).collect()
    }
}

/// The keys of both; `upper` has precedence.
pub fn laid_over(mut lower: Map<String, Value>, upper: Map<String, Value>) -> Map<String, Value> {
    if LENGTHS.iter().any(|key| upper.contains_key(*key)) {
        LENGTHS.iter().for_each(|key| drop(lower.remove(*key)));
    }
    lower.extend(upper);
    lower
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Facts;
    use super::*;

    const FACTS: Facts = Facts { rows: 50_000, classes: 10, encoded: false };

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    fn resolved(asked: Map<String, Value>) -> TrainConfig {
        TrainConfig::from_map(asked).unwrap().resolve(Some(FACTS)).unwrap()
    }

    /// The configuration of a run with the settings `then` that is given the record of a run with the settings `first`.
    fn given_back(first: &Value, then: &Value) -> TrainConfig {
        let asked = TrainConfig::from_map(object(first.clone())).unwrap();
        let record = asked.clone().resolve(Some(FACTS)).unwrap().record(&asked);
        let text = Value::Object(record).to_string();
        let file = TrainConfig::asked_in(serde_json::from_str(&text).unwrap());
        resolved(laid_over(file, object(then.clone())))
    }

    #[test]
    fn what_the_first_run_derived_is_derived_anew() {
        let rows = [
            (json!({"workers": 2}), json!({"iterations": 40}), json!({"workers": 2, "iterations": 40})),
            (json!({"epochs": 2}), json!({"workers": 5}), json!({"epochs": 2, "workers": 5})),
            (json!({"epochs": 2}), json!({"iterations": 7}), json!({"iterations": 7})),
            (json!({"iterations": 7}), json!({"epochs": 2}), json!({"epochs": 2})),
            (json!({"epochs": 2}), json!({"batch": 50}), json!({"epochs": 2, "batch": 50})),
            (
                json!({"strategy": "easgd"}),
                json!({"workers": 3}), // alpha is 0.9 / workers
                json!({"strategy": "easgd", "workers": 3}),
            ),
            (json!({"strategy": "easgd"}), json!({"strategy": "dcasgd"}), json!({"strategy": "dcasgd"})),
            (
                json!({"outer": "slowmo", "workers": 4}),
                json!({"workers": 16}), // the outer momentum grows with the workers
                json!({"outer": "slowmo", "workers": 16}),
            ),
            (
                json!({"outer": "slowmo"}),
                json!({"outer": "nesterov", "workers": 4}),
                json!({"outer": "nesterov", "workers": 4}),
            ),
            (json!({}), json!({"net": "resnet20"}), json!({"net": "resnet20"})),
            (json!({}), json!({"lr-policy": "cosine"}), json!({"lr-policy": "cosine"})),
            (json!({"lr-policy": "triangular"}), json!({"lr-policy": "fixed"}), json!({"lr-policy": "fixed"})),
            (json!({"solver": "adam"}), json!({"solver": "muon"}), json!({"solver": "muon"})),
            (json!({"stepvalue": [5], "lr": 0.5}), json!({"seed": 9}), json!({"stepvalue": [5], "lr": 0.5, "seed": 9})),
        ];
        for (first, then, expected) in rows {
            assert_eq!(given_back(&first, &then), resolved(object(expected)), "{first}, then {then}");
        }
    }

    #[test]
    fn a_record_has_the_keys_that_were_set_and_below_them_the_whole_configuration() {
        let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/run-config.json"));
        let file: Value = serde_json::from_str(&text.unwrap()).unwrap();
        let asked = TrainConfig::from_map(TrainConfig::asked_in(object(file.clone()))).unwrap();
        let record = asked.clone().resolve(Some(FACTS)).unwrap().record(&asked);
        assert_eq!(Value::Object(record), file);
    }

    #[test]
    fn the_names_of_classes_are_no_setting() {
        let file = object(json!({"tau": 5, "completed": {"tau": 5}, "labels": ["cat", "dog"]}));
        assert_eq!(TrainConfig::asked_in(file), object(json!({"tau": 5})));
    }

    #[test]
    fn all_keys_of_a_file_of_an_earlier_version_count_as_set() {
        let old = Value::Object(resolved(object(json!({"epochs": 2, "workers": 2}))).to_map());
        assert_eq!(TrainConfig::asked_in(object(old.clone())), object(old));
    }
}
