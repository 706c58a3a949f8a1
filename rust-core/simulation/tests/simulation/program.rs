//! The program `simulate` as its user meets it: files, metrics, messages, exit status.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::fixtures::data;

fn simulate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_simulate")).args(arguments).output().unwrap()
}

fn train(out: &Path, options: &[&str]) -> Output {
    let data = data();
    let given =
        ["--data", data.to_str().unwrap(), "--out", out.to_str().unwrap(), "--batch", "10", "--iterations", "4"];
    simulate(&[&given[..], options].concat())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_run_leaves_the_files_of_a_real_one_and_tells_virtual_seconds() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("run");
    let options = ["--strategy", "deepspark", "--workers", "3", "--tau", "2", "--jitter", "0.1"];
    let result = train(&out, &options);
    assert!(result.status.success(), "{}", text(&result.stderr));
    assert!(text(&result.stdout).contains(" virtual s, computed in "), "{}", text(&result.stdout));
    for file in ["config.json", "model.safetensors", "preprocessing.safetensors"] {
        assert!(out.join(file).is_file(), "{file}");
    }
    let lines = std::fs::read_to_string(out.join("metrics.jsonl")).unwrap();
    let events: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events[0]["cluster"]["jitter"], 0.1);
    let step = events[0]["cluster"]["step-seconds"].as_f64().unwrap();
    assert!(step > 0.0, "the measured time of a step can be given to the next run");
    let times: Vec<f64> = events[2..].iter().map(|event| event["virtual_seconds"].as_f64().unwrap()).collect();
    assert!(times.is_sorted() && times[0] > 2.0 * step * 0.5, "{times:?}");
    assert_eq!(events.last().unwrap()["staleness"].as_array().unwrap().len(), 17);
}

#[test]
fn costs_are_a_table_or_json() {
    let asked = ["cost", "--workers", "5", "--net", "resnet18", "--step-seconds", "0.5", "--bandwidth", "1e9,1e9"];
    let table = simulate(&asked);
    assert!(table.status.success(), "{}", text(&table.stderr));
    let lines = text(&table.stdout);
    assert_eq!(lines.lines().count(), 5, "{lines}");
    assert!(lines.lines().next().unwrap().contains("closed form"), "{lines}");
    let json = simulate(&[&asked[..], &["--json"]].concat());
    let rows: Vec<Value> = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(rows.iter().map(|row| row["workers"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2, 4, 5]);
    assert!(rows.iter().all(|row| row["limit"].is_string() && row["hosts"].as_u64() >= Some(1)));
}

#[test]
fn a_plot_of_costs_lies_beside_the_table_or_fails_with_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let plot = |name: &str| {
        let path = directory.path().join(name);
        let asked = ["cost", "--workers", "4", "--strategy", "easgd", "--exchangers", "2", "--step-seconds", "0.5"];
        let result = simulate(&[&asked[..], &["--jitter", "0.1", "--plot", path.to_str().unwrap()]].concat());
        (result, path)
    };
    let (result, path) = plot("costs.svg");
    assert!(result.status.success() && text(&result.stdout).lines().count() == 4, "{}", text(&result.stderr));
    let svg = std::fs::read_to_string(&path).unwrap();
    assert!(svg.contains("What a run costs: easgd in one stage, tau "), "{svg}");
    let cluster =
        "steps of 0.5 s, jitter 0.1, vectors of 568.7 KiB, 10 Gbit/s to each of 2 executors that host the center";
    assert!(svg.contains(cluster), "{svg}");
    for (name, status, words) in [("costs.pdf", 2, "does not end in .svg"), ("no/costs.svg", 1, "No such file")] {
        let (result, path) = plot(name);
        let error = text(&result.stderr);
        assert!(result.status.code() == Some(status) && error.lines().count() == 1, "{error}");
        assert!(error.contains(path.to_str().unwrap()) && error.contains(words), "{error}");
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn a_wrong_command_line_ends_with_status_two_and_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("run");
    for (options, words) in [
        (&["--strategy", "deepspark", "--workers", "2", "--jitter", "much"][..], "simulate: jitter: much is no number"),
        (&["--strategy", "deepspark"], "simulate: workers is not set"),
        (&["--workers", "2", "--tau", "0"], "simulate: tau must be at least 1, not 0"),
    ] {
        let result = train(&out, options);
        let error = text(&result.stderr);
        assert!(result.status.code() == Some(2) && error.starts_with(words), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(!out.exists());
    }
}

#[test]
fn help_shows_the_options_of_the_cluster_and_of_costs() {
    let help = text(&simulate(&["--help"]).stdout);
    assert!(help.contains("--straggler-probability <P>") && help.contains("simulate cost [OPTIONS]"), "{help}");
    let cost = text(&simulate(&["cost", "--help"]).stdout);
    assert!(cost.contains("--weights <N>") && cost.contains("--step-seconds <S>"), "{cost}");
    let group = text(&simulate(&["help", "exchange"]).stdout);
    assert!(group.contains("--codec") && !group.contains("--momentum "), "{group}");
}
