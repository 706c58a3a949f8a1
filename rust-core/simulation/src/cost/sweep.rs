//! The costs of a run with 1, 2, 4 and so on workers.

use firesteel_engine::config::Strategy;
use firesteel_engine::memory::readable;
use firesteel_engine::{Error, Facts, Result, TrainConfig};

use super::{Cost, cost};
use crate::cluster::{Cluster, MOST_WORKERS};
use crate::plan::Plan;
use crate::run::{decided, plan};

/// A request for costs.
pub struct Sweep {
    /// As it was asked for; its data and its length do not matter.
    pub config: TrainConfig,
    pub cluster: Cluster,
    /// Weights that are exchanged; absent, those of the net.
    pub weights: Option<usize>,
}

impl Sweep {
    /// The costs with each power of two of workers, up to those of the configuration.
    pub fn costs(&self) -> Result<Vec<Cost>> {
        if self.cluster.step_seconds.is_none() {
            return Err(Error::config("step-seconds is not set: no step is computed from which to tell it"));
        }
        if self.config.strategy == Strategy::Sequential {
            return Err(Error::config(
                "strategy sequential has one worker, which exchanges with nobody; choose another",
            ));
        }
        let most = self.config.workers.ok_or_else(|| Error::config("workers is not set: it is the most to tell of"))?;
        if most > MOST_WORKERS {
            return Err(Error::config(format!("workers must be at most {MOST_WORKERS} in a simulation, not {most}")));
        }
        if self.weights == Some(0) {
            return Err(Error::config("weights must be at least 1, not 0"));
        }
        let powers = std::iter::successors(Some(1), |workers| Some(2 * workers)).take_while(|workers| *workers < most);
        powers.chain([most]).map(|workers| self.with(workers)).collect()
    }

    /// What the costs are of, in two lines for people.
    pub fn titles(&self) -> Result<[String; 2]> {
        let (config, plan) = self.planned(1)?;
        let TrainConfig { strategy, tau, .. } = config;
        let place = if config.in_stage() { "in one stage" } else { "in rounds" };
        let server = match config.exchangers {
            0 => "the driver".to_owned(),
            hosts => format!("each of {hosts} executors that host the center"),
        };
        let (vector, link) = (readable(plan.message_bytes()), self.cluster.server_link() / 1e9);
        let step = self.cluster.step_seconds.unwrap_or(0.0);
        let jitter =
            if self.cluster.jitter > 0.0 { format!(", jitter {}", self.cluster.jitter) } else { String::new() };
        Ok([
            format!("What a run costs: {strategy} {place}, tau {tau}"),
            format!("steps of {step} s{jitter}, vectors of {vector}, {link} Gbit/s to {server}"),
        ])
    }

    fn with(&self, workers: usize) -> Result<Cost> {
        cost(&self.planned(workers)?.1, &self.cluster)
    }

    /// The completed configuration, and what a run of it does.
    fn planned(&self, workers: usize) -> Result<(TrainConfig, Plan)> {
        let mut config = decided(self.config.clone())?;
        (config.workers, config.epochs) = (Some(workers), None);
        config.iterations.get_or_insert(1); // the rounds to simulate are chosen later
        let classes = config.classes.unwrap_or(10);
        let mut config = config.resolve(Some(Facts { rows: u64::from(u32::MAX), classes, encoded: false }))?;
        config.iterations = Some(config.tau);
        let mut plan = plan(&config, self.cluster.step_seconds)?;
        plan.values = self.weights.unwrap_or(plan.values);
        Ok((config, plan))
    }
}
