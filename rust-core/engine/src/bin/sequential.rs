//! `sequential`: trains on this machine without Spark. Its options are the keys of the configuration, as those of
//! `scripts/submit -- train` are. It writes the same files and has the same exit statuses: 1 for a failed run, 2 for a
//! wrong command line or configuration.

use std::io::IsTerminal;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command};
use firesteel_engine::config::{OptionKind, options};
use firesteel_engine::memory::{panic_text, quiet_panics};
use firesteel_engine::sequential::{RunStatus, Sequential};
use firesteel_engine::{Error, Kind, Result, TrainConfig};
use firesteel_exchange::escape::escaped;
use firesteel_exchange::program;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value};

fn main() -> ExitCode {
    program::log("FIRESTEEL_LOG", "warn");
    firesteel_engine::device::keep_memory();
    quiet_panics();
    let matches = program::arguments(command());
    // a panic, too, is reported in one line and ends with the status of a failed run
    let trained = catch_unwind(AssertUnwindSafe(|| train(&matches)))
        .unwrap_or_else(|panic| Err(Error::internal(panic_text(&*panic))));
    match trained {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            program::complain("sequential", &error);
            ExitCode::from(if error.kind() == Kind::Config { 2 } else { 1 })
        }
    }
}

fn command() -> Command {
    let command = Command::new("sequential")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Trains a net on one machine, without Spark")
        .after_help("More about the options: docs/configuration.md")
        .arg(
            Arg::new("config").long("config").value_name("FILE").help("a JSON file of options; the command line wins"),
        );
    options().iter().fold(command, |command, option| {
        let arg = Arg::new(option.key.as_str()).long(option.key.as_str()).help(option.help.as_str());
        command.arg(match option.kind {
            OptionKind::Flag => arg.action(ArgAction::SetTrue),
            _ => arg.value_name(option.value.as_deref().unwrap_or("true|false")).allow_negative_numbers(true),
        })
    })
}

fn train(matches: &ArgMatches) -> Result<()> {
    let run = Sequential::prepare(configuration(matches)?)?;
    let bar = if std::io::stderr().is_terminal() { ProgressBar::new(0) } else { ProgressBar::hidden() };
    let style = ProgressStyle::with_template("round {pos}/{len}  {msg}  {eta} left");
    bar.set_style(style.map_err(|e| Error::internal("the progress template").caused_by(e))?);
    let outcome = run.run(|status| show(&bar, status))?;
    bar.finish_and_clear();
    let accuracy = outcome.accuracy.map_or(String::new(), |accuracy| format!("accuracy {:.2} %, ", accuracy * 100.0));
    let (seconds, rate) = (outcome.seconds, outcome.images_per_second);
    let model = outcome.model.display().to_string();
    println!("{accuracy}{seconds:.1} s of training, {rate:.0} images/s, model in {}", escaped(&model));
    Ok(())
}

fn show(bar: &ProgressBar, status: RunStatus) {
    bar.set_length(status.rounds);
    bar.set_position(status.round);
    let accuracy = status.accuracy.map_or(String::new(), |accuracy| format!("  accuracy {:.2} %", accuracy * 100.0));
    bar.set_message(format!("loss {:.4}{accuracy}  {:.0} images/s", status.loss, status.images_per_second));
}

/// The keys of the file, overridden by those of the command line.
fn configuration(matches: &ArgMatches) -> Result<TrainConfig> {
    let mut map = match matches.get_one::<String>("config") {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|e| Error::config(path.as_str()).caused_by(e))?;
            let object: Map<String, Value> = serde_json::from_str(&text)
                .map_err(|e| Error::config(format!("{path} is no JSON object")).caused_by(e))?;
            TrainConfig::from_map(object.clone()).map_err(|e| e.context(path.as_str()))?;
            object
        }
        None => Map::new(),
    };
    let flags = TrainConfig::flags();
    for key in TrainConfig::keys() {
        if flags.contains(&key) {
            if matches.get_flag(&key) {
                map.insert(key, Value::Bool(true));
            }
        } else if let Some(text) = matches.get_one::<String>(&key) {
            let value = value(&key, text);
            map.insert(key, value);
        }
    }
    TrainConfig::from_map(map)
}

/// Numbers and truth values as such, `stepvalue` as a list of numbers, all else as text; the configuration checks the
/// type.
fn value(key: &str, text: &str) -> Value {
    let number = |text: &str| match serde_json::from_str::<Value>(text) {
        Ok(value @ (Value::Number(_) | Value::Bool(_))) => value,
        _ => Value::String(text.to_owned()),
    };
    match key {
        "data" | "out" => Value::String(text.to_owned()),
        "stepvalue" => Value::Array(text.split(',').map(|part| number(part.trim())).collect()),
        _ => number(text),
    }
}
