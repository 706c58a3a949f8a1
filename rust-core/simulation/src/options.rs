//! The command line of the program: the options of a run, those of the cluster, and of the command `cost`.

use clap::{Arg, ArgAction, ArgMatches, Command};
use firesteel_engine::options::{self, Shown};
use firesteel_engine::{Error, Result};
use serde_json::{Map, Value, json};

use crate::cluster::Cluster;

const ABOUT: &str = "Trains a net with many simulated workers in one process, under a virtual clock";
const ABOUT_COST: &str = "Tells what a run would cost on a cluster, without training";
const HEADING: &str = "simulation";
/// An option without a value.
const FLAG: &str = "";

/// The options of the cluster: key, value, help.
const CLUSTER: [(&str, &str, &str); 16] = [
    ("cluster", "FILE", "a JSON file of the options below; the command line wins"),
    ("step-seconds", "S", "seconds of a local step on a worker of speed 1 (default: measured before the run)"),
    ("measure-steps", FLAG, "take the steps of each turn to last as long as they do here; not repeatable"),
    ("speed", "X,X,..", "how many times as fast each worker is; a short list begins again (default: 1)"),
    ("speed-spread", "X", "log-normal spread of the workers' speeds (default: 0)"),
    ("jitter", "X", "log-normal spread of the time of each step (default: 0)"),
    ("straggler-probability", "P", "probability that a step is slower (default: 0)"),
    ("straggler-factor", "X", "by how much it is slower (default: 1)"),
    ("mtbf", "S", "mean seconds between two failures of a worker (default: none fails)"),
    ("restart", "S", "seconds until a worker that failed is there again (default: 30)"),
    ("bandwidth", "BITS,..", "bits a second of each worker's link, each way (default: 1e10)"),
    ("latency", "S,..", "seconds that a message takes beside its bits, each way (default: 1e-4)"),
    (
        "server-bandwidth",
        "BITS",
        "the same of the driver, or of each executor that hosts the center (default: as a worker's)",
    ),
    ("spark-round", "S", "seconds that Spark takes for a job beside the work of its tasks (default: 0.015)"),
    ("fold-rate", "N", "values that a shard folds a second, or the driver averages (default: 1e9)"),
    ("delay", "N", "other updates between the pull of an asynchronous exchange and its fold (default: as they come)"),
];

/// The command line; its help text has the options of a run that are `shown`, and all of the cluster.
pub fn command(shown: Shown) -> Command {
    let cost = with_cluster(options::command("cost", ABOUT_COST, shown))
        .override_usage("simulate cost [OPTIONS]")
        .arg(
            Arg::new("weights")
                .long("weights")
                .value_name("N")
                .help_heading(HEADING)
                .help("weights that are exchanged, in place of the net's"),
        )
        .arg(
            Arg::new("plot")
                .long("plot")
                .value_name("FILE")
                .help_heading(HEADING)
                .help("draw the costs into an SVG file, too: FILE ends in .svg"),
        )
        .arg(Arg::new("json").long("json").action(ArgAction::SetTrue).help_heading(HEADING).help("tell JSON"));
    with_cluster(options::command("simulate", ABOUT, shown))
        .override_usage("simulate [OPTIONS]\n       simulate cost [OPTIONS]\n       simulate help [GROUP]")
        .subcommand(cost)
}

fn with_cluster(command: Command) -> Command {
    CLUSTER.iter().fold(command, |command, &(key, value, help)| {
        let arg = Arg::new(key).long(key).help(help).help_heading(HEADING);
        command.arg(match value {
            FLAG => arg.action(ArgAction::SetTrue),
            value => arg.value_name(value).allow_negative_numbers(true),
        })
    })
}

/// The cluster of the command line, laid over that of its file.
pub fn cluster(matches: &ArgMatches) -> Result<Cluster> {
    let mut map = match matches.get_one::<String>("cluster") {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|e| Error::config(path.as_str()).caused_by(e))?;
            let map: Map<String, Value> = serde_json::from_str(&text)
                .map_err(|e| Error::config(format!("{path} is no JSON object")).caused_by(e))?;
            Cluster::from_map(map.clone()).map_err(|e| Error::from(e).context(path.as_str()))?;
            map
        }
        None => Map::new(),
    };
    for (key, value, _) in &CLUSTER[1..] {
        if *value == FLAG {
            if matches.get_flag(key) {
                map.insert((*key).to_owned(), json!(true));
            }
        } else if let Some(text) = matches.get_one::<String>(key) {
            map.insert((*key).to_owned(), numbers(key, text)?);
        }
    }
    Ok(Cluster::from_map(map)?)
}

/// A number, or of several with commas between them a list.
fn numbers(key: &str, text: &str) -> Result<Value> {
    let number = |text: &str| match serde_json::from_str::<Value>(text.trim()) {
        Ok(value @ Value::Number(_)) => Ok(value),
        _ => Err(Error::config(format!("{key}: {text} is no number"))),
    };
    if text.contains(',') {
        Ok(Value::Array(text.split(',').map(number).collect::<Result<_>>()?))
    } else {
        number(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::PerWorker;

    fn of(arguments: &[&str]) -> Result<Cluster> {
        let line = ["simulate"].iter().chain(arguments);
        cluster(&command(Shown::Common).args_override_self(true).try_get_matches_from(line).unwrap())
    }

    #[test]
    fn every_key_of_a_cluster_is_an_option() {
        let Value::Object(map) = serde_json::to_value(Cluster::default()).unwrap() else { unreachable!() };
        let mut options: Vec<&str> = CLUSTER[1..].iter().map(|(key, _, _)| *key).collect();
        options.sort_unstable();
        assert_eq!(map.keys().map(String::as_str).collect::<Vec<_>>(), options);
    }

    #[test]
    fn the_command_line_wins_over_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cluster.json");
        std::fs::write(&path, r#"{"bandwidth": [1e9, 2e9], "jitter": 0.5}"#).unwrap();
        let path = path.to_str().unwrap();
        let cluster = of(&["--cluster", path, "--jitter", "0.25", "--measure-steps"]).unwrap();
        assert_eq!((cluster.jitter, cluster.measure_steps), (0.25, true));
        assert_eq!(cluster.bandwidth, PerWorker::Each(vec![1e9, 2e9]));
    }

    #[test]
    fn a_wrong_value_names_its_option() {
        for (arguments, text) in [
            (["--jitter", "fast"], "jitter: fast is no number"),
            (["--speed", "1,,2"], "speed:  is no number"),
            (["--delay", "1.5"], "delay: invalid type: floating point `1.5`, expected usize"),
            (["--mtbf", "-1"], "mtbf must be above 0 and at most 1e18, not -1"),
        ] {
            assert_eq!(of(&arguments).unwrap_err().to_string(), text);
        }
        let error = of(&["--cluster", "/nowhere.json"]).unwrap_err().to_string();
        assert!(error.starts_with("/nowhere.json: "), "{error}");
    }
}
