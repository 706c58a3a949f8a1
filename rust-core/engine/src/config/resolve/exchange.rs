//! Settings of the strategy and of the exchange: what contradicts each other, and the published values as defaults.

use firesteel_exchange::published;

use super::super::readers::{ASYNCHRONOUS, Choice};
use super::super::{Consistency, Group, OuterName, Period, SolverState, Strategy, TrainConfig};
use crate::error::{Error, Result};
use crate::solver::PolicyName;

const EXCHANGING: &str = "a strategy of several workers";

impl TrainConfig {
    /// Checks every key of the exchange and fills in what does not depend on the number of workers.
    pub(super) fn settle_exchange(&mut self) -> Result<()> {
        self.settle_consistency()?;
        let strategy = self.strategy;
        self.refuse_unread(Choice::Strategy, &format!("strategy {strategy}"))?;
        let unread = match self.period {
            Period::Adaptive if !strategy.is_asynchronous() => Some(ASYNCHRONOUS.choose),
            Period::PostLocal | Period::Qsr if strategy.is_alone() => Some(EXCHANGING),
            _ => None,
        };
        if let Some(choose) = unread {
            return Err(Error::config(format!(
                "period {} means nothing to strategy {strategy}; leave it out or choose {choose}",
                self.period
            )));
        }
        if self.alpha_decay.is_some() != self.alpha_every.is_some() {
            return Err(Error::config("alpha-decay and alpha-every belong together; give both or neither"));
        }
        self.check_period()?;
        if strategy == Strategy::Dcasgd {
            self.lambda.get_or_insert(published::DCASGD_LAMBDA);
        }
        Ok(())
    }

    fn check_period(&self) -> Result<()> {
        let period = self.period;
        self.refuse_unread(Choice::Period, &format!("period {period}"))?;
        let needed = match period {
            Period::PostLocal if self.post_local_step.is_none() => "post-local-step",
            Period::Qsr if self.qsr_alpha.is_none() => "qsr-alpha",
            _ => return self.check_rate_of_qsr(),
        };
        Err(Error::config(format!("period {period} needs {needed}")))
    }

    /// Periods that follow a rising rate would get shorter again, which the rule is not for.
    fn check_rate_of_qsr(&self) -> Result<()> {
        let rising = [("gamma", self.gamma), ("lr-end", self.lr_end)].into_iter();
        match rising.filter_map(|(key, value)| value.filter(|&x| x > 1.0).map(|x| (key, x))).next() {
            Some((key, x)) if self.period == Period::Qsr && self.policy_name() != PolicyName::Inv => {
                Err(Error::config(format!("{key} {x} raises the learning rate, which must fall for period qsr")))
            }
            _ => Ok(()),
        }
    }

    /// A setting that was given and that only workers inside one stage read, if there is one.
    fn given_of_stage(&self) -> Option<&'static str> {
        self.given().find(|setting| setting.group == Group::Exchange).map(|setting| setting.key.as_str())
    }

    /// What decides whether `sparknet` is one stage where `consistency` does not say it; nothing where the cluster does.
    fn sparknet_consistency(&self) -> Option<Consistency> {
        match self.solver_state {
            // the outer optimiser's memory lives in the exchanger, whose snapshots keep it
            _ if self.outer != OuterName::None || self.given_of_stage().is_some() => Some(Consistency::Bsp),
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
                     set it to bsp or choose {}",
                    ASYNCHRONOUS.choose
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
            let cause = if bsp { "consistency bsp" } else { self.given_of_stage().unwrap_or("outer") };
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
