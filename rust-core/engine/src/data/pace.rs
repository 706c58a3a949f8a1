//! A read that takes long says that it goes on, so that nobody takes it for a hang.

use std::time::{Duration, Instant};

/// Between two messages.
const EVERY: Duration = Duration::from_secs(10);

/// The clock of one read.
pub struct Pace {
    told: Instant,
}

impl Pace {
    pub fn new() -> Self {
        Self { told: Instant::now() }
    }

    /// Says `where_it_is`, if nothing was said for a while.
    pub fn look(&mut self, where_it_is: impl FnOnce() -> String) {
        if self.is_due(Instant::now()) {
            log::warn!("reading goes on: {}", where_it_is());
        }
    }

    fn is_due(&mut self, now: Instant) -> bool {
        let due = now.duration_since(self.told) >= EVERY;
        if due {
            self.told = now;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_read_speaks_every_ten_seconds_and_a_short_one_not() {
        let mut pace = Pace::new();
        let start = pace.told;
        let spoken: Vec<u64> = (0..35).filter(|&second| pace.is_due(start + Duration::from_secs(second))).collect();
        assert_eq!(spoken, [10, 20, 30]);
    }
}
