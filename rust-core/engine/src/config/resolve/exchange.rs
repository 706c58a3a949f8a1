//! Keys of the exchange: which strategies read each, and the published values as defaults. A key that the strategy does
//! not read is refused, because its user expects it to have an effect.

use firesteel_exchange::published;

use super::super::{CodecName, Consistency, OuterName, Period, SolverState, Strategy, TrainConfig};
use crate::error::{Error, Result};

const ELASTIC: &str = "deepspark, easgd-async or eamsgd";
const ASYNCHRONOUS: &str = "an asynchronous strategy";
const EXCHANGING: &str = "a strategy of several workers";
const WIRED: &str = "an asynchronous strategy, easgd, or sparknet without consistency rounds";

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

    /// Each key with whether it was given, whether the strategy reads it, and who does.
    fn keys_of_strategies(&self) -> Vec<(&'static str, bool, bool, &'static str)> {
        let strategy = self.strategy;
        let (elastic, asynchronous) = (strategy.is_elastic(), strategy.is_asynchronous());
        let pulls = elastic || strategy == Strategy::Easgd;
        let outer = strategy == Strategy::AsyncNesterov || self.outer != OuterName::None;
        let wired = self.in_stage();
        let keys = [
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
        ];
        let of_the_wire = self.keys_of_the_wire().into_iter().map(|(key, given)| (key, given, wired, WIRED));
        keys.into_iter().chain(of_the_wire).collect()
    }

    /// Each key that only workers inside one stage read, with whether it was given.
    fn keys_of_the_wire(&self) -> [(&'static str, bool); 8] {
        let default = Self::default();
        [
            ("codec", self.codec != CodecName::F32),
            ("shards", self.shards != 1),
            ("exchangers", self.exchangers != 0),
            ("tls", self.tls == Some(true)),
            ("bind", self.bind.is_some()),
            ("advertise", self.advertise.is_some()),
            ("exchange-deadline", self.exchange_deadline != default.exchange_deadline),
            ("exchange-wait", self.exchange_wait != default.exchange_wait),
        ]
    }

    /// What decides whether `sparknet` is one stage where `consistency` does not say it; nothing where the cluster does.
    fn sparknet_consistency(&self) -> Option<Consistency> {
        let wired = self.keys_of_the_wire().into_iter().any(|(_, given)| given);
        match self.solver_state {
            // the outer optimiser's memory lives in the exchanger, whose snapshots keep it
            _ if self.outer != OuterName::None || wired => Some(Consistency::Bsp),
            SolverState::Average => Some(Consistency::Rounds), // it travels with the vectors of rounds only
            SolverState::Local | SolverState::Reset => None,
        }
    }

    fn settle_consistency(&mut self) -> Result<()> {
        let (strategy, bsp) = (self.strategy, self.consistency == Some(Consistency::Bsp));
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
            (Strategy::Sparknet, Some(Consistency::Rounds)) if self.outer != OuterName::None => {
                return Err(Error::config(format!(
                    "outer {} cannot be with consistency rounds: the outer optimiser is in the exchanger of one long \
                     stage; leave one of the two out",
                    self.outer
                )));
            }
            (Strategy::Sparknet, None) => self.consistency = self.sparknet_consistency(),
            (Strategy::Easgd, None) => self.consistency = Some(Consistency::Bsp),
            (Strategy::Sparknet, Some(Consistency::Rounds)) => (),
            (_, Some(Consistency::Rounds)) => {
                return Err(Error::config(format!(
                    "consistency rounds cannot be for strategy {strategy}, whose workers exchange inside one long \
                     stage; leave it out or choose sparknet"
                )));
            }
            (_, None) if strategy.is_asynchronous() => self.consistency = Some(Consistency::Async),
            _ => (),
        }
        if self.in_stage() && self.solver_state == SolverState::Average {
            let cause = self.keys_of_the_wire().into_iter().find(|(_, given)| *given).map_or("outer", |(key, _)| key);
            let cause = if bsp { "consistency bsp" } else { cause };
            return Err(Error::config(format!(
                "solver-state average travels with rounds that are Spark jobs, and {cause} means one long stage; \
                 leave that out, or set solver-state to local or reset"
            )));
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
