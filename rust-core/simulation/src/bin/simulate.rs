//! `simulate`: trains with many simulated workers in one process, or tells what a run would cost. Its options are those of
//! `sequential` and of the cluster; it writes the same files and has the same exit statuses.

use std::io::IsTerminal;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::ArgMatches;
use firesteel_engine::memory::{panic_text, quiet_panics};
use firesteel_engine::options::{self as run_options, Shown};
use firesteel_engine::{Error, Kind, Result};
use firesteel_exchange::escape::escaped;
use firesteel_exchange::program;
use firesteel_simulation::cost::{self, Sweep};
use firesteel_simulation::options;
use firesteel_simulation::run::{RunStatus, Simulation};
use indicatif::{ProgressBar, ProgressStyle};

fn main() -> ExitCode {
    program::log("FIRESTEEL_LOG", "warn");
    firesteel_engine::libtorch::cuda();
    firesteel_engine::device::keep_memory();
    firesteel_engine::device::warn_of_a_slow_processor();
    quiet_panics();
    let matches = program::arguments(options::command(Shown::Common));
    let (asked, of_cost) = match matches.subcommand() {
        Some(("cost", matches)) => (matches, true),
        _ => (&matches, false),
    };
    if let Some(shown) = Shown::asked(asked) {
        let mut command = options::command(shown);
        let shown = if of_cost { command.find_subcommand_mut("cost").map(|cost| cost.render_help()) } else { None };
        let help = shown.unwrap_or_else(|| command.render_help());
        println!("{}", help.to_string().trim_end());
        return ExitCode::SUCCESS;
    }
    // a panic, too, is reported in one line and ends with the status of a failed run
    let done = catch_unwind(AssertUnwindSafe(|| if of_cost { tell_cost(asked) } else { train(asked) }))
        .unwrap_or_else(|panic| Err(Error::internal(panic_text(&*panic))));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            program::complain("simulate", &error);
            ExitCode::from(if error.kind() == Kind::Config { 2 } else { 1 })
        }
    }
}

fn train(matches: &ArgMatches) -> Result<()> {
    let run = Simulation::prepare(run_options::configuration(matches)?, options::cluster(matches)?)?;
    let bar = if std::io::stderr().is_terminal() { ProgressBar::new(0) } else { ProgressBar::hidden() };
    let style = ProgressStyle::with_template("minibatch {pos}/{len}  {msg}  {eta} left");
    bar.set_style(style.map_err(|e| Error::internal("the progress template").caused_by(e))?);
    let shown = bar.clone();
    let outcome = run.run(move |status| show(&shown, status))?;
    bar.finish_and_clear();
    let accuracy = outcome.accuracy.map_or(String::new(), |accuracy| format!("accuracy {:.2} %, ", accuracy * 100.0));
    let (virtual_seconds, seconds) = (outcome.virtual_seconds, outcome.seconds);
    let model = outcome.model.display().to_string();
    println!("{accuracy}{virtual_seconds:.1} virtual s, computed in {seconds:.1} s, model in {}", escaped(&model));
    Ok(())
}

fn show(bar: &ProgressBar, status: RunStatus) {
    bar.set_length(status.budget);
    bar.set_position(status.steps);
    let accuracy = status.accuracy.map_or(String::new(), |accuracy| format!("  accuracy {:.2} %", accuracy * 100.0));
    bar.set_message(format!("loss {:.4}{accuracy}  {:.1} virtual s", status.loss, status.virtual_seconds));
}

fn tell_cost(matches: &ArgMatches) -> Result<()> {
    let weights = matches
        .get_one::<String>("weights")
        .map(|text| text.parse().map_err(|_| Error::config(format!("weights: {text} is no number of weights"))));
    let sweep = Sweep {
        config: run_options::configuration(matches)?,
        cluster: options::cluster(matches)?,
        weights: weights.transpose()?,
    };
    let costs = sweep.costs()?;
    let json = || serde_json::to_string(&costs).map_err(|e| Error::internal("write JSON").caused_by(e));
    println!("{}", if matches.get_flag("json") { json()? } else { cost::table(&costs) });
    Ok(())
}
