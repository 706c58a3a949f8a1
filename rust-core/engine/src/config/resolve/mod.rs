//! Completes and checks a configuration: recipes of the nets, numbers of steps, limits, and keys that contradict each
//! other. Resolving a resolved configuration changes nothing.

mod exchange;
#[cfg(test)]
mod extremes;
mod policy;
mod solver;
#[cfg(test)]
mod tests;

pub(super) use solver::{DELTA, LOOKAHEAD_ALPHA, MOMENTUM2, MUON_LR};

use serde_json::Value;

use super::limits::MOST;
use super::readers::Choice;
use super::{Facts, Setting, SolverState, Strategy, TrainConfig, known, settings};
use crate::data::{DatasetKind, Normalize};
use crate::error::{Error, Result};
use crate::nets::Recipe;

impl TrainConfig {
    /// Fills in what depends on the net's recipe and on the data set, and checks the whole. Without `facts` only what
    /// does not depend on the data set is filled in and checked.
    pub fn resolve(mut self, facts: Option<Facts>) -> Result<Self> {
        self.check_limits()?;
        self.check_lengths()?;
        self.check_policy_keys()?;
        self.settle_solver()?;
        let recipe = self.net.build(1).recipe;
        self.batch.get_or_insert(recipe.batch);
        self.lr.get_or_insert(recipe.lr);
        // the recipes are for plain SGD; for EAMSGD Zhang, Choromanska and LeCun (2015) use a momentum (delta) of 0.99
        let momentum = if self.strategy == Strategy::Eamsgd { 0.99 } else { recipe.momentum };
        self.momentum.get_or_insert(momentum);
        self.weight_decay.get_or_insert(recipe.weight_decay);
        self.precision = self.precision.resolve().into();
        self.settle_size(facts);
        self.check_net()?;
        self.check_sizes(facts)?;
        self.check_workers()?;
        self.settle_exchange()?;
        if let Some(facts) = facts {
            self.settle(facts, &recipe)?;
        }
        if let Some(workers) = self.workers {
            self.share_among(workers);
        }
        Ok(self)
    }

    fn check_lengths(&self) -> Result<()> {
        if self.stepvalue.as_ref().is_some_and(|values| !values.is_sorted()) {
            return Err(Error::config("stepvalue must rise"));
        }
        if self.iterations.is_some() && self.epochs.is_some() {
            return Err(Error::config("iterations and epochs exclude each other"));
        }
        Ok(())
    }

    /// The settings that were given another value than their default; a switch that is off asks for nothing.
    fn given(&self) -> impl Iterator<Item = &'static Setting> {
        let asked = self.asked();
        settings()
            .iter()
            .filter(move |setting| asked.get(&setting.key).is_some_and(|value| *value != Value::Bool(false)))
    }

    /// Refuses a setting that was given and is not read with this `choice`, whose value is `chosen`.
    fn refuse_unread(&self, choice: Choice, chosen: &str) -> Result<()> {
        let unread = self.given().find(|setting| setting.readers.choice == choice && !(setting.readers.reads)(self));
        match unread {
            Some(Setting { key, readers, .. }) => Err(Error::config(format!(
                "{key} means nothing to {chosen}; leave it out or choose {}",
                readers.choose
            ))),
            None => Ok(()),
        }
    }

    fn check_net(&self) -> Result<()> {
        let net = self.net.build(1);
        if self.update_bn.is_some() && !net.has_statistics() {
            return Err(Error::config(format!(
                "update-bn means nothing to net {}, which has no batch normalisation; leave it out",
                self.net
            )));
        }
        let chosen = [("patience", self.patience.is_some()), ("restore-best-weights", self.restore_best_weights)];
        if let Some((key, _)) = chosen.into_iter().find(|(_, given)| *given && self.update_bn.is_some()) {
            return Err(Error::config(format!(
                "update-bn computes the statistics of the last weights, which with {key} need not be the model's; leave one \
                 of them out"
            )));
        }
        if net.whitens() && self.normalize != Normalize::Channel {
            return Err(Error::config(format!(
                "net {} whitens images that are normalised by channel; set normalize to channel",
                self.net
            )));
        }
        Ok(())
    }

    /// Files of any size are brought to the size that the net was published for. Without `size`, the images of the other
    /// data sets have that of CIFAR's.
    fn settle_size(&mut self, facts: Option<Facts>) {
        let published = self.net.build(1).published_side();
        if facts.is_some_and(|facts| facts.encoded) && published != self.shape().height {
            self.size.get_or_insert(published);
        }
    }

    /// Without `facts`, the size of the images may not be known yet.
    fn check_sizes(&self, facts: Option<Facts>) -> Result<()> {
        let size = self.shape().height;
        if facts.is_none() && self.size.is_none() && self.resize.is_none() {
            return Ok(());
        }
        if let Some(resize) = self.resize.filter(|resize| *resize < size) {
            return Err(Error::config(format!(
                "resize enlarges images, and {resize} is less than their side of {size}; set size to {resize} instead"
            )));
        }
        let (net, side) = (self.net.build(1), self.resize.unwrap_or(size));
        if !net.sides().contains(&side) {
            let (name, least, most) = (self.net, *net.sides().start(), *net.sides().end());
            return Err(Error::config(if side > most {
                let key = if self.resize.is_some() { "resize" } else { "size" };
                format!("net {name} is of images of {most} x {most}, not of {side} x {side}; leave {key} out")
            } else {
                format!(
                    "net {name} needs images of at least {least} x {least}, not {side} x {side}; set size or resize"
                )
            }));
        }
        self.augment.check(self.shape())
    }

    fn check_workers(&self) -> Result<()> {
        let strategy = self.strategy;
        if strategy.is_alone() && self.workers.is_some_and(|workers| workers != 1) {
            return Err(Error::config(format!(
                "strategy {strategy} has one worker; leave workers out or choose sparknet"
            )));
        }
        let takes_any = matches!(strategy, Strategy::Sequential | Strategy::Sparknet);
        if !takes_any && self.solver_state != SolverState::Local {
            let state = self.solver_state;
            return Err(Error::config(format!(
                "solver-state {state} means nothing to strategy {strategy}; leave it out or choose sparknet"
            )));
        }
        Ok(())
    }

    fn settle(&mut self, facts: Facts, recipe: &Recipe) -> Result<()> {
        let workers = *self.workers.get_or_insert(1) as u64;
        if workers > facts.rows {
            return Err(Error::config(format!("{workers} workers are more than the {} training images", facts.rows)));
        }
        if facts.classes < 2 && self.classes.is_none() {
            return Err(Error::config(
                "all labels of the training set are 0, and a net tells two classes at least: \
                 set classes to train on one label all the same",
            ));
        }
        let classes = *self.classes.get_or_insert(facts.classes);
        // where the classes are found from the labels that occur, there may be fewer than the net has
        let from_labels = matches!(self.dataset, Some(DatasetKind::Idx | DatasetKind::Images));
        if facts.classes > classes || facts.classes < classes && !from_labels {
            return Err(Error::config(format!(
                "a net of {classes} classes does not fit a data set of {}",
                facts.classes
            )));
        }
        let iterations = match (self.iterations, self.epochs.take()) {
            (Some(iterations), None) => iterations,
            (None, Some(epochs)) => {
                let minibatches = epochs * facts.rows as f64 / known("batch", self.batch)? as f64;
                let iterations = (minibatches / workers as f64).ceil().max(1.0);
                if iterations > MOST as f64 {
                    return Err(Error::config(format!(
                        "epochs must be fewer: {epochs:e} of them are {iterations:e} local steps of each worker, \
                         more than {MOST}"
                    )));
                }
                iterations as u64
            }
            (None, None) => recipe.max_iter.div_ceil(workers),
            (Some(_), Some(_)) => return Err(Error::config("iterations and epochs exclude each other")),
        };
        self.iterations = Some(iterations);
        self.settle_policy(iterations, recipe)
    }
}
