//! Log lines of the native side go to standard error, where Spark keeps an executor's output.
//! `FIRESTEEL_LOG` chooses what is shown, in env_logger's syntax; warnings by default.

use env_logger::Env;

/// Starts logging unless the process has a logger already.
pub fn init() {
    let filter = Env::new().filter_or("FIRESTEEL_LOG", "warn");
    // an error says that a logger is there, and that is what was wanted
    let _ = env_logger::Builder::from_env(filter).format_target(false).try_init();
}
