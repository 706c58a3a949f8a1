//! What a worker will take, worked out before there is one: the sizes of what stays, and for a step what a dry one shows.
//! libtorch's allocator tells each block of two passes over minibatches of different sizes, from which follows the peak
//! of a pass over a minibatch of any size; no activation has to be known here.

use firesteel_exchange::Entry;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::Serialize;
use tch::{Device, Kind, Tensor};

use super::{Purpose, guarded};
use crate::config::{Strategy, TrainConfig, known};
use crate::data::{CHANNELS, PIXELS, SIDE};
use crate::device::{Compute, Precision, set_threads};
use crate::error::Result;
use crate::nets::Net;
use crate::pass::{Mode, Pass};
use crate::raw::metered;
use crate::solver::SolverName;
use crate::weights::{Gradient, Weights};
use crate::worker::evaluation_batch;

/// Bytes of native memory that one worker takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Estimate {
    /// Between its calls: rows, weights, gradients, solver states.
    pub resident: u64,
    /// Beyond that during a local step.
    pub step: u64,
    /// Beyond that during an evaluation.
    pub evaluation: u64,
}

/// Rows of the two dry passes; convolutions take other ways for a single image.
const DRY_ROWS: [i64; 2] = [2, 4];
/// Side in pixels above which activations are scaled up by area instead of computed: a dry pass then takes a second at most.
const DRY_SIDE: usize = 128;
const F32: u64 = size_of::<f32>() as u64;

/// What a worker of `rows` rows takes under a resolved `config`.
pub fn estimate(config: &TrainConfig, rows: u64) -> Result<Estimate> {
    let net = config.build_net()?;
    let hogwild = config.strategy == Strategy::Hogwild;
    let lanes = if hogwild { config.threads as u64 } else { 1 };
    let length = net.layout().length();
    let vector = length as u64 * F32;
    let compute = Compute::cpu(config.precision.resolve());
    let copies: u64 = net.params().iter().map(|param| copy_of(&param.entry, compute.precision)).sum();
    let state = config.state_length(length) as u64 * F32;
    let terms = (2 + u64::from(config.lookahead_every.is_some())) * vector;
    // the states twice: a round can be asked for again from its start
    let of_lane = copies + vector + 2 * state + terms;
    let of_rows = rows.saturating_mul(PIXELS as u64 + 1 + lanes * size_of::<u32>() as u64);

    let batch = (known("batch", config.batch)? as u64).min(rows);
    let trained = guarded(Purpose::Minibatch, || Ok(peak(&net, config, compute, Mode::Train, batch)))?;
    let images = (evaluation_batch(config.resize) as u64).min(rows);
    let evaluated = guarded(Purpose::Evaluation, || Ok(peak(&net, config, compute, Mode::Evaluate, images)))?;
    // the vector that comes in and goes out stands beside either
    Ok(Estimate {
        resident: vector + lanes * of_lane + of_rows,
        step: lanes * trained.max(solver_blocks(config) * vector) + vector,
        evaluation: evaluated + vector,
    })
}

/// Bytes of the copy that the layers read a tensor in, as [`Weights`] makes it: none where it would be the tensor itself.
fn copy_of(entry: &Entry, precision: Precision) -> u64 {
    let values = entry.numel() as u64;
    match (precision, entry.shape.len()) {
        (Precision::Bf16, _) => 2 * values,
        (Precision::F32, 4) => F32 * values,
        (Precision::F32, _) => 0,
    }
}

/// Vectors of the net's length that a solver's step makes for itself; measured.
fn solver_blocks(config: &TrainConfig) -> u64 {
    match config.solver {
        SolverName::Sgd | SolverName::Nesterov => 3,
        SolverName::Adam | SolverName::Adamw => 5,
        SolverName::Muon => 1,
    }
}

/// Bytes of tensors at the peak of a pass over `rows` images.
fn peak(net: &Net, config: &TrainConfig, compute: Compute, mode: Mode, rows: u64) -> u64 {
    let side = config.resize.unwrap_or(SIDE);
    let dry_side = side.min(DRY_SIDE.max(*net.sides().start()));
    let enlarged = (side as f64 / dry_side as f64).powi(2);
    let (weights, mut gradient) = (Weights::new(net, compute), Gradient::new(net, compute.device));
    set_threads(1);
    let [fewer, more] = DRY_ROWS.map(|rows| {
        let pass = || dry_pass(net, &weights, mode, (rows, dry_side as i64), &mut gradient);
        metered(pass).1
    });
    let [least, most] = DRY_ROWS.map(|rows| rows as f64);
    // bytes alive at a moment are `fixed + rows * each`, and the two passes see the same moments
    let at_rows = |(fewer, more): (f64, f64)| {
        let each = (more - fewer) / (most - least);
        (fewer - least * each) + rows as f64 * each * enlarged
    };
    let largest = |alive: &[i64]| alive.iter().copied().max().unwrap_or(0) as f64;
    let peak = if fewer.len() == more.len() {
        let moments = fewer.iter().zip(&more).map(|(&fewer, &more)| at_rows((fewer as f64, more as f64)));
        moments.fold(0.0, f64::max)
    } else {
        at_rows((largest(&fewer), largest(&more)))
    };
    peak as u64
}

/// A pass over images of zeros: what is computed does not matter, what is allocated is the same.
fn dry_pass(net: &Net, weights: &Weights, mode: Mode, (rows, side): (i64, i64), gradient: &mut Gradient) {
    let kind = weights.compute().precision.kind();
    let images = Tensor::zeros([rows, side, side, CHANNELS as i64], (kind, Device::Cpu)).permute([0, 3, 1, 2]);
    if mode == Mode::Evaluate {
        let _ = net.logits(weights, &images, 1);
        return;
    }
    let mut pass = Pass::new(weights, mode, 1).with_noise(ChaCha8Rng::seed_from_u64(0));
    let logits = net.forward(&mut pass, &images);
    let slope = Tensor::zeros(logits.value.size(), (Kind::Float, Device::Cpu));
    pass.backward(&logits, slope, gradient);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str, rows: u64) -> Estimate {
        let facts = crate::config::Facts { rows: 50_000, classes: 10 };
        let config = TrainConfig::from_json(json).unwrap().resolve(Some(facts)).unwrap();
        estimate(&config, rows).unwrap()
    }

    #[test]
    fn rows_are_counted_by_the_byte_and_steps_by_the_minibatch() {
        let (less, more) = (of(r#"{"batch": 100}"#, 1000), of(r#"{"batch": 100}"#, 2000));
        assert_eq!(more.resident - less.resident, 1000 * (3072 + 1 + 4));
        assert_eq!((more.step, more.evaluation), (less.step, less.evaluation));
        let doubled = of(r#"{"batch": 200}"#, 1000);
        let ratio = doubled.step as f64 / less.step as f64;
        assert!((1.8..2.0).contains(&ratio), "a minibatch of twice the images takes {ratio} times as much");
        assert_eq!(of(r#"{"batch": 5000}"#, 100).step, less.step, "a minibatch holds no more than the rows");
    }

    #[test]
    fn half_the_bits_take_about_half_and_solvers_what_they_remember() {
        let plain = of("{}", 1000);
        let half = of(r#"{"precision": "bf16"}"#, 1000);
        assert!(half.step * 3 < plain.step * 2, "{half:?} {plain:?}");
        let vector = 145_578 * 4;
        assert_eq!(of(r#"{"solver": "adam"}"#, 1000).resident - plain.resident, 2 * (vector + 4));
        let hogwild = of(r#"{"strategy": "hogwild", "threads": 3}"#, 1000);
        assert!(hogwild.resident > plain.resident + 2 * 3 * vector && hogwild.step > 2 * plain.step);
    }

    #[test]
    fn a_large_image_takes_what_its_area_says() {
        let side =
            |side: usize| of(&format!(r#"{{"net": "resnet18", "resize": {side}, "batch": 100}}"#), 1000).step as f64;
        let ratio = side(256) / side(128);
        assert!((3.5..4.1).contains(&ratio), "{ratio}");
    }
}
