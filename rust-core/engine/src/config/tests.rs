//! Recipes, numbers of steps, and one clear message for each wrong configuration.

use super::*;

const CIFAR10: Facts = Facts { rows: 50_000, classes: 10, encoded: false };

fn resolve(json: &str) -> Result<TrainConfig> {
    TrainConfig::from_json(json)?.resolve(Some(CIFAR10))
}

#[test]
fn the_default_is_the_published_recipe_shared_among_the_workers() {
    let one = resolve(r#"{"workers": 1}"#).unwrap();
    assert_eq!((one.iterations, one.stepvalue.clone()), (Some(5_000), Some(vec![4_000])));
    assert_eq!((one.lr, one.momentum, one.weight_decay), (Some(0.001), Some(0.9), Some(0.004)));
    let four = resolve(r#"{"workers": 4}"#).unwrap();
    assert_eq!((four.iterations, four.stepvalue), (Some(1_250), Some(vec![1_000])));
    let full = resolve(r#"{"workers": 2, "net": "cifar10_full", "iterations": 700}"#).unwrap();
    assert_eq!(full.stepvalue, Some(vec![600, 650]));
}

#[test]
fn epochs_are_passes_of_all_workers_together() {
    let config = resolve(r#"{"workers": 4, "epochs": 2, "batch": 100}"#).unwrap();
    assert_eq!((config.iterations, config.epochs), (Some(250), None));
}

#[test]
fn resolving_twice_changes_nothing() {
    for json in [r#"{}"#, r#"{"lr-policy": "poly", "power": 0.5}"#, r#"{"epochs": 1.5, "precision": "auto"}"#] {
        let once = resolve(json).unwrap();
        assert_eq!(once.clone().resolve(Some(CIFAR10)).unwrap(), once, "{json}");
    }
}

#[test]
fn json_holds_what_was_set_and_reads_back() {
    let config = resolve(r#"{"workers": 2, "stepvalue": [3, 9]}"#).unwrap();
    let text = Value::Object(config.to_map()).to_string();
    assert_eq!(TrainConfig::from_json(&text).unwrap(), config);
}

#[test]
fn a_wrong_configuration_ends_in_one_message() {
    let rows = [
        (r#"{"tua": 3}"#, "unknown key tua, did you mean tau?"),
        (r#"{"lr_policy": "fixed"}"#, "unknown key lr_policy, did you mean lr-policy?"),
        (r#"{"net": "cifar10_quik"}"#, "net: unknown net cifar10_quik, did you mean cifar10_quick?"),
        (r#"{"strategy": "sparknett"}"#, "strategy: unknown strategy sparknett, did you mean sparknet?"),
        (r#"{"tau": 0}"#, "tau must be at least 1, not 0"),
        (r#"{"workers": 0}"#, "workers must be at least 1, not 0"),
        (r#"{"batch": -5}"#, "batch: invalid value: integer `-5`"),
        (r#"{"lr": 0}"#, "lr must be above 0, not 0"),
        (r#"{"momentum": 1}"#, "momentum must be at least 0 and below 1, not 1"),
        (r#"{"tau": "ten"}"#, "tau: invalid type: string \"ten\""),
        (r#"{"iterations": 9223372036854775807}"#, "iterations must be at most 2147483647, not 9223372036854775807"),
        (r#"{"epochs": 1e300}"#, "epochs must be fewer: 1e300 of them are "),
        (r#"{"strategy": "adag", "exchangers": 2147483647}"#, "exchangers must be at most 1024, not 2147483647"),
        (r#"{"exchange-deadline": 9223372036854775807}"#, "exchange-deadline must be at most 31536000, not 922337"),
        (r#"{"iterations": 3, "epochs": 1}"#, "iterations and epochs exclude each other"),
        (r#"{"workers": 50001}"#, "50001 workers are more than the 50000 training images"),
        (r#"{"classes": 100}"#, "a net of 100 classes does not fit a data set of 10"),
        (r#"{"lr-policy": "step", "gamma": 0.1}"#, "lr-policy step needs stepsize"),
        (r#"{"lr-policy": "fixed", "power": 1}"#, "power means nothing to lr-policy fixed"),
        (r#"{"stepvalue": [5, 4]}"#, "stepvalue must rise"),
        (r#"{"strategy": "sequential", "workers": 2}"#, "strategy sequential has one worker"),
        (r#"[1]"#, "the configuration is no JSON object"),
    ];
    for (json, expected) in rows {
        let error = resolve(json).expect_err(json);
        assert_eq!(error.kind(), crate::error::Kind::Config, "{json}");
        assert!(error.to_string().starts_with(expected), "{json}: {error}");
    }
}

#[test]
fn every_recipe_of_the_repository_resolves() {
    let facts = Facts { rows: 50_000, classes: 10, encoded: false };
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs");
    let entries: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    let files: Vec<_> = entries.iter().filter(|path| path.is_file()).collect(); // a folder has the matrices of comparisons
    assert!(files.len() >= 6);
    for file in files {
        let config = TrainConfig::from_json(&std::fs::read_to_string(file).unwrap()).unwrap();
        let resolved = config.resolve(Some(facts)).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        resolved.build_solver(&resolved.build_net().unwrap()).unwrap();
    }
}

#[test]
fn a_net_that_whitens_wants_channels_normalised() {
    let resolve = |json: &str| TrainConfig::from_json(json).unwrap().resolve(None);
    let error = resolve(r#"{"net": "airbench_32_64_64"}"#).unwrap_err();
    assert!(error.to_string().ends_with("set normalize to channel"), "{error}");
    resolve(r#"{"net": "airbench_32_64_64", "normalize": "channel"}"#).unwrap();
}

#[test]
fn a_training_set_of_one_label_needs_classes_that_are_said() {
    let one = Facts { rows: 100, classes: 1, encoded: false };
    let resolve = |json: &str| TrainConfig::from_json(json).unwrap().resolve(Some(one));
    let error = resolve(r#"{"dataset": "idx"}"#).unwrap_err().to_string();
    assert!(error.starts_with("all labels of the training set are 0") && error.contains("set classes"), "{error}");
    let said = resolve(r#"{"dataset": "idx", "classes": 2}"#).unwrap();
    assert_eq!(said.clone().resolve(Some(one)).unwrap(), said, "its own config.json is taken again");
}
