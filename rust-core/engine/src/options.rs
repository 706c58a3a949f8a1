//! The command line of the programs without Spark: one option for each setting of the table, shown in the help text by
//! group.

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Map, Value};

use crate::config::{COMMON, Group, Setting, SettingType, TrainConfig, laid_over, settings};
use crate::error::{Error, Result};

const ALL: &str = "all";

/// Which options a help text shows.
#[derive(Clone, Copy, PartialEq)]
pub enum Shown {
    /// Those that most runs need.
    Common,
    Of(Group),
    All,
}

impl Shown {
    /// What `--help`, `--help=WHAT` or `help WHAT` asks for; nothing where there is none of these.
    pub fn asked(matches: &ArgMatches) -> Option<Self> {
        let what = match matches.subcommand() {
            Some(("help", help)) => help.get_one::<String>("what").map_or("", String::as_str),
            _ => matches.get_one::<String>("help")?.as_str(),
        };
        let group = Group::ALL.into_iter().find(|group| group.name() == what);
        Some(group.map_or(if what == ALL { Self::All } else { Self::Common }, Self::Of))
    }

    fn has(self, setting: &Setting) -> bool {
        match self {
            Self::Common => COMMON.contains(&setting.key.as_str()),
            Self::Of(group) => setting.group == group,
            Self::All => true,
        }
    }
}

/// The command line of `program`, which is `about` something; its help text has the options that are `shown`.
pub fn command(program: &'static str, about: &'static str, shown: Shown) -> Command {
    let whats = Group::ALL.iter().map(|group| group.name()).chain([ALL]);
    let groups = Group::ALL.iter().map(|group| format!("  {:<13} {}", group.name(), group.summary()));
    let groups = groups.collect::<Vec<_>>().join("\n");
    let more = match shown {
        Shown::Common => format!("More options, by group, with `{program} help GROUP` or --help=all:\n{groups}\n\n"),
        Shown::Of(_) | Shown::All => String::new(),
    };
    let config = Arg::new("config").long("config").value_name("FILE");
    let help = Arg::new("help").short('h').long("help").value_name("GROUP|all").num_args(0..=1).require_equals(true);
    let command = Command::new(program)
        .version(env!("CARGO_PKG_VERSION"))
        .about(about)
        .override_usage(format!("{program} [OPTIONS]\n       {program} help [GROUP]"))
        .after_help(format!("{more}What each option means in detail: docs/configuration.md"))
        .disable_help_flag(true)
        .disable_help_subcommand(true)
        .arg(config.help("a JSON file of options; the command line wins"))
        .arg(
            help.default_missing_value("")
                .value_parser(PossibleValuesParser::new(whats.clone().chain([""])))
                .hide_possible_values(true)
                .help("print this, or the options of a group"),
        )
        .subcommand(
            Command::new("help")
                .hide(true)
                .arg(Arg::new("what").value_name("GROUP|all").value_parser(PossibleValuesParser::new(whats))),
        );
    settings().iter().fold(command, |command, setting| {
        let arg = Arg::new(setting.key.as_str()).long(setting.key.as_str()).help(setting.help.as_str());
        let arg = arg.help_heading(setting.group.name()).hide(!shown.has(setting));
        command.arg(match setting.value_type {
            SettingType::Flag => arg.action(ArgAction::SetTrue),
            _ => arg.value_name(setting.value.unwrap_or("true|false")).allow_negative_numbers(true),
        })
    })
}

/// The keys of the file, overridden by those of the command line.
pub fn configuration(matches: &ArgMatches) -> Result<TrainConfig> {
    let file = match matches.get_one::<String>("config") {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|e| Error::config(path.as_str()).caused_by(e))?;
            let object: Map<String, Value> = serde_json::from_str(&text)
                .map_err(|e| Error::config(format!("{path} is no JSON object")).caused_by(e))?;
            let asked = TrainConfig::asked_in(object);
            TrainConfig::from_map(asked.clone()).map_err(|e| e.context(path.as_str()))?;
            asked
        }
        None => Map::new(),
    };
    let flags = TrainConfig::flags();
    let mut said = Map::new();
    for key in TrainConfig::keys() {
        if flags.contains(&key) {
            if matches.get_flag(&key) {
                said.insert(key, Value::Bool(true));
            }
        } else if let Some(text) = matches.get_one::<String>(&key) {
            let value = value(&key, text);
            said.insert(key, value);
        }
    }
    TrainConfig::from_map(laid_over(file, said))
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
