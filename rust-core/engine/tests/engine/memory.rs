//! Allocations that really fail. Each case runs in its own process, which lowers the limit of its address space after
//! the preparation. The failure must be an error that the process survives; nothing may abort.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;

use firesteel_engine::data::RecordFormat;
use firesteel_engine::{Error, Kind, StateIn, Worker, WorkerSpec};

use crate::fixtures::{ask, config, initial, rows, worker};

/// The environment variable with the case of a child process, as JSON.
const CASE: &str = "FIRESTEEL_MEMORY_CASE";
/// The test that a child process runs; if the variable is set it runs only that case.
const CHILD: &str = "memory::rows_and_weights_without_memory_are_errors_too";
const MIB: u64 = 1 << 20;

/// Runs a case in a child process and returns its answer.
fn said(case: &str) -> String {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", CHILD, "--nocapture"])
        .env(CASE, case)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&child.stdout).into_owned();
    assert!(child.status.success(), "{case}: {}\n{text}{}", child.status, String::from_utf8_lossy(&child.stderr));
    let answer = text.lines().find_map(|line| line.split_once("answer: "));
    answer.unwrap_or_else(|| panic!("{case}: {text}")).1.to_owned()
}

/// Limits the address space of this process to `more` bytes beyond what it has now.
fn limit(more: u64) {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    let bytes = size.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() * 1024 + more;
    let process = std::process::id().to_string();
    assert!(Command::new("prlimit").args(["--pid", &process, &format!("--as={bytes}")]).status().unwrap().success());
}

/// Runs a case in this process and prints the answer that its parent reads.
fn answer(case: &str) {
    firesteel_engine::memory::quiet_panics();
    let case: serde_json::Value = serde_json::from_str(case).unwrap();
    let more = case["more"].as_u64().unwrap() * MIB;
    let answer = match case["what"].as_str().unwrap() {
        "step" => step(&config(&case["config"].to_string()), more),
        "rows" => appended(more),
        "weights" => built(more),
        other => panic!("no case {other}"),
    };
    println!("answer: {}", answer.map_or_else(|error| format!("{}: {error}", error.kind()), |()| "done".to_owned()));
}

/// A local step on many rows, after one of another worker on few rows, which must still work after a failure.
fn step(config: &firesteel_engine::TrainConfig, more: u64) -> Result<(), Error> {
    let count = config.batch.unwrap();
    let (mut small, mut large) = (worker(config, 0, &rows(0, 4)), worker(config, 0, &rows(0, count)));
    let mut weights = initial(config);
    let round = ask(config, 0, 0, 1, StateIn::Reset);
    small.round(&mut weights[..], &round, &AtomicBool::new(false))?;
    limit(more);
    let before = weights.clone();
    let result = large.round(&mut weights[..], &round, &AtomicBool::new(false));
    if result.is_err() {
        assert_eq!(weights, before, "an error leaves the vector as it was");
        small.round(&mut weights[..], &round, &AtomicBool::new(false))?;
    }
    result.map(|_| ())
}

/// Appends more rows than there is memory for, in chunks as they come from Spark.
fn appended(more: u64) -> Result<(), Error> {
    let config = config("{}");
    let (mut worker, chunk) = (worker(&config, 0, &[]), rows(0, 1024));
    limit(more);
    (0..1000).try_for_each(|_| worker.append(&chunk, 1024))
}

/// Builds a worker whose weights and solver state may not fit.
fn built(more: u64) -> Result<(), Error> {
    let config = config(r#"{"net": "vgg11", "solver": "adam"}"#);
    limit(more);
    let spec = WorkerSpec { config, worker: 0, rows: 0, record: RecordFormat::Cifar10, gpu: None };
    Worker::new(&spec).map(|_| ())
}

fn is_lack_of_memory(answer: &str, remedy: &str) -> bool {
    answer.starts_with("memory: no memory for ") && answer.contains(remedy) && answer.len() < 300
}

#[test]
fn a_step_without_memory_is_an_error_wherever_in_the_step_that_is() {
    // these nets have kernels of pooling, normalisation and dropout, which allocate besides libtorch
    for net in ["cifar10_quick", "resnet20", "nin"] {
        let answers: Vec<String> = [8, 30, 50, 2000]
            .into_iter()
            .map(|more| {
                said(&format!(r#"{{"what": "step", "more": {more}, "config": {{"net": "{net}", "batch": 200}}}}"#))
            })
            .collect();
        let (done, failed): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| *answer == "done");
        assert!(failed.iter().all(|answer| is_lack_of_memory(answer, "lower batch")), "{net}: {answers:?}");
        assert!(!failed.is_empty() && !done.is_empty(), "{net}: {answers:?}");
    }
}

#[test]
fn rows_and_weights_without_memory_are_errors_too() {
    if let Ok(case) = std::env::var(CASE) {
        return answer(&case);
    }
    let answer = said(r#"{"what": "rows", "more": 200}"#);
    assert!(is_lack_of_memory(&answer, "raise workers"), "{answer}");
    for more in [1, 60, 120] {
        let answer = said(&format!(r#"{{"what": "weights", "more": {more}}}"#));
        assert!(is_lack_of_memory(&answer, "smaller net"), "{more}: {answer}");
    }
}

#[test]
fn room_for_absurdly_many_rows_is_an_error_and_no_wrapped_product() {
    for rows in [1 << 40, 1 << 53, usize::MAX / 3072 + 1, usize::MAX] {
        let config = config("{}");
        let spec = WorkerSpec { config, worker: 0, rows, record: RecordFormat::Cifar10, gpu: None };
        let error = Worker::new(&spec).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), Kind::Memory, "{rows}: {error}");
    }
}
