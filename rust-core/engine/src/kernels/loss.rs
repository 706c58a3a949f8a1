//! The loss of a minibatch and its gradient: cross-entropy of a softmax, with PyTorch's label smoothing.

/// Returns the mean over the rows of `-sum_k t_k log softmax(logits)_k` and writes its gradient to `gradient`. The
/// target t is `smoothing / classes` for every class, and `1 - smoothing` more for the label (Szegedy et al. 2016).
/// `logits` and `gradient` are rows x classes; every label is below `classes`.
pub fn cross_entropy(logits: &[f32], labels: &[i64], smoothing: f32, gradient: &mut [f32]) -> f64 {
    let (rows, classes) = (labels.len(), logits.len() / labels.len());
    let everywhere = smoothing / classes as f32;
    let mut loss = 0.0;
    let outputs = logits.chunks_exact(classes).zip(gradient.chunks_exact_mut(classes));
    for ((logits, gradient), &label) in outputs.zip(labels) {
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
                loss += f64::from(target) * (log_sum - f64::from(logit));
            }
            *gradient = (*gradient / sum - target) / rows as f32;
        }
    }
    loss / rows as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_of_equal_logits_is_the_logarithm_of_the_number_of_classes() {
        let mut gradient = [9.0; 8];
        let loss = cross_entropy(&[5.0; 8], &[1, 3], 0.0, &mut gradient);
        assert!((loss - 4f64.ln()).abs() < 1e-7);
        assert_eq!(gradient, [0.125, -0.375, 0.125, 0.125, 0.125, 0.125, 0.125, -0.375]);
    }

    #[test]
    fn the_gradient_agrees_with_finite_differences_with_and_without_smoothing() {
        let (logits, labels) = ([0.5f32, -1.0, 2.0, 0.0, 3.0, -2.0], [2, 0]);
        for smoothing in [0.0, 0.2] {
            let mut gradient = [0.0; 6];
            cross_entropy(&logits, &labels, smoothing, &mut gradient);
            for at in 0..6 {
                let moved = |by: f32| {
                    let mut logits = logits;
                    logits[at] += by;
                    cross_entropy(&logits, &labels, smoothing, &mut [0.0; 6])
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
        let loss = cross_entropy(&golden.logits, &golden.labels, golden.smoothing, &mut gradient);
        assert!((loss - golden.loss).abs() < 1e-6 * golden.loss, "{loss} is not {}", golden.loss);
        for (ours, theirs) in gradient.iter().zip(golden.gradient) {
            assert!((ours - theirs).abs() < 1e-7, "{ours} is not {theirs}");
        }
    }

    #[test]
    fn the_loss_of_nan_or_infinite_logits_is_nan() {
        let loss = cross_entropy(&[f32::NAN, 0.0], &[1], 0.0, &mut [0.0; 2]);
        assert!(loss.is_nan());
        assert!(cross_entropy(&[f32::INFINITY, 0.0], &[1], 0.0, &mut [0.0; 2]).is_nan());
    }

    #[test]
    fn large_logits_do_not_overflow() {
        let loss = cross_entropy(&[1000.0, 0.0], &[1], 0.0, &mut [0.0; 2]);
        assert!((loss - 1000.0).abs() < 1e-3);
    }
}
