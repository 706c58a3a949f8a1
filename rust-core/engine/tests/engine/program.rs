//! The program `sequential` as its user meets it: files, metrics, messages, exit status.

use std::path::Path;
use std::process::{Command, Output};

use firesteel_engine::TrainConfig;
use serde_json::Value;

const TESTDATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata");

fn sequential(data: &str, out: &Path, options: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sequential"));
    command.args(["--data", data, "--out"]).arg(out).args(options).output().unwrap()
}

fn data(set: &str) -> String {
    format!("{TESTDATA}/{set}")
}

fn events(out: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(out.join("metrics.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_reader_that_goes_away_is_no_failure_and_a_full_disk_is_one() {
    let (program, help) = (env!("CARGO_BIN_EXE_sequential"), "--help=all");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let gone = Command::new(program).arg(help).stdout(writer).output().unwrap();
    assert!(gone.status.success() && gone.stderr.is_empty(), "{}", String::from_utf8_lossy(&gone.stderr));
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let failed = Command::new(program).arg(help).stdout(full).output().unwrap();
    let said = String::from_utf8_lossy(&failed.stderr);
    assert_eq!(failed.status.code(), Some(1));
    assert!(said.starts_with("sequential: standard output: ") && said.lines().count() == 1, "{said}");
}

#[test]
fn every_kind_of_data_set_is_trained_and_evaluated() {
    for set in ["cifar10-tiny", "cifar100-tiny", "idx-tiny"] {
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path().join("run");
        let result = sequential(&data(set), &out, &["--iterations", "3", "--batch", "10", "--tau", "2"]);
        assert!(result.status.success(), "{set}: {}", String::from_utf8_lossy(&result.stderr));
        let events = events(&out);
        let names: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
        assert_eq!(names, ["start", "workers", "round", "round", "eval", "end"], "{set}");
        assert_eq!(events[3]["local_steps"], 3, "the last round is shorter");
        assert_eq!(events[5]["samples"], 30);
        for file in ["config.json", "model.safetensors", "preprocessing.safetensors"] {
            assert!(out.join(file).is_file(), "{set}: {file}");
        }
    }
}

#[test]
fn a_short_run_learns_and_its_configuration_gives_the_same_bits() {
    let directory = tempfile::tempdir().unwrap();
    let (first, second) = (directory.path().join("first"), directory.path().join("second"));
    let options = ["--iterations", "40", "--batch", "50", "--seed", "3", "--lr", "0.002"];
    assert!(sequential(&data("cifar10-tiny"), &first, &options).status.success());
    let accuracy = events(&first).last().unwrap()["accuracy"].as_f64().unwrap();
    assert!(accuracy > 0.5, "chance is 0.1, this run has {accuracy}");
    let config = first.join("config.json");
    let again = sequential(&data("cifar10-tiny"), &second, &["--config", config.to_str().unwrap()]);
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    let model = |out: &Path| std::fs::read(out.join("model.safetensors")).unwrap();
    assert_eq!(model(&first), model(&second));
}

#[test]
fn what_the_first_run_derived_is_derived_anew_by_one_that_is_given_its_configuration() {
    let directory = tempfile::tempdir().unwrap();
    let run = |name: &str, options: &[&str]| -> Value {
        let out = directory.path().join(name);
        let result = sequential(&data("cifar10-tiny"), &out, options);
        assert!(result.status.success(), "{}", String::from_utf8_lossy(&result.stderr));
        serde_json::from_slice(&std::fs::read(out.join("config.json")).unwrap()).unwrap()
    };
    // of a repeated option the last counts
    let first = run("first", &["--iterations", "3", "--batch", "9", "--batch", "10", "--test-flip", "--test-flip"]);
    assert_eq!((&first["batch"], &first["lr"]), (&Value::from(10), &Value::Null));
    assert_eq!(first["completed"]["stepvalue"], Value::from(vec![2]));
    let file = directory.path().join("first/config.json");
    let second = run("second", &["--config", "/nowhere", "--config", file.to_str().unwrap(), "--epochs", "0.5"]);
    assert_eq!(second["completed"]["iterations"], Value::from(20));
    assert_eq!(second["completed"]["stepvalue"], Value::from(vec![16]));
    assert_eq!((&second["batch"], &second["iterations"]), (&Value::from(10), &Value::Null));
}

#[test]
fn a_run_without_patience_left_ends_and_its_model_is_the_best_one() {
    let directory = tempfile::tempdir().unwrap();
    let options = ["--iterations", "60", "--batch", "20", "--tau", "2", "--eval-every", "1", "--lr-policy", "fixed"];
    let run = |name: &str, more: &[&str]| {
        let out = directory.path().join(name);
        let result = sequential(&data("cifar10-tiny"), &out, &[&options[..], more].concat());
        assert!(result.status.success(), "{}", String::from_utf8_lossy(&result.stderr));
        (events(&out), std::fs::read(out.join("model.safetensors")).unwrap())
    };
    let accuracies = |events: &[Value]| -> Vec<f64> {
        events.iter().filter(|e| e["event"] == "eval").map(|e| e["accuracy"].as_f64().unwrap()).collect()
    };
    let all = accuracies(&run("whole", &[]).0);
    // the first round after which two evaluations in a row are no better than the best before
    let best = |seen: &[f64]| (0..seen.len()).rev().max_by(|&a, &b| seen[a].total_cmp(&seen[b])).unwrap();
    let end = (1..=all.len()).find(|&n| n - 1 - best(&all[..n]) >= 2).unwrap();
    assert!(end < all.len(), "the test needs a run whose accuracy falls: {all:?}");
    let (events, model) = run("early", &["--patience", "2", "--restore-best-weights"]);
    assert_eq!(accuracies(&events), all[..end]);
    let (last, round) = (events.last().unwrap(), best(&all[..end]) + 1);
    assert_eq!((&last["reason"], &last["rounds"]), (&Value::from("patience"), &Value::from(end)));
    assert_eq!((&last["best_round"], &last["accuracy"]), (&Value::from(round), &last["best_accuracy"]));
    let steps = (2 * round).to_string();
    assert!(model == run("best", &["--iterations", &steps]).1, "the weights after round {round}");
}

#[test]
fn what_compares_evaluations_needs_images_to_evaluate() {
    let directory = tempfile::tempdir().unwrap();
    let (set, out) = (directory.path().join("set"), directory.path().join("run"));
    std::fs::create_dir(&set).unwrap();
    for name in std::fs::read_dir(data("cifar10-tiny")).unwrap().map(|entry| entry.unwrap().file_name()) {
        if name.to_str().unwrap().starts_with("data_batch") {
            std::fs::copy(Path::new(&data("cifar10-tiny")).join(&name), set.join(&name)).unwrap();
        }
    }
    for option in [&["--patience", "2"][..], &["--restore-best-weights"]] {
        let result = sequential(set.to_str().unwrap(), &out, option);
        let text = String::from_utf8_lossy(&result.stderr);
        assert!(result.status.code() == Some(2) && text.contains("needs images to evaluate"), "{text}");
    }
}

#[test]
fn an_option_that_is_set_or_not_takes_no_value() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("run");
    let options = ["--decoupled-decay", "--test-flip", "--solver", "nesterov", "--iterations", "1", "--batch", "2"];
    let result = sequential(&data("cifar10-tiny"), &out, &options);
    assert!(result.status.success(), "{}", String::from_utf8_lossy(&result.stderr));
    let config: Value = serde_json::from_slice(&std::fs::read(out.join("config.json")).unwrap()).unwrap();
    assert_eq!((&config["decoupled-decay"], &config["test-flip"]), (&Value::Bool(true), &Value::Bool(true)));
    assert_eq!(config["completed"]["overlap"], Value::Bool(false));
}

#[test]
fn help_shows_the_options_that_most_runs_need_those_of_a_group_or_all() {
    let help = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_sequential")).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let has = |text: &str, key: &str| text.contains(&format!(" --{key} <")) || text.contains(&format!(" --{key}\n"));
    let (status, common) = help(&["--help"]);
    assert_eq!(status, Some(0));
    assert!(has(&common, "lr") && !has(&common, "codec") && common.contains("how the exchanged values travel"));
    assert!(common.lines().count() < 80, "more than two screens: {common}");
    for arguments in [&["--help=exchange"][..], &["help", "exchange"]] {
        let (status, group) = help(arguments);
        assert!(status == Some(0) && has(&group, "codec") && !has(&group, "lr"), "{arguments:?}: {group}");
    }
    let (_, all) = help(&["--help=all"]);
    assert!(TrainConfig::keys().iter().all(|key| all.contains(&format!(" --{key}"))), "{all}");
    for arguments in [&["--help=datta"][..], &["help", "datta"]] {
        assert_eq!(help(arguments).0, Some(2), "{arguments:?}");
    }
}

#[test]
fn what_cannot_be_ends_in_one_message_and_a_status() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "not a directory").unwrap();
    let missing = directory.path().join("missing");
    let good = data("cifar10-tiny");
    let rows = [
        (missing.to_str().unwrap(), "run", vec![], 1, "missing: No such file"),
        ("no\nsuch\u{1b}[31m", "run", vec![], 1, "sequential: no\\nsuch\\u{1b}[31m: No such file"),
        (good.as_str(), "run", vec!["--tau", "0"], 2, "tau must be at least 1, not 0"),
        (good.as_str(), "run", vec!["--batch", "-3"], 2, "batch: invalid value: integer `-3`"),
        (good.as_str(), "run", vec!["--net", "cifar10_quik"], 2, "did you mean cifar10_quick?"),
        (good.as_str(), "run", vec!["--classes", "100"], 2, "a net of 100 classes does not fit a data set of 10"),
        (good.as_str(), "run", vec!["--config", "/nowhere.json"], 2, "/nowhere.json: No such file"),
        (good.as_str(), "run", vec!["--resume"], 2, "resume: the sequential program keeps no checkpoint"),
        (good.as_str(), "run", vec!["--validation", "0.1"], 2, "validation: the sequential program reads no class"),
        (good.as_str(), "run", vec!["--overlap"], 2, "overlap means nothing to strategy sequential"),
        (good.as_str(), "run", vec!["--iteration", "3"], 2, "exists: '--iterations'"),
        (good.as_str(), "run", vec!["--epochs", "1e300"], 2, "epochs must be fewer: 1e300 of them"),
        (
            good.as_str(),
            "run",
            vec!["--iterations", "18446744073709551615"],
            2,
            "iterations must be at most 2147483647",
        ),
        (good.as_str(), "file/run", vec![], 1, "file/run: Not a directory"),
        (good.as_str(), "run", vec!["--lr", "1e9", "--iterations", "20"], 1, "training diverged in round"),
    ];
    for (data, out, options, status, message) in rows {
        let result = sequential(data, &directory.path().join(out), &options);
        let text = String::from_utf8_lossy(&result.stderr);
        assert_eq!(result.status.code(), Some(status), "{options:?}: {text}");
        assert!(text.contains(message), "{options:?}: {text}");
    }
}

#[test]
fn a_run_whose_last_step_diverges_is_a_failed_run() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("run");
    let result = sequential(&data("cifar10-tiny"), &out, &["--iterations", "1", "--tau", "1", "--lr", "1e30"]);
    let text = String::from_utf8_lossy(&result.stderr);
    assert_eq!((result.status.code(), text.lines().count()), (Some(1), 1), "{text}");
    assert!(text.contains("training diverged in round 1"), "{text}");
    let events = events(&out);
    assert_eq!(events.last().unwrap()["event"], "eval", "there is no end");
    assert!(events.last().unwrap()["loss"].is_null() && !out.join("model.safetensors").exists());
}

#[test]
fn a_run_that_surely_does_not_fit_is_refused_with_figures() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("run");
    // a step on 400 images of 512 x 512 pixels takes more than the address space that is left to it
    let options = ["--net", "resnet18", "--resize", "512", "--batch", "400", "--iterations", "1"];
    let program = [env!("CARGO_BIN_EXE_sequential"), "--data", &data("cifar10-tiny"), "--out", out.to_str().unwrap()];
    let limited = Command::new("prlimit").arg(format!("--as={}", 8u64 << 30)).args(program).args(options).output();
    let result = limited.unwrap();
    let text = String::from_utf8_lossy(&result.stderr);
    assert_eq!((result.status.code(), text.lines().count()), (Some(1), 1), "{text}");
    assert!(text.contains("for a step on batch 400") && text.contains("ulimit -v leaves: lower batch"), "{text}");
    assert!(!out.exists());
}

#[test]
fn a_finished_run_is_not_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("run");
    let options = ["--iterations", "1", "--batch", "10"];
    assert!(sequential(&data("cifar10-tiny"), &out, &options).status.success());
    let before = std::fs::read(out.join("metrics.jsonl")).unwrap();
    let again = sequential(&data("cifar10-tiny"), &out, &options);
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("metrics.jsonl: File exists"));
    assert_eq!(std::fs::read(out.join("metrics.jsonl")).unwrap(), before);
}
