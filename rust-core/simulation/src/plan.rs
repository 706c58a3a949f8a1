//! What a run is going to do, without its training: the rounds, the exchanger, the sizes of the vectors.

use firesteel_engine::{Error, Result, StateIn};
use firesteel_exchange::clock::Consistency;
use firesteel_exchange::codec::Codec;
use firesteel_exchange::ledger::Budget;
use firesteel_exchange::server::ExchangerSettings;
use firesteel_exchange::worker_rule::Takes;
use firesteel_strategy::TurnSpec;

use crate::cluster::{Cluster, MOST_WORKERS};

/// How the workers of a run exchange.
#[derive(Clone, Debug)]
pub enum Exchange {
    /// Each round is a Spark job, whose vectors the driver averages. In each, a worker's solver starts from `state`.
    Rounds { state: StateIn },
    /// All workers run inside one stage, and exchange with an exchanger.
    Stage(Box<StagePlan>),
}

/// Of a run inside one stage.
#[derive(Clone, Debug)]
pub struct StagePlan {
    pub settings: ExchangerSettings,
    pub codec: Codec,
    /// Whether local steps go on during an exchange.
    pub overlap: bool,
    /// Executors that host a part of the center each; 0 where the driver hosts it.
    pub parts: usize,
}

/// A run.
#[derive(Clone, Debug)]
pub struct Plan {
    pub workers: usize,
    /// Local steps of each worker.
    pub iterations: u64,
    pub budget: Budget,
    pub turns: TurnSpec,
    pub exchange: Exchange,
    /// Values of the center, by which bytes are counted. The vectors themselves are as long as the center that the
    /// simulation is given, which is shorter where nothing is trained.
    pub values: usize,
    /// Rounds between two evaluations.
    pub eval_every: u64,
    pub seed: u64,
    /// Of a worker of speed 1; absent where each turn's steps are measured.
    pub step_seconds: Option<f64>,
}

impl Plan {
    /// Local steps of the round that begins at local step `first` of each worker.
    pub fn steps(&self, first: u64) -> u64 {
        self.budget.most_steps(first).min(self.iterations - first)
    }

    /// Whether all workers end each round together. With an asynchronous strategy a round means `tau * workers` minibatches
    /// of all workers together.
    pub fn is_synchronous(&self) -> bool {
        match &self.exchange {
            Exchange::Rounds { .. } => true,
            Exchange::Stage(stage) => stage.settings.rule.gathers(),
        }
    }

    /// The round after which the center is looked at next when `round` rounds and `first` local steps of each worker are
    /// done, with the local steps of each worker until then; of a synchronous strategy.
    pub fn next_pause(&self, mut round: u64, mut first: u64) -> (u64, u64) {
        while first < self.iterations {
            first += self.steps(first);
            round += 1;
            if round.is_multiple_of(self.eval_every) {
                break;
            }
        }
        (round, first)
    }

    /// Rounds that `minibatches` of all workers make with an asynchronous strategy; the last counts when the budget is
    /// spent.
    pub fn rounds_behind(&self, minibatches: u64) -> u64 {
        if minibatches >= self.budget.steps {
            return self.iterations.div_ceil(self.budget.tau);
        }
        minibatches / self.workers as u64 / self.budget.tau
    }

    /// Bytes of a message of a worker, and of the reply.
    pub fn message_bytes(&self) -> u64 {
        match &self.exchange {
            Exchange::Rounds { .. } => (self.values * size_of::<f32>()) as u64,
            Exchange::Stage(stage) => {
                let of = |range: std::ops::Range<usize>| stage.codec.encoded_len(range.len()) as u64;
                stage.ranges(self.values).into_iter().map(of).sum()
            }
        }
    }

    /// Refuses what cannot be simulated on `cluster`.
    pub fn check(&self, cluster: &Cluster) -> Result<()> {
        cluster.validate()?;
        let (workers, refused) = (self.workers, |text: String| Err(Error::config(text)));
        if workers > MOST_WORKERS {
            return refused(format!("workers must be at most {MOST_WORKERS} in a simulation, not {workers}"));
        }
        let Some(delay) = cluster.delay else { return Ok(()) };
        let Exchange::Stage(stage) = &self.exchange else {
            return refused("delay means nothing to a synchronous strategy; leave it out".to_owned());
        };
        if stage.settings.rule.gathers() || stage.settings.consistency != Consistency::Async {
            return refused("delay needs an asynchronous strategy with consistency async".to_owned());
        }
        if stage.settings.rule.worker_rule().takes == Takes::Difference {
            return refused(format!(
                "delay means nothing to rule {}, whose workers keep weights of their own and are compared with the center \
                 as it is; leave it out",
                stage.settings.rule.name()
            ));
        }
        if stage.overlap {
            return refused("delay and overlap exclude each other".to_owned());
        }
        if delay >= workers {
            return refused(format!("delay {delay} needs more than {delay} workers, and there are {workers}"));
        }
        Ok(())
    }
}

impl StagePlan {
    /// The ranges of a center of `length` values: those of each part's shards.
    pub fn ranges(&self, length: usize) -> Vec<std::ops::Range<usize>> {
        let parts = self.parts.max(1);
        let begin = |part: usize| length * part / parts;
        let of_part = |part: usize| {
            let (from, size) = (begin(part), begin(part + 1) - begin(part));
            (0..self.settings.shards as usize).map(move |shard| {
                let range = self.settings.range(size, shard);
                from + range.start..from + range.end
            })
        };
        (0..parts).flat_map(of_part).collect()
    }
}
