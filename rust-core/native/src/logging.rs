//! Log lines of the native side go to standard error, where Spark keeps an executor's output.
//! `FIRESTEEL_LOG` chooses what is shown, in env_logger's syntax; warnings by default.

/// Starts logging unless the process has a logger already.
pub fn init() {
    firesteel_exchange::program::log("FIRESTEEL_LOG", "warn");
}
