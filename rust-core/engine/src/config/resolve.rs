//! Completing and checking a configuration: recipes of the nets, budgets, limits, contradictions.
//! Resolving a resolved configuration changes nothing.

use super::{Facts, SolverState, Strategy, TrainConfig};
use crate::data::DatasetKind;
use crate::error::{Error, Result};
use crate::nets::Recipe;
use crate::solver::PolicyName;

const MOST_CLASSES: usize = 256; // a label is one byte in every supported format

impl TrainConfig {
    /// Fills what the recipe of the net and, where given, the data set decide, and checks the whole.
    /// Without `facts` only what needs no data set is checked and filled.
    pub fn resolve(mut self, facts: Option<Facts>) -> Result<Self> {
        self.check_numbers()?;
        self.check_policy_keys()?;
        let recipe = self.net.build(1).recipe;
        self.batch.get_or_insert(recipe.batch);
        self.lr.get_or_insert(recipe.lr);
        self.momentum.get_or_insert(recipe.momentum);
        self.weight_decay.get_or_insert(recipe.weight_decay);
        self.precision = self.precision.resolve().into();
        if self.strategy == Strategy::Sequential && self.workers.is_some_and(|workers| workers != 1) {
            return Err(Error::config("strategy sequential has one worker; leave workers out or choose sparknet"));
        }
        if let Some(facts) = facts {
            self.settle(facts, &recipe)?;
        }
        Ok(self)
    }

    fn settle(&mut self, facts: Facts, recipe: &Recipe) -> Result<()> {
        let workers = *self.workers.get_or_insert(1) as u64;
        if workers > facts.rows {
            return Err(Error::config(format!("{workers} workers are more than the {} training images", facts.rows)));
        }
        let classes = *self.classes.get_or_insert(facts.classes);
        // an idx set tells its classes by the labels that occur, which may be fewer
        let fits =
            if self.dataset == Some(DatasetKind::Idx) { facts.classes <= classes } else { facts.classes == classes };
        if !fits {
            return Err(Error::config(format!(
                "a net of {classes} classes does not fit a data set of {}",
                facts.classes
            )));
        }
        let iterations = match (self.iterations, self.epochs.take()) {
            (Some(iterations), None) => iterations,
            (None, Some(epochs)) => {
                let minibatches = epochs * facts.rows as f64 / super::known("batch", self.batch)? as f64;
                (minibatches / workers as f64).ceil().max(1.0) as u64
            }
            (None, None) => recipe.max_iter.div_ceil(workers),
            (Some(_), Some(_)) => return Err(Error::config("iterations and epochs exclude each other")),
        };
        self.iterations = Some(iterations);
        self.settle_policy(iterations, recipe)
    }

    /// The recipe's policy is Caffe's multistep, its drops at the same part of the run as published.
    fn settle_policy(&mut self, iterations: u64, recipe: &Recipe) -> Result<()> {
        let policy = *self.lr_policy.get_or_insert(PolicyName::Multistep);
        if policy == PolicyName::Multistep {
            self.gamma.get_or_insert(0.1);
            let scaled = |drop: &u64| (*drop as f64 * iterations as f64 / recipe.max_iter as f64).round() as u64;
            self.stepvalue.get_or_insert_with(|| recipe.drops.iter().map(scaled).collect());
        }
        let lacks = |key: &str, missing: bool| match missing {
            true => Err(Error::config(format!("lr-policy {policy} needs {key}"))),
            false => Ok(()),
        };
        lacks("gamma", needs(policy, "gamma") && self.gamma.is_none())?;
        lacks("power", needs(policy, "power") && self.power.is_none())?;
        lacks("stepsize", needs(policy, "stepsize") && self.stepsize.is_none())
    }

    fn check_policy_keys(&self) -> Result<()> {
        let policy = self.lr_policy.unwrap_or(PolicyName::Multistep);
        let given = [
            ("gamma", self.gamma.is_some()),
            ("power", self.power.is_some()),
            ("stepsize", self.stepsize.is_some()),
            ("stepvalue", self.stepvalue.is_some()),
        ];
        match given.iter().find(|(key, given)| *given && !needs(policy, key)) {
            Some((key, _)) => Err(Error::config(format!("{key} means nothing to lr-policy {policy}"))),
            None => Ok(()),
        }
    }

    fn check_numbers(&self) -> Result<()> {
        at_least_one("workers", self.workers.map(|x| x as u64))?;
        at_least_one("tau", Some(self.tau))?;
        at_least_one("batch", self.batch.map(|x| x as u64))?;
        at_least_one("iterations", self.iterations)?;
        at_least_one("threads", Some(self.threads as u64))?;
        at_least_one("eval-every", Some(self.eval_every))?;
        at_least_one("stepsize", self.stepsize)?;
        if let Some(classes) = self.classes.filter(|classes| !(2..=MOST_CLASSES).contains(classes)) {
            return Err(Error::config(format!("classes must be 2 to {MOST_CLASSES}, not {classes}")));
        }
        in_range("epochs", self.epochs, |x| x > 0.0, "above 0")?;
        in_range("lr", self.lr, |x| x > 0.0, "above 0")?;
        in_range("momentum", self.momentum, |x| (0.0..1.0).contains(&x), "at least 0 and below 1")?;
        in_range("weight-decay", self.weight_decay, |x| x >= 0.0, "at least 0")?;
        in_range("gamma", self.gamma, |x| x > 0.0, "above 0")?;
        in_range("power", self.power, |x| x > 0.0, "above 0")?;
        if self.stepvalue.as_ref().is_some_and(|values| !values.is_sorted()) {
            return Err(Error::config("stepvalue must rise"));
        }
        if self.iterations.is_some() && self.epochs.is_some() {
            return Err(Error::config("iterations and epochs exclude each other"));
        }
        Ok(())
    }

    /// Whether the momentum of all workers travels with the weights.
    pub fn state_travels(&self) -> bool {
        self.solver_state == SolverState::Average
    }
}

fn needs(policy: PolicyName, key: &str) -> bool {
    match policy {
        PolicyName::Fixed => false,
        PolicyName::Step => matches!(key, "gamma" | "stepsize"),
        PolicyName::Multistep => matches!(key, "gamma" | "stepvalue"),
        PolicyName::Inv => matches!(key, "gamma" | "power"),
        PolicyName::Exp => key == "gamma",
        PolicyName::Poly => key == "power",
    }
}

fn at_least_one(key: &str, value: Option<u64>) -> Result<()> {
    match value {
        Some(0) => Err(Error::config(format!("{key} must be at least 1, not 0"))),
        _ => Ok(()),
    }
}

fn in_range(key: &str, value: Option<f64>, fits: impl Fn(f64) -> bool, range: &str) -> Result<()> {
    match value {
        Some(x) if !(x.is_finite() && fits(x)) => Err(Error::config(format!("{key} must be {range}, not {x}"))),
        _ => Ok(()),
    }
}
