//! What the programs and the native library show: log lines, errors in a command line, the last error.
//! All of it goes through [`escaped`], so that no text from outside controls the terminal or looks like a line of ours.

use std::fmt::Display;
use std::io::{ErrorKind, Write};

use clap::{ArgMatches, Command};
use env_logger::Env;

use crate::escape::escaped;
use crate::{Error, Result};

/// Logs to standard error what the environment's variable `name` chooses, in env_logger's syntax, and `default`
/// where it is not set. A process that has a logger keeps it.
pub fn log(name: &str, default: &str) {
    let mut builder = env_logger::Builder::from_env(Env::new().filter_or(name, default));
    builder.format(|out, record| {
        let (time, level, text) = (out.timestamp(), record.level(), record.args().to_string());
        writeln!(out, "[{time} {level:<5}] {}", escaped(&text))
    });
    let _ = builder.try_init(); // an error means that the process has a logger already
}

/// Reads the process's command line; the last of a repeated option wins. Where it is wrong, or asks for help, this
/// prints that and ends the process.
pub fn arguments(command: Command) -> ArgMatches {
    let command = command.args_override_self(true);
    command.clone().try_get_matches().unwrap_or_else(|error| {
        // clap repeats arguments as they are: the escaped ones are wrong for the same reason, and can be shown
        let shown = std::env::args_os().map(|argument| escaped(&argument.to_string_lossy()).into_owned());
        command.try_get_matches_from(shown).err().unwrap_or(error).exit()
    })
}

/// Prints a line on standard output. A reader that has gone, as `head` does once it has enough, is no failure.
pub fn say(line: &dyn Display) -> Result<()> {
    let mut out = std::io::stdout();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Err(cause) if cause.kind() != ErrorKind::BrokenPipe => Err(Error::io("standard output", &cause)),
        _ => Ok(()),
    }
}

/// Says in one line why `program` failed.
pub fn complain(program: &str, error: &dyn Display) {
    eprintln!("{program}: {}", escaped(&error.to_string()));
}
