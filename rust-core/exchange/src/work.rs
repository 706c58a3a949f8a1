//! What a worker tells with each exchange about its local steps.

use serde::{Deserialize, Serialize};

use crate::{Error, Refusal, Result};

/// The most samples of one exchange: more than a worker can compute in a year, and so few that the sum over all
/// workers and the mean's products in f64 stay exact.
pub const MOST_SAMPLES: u64 = 1 << 40;

/// What a worker did between two exchanges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Work {
    /// Local steps.
    pub steps: u64,
    /// Rows that the steps used, repeats counted.
    pub samples: u64,
    /// Mean over the steps' minibatches; 0 before the first step.
    pub loss: f64,
}

impl Work {
    /// Refuses work that no worker can have done; `whose` begins the message.
    pub(crate) fn validate(&self, whose: impl Fn() -> String) -> Result<()> {
        let wrong = |what: String| Err(Error::refused(Refusal::Mismatch, format!("{} {what}", whose())));
        if !self.loss.is_finite() {
            return wrong(format!("reports a loss of {}: its training diverged", self.loss));
        }
        if self.samples > MOST_SAMPLES {
            return wrong(format!("reports {} samples where at most {MOST_SAMPLES} are possible", self.samples));
        }
        Ok(())
    }
}
