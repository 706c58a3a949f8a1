//! Costs without a simulation.

use crate::cluster::Cluster;
use crate::plan::{Exchange, Plan};
use crate::timing::timings;

/// SparkNet's model of a round (Moritz, Nishihara, Stoica, Jordan 2016, section 2): N minibatches take
/// `T(K, tau) = N / K t_step + N / (K tau) t_round`. It has equal workers, and a cost of a round that does not depend on what
/// others do; here that cost is what the links and processors take for the vectors of all K workers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClosedForm {
    tau: f64,
    step_seconds: f64,
    /// Of a round beside its local steps.
    exchange_seconds: f64,
}

impl ClosedForm {
    /// Of a run whose step time is known.
    pub fn new(plan: &Plan, cluster: &Cluster) -> Self {
        let (workers, bits) = (plan.workers as f64, plan.message_bytes() as f64 * 8.0);
        let (own, latency) = (cluster.bandwidth.of(0), cluster.latency.of(0));
        let fold = plan.values as f64 / cluster.fold_rate;
        let exchange_seconds = match &plan.exchange {
            Exchange::Rounds { .. } => {
                let hops = (workers + 1.0).log2().ceil();
                let down = bits / own.min(cluster.server_link()) + hops * latency;
                let up = (bits / own).max(workers * bits / cluster.server_link()) + latency;
                cluster.spark_round + down + up + workers * fold
            }
            Exchange::Stage(stage) => {
                let parts = stage.parts.max(1) as f64;
                let one_way = (bits / own).max(workers * bits / (cluster.server_link() * parts));
                let folds = workers * fold / (parts * f64::from(stage.settings.shards));
                // the message, its reply, a request for the next turn and its grant
                2.0 * one_way + folds + 4.0 * latency
            }
        };
        Self { tau: plan.budget.tau as f64, step_seconds: plan.step_seconds.unwrap_or(0.0), exchange_seconds }
    }

    /// Of one round.
    pub fn round_seconds(&self) -> f64 {
        self.tau * self.step_seconds + self.exchange_seconds
    }
}

/// Seconds of a step after which all workers average their gradients in a ring, each sending and receiving `2 (K - 1) / K`
/// vectors of f32 in `2 (K - 1)` messages, once the slowest has done its step; nothing overlaps.
pub fn all_reduce_step(plan: &Plan, cluster: &Cluster) -> f64 {
    const TRIES: u32 = 20; // of the time of the slowest of K workers
    let step_seconds = plan.step_seconds.unwrap_or(0.0);
    let mut times = timings(cluster, plan.seed, plan.workers);
    let mut slowest = || times.iter_mut().map(|worker| worker.steps(1, step_seconds)).fold(0.0, f64::max);
    let step = (0..TRIES).map(|_| slowest()).sum::<f64>() / f64::from(TRIES);
    let hops = 2.0 * (plan.workers as f64 - 1.0);
    let bits = (plan.values * size_of::<f32>()) as f64 * 8.0;
    let links = (0..plan.workers).map(|worker| (cluster.bandwidth.of(worker), cluster.latency.of(worker)));
    let (own, latency) =
        links.fold((f64::MAX, 0.0f64), |(own, most), (link, latency)| (own.min(link), most.max(latency)));
    step + hops * (bits / plan.workers as f64 / own + latency)
}
