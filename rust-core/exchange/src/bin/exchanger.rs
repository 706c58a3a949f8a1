//! `exchanger`: serves a center by itself, without Spark. Prints one JSON line with its address once it
//! listens, and goes on from its snapshot where there is one. SIGTERM and SIGINT end it with a last snapshot.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::{Arg, ArgMatches, Command, value_parser};
use firesteel_exchange::auth::Secret;
use firesteel_exchange::memory::{Purpose, filled};
use firesteel_exchange::program;
use firesteel_exchange::server::{Exchanger, ExchangerSettings};
use firesteel_exchange::tls::TlsIdentity;
use firesteel_exchange::{Error, Result};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;

fn main() -> ExitCode {
    program::log("RUST_LOG", "error");
    let file =
        |name, help| Arg::new(name).long(name).value_parser(value_parser!(PathBuf)).value_name("FILE").help(help);
    let command = Command::new("exchanger")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Serves a center that workers exchange weights with")
        .arg(
            Arg::new("settings")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("JSON file: see docs/protocol.md"),
        )
        .arg(file("secret", "64 hexadecimal digits that every peer must know; made where it is missing").required(true))
        .arg(file("weights", "the center to start at: raw little-endian f32"))
        .arg(
            Arg::new("length")
                .long("length")
                .value_name("N")
                .value_parser(value_parser!(usize))
                .help("start at N zeros"),
        )
        .arg(file("tls", "encrypt, and write here what clients must trust"));
    match serve(&program::arguments(command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            program::complain("exchanger", &error);
            ExitCode::FAILURE
        }
    }
}

fn serve(matches: &ArgMatches) -> Result<()> {
    let mut signals = signals()?; // before the address is printed, so that a reader of the address may send one
    let path = |name: &str| matches.get_one::<PathBuf>(name);
    let settings = read_settings(required(path("settings"), "SETTINGS")?)?;
    let initial = match (path("weights"), matches.get_one::<usize>("length")) {
        (Some(file), None) => weights(file)?,
        (None, Some(&length)) => zeros(length)?,
        _ => return Err(Error::Config("say either --weights or --length".to_owned())),
    };
    settings.validate(initial.len())?; // before anything is written
    let secret = secret(required(path("secret"), "--secret")?)?;
    let tls = path("tls").map(|_| TlsIdentity::generate()).transpose()?;
    if let (Some(file), Some(tls)) = (path("tls"), &tls) {
        let trust = serde_json::to_vec(&tls.trust()).map_err(|e| Error::Config(e.to_string()))?;
        fs::write(file, trust).map_err(|e| Error::io(file.display().to_string(), &e))?;
    }
    let (server, restored) = Exchanger::resume(settings, secret, tls.as_ref(), &initial)?;
    program::say(&serde_json::json!({ "address": server.address(), "restored": restored }))?;
    signals.forever().next();
    server.stop()
}

/// Takes the first SIGTERM or SIGINT; a second one, while the last snapshot is being written, ends the process at once.
fn signals() -> Result<Signals> {
    const SHELL: i32 = 128; // a shell's exit status for a process that a signal ended is this and the signal
    let taken = Arc::new(AtomicBool::new(false));
    let register = || {
        for signal in [SIGTERM, SIGINT] {
            flag::register_conditional_shutdown(signal, SHELL + signal, taken.clone())?;
            flag::register(signal, taken.clone())?;
        }
        Signals::new([SIGTERM, SIGINT])
    };
    register().map_err(|e| Error::io("take SIGTERM and SIGINT", &e))
}

fn zeros(length: usize) -> Result<Vec<f32>> {
    let mut zeros = Vec::new();
    let failed = |e| Error::Config(format!("--length {length}: {e}"));
    zeros.try_reserve_exact(length).map_err(failed)?;
    zeros.resize(length, 0.0);
    Ok(zeros)
}

fn required<'a>(path: Option<&'a PathBuf>, name: &str) -> Result<&'a PathBuf> {
    path.ok_or_else(|| Error::Config(format!("{name} is missing")))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|e| Error::io(path.display().to_string(), &e))
}

fn read_settings(path: &Path) -> Result<ExchangerSettings> {
    serde_json::from_slice(&read(path)?).map_err(|e| Error::Config(format!("{}: {e}", path.display())))
}

fn weights(path: &Path) -> Result<Vec<f32>> {
    let bytes = read(path)?;
    if bytes.is_empty() || bytes.len() % 4 != 0 {
        return Err(Error::Config(format!("{}: {} bytes are no f32 values", path.display(), bytes.len())));
    }
    let mut values = filled(bytes.len() / 4, 0.0, Purpose::Center)?;
    bytemuck::cast_slice_mut(&mut values).copy_from_slice(&bytes);
    Ok(values)
}

/// Reads the secret, or creates the file with a new one, readable by its owner only.
fn secret(path: &Path) -> Result<Secret> {
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
    let failed = |e: std::io::Error| Error::io(path.display().to_string(), &e);
    if path.exists() {
        let mut file = fs::File::open(path).map_err(failed)?;
        let mode = file.metadata().map_err(failed)?.mode() & 0o777;
        if mode & 0o077 != 0 {
            let name = path.display();
            return Err(Error::Config(format!(
                "{name}: mode {mode:04o} lets others read the secret: chmod 600 {name}"
            )));
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let text = String::from_utf8(bytes).unwrap_or_default();
        return Secret::try_from(text).map_err(|e| Error::Config(format!("{}: {e}", path.display())));
    }
    let secret = Secret::random()?;
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    writeln!(file, "{}", String::from(secret.clone())).map_err(failed)?;
    Ok(secret)
}
