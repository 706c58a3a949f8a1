//! The range of each number, independent of the other keys.

use firesteel_exchange::server::MOST_SECONDS;

use super::super::TrainConfig;
use crate::data::SIDE;
use crate::error::{Error, Result};

const MOST_CLASSES: usize = 256; // a label is one byte in every supported format
const MOST_PIXELS: usize = 1024; // of a side; activations of a larger image take gigabytes in a wide net
/// Limit of everything that is counted: steps, images, workers. Rounds and lengths have 32 bits in the JVM, and the
/// product of two counts fits 64.
pub(super) const MOST: u64 = i32::MAX as u64;
const MOST_THREADS: u64 = 1024; // of one worker; each thread of hogwild has its own gradient and solver
const MOST_PARTS: u64 = 1024; // of the center; each is a connection of every worker
const MOST_SEED: u64 = i64::MAX as u64; // the JVM has no larger integer

impl TrainConfig {
    pub(super) fn check_numbers(&self) -> Result<()> {
        let size = |value: Option<usize>| value.map(|x| x as u64);
        count("workers", size(self.workers), MOST)?;
        count("tau", Some(self.tau), MOST)?;
        count("batch", size(self.batch), MOST)?;
        count("iterations", self.iterations, MOST)?;
        count("threads", size(Some(self.threads)), MOST_THREADS)?;
        count("eval-every", Some(self.eval_every), MOST)?;
        count("update-bn", self.update_bn, MOST)?;
        count("stepsize", self.stepsize, MOST)?;
        count("warm-up", self.warm_up, MOST)?;
        count("lookahead-every", self.lookahead_every, MOST)?;
        count("post-local-step", self.post_local_step, MOST)?;
        count("alpha-every", self.alpha_every, MOST)?;
        count("shards", size(Some(self.shards)), MOST_PARTS)?;
        count("exchange-deadline", Some(self.exchange_deadline), MOST_SECONDS)?;
        count("exchange-wait", Some(self.exchange_wait), MOST_SECONDS)?;
        at_most("exchangers", self.exchangers as u64, MOST_PARTS)?;
        at_most("staleness", self.staleness.unwrap_or(0), MOST)?;
        at_most("stepvalue", self.stepvalue.iter().flatten().copied().max().unwrap_or(0), MOST)?;
        at_most("seed", self.seed, MOST_SEED)?;
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

fn count(key: &str, value: Option<u64>, most: u64) -> Result<()> {
    match value {
        Some(0) => Err(Error::config(format!("{key} must be at least 1, not 0"))),
        Some(value) => at_most(key, value, most),
        None => Ok(()),
    }
}

fn at_most(key: &str, value: u64, most: u64) -> Result<()> {
    if value > most {
        return Err(Error::config(format!("{key} must be at most {most}, not {value}")));
    }
    Ok(())
}

fn in_range(key: &str, value: Option<f64>, fits: impl Fn(f64) -> bool, range: &str) -> Result<()> {
    match value {
        Some(x) if !(x.is_finite() && fits(x)) => Err(Error::config(format!("{key} must be {range}, not {x}"))),
        _ => Ok(()),
    }
}
