//! The learning-rate policy: Caffe's names, the recipe's parameters, and which parameter each needs.

use super::super::TrainConfig;
use crate::error::{Error, Result};
use crate::nets::Recipe;
use crate::solver::PolicyName;

impl TrainConfig {
    /// The recipe's policy is Caffe's multistep, its drops at the same part of the run as published.
    pub(super) fn settle_policy(&mut self, iterations: u64, recipe: &Recipe) -> Result<()> {
        let policy = *self.lr_policy.get_or_insert(PolicyName::Multistep);
        if policy == PolicyName::Multistep {
            self.gamma.get_or_insert(0.1);
            let scaled = |drop: &u64| (*drop as f64 * iterations as f64 / recipe.max_iter as f64).round() as u64;
            self.stepvalue.get_or_insert_with(|| recipe.drops.iter().map(scaled).collect());
        }
        if policy == PolicyName::Triangular {
            // airbench's (Jordan 2024)
            self.lr_start.get_or_insert(0.2);
            self.lr_peak.get_or_insert(0.23);
            self.lr_end.get_or_insert(0.07);
        }
        let lacks = |key: &str, missing: bool| match missing {
            true => Err(Error::config(format!("lr-policy {policy} needs {key}"))),
            false => Ok(()),
        };
        lacks("gamma", needs(policy, "gamma") && self.gamma.is_none())?;
        lacks("power", needs(policy, "power") && self.power.is_none())?;
        lacks("stepsize", needs(policy, "stepsize") && self.stepsize.is_none())
    }

    pub(super) fn check_policy_keys(&self) -> Result<()> {
        let policy = self.lr_policy.unwrap_or(PolicyName::Multistep);
        let given = [
            ("gamma", self.gamma.is_some()),
            ("power", self.power.is_some()),
            ("stepsize", self.stepsize.is_some()),
            ("stepvalue", self.stepvalue.is_some()),
            ("lr-start", self.lr_start.is_some()),
            ("lr-peak", self.lr_peak.is_some()),
            ("lr-end", self.lr_end.is_some()),
            ("warm-up", self.warm_up.is_some()),
        ];
        match given.iter().find(|(key, given)| *given && !reads(policy, key)) {
            Some((key, _)) => Err(Error::config(format!("{key} means nothing to lr-policy {policy}"))),
            None => Ok(()),
        }
    }
}

fn reads(policy: PolicyName, key: &str) -> bool {
    needs(policy, key) || (key == "warm-up" && policy != PolicyName::Triangular)
}

fn needs(policy: PolicyName, key: &str) -> bool {
    match policy {
        PolicyName::Fixed | PolicyName::Cosine => false,
        PolicyName::Step => matches!(key, "gamma" | "stepsize"),
        PolicyName::Multistep => matches!(key, "gamma" | "stepvalue"),
        PolicyName::Inv => matches!(key, "gamma" | "power"),
        PolicyName::Exp => key == "gamma",
        PolicyName::Poly => key == "power",
        PolicyName::Triangular => matches!(key, "lr-start" | "lr-peak" | "lr-end"),
    }
}
