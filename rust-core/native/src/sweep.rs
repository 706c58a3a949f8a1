//! Frees what was not used for an hour: workers and hosted parts of a center whose run ended without
//! reaching this process. One thread of the process checks once a minute, beginning with the first of either.

use std::sync::Once;
use std::thread::Builder;
use std::time::{Duration, Instant};

use crate::{hosts, registry};

/// Between two looks: how much later than [`IDLE`](crate::lifetime::IDLE) after its last use something may go.
const PERIOD: Duration = Duration::from_secs(60);

static STARTED: Once = Once::new();

/// Starts the thread, unless it runs.
pub fn start() {
    STARTED.call_once(|| {
        let sweeping = || {
            loop {
                std::thread::sleep(PERIOD);
                registry::sweep(Instant::now());
                hosts::sweep(Instant::now());
            }
        };
        if let Err(e) = Builder::new().name("firesteel-sweep".to_owned()).spawn(sweeping) {
            log::warn!("start a thread: {e}: what runs leave behind stays until this process ends");
        }
    });
}
