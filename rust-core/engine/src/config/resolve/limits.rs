//! What each number may be, whatever the others are.

use super::super::TrainConfig;
use crate::data::SIDE;
use crate::error::{Error, Result};

const MOST_CLASSES: usize = 256; // a label is one byte in every supported format
const MOST_PIXELS: usize = 1024; // a side; beyond it one image of a wide net is gigabytes
const MOST_SECONDS: u64 = 365 * 24 * 3600; // a year, as the exchanger has it; clocks cannot add any number to now

impl TrainConfig {
    pub(super) fn check_numbers(&self) -> Result<()> {
        at_least_one("workers", self.workers.map(|x| x as u64))?;
        at_least_one("tau", Some(self.tau))?;
        at_least_one("batch", self.batch.map(|x| x as u64))?;
        at_least_one("iterations", self.iterations)?;
        at_least_one("threads", Some(self.threads as u64))?;
        at_least_one("eval-every", Some(self.eval_every))?;
        at_least_one("update-bn", self.update_bn)?;
        at_least_one("stepsize", self.stepsize)?;
        at_least_one("warm-up", self.warm_up)?;
        at_least_one("lookahead-every", self.lookahead_every)?;
        at_least_one("post-local-step", self.post_local_step)?;
        at_least_one("alpha-every", self.alpha_every)?;
        at_least_one("shards", Some(self.shards as u64))?;
        seconds("exchange-deadline", self.exchange_deadline)?;
        seconds("exchange-wait", self.exchange_wait)?;
        if let Some(classes) = self.classes.filter(|classes| !(2..=MOST_CLASSES).contains(classes)) {
            return Err(Error::config(format!("classes must be 2 to {MOST_CLASSES}, not {classes}")));
        }
        if let Some(side) = self.resize.filter(|side| !(SIDE..=MOST_PIXELS).contains(side)) {
            return Err(Error::config(format!("resize must be {SIDE} to {MOST_PIXELS} pixels, not {side}")));
        }
        in_range("epochs", self.epochs, |x| x > 0.0, "above 0")?;
        in_range("lr", self.lr, |x| x > 0.0, "above 0")?;
        in_range("momentum", self.momentum, |x| (0.0..1.0).contains(&x), "at least 0 and below 1")?;
        in_range("weight-decay", self.weight_decay, |x| x >= 0.0, "at least 0")?;
        in_range("momentum2", self.momentum2, |x| (0.0..1.0).contains(&x), "at least 0 and below 1")?;
        in_range("delta", self.delta, |x| x > 0.0, "above 0")?;
        in_range("muon-lr", self.muon_lr, |x| x > 0.0, "above 0")?;
        in_range("clip-gradients", self.clip_gradients, |x| x > 0.0, "above 0")?;
        in_range("lookahead-alpha", self.lookahead_alpha, |x| x > 0.0 && x <= 1.0, "above 0 and at most 1")?;
        in_range("label-smoothing", self.label_smoothing, |x| (0.0..1.0).contains(&x), "at least 0 and below 1")?;
        in_range("lr-start", self.lr_start, |x| x >= 0.0, "at least 0")?;
        in_range("lr-peak", self.lr_peak, |x| (0.0..1.0).contains(&x), "at least 0 and below 1")?;
        in_range("lr-end", self.lr_end, |x| x >= 0.0, "at least 0")?;
        in_range("gamma", self.gamma, |x| x > 0.0, "above 0")?;
        in_range("power", self.power, |x| x > 0.0, "above 0")?;
        in_range("alpha", self.alpha, |x| (0.0..=1.0).contains(&x), "0 to 1")?;
        in_range("server-alpha", self.server_alpha, |x| (0.0..=1.0).contains(&x), "0 to 1")?;
        in_range("alpha-decay", self.alpha_decay, |x| x > 0.0 && x <= 1.0, "above 0 and at most 1")?;
        in_range("adagrad-lr", self.adagrad_lr, |x| x > 0.0, "above 0")?;
        in_range("lambda", self.lambda, |x| x >= 0.0, "at least 0")?;
        in_range("outer-lr", self.outer_lr, |x| x > 0.0, "above 0")?;
        in_range("outer-momentum", self.outer_momentum, |x| (0.0..1.0).contains(&x), "at least 0 and below 1")?;
        if self.stepvalue.as_ref().is_some_and(|values| !values.is_sorted()) {
            return Err(Error::config("stepvalue must rise"));
        }
        if self.iterations.is_some() && self.epochs.is_some() {
            return Err(Error::config("iterations and epochs exclude each other"));
        }
        Ok(())
    }
}

fn at_least_one(key: &str, value: Option<u64>) -> Result<()> {
    match value {
        Some(0) => Err(Error::config(format!("{key} must be at least 1, not 0"))),
        _ => Ok(()),
    }
}

fn seconds(key: &str, value: u64) -> Result<()> {
    at_least_one(key, Some(value))?;
    if value > MOST_SECONDS {
        return Err(Error::config(format!("{key} must be at most {MOST_SECONDS}, not {value}")));
    }
    Ok(())
}

fn in_range(key: &str, value: Option<f64>, fits: impl Fn(f64) -> bool, range: &str) -> Result<()> {
    match value {
        Some(x) if !(x.is_finite() && fits(x)) => Err(Error::config(format!("{key} must be {range}, not {x}"))),
        _ => Ok(()),
    }
}
