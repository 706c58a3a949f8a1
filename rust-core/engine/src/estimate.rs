//! An estimate of the memory that a worker will need, before it is built. What stays between calls is the sum of known
//! sizes. What a pass needs is measured: libtorch reports every allocation of two passes over minibatches of different
//! sizes, and the peak of a pass over a minibatch of any size is extrapolated from these. So this file need not know
//! the activations.

use firesteel_exchange::Entry;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::Serialize;
use tch::{Device, Kind, Tensor};

use crate::config::{Strategy, TrainConfig, known};
use crate::data::{CHANNELS, RecordFormat};
use crate::device::{Compute, Precision, set_threads};
use crate::error::Result;
use crate::memory::{Purpose, guarded};
use crate::nets::Net;
use crate::pass::{Mode, Pass};
use crate::raw::trace_allocations;
use crate::solver::SolverName;
use crate::weights::{Gradient, Weights};
use crate::worker::batch;

/// Bytes of native memory that one worker needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Estimate {
    /// Between calls: rows, weights, gradients, solver states.
    pub resident: u64,
    /// In addition during a local step.
    pub step: u64,
    /// In addition during an evaluation.
    pub evaluation: u64,
}

/// Rows of the two measured passes; not 1, for which libtorch uses other convolution algorithms.
const MEASURED_ROWS: [i64; 2] = [2, 4];
/// Largest side in pixels of the measured images; the memory of larger ones is scaled up by their area. So a measured
/// pass takes a second at most.
const MEASURED_SIDE: usize = 128;
const F32: u64 = size_of::<f32>() as u64;

/// What a worker of `rows` rows, which are read from records of this format, needs with a resolved `config`.
pub fn estimate(config: &TrainConfig, rows: u64, record: RecordFormat) -> Result<Estimate> {
    let net = config.build_net()?;
    let hogwild = config.strategy == Strategy::Hogwild;
    let threads = if hogwild { config.threads as u64 } else { 1 };
    let length = net.layout().length();
    let vector = length as u64 * F32;
    let compute = Compute::cpu(config.precision.resolve());
    let entries = || net.params().iter().map(|param| &param.entry);
    let copies: u64 =
        entries().map(|entry| copy_of(entry, compute.precision) + product_of(entry, compute.precision)).sum();
    let state = config.state_length(length) as u64 * F32;
    let terms = (2 + u64::from(config.lookahead_every.is_some())) * vector;
    // the state twice: its copy from the start of the round allows the round to be repeated
    let of_thread = copies + vector + 2 * state + terms;
    let weight = if record.is_weighted() { F32 } else { 0 };
    let of_row = config.shape().values() as u64 + (1 + threads) * size_of::<u32>() as u64 + weight;
    let of_rows = rows.saturating_mul(of_row);

    let batch = (known("batch", config.batch)? as u64).min(rows);
    let trained = guarded(Purpose::Minibatch, || Ok(peak(&net, config, compute, Mode::Train, batch)))?;
    let images = (batch::of_evaluation(config.shape(), config.resize) as u64).min(rows);
    let evaluated = guarded(Purpose::Evaluation, || Ok(peak(&net, config, compute, Mode::Evaluate, images)))?;
    // the caller's vector is in memory during either
    Ok(Estimate {
        resident: vector + threads * of_thread + of_rows,
        step: threads * trained.max(solver_blocks(config) * vector) + vector,
        evaluation: evaluated + vector,
    })
}

/// Bytes of the copy that [`Weights`] makes of a tensor for its layer; 0 if the layer reads the tensor itself.
fn copy_of(entry: &Entry, precision: Precision) -> u64 {
    let values = entry.numel() as u64;
    match (precision, entry.shape.len()) {
        (Precision::Bf16, _) => 2 * values,
        (Precision::F32, 4) => F32 * values,
        (Precision::F32, _) => 0,
    }
}

/// Bytes that [`Gradient`] keeps for the gradient of a matrix beside the gradient itself.
fn product_of(entry: &Entry, precision: Precision) -> u64 {
    if precision == Precision::Bf16 && entry.shape.len() == 2 { 2 * entry.numel() as u64 } else { 0 }
}

/// Temporary vectors of the net's length that a solver's step allocates at most: Muon's works on whole tensors, the others'
/// on parts of a vector.
fn solver_blocks(config: &TrainConfig) -> u64 {
    u64::from(config.solver == SolverName::Muon)
}

/// The largest number of bytes that a pass over `rows` images has allocated at any time.
fn peak(net: &Net, config: &TrainConfig, compute: Compute, mode: Mode, rows: u64) -> u64 {
    let side = config.resize.unwrap_or(config.shape().height);
    let measured_side = side.min(MEASURED_SIDE.max(*net.sides().start()));
    let area_ratio = (side as f64 / measured_side as f64).powi(2);
    let (weights, mut gradient) = (Weights::new(net.params(), compute), Gradient::new(net.params(), compute));
    set_threads(1);
    let [fewer, more] = MEASURED_ROWS.map(|rows| {
        let pass = || measured_pass(net, &weights, mode, (rows, measured_side as i64), &mut gradient);
        trace_allocations(pass).1
    });
    let [few_rows, many_rows] = MEASURED_ROWS.map(|rows| rows as f64);
    // after each event `fixed + rows * per_row` bytes are allocated; both passes have the same sequence of events
    let at_rows = |(fewer, more): (f64, f64)| {
        let per_row = (more - fewer) / (many_rows - few_rows);
        (fewer - few_rows * per_row) + rows as f64 * per_row * area_ratio
    };
    let largest = |allocated: &[i64]| allocated.iter().copied().max().unwrap_or(0) as f64;
    let peak = if fewer.len() == more.len() {
        let events = fewer.iter().zip(&more).map(|(&fewer, &more)| at_rows((fewer as f64, more as f64)));
        events.fold(0.0, f64::max)
    } else {
        at_rows((largest(&fewer), largest(&more)))
    };
    peak as u64
}

/// A pass over images of zeros, which allocates what a pass over any other images does.
fn measured_pass(net: &Net, weights: &Weights, mode: Mode, (rows, side): (i64, i64), gradient: &mut Gradient) {
    let kind = weights.compute().precision.kind();
    let images = Tensor::zeros([rows, side, side, CHANNELS as i64], (kind, Device::Cpu)).permute([0, 3, 1, 2]);
    if mode == Mode::Evaluate {
        let _ = net.logits(weights, &images, 1);
        return;
    }
    let mut pass = Pass::new(weights, mode, 1).with_noise(ChaCha8Rng::seed_from_u64(0));
    let logits = net.forward(&mut pass, &images);
    let logits_gradient = Tensor::zeros(logits.value.size(), (Kind::Float, Device::Cpu));
    pass.backward(&logits, logits_gradient, gradient);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str, rows: u64) -> Estimate {
        let facts = crate::config::Facts { rows: 50_000, classes: 10, encoded: false };
        let config = TrainConfig::from_json(json).unwrap().resolve(Some(facts)).unwrap();
        estimate(&config, rows, RecordFormat::Cifar10).unwrap()
    }

    #[test]
    fn resident_memory_grows_with_the_rows_and_that_of_a_step_with_the_minibatch() {
        let (less, more) = (of(r#"{"batch": 100}"#, 1000), of(r#"{"batch": 100}"#, 2000));
        assert_eq!(more.resident - less.resident, 1000 * (3072 + 4 + 4));
        assert_eq!((more.step, more.evaluation), (less.step, less.evaluation));
        let doubled = of(r#"{"batch": 200}"#, 1000);
        let ratio = doubled.step as f64 / less.step as f64;
        assert!((1.8..2.0).contains(&ratio), "twice the minibatch needs {ratio} times the memory");
        assert_eq!(of(r#"{"batch": 5000}"#, 100).step, less.step, "a minibatch is not larger than the rows");
    }

    #[test]
    fn a_weight_is_four_bytes_of_a_row() {
        let config = TrainConfig::from_json("{}").unwrap();
        let facts = crate::config::Facts { rows: 50_000, classes: 10, encoded: true };
        let config = config.resolve(Some(facts)).unwrap();
        let of = |weighted| estimate(&config, 1000, RecordFormat::Encoded { weighted }).unwrap();
        assert_eq!(of(true).resident - of(false).resident, 4000);
    }

    #[test]
    fn bf16_needs_about_half_and_a_solver_its_state() {
        let plain = of("{}", 1000);
        let half = of(r#"{"precision": "bf16"}"#, 1000);
        // without AVX-512 libtorch convolves bf16 by copies in f32, which need more memory than f32 itself
        assert!(half.step * 3 < plain.step * 2 || !is_x86_feature_detected!("avx512bw"), "{half:?} {plain:?}");
        let vector = 145_578 * 4;
        assert_eq!(of(r#"{"solver": "adam"}"#, 1000).resident - plain.resident, 2 * (vector + 4));
        let hogwild = of(r#"{"strategy": "hogwild", "threads": 3}"#, 1000);
        assert!(hogwild.resident > plain.resident + 2 * 3 * vector && hogwild.step > 2 * plain.step);
    }

    #[test]
    fn the_memory_of_a_large_image_grows_with_its_area() {
        let side =
            |side: usize| of(&format!(r#"{{"net": "resnet18", "resize": {side}, "batch": 100}}"#), 1000).step as f64;
        let ratio = side(256) / side(128);
        assert!((3.5..4.1).contains(&ratio), "{ratio}");
    }
}
