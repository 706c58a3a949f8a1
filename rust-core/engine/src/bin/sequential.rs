//! `sequential`: trains on this machine without Spark. Its options are the keys of the configuration, as those of
//! `scripts/submit -- train` are. It writes the same files and has the same exit statuses: 1 for a failed run, 2 for a
//! wrong command line or configuration.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::ArgMatches;
use firesteel_engine::cli;
use firesteel_engine::options::{self, Shown};
use firesteel_engine::sequential::{RunStatus, Sequential};
use firesteel_engine::{Error, Result};
use firesteel_exchange::escape::escaped;
use firesteel_exchange::program;
use indicatif::{ProgressBar, ProgressStyle};

const ABOUT: &str = "Trains a net on one machine, without Spark";

fn main() -> ExitCode {
    cli::start();
    let matches = program::arguments(options::command("sequential", ABOUT, Shown::Common));
    cli::run("sequential", || match Shown::asked(&matches) {
        Some(shown) => Ok(options::command("sequential", ABOUT, shown).render_help().to_string().trim_end().to_owned()),
        None => train(&matches),
    })
}

/// Trains, and returns what is to be said of it.
fn train(matches: &ArgMatches) -> Result<String> {
    let run = Sequential::prepare(options::configuration(matches)?)?;
    let bar = if std::io::stderr().is_terminal() { ProgressBar::new(0) } else { ProgressBar::hidden() };
    let style = ProgressStyle::with_template("round {pos}/{len}  {msg}  {eta} left");
    bar.set_style(style.map_err(|e| Error::internal("the progress template").caused_by(e))?);
    let outcome = run.run(|status| show(&bar, status))?;
    bar.finish_and_clear();
    let accuracy = outcome.accuracy.map_or(String::new(), |accuracy| format!("accuracy {:.2} %, ", accuracy * 100.0));
    let (seconds, rate) = (outcome.seconds, outcome.images_per_second);
    let model = outcome.model.display().to_string();
    Ok(format!("{accuracy}{seconds:.1} s of training, {rate:.0} images/s, model in {}", escaped(&model)))
}

fn show(bar: &ProgressBar, status: RunStatus) {
    bar.set_length(status.rounds);
    bar.set_position(status.round);
    let accuracy = status.accuracy.map_or(String::new(), |accuracy| format!("  accuracy {:.2} %", accuracy * 100.0));
    bar.set_message(format!("loss {:.4}{accuracy}  {:.0} images/s", status.loss, status.images_per_second));
}
