//! `simulate`: trains with many simulated workers in one process, or tells what a run would cost. Its options are those of
//! `sequential` and of the cluster; it writes the same files and has the same exit statuses.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::ArgMatches;
use firesteel_engine::cli;
use firesteel_engine::options::{self as run_options, Shown};
use firesteel_engine::{Error, Result};
use firesteel_exchange::escape::escaped;
use firesteel_exchange::program;
use firesteel_simulation::cost::{self, PlotFile, Sweep};
use firesteel_simulation::options;
use firesteel_simulation::run::{RunStatus, Simulation};
use indicatif::{ProgressBar, ProgressStyle};

fn main() -> ExitCode {
    cli::start();
    let matches = program::arguments(options::command(Shown::Common));
    let (asked, of_cost) = match matches.subcommand() {
        Some(("cost", matches)) => (matches, true),
        _ => (&matches, false),
    };
    cli::run("simulate", || match Shown::asked(asked) {
        Some(shown) => Ok(help(shown, of_cost)),
        None if of_cost => tell_cost(asked),
        None => train(asked),
    })
}

fn help(shown: Shown, of_cost: bool) -> String {
    let mut command = options::command(shown);
    let cost = if of_cost { command.find_subcommand_mut("cost").map(|cost| cost.render_help()) } else { None };
    cost.unwrap_or_else(|| command.render_help()).to_string().trim_end().to_owned()
}

/// Trains, and returns what is to be said of it.
fn train(matches: &ArgMatches) -> Result<String> {
    let run = Simulation::prepare(run_options::configuration(matches)?, options::cluster(matches)?)?;
    let bar = if std::io::stderr().is_terminal() { ProgressBar::new(0) } else { ProgressBar::hidden() };
    let style = ProgressStyle::with_template("minibatch {pos}/{len}  {msg}  {eta} left");
    bar.set_style(style.map_err(|e| Error::internal("the progress template").caused_by(e))?);
    let shown = bar.clone();
    let outcome = run.run(move |status| show(&shown, status))?;
    bar.finish_and_clear();
    let accuracy = outcome.accuracy.map_or(String::new(), |accuracy| format!("accuracy {:.2} %, ", accuracy * 100.0));
    let (virtual_seconds, seconds) = (outcome.summary.virtual_seconds, outcome.summary.seconds);
    let model =
        outcome.model.map_or(String::new(), |model| format!(", model in {}", escaped(&model.display().to_string())));
    Ok(format!("{accuracy}{virtual_seconds:.1} virtual s, computed in {seconds:.1} s{model}"))
}

fn show(bar: &ProgressBar, status: RunStatus) {
    bar.set_length(status.budget);
    bar.set_position(status.steps);
    let accuracy = status.accuracy.map_or(String::new(), |accuracy| format!("  accuracy {:.2} %", accuracy * 100.0));
    bar.set_message(format!("loss {:.4}{accuracy}  {:.1} virtual s", status.loss, status.virtual_seconds));
}

fn tell_cost(matches: &ArgMatches) -> Result<String> {
    let weights = matches
        .get_one::<String>("weights")
        .map(|text| text.parse().map_err(|_| Error::config(format!("weights: {text} is no number of weights"))));
    let sweep = Sweep {
        config: run_options::configuration(matches)?,
        cluster: options::cluster(matches)?,
        weights: weights.transpose()?,
    };
    let plot = matches.get_one::<String>("plot").map(|path| PlotFile::new(path)).transpose()?;
    let costs = sweep.costs()?;
    if let Some(plot) = plot {
        plot.write(&sweep.titles()?, &costs)?;
    }
    let json = || serde_json::to_string(&costs).map_err(|e| Error::internal("write JSON").caused_by(e));
    if matches.get_flag("json") { json() } else { Ok(cost::table(&costs)) }
}
