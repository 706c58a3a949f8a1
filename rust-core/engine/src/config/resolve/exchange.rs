//! Keys of the exchange: which strategies read each, and the published values as defaults. A key that the strategy does
//! not read is refused, because its user expects it to have an effect.

use firesteel_exchange::published;

use super::super::{CodecName, Consistency, OuterName, Period, SolverState, Strategy, TrainConfig};
use crate::error::{Error, Result};

const ELASTIC: &str = "deepspark, easgd-async or eamsgd";
const ASYNCHRONOUS: &str = "an asynchronous strategy";
const EXCHANGING: &str = "a strategy of several workers";
const WIRED: &str = "an asynchronous strategy, easgd, or sparknet with consistency bsp";

impl TrainConfig {
    /// Checks every key of the exchange and fills in what does not depend on the number of workers.
    pub(super) fn settle_exchange(&mut self) -> Result<()> {
        self.settle_consistency()?;
        let strategy = self.strategy;
        let refused = self.keys_of_strategies().into_iter().find(|(_, given, read, _)| *given && !read);
        if let Some((key, _, _, choose)) = refused {
            return Err(Error::config(format!(
                "{key} means nothing to strategy {strategy}; leave it out or choose {choose}"
            )));
        }
        if self.alpha_decay.is_some() != self.alpha_every.is_some() {
            return Err(Error::config("alpha-decay and alpha-every belong together; give both or neither"));
        }
        match (self.period, self.post_local_step) {
            (Period::PostLocal, None) => return Err(Error::config("period post-local needs post-local-step")),
            (Period::Constant | Period::Adaptive, Some(_)) => {
                let period = self.period;
                return Err(Error::config(format!(
                    "post-local-step means nothing to period {period}; leave it out or choose post-local"
                )));
            }
            _ => (),
        }
        if strategy == Strategy::Dcasgd {
            self.lambda.get_or_insert(published::DCASGD_LAMBDA);
        }
        Ok(())
    }

    /// For each key: whether it was set, whether this strategy reads it, and which strategies do.
    fn keys_of_strategies(&self) -> [(&'static str, bool, bool, &'static str); 20] {
        let strategy = self.strategy;
        let (elastic, asynchronous) = (strategy.is_elastic(), strategy.is_asynchronous());
        let pulls = elastic || strategy == Strategy::Easgd;
        let outer = strategy == Strategy::AsyncNesterov || self.outer != OuterName::None;
        let wired = self.in_stage();
        [
            ("period adaptive", self.period == Period::Adaptive, asynchronous, ASYNCHRONOUS),
            ("period post-local", self.period == Period::PostLocal, !strategy.is_alone(), EXCHANGING),
            ("alpha", self.alpha.is_some(), pulls, "deepspark, easgd, easgd-async or eamsgd"),
            ("server-alpha", self.server_alpha.is_some(), elastic, ELASTIC),
            ("alpha-decay", self.alpha_decay.is_some(), elastic, ELASTIC),
            ("alpha-every", self.alpha_every.is_some(), elastic, ELASTIC),
            ("adagrad-lr", self.adagrad_lr.is_some(), strategy == Strategy::Downpour, "downpour"),
            ("lambda", self.lambda.is_some(), strategy == Strategy::Dcasgd, "dcasgd"),
            ("outer", self.outer != OuterName::None, strategy == Strategy::Sparknet, "sparknet"),
            ("outer-lr", self.outer_lr.is_some(), outer, "async-nesterov, or sparknet with an outer optimiser"),
            (
                "outer-momentum",
                self.outer_momentum.is_some(),
                outer,
                "async-nesterov, or sparknet with an outer optimiser",
            ),
            ("overlap", self.overlap, asynchronous, ASYNCHRONOUS),
            ("codec", self.codec != CodecName::F32, wired, WIRED),
            ("shards", self.shards != 1, wired, WIRED),
            ("exchangers", self.exchangers != 0, wired, WIRED),
            ("tls", self.tls == Some(true), wired, WIRED),
            ("bind", self.bind.is_some(), wired, WIRED),
            ("advertise", self.advertise.is_some(), wired, WIRED),
            ("exchange-deadline", self.exchange_deadline != Self::default().exchange_deadline, wired, WIRED),
            ("exchange-wait", self.exchange_wait != Self::default().exchange_wait, wired, WIRED),
        ]
    }

    fn settle_consistency(&mut self) -> Result<()> {
        let strategy = self.strategy;
        match (strategy, self.consistency) {
            (Strategy::Sequential | Strategy::Hogwild, Some(_)) => {
                return Err(Error::config(format!(
                    "consistency means nothing to strategy {strategy}; leave it out or choose {EXCHANGING}"
                )));
            }
            (Strategy::Sparknet | Strategy::Easgd, Some(consistency @ (Consistency::Async | Consistency::Ssp))) => {
                return Err(Error::config(format!(
                    "consistency {consistency} cannot be for strategy {strategy}, which is synchronous; \
                     set it to bsp or choose {ASYNCHRONOUS}"
                )));
            }
            (Strategy::Easgd, None) => self.consistency = Some(Consistency::Bsp),
            // the outer optimiser's state is kept by the exchanger, which only one stage has
            (Strategy::Sparknet, None) if self.outer != OuterName::None => self.consistency = Some(Consistency::Bsp),
            (_, None) if strategy.is_asynchronous() => self.consistency = Some(Consistency::Async),
            _ => (),
        }
        if strategy == Strategy::Sparknet && self.consistency.is_some() && self.solver_state == SolverState::Average {
            return Err(Error::config(
                "solver-state average travels with rounds that are Spark jobs; leave consistency and outer out, \
                 or set solver-state to local or reset",
            ));
        }
        if self.consistency == Some(Consistency::Ssp) {
            self.staleness.get_or_insert(4);
        } else if self.staleness.is_some() {
            return Err(Error::config("staleness means nothing without consistency ssp; leave it out or choose ssp"));
        }
        Ok(())
    }

    /// Fills in the published values that depend on the number of workers.
    pub(super) fn share_among(&mut self, workers: usize) {
        let alpha = match self.strategy {
            Strategy::Deepspark => Some(published::DEEPSPARK_ALPHA),
            Strategy::Easgd | Strategy::EasgdAsync | Strategy::Eamsgd => Some(published::easgd_alpha(workers)),
            _ => None,
        };
        self.alpha = self.alpha.or(alpha);
        let outer = match (self.strategy, self.outer) {
            (Strategy::AsyncNesterov, _) | (_, OuterName::Nesterov) => {
                Some((published::NESTEROV_LR, published::NESTEROV_MOMENTUM))
            }
            (_, OuterName::Slowmo) => Some((published::SLOWMO_ALPHA, published::slowmo_beta(workers))),
            (_, OuterName::Bmuf) => Some((published::BMUF_ZETA, published::bmuf_eta(workers))),
            (_, OuterName::None) => None,
        };
        self.outer_lr = self.outer_lr.or(outer.map(|(lr, _)| lr));
        self.outer_momentum = self.outer_momentum.or(outer.map(|(_, momentum)| momentum));
    }
}
