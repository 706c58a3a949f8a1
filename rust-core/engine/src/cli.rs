//! What the programs without Spark have in common: how they start, and how they end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use firesteel_exchange::program;

use crate::error::{Error, Kind, Result};
use crate::memory::{panic_text, quiet_panics};

/// To be called before anything else: the log, libtorch's parts and the allocator are set for the whole process.
pub fn start() {
    program::log("FIRESTEEL_LOG", "warn");
    crate::libtorch::cuda();
    crate::device::keep_memory();
    crate::device::warn_of_a_slow_processor();
    quiet_panics();
}

/// Runs `body` and prints what it returns. A failure, and a panic too, is told in one line; the exit status is then 2 for
/// a wrong command line or configuration, and 1 for a failed run.
pub fn run(program: &str, body: impl FnOnce() -> Result<String>) -> ExitCode {
    let ended = catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| Err(Error::internal(panic_text(&*panic))));
    match ended.and_then(|text| Ok(program::say(&text)?)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            program::complain(program, &error);
            ExitCode::from(if error.kind() == Kind::Config { 2 } else { 1 })
        }
    }
}
