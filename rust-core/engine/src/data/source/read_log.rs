//! Logs the state of a read that takes long, so that it is not mistaken for a program that hangs.

use std::time::{Duration, Instant};

/// Between two messages.
const INTERVAL: Duration = Duration::from_secs(10);

/// The messages of one read.
pub struct ReadLog {
    last: Instant,
}

impl ReadLog {
    pub fn new() -> Self {
        Self { last: Instant::now() }
    }

    /// Logs `state` if the last message, or the start, was long enough ago.
    pub fn report(&mut self, state: impl FnOnce() -> String) {
        if self.is_due(Instant::now()) {
            log::warn!("reading goes on: {}", state());
        }
    }

    fn is_due(&mut self, now: Instant) -> bool {
        let due = now.duration_since(self.last) >= INTERVAL;
        if due {
            self.last = now;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_read_is_reported_every_ten_seconds_and_a_short_one_is_not() {
        let mut log = ReadLog::new();
        let start = log.last;
        let reported: Vec<u64> = (0..35).filter(|&second| log.is_due(start + Duration::from_secs(second))).collect();
        assert_eq!(reported, [10, 20, 30]);
    }
}
