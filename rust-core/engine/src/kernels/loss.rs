//! The loss of a minibatch and its gradient: cross-entropy of a softmax, with PyTorch's label smoothing.

/// What the rows of a minibatch should be.
#[derive(Clone, Copy, Debug)]
pub struct Targets<'a> {
    /// One for each row, below the number of classes.
    pub labels: &'a [i64],
    /// One for each row, finite and not negative; without them each row has the weight 1.
    pub weights: Option<&'a [f32]>,
    /// Label smoothing.
    pub smoothing: f32,
}

/// Returns the weighted mean over the rows of `-sum_k t_k log softmax(logits)_k`, which is `sum_i w_i l_i / sum_i w_i`
/// as of PyTorch's class weights, and writes its gradient to `gradient`. The target t is `smoothing / classes` for every
/// class, and `1 - smoothing` more for the label (Szegedy et al. 2016). A row of weight 0 has no gradient, whatever its
/// logits are; where all weights are 0 the loss is 0. `logits` and `gradient` are rows x classes.
pub fn cross_entropy(logits: &[f32], targets: Targets<'_>, gradient: &mut [f32]) -> f64 {
    let Targets { labels, weights, smoothing } = targets;
    let classes = logits.len() / labels.len();
    let everywhere = smoothing / classes as f32;
    // in f64, so that the sum of large weights is finite
    let total = weights.map_or(labels.len() as f64, |weights| weights.iter().copied().map(f64::from).sum());
    let mut loss = 0.0;
    let outputs = logits.chunks_exact(classes).zip(gradient.chunks_exact_mut(classes));
    for (row, ((logits, gradient), &label)) in outputs.zip(labels).enumerate() {
        let weight = weights.map_or(1.0, |weights| f64::from(weights[row]));
        if weight == 0.0 {
            gradient.fill(0.0);
            continue;
        }
        // without weights the number of rows, and with weights of 1 the same bits
        let divisor = (total / weight) as f32;
        let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut sum = 0.0;
        for (gradient, logit) in gradient.iter_mut().zip(logits) {
            *gradient = (logit - most).exp();
            sum += *gradient;
        }
        let log_sum = f64::from(sum).ln() + f64::from(most);
        for (class, (gradient, &logit)) in gradient.iter_mut().zip(logits).enumerate() {
            let target = everywhere + if class as i64 == label { 1.0 - smoothing } else { 0.0 };
            // 0 times an infinite logit would be NaN
            if target > 0.0 {
                loss += weight * f64::from(target) * (log_sum - f64::from(logit));
            }
            *gradient = (*gradient / sum - target) / divisor;
        }
    }
    if total > 0.0 { loss / total } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unweighted(labels: &[i64], smoothing: f32) -> Targets<'_> {
        Targets { labels, weights: None, smoothing }
    }

    #[test]
    fn the_loss_of_equal_logits_is_the_logarithm_of_the_number_of_classes() {
        let mut gradient = [9.0; 8];
        let loss = cross_entropy(&[5.0; 8], unweighted(&[1, 3], 0.0), &mut gradient);
        assert!((loss - 4f64.ln()).abs() < 1e-7);
        assert_eq!(gradient, [0.125, -0.375, 0.125, 0.125, 0.125, 0.125, 0.125, -0.375]);
    }

    #[test]
    fn the_gradient_agrees_with_finite_differences_with_and_without_smoothing() {
        let (logits, labels) = ([0.5f32, -1.0, 2.0, 0.0, 3.0, -2.0], [2, 0]);
        for (smoothing, weights) in [(0.0, None), (0.2, None), (0.0, Some(&[0.5, 4.0][..])), (0.2, Some(&[7.0, 2.0]))] {
            let targets = Targets { labels: &labels, weights, smoothing };
            let mut gradient = [0.0; 6];
            cross_entropy(&logits, targets, &mut gradient);
            for at in 0..6 {
                let moved = |by: f32| {
                    let mut logits = logits;
                    logits[at] += by;
                    cross_entropy(&logits, targets, &mut [0.0; 6])
                };
                let difference = (moved(1e-2) - moved(-1e-2)) / 2e-2;
                assert!((difference - f64::from(gradient[at])).abs() < 1e-4, "{difference} is not {}", gradient[at]);
            }
        }
    }

    /// PyTorch's results, written by testdata/make-solvers.py.
    #[derive(serde::Deserialize)]
    struct Golden {
        logits: Vec<f32>,
        labels: Vec<i64>,
        smoothing: f32,
        loss: f64,
        gradient: Vec<f32>,
    }

    #[test]
    fn the_loss_of_smoothed_labels_is_pytorchs() {
        let text = include_str!("../../../../testdata/solvers/label-smoothing.json");
        let golden: Golden = serde_json::from_str(text).unwrap();
        let mut gradient = vec![0.0; golden.gradient.len()];
        let loss = cross_entropy(&golden.logits, unweighted(&golden.labels, golden.smoothing), &mut gradient);
        assert!((loss - golden.loss).abs() < 1e-6 * golden.loss, "{loss} is not {}", golden.loss);
        for (ours, theirs) in gradient.iter().zip(golden.gradient) {
            assert!((ours - theirs).abs() < 1e-7, "{ours} is not {theirs}");
        }
    }

    #[test]
    fn the_loss_of_nan_or_infinite_logits_is_nan() {
        let loss = cross_entropy(&[f32::NAN, 0.0], unweighted(&[1], 0.0), &mut [0.0; 2]);
        assert!(loss.is_nan());
        assert!(cross_entropy(&[f32::INFINITY, 0.0], unweighted(&[1], 0.0), &mut [0.0; 2]).is_nan());
    }

    #[test]
    fn large_logits_do_not_overflow() {
        let loss = cross_entropy(&[1000.0, 0.0], unweighted(&[1], 0.0), &mut [0.0; 2]);
        assert!((loss - 1000.0).abs() < 1e-3);
    }

    /// Five rows of three classes, and their labels.
    const LOGITS: [f32; 15] = [0.5, -1.0, 2.0, 0.0, 3.0, -2.0, 1.5, 0.1, 0.7, -3.0, 0.2, 0.9, 4.0, -0.5, 0.3];
    const LABELS: [i64; 5] = [2, 0, 1, 1, 0];

    /// Loss and gradient of the rows `rows`, with these weights.
    fn of(rows: &[usize], weights: Option<&[f32]>, smoothing: f32) -> (f64, Vec<f32>) {
        let logits: Vec<f32> = rows.iter().flat_map(|&row| LOGITS[3 * row..][..3].to_vec()).collect();
        let labels: Vec<i64> = rows.iter().map(|&row| LABELS[row]).collect();
        let mut gradient = vec![f32::NAN; logits.len()];
        let loss = cross_entropy(&logits, Targets { labels: &labels, weights, smoothing }, &mut gradient);
        (loss, gradient)
    }

    #[test]
    fn weights_of_one_give_the_bits_of_no_weights() {
        for smoothing in [0.0, 0.1] {
            assert_eq!(of(&[0, 1, 2, 3, 4], Some(&[1.0; 5]), smoothing), of(&[0, 1, 2, 3, 4], None, smoothing));
        }
    }

    #[test]
    fn rows_of_weight_zero_are_not_there_whatever_their_logits_are() {
        for smoothing in [0.0, 0.1] {
            let (loss, gradient) = of(&[0, 1, 2, 3, 4], Some(&[1.0, 0.0, 1.0, 1.0, 0.0]), smoothing);
            let (expected, others) = of(&[0, 2, 3], None, smoothing);
            assert_eq!(loss, expected);
            assert_eq!([&gradient[..3], &gradient[6..12]].concat(), others);
            assert!(gradient[3..6].iter().chain(&gradient[12..]).all(|&value| value == 0.0));
        }
        let mut gradient = [9.0; 4];
        let targets = Targets { labels: &[0, 0], weights: Some(&[1.0, 0.0]), smoothing: 0.0 };
        let loss = cross_entropy(&[0.0, 0.0, f32::NAN, f32::INFINITY], targets, &mut gradient);
        assert!((loss - 2f64.ln()).abs() < 1e-7);
        assert_eq!(gradient, [-0.5, 0.5, 0.0, 0.0]);
    }

    #[test]
    fn a_weight_is_a_number_of_copies() {
        for smoothing in [0.0, 0.1] {
            let (loss, gradient) = of(&[0, 1, 2], Some(&[3.0, 1.0, 2.0]), smoothing);
            let (expected, copies) = of(&[0, 0, 0, 1, 2, 2], None, smoothing);
            assert!((loss - expected).abs() < 1e-12);
            for at in 0..3 {
                let sums = [(0..3), (3..4), (4..6)].map(|rows| rows.map(|row| copies[3 * row + at]).sum::<f32>());
                for (row, sum) in sums.into_iter().enumerate() {
                    assert!((gradient[3 * row + at] - sum).abs() < 1e-7, "{gradient:?} {copies:?}");
                }
            }
        }
    }

    #[test]
    fn the_unit_of_the_weights_does_not_matter_however_large_or_small_it_is() {
        let (loss, gradient) = of(&[0, 1, 2], Some(&[1.0, 4.0, 2.0]), 0.1);
        for unit in [f32::MAX / 4.0, 1e-44] {
            let (other, others) = of(&[0, 1, 2], Some(&[unit, 4.0 * unit, 2.0 * unit]), 0.1);
            assert!((loss - other).abs() < 1e-12, "{unit}: {loss} {other}");
            assert_eq!(gradient, others, "{unit}");
        }
    }

    #[test]
    fn without_any_weight_loss_and_gradient_are_zero() {
        assert_eq!(of(&[0, 1], Some(&[0.0, 0.0]), 0.1), (0.0, vec![0.0; 6]));
    }
}
