//! What an evaluation counts by class: how often each pair of true and predicted class occurs, and how often the label is
//! among the five largest logits. The counts are exact integers, and their memory grows with the rows of the worker, not
//! with the square of its classes, of which there may be a million.

use tch::Tensor;

use crate::error::Result;
use crate::memory::{Purpose, filled, with_capacity};
use crate::round::Evaluation;

/// How many of the largest logits the label may be among.
const FIVE: usize = 5;

/// An evaluation with its counts by class.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassEvaluation {
    pub evaluation: Evaluation,
    /// Rows whose label is among the five largest logits. Of equal logits those of lower classes come first, and NaN is
    /// the largest, as in the argmax that predicts.
    pub among_five: u64,
    /// The pairs of classes that occur, in ascending order: the cells of the confusion matrix that are not 0.
    pub cells: Vec<Cell>,
}

/// How many rows of one class are predicted as one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    pub label: u32,
    pub predicted: u32,
    pub rows: u64,
}

/// Counts one minibatch after another.
pub(super) struct ClassCounter {
    among_five: u64,
    /// Label and predicted class of each row so far.
    pairs: Vec<(u32, u32)>,
}

impl ClassCounter {
    /// With room for `rows`.
    pub fn new(rows: usize) -> Result<Self> {
        Ok(Self { among_five: 0, pairs: with_capacity(rows, Purpose::Rows)? })
    }

    /// Counts rows, no more in all than there is room for: `logits` are `[n, classes]` in f32 on the processor, `predicted`
    /// their argmax.
    pub fn add(&mut self, logits: &Tensor, predicted: &Tensor, labels: &[i64]) -> Result<()> {
        let logits = logits.contiguous();
        let mut row = filled(logits.size()[1] as usize, 0.0, Purpose::Evaluation)?;
        for (at, &label) in (0..).zip(labels) {
            logits.get(at).copy_data(&mut row, logits.size()[1] as usize);
            self.among_five += u64::from(is_among_five(&row, label as usize));
            self.pairs.push((label as u32, predicted.int64_value(&[at]) as u32));
        }
        Ok(())
    }

    /// The counts, beside the `evaluation` of the same rows.
    pub fn finish(self, evaluation: Evaluation) -> Result<ClassEvaluation> {
        let Self { among_five, mut pairs } = self;
        pairs.sort_unstable();
        let same = pairs.chunk_by(|one, next| one == next);
        let mut cells = with_capacity(same.clone().count(), Purpose::Rows)?;
        cells.extend(same.map(|rows| Cell { label: rows[0].0, predicted: rows[0].1, rows: rows.len() as u64 }));
        Ok(ClassEvaluation { evaluation, among_five, cells })
    }
}

/// Whether fewer than five logits come before that of `label`.
fn is_among_five(logits: &[f32], label: usize) -> bool {
    let own = logits[label];
    let larger = |a: f32, b: f32| a > b || a.is_nan() && !b.is_nan();
    let before = |&(class, &other): &(usize, &f32)| larger(other, own) || class < label && !larger(own, other);
    logits.iter().enumerate().filter(before).take(FIVE).count() < FIVE
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The counts of these rows of logits, added in two minibatches.
    fn counted(logits: &[Vec<f32>], labels: &[i64]) -> ClassEvaluation {
        let mut counter = ClassCounter::new(labels.len()).unwrap();
        for (logits, labels) in logits.chunks(2).zip(labels.chunks(2)) {
            let logits = Tensor::from_slice2(logits);
            counter.add(&logits, &logits.argmax(1, false), labels).unwrap();
        }
        counter.finish(Evaluation::default()).unwrap()
    }

    #[test]
    fn the_counts_are_those_of_a_matrix_made_by_hand() {
        let logits = [
            vec![3.0, 1.0, 2.0],
            vec![0.0, 0.5, -1.0],
            vec![-2.0, -3.0, -1.0],
            vec![1.0, 1.0, 0.0], // of equal logits the first is predicted
            vec![9.0, 0.0, 1.0],
        ];
        let counts = counted(&logits, &[0, 0, 2, 0, 2]);
        let cell = |label, predicted, rows| Cell { label, predicted, rows };
        assert_eq!(counts.cells, [cell(0, 0, 2), cell(0, 1, 1), cell(2, 0, 1), cell(2, 2, 1)]);
        assert_eq!(counts.among_five, 5, "there are three classes");
    }

    #[test]
    fn five_logits_count_and_of_equal_ones_those_of_lower_classes() {
        let falling: Vec<f32> = (0..7).map(|class| -(class as f32)).collect();
        let equal = vec![0.25; 7];
        for (logits, first) in [(&falling, 0), (&equal, 0)] {
            let among: Vec<bool> = (first..7).map(|label| is_among_five(logits, label)).collect();
            assert_eq!(among, [true, true, true, true, true, false, false], "{logits:?}");
        }
        let counts = counted(&[falling, equal.clone(), equal], &[4, 5, 4]);
        assert_eq!(counts.among_five, 2);
    }

    #[test]
    fn the_predicted_class_is_among_the_five_also_where_logits_are_equal_or_not_finite() {
        let (nan, most) = (f32::NAN, f32::INFINITY);
        let strange = [
            [nan; 7],
            [0.0, nan, most, nan, 1.0, 2.0, 3.0],
            [most, most, -most, most, most, most, most],
            [-most; 7],
            [-0.0, 0.0, -0.0, 0.0, -1.0, -1.0, 0.0],
        ];
        for logits in strange {
            let predicted = Tensor::from_slice(&logits).argmax(0, false).int64_value(&[]);
            assert!(is_among_five(&logits, predicted as usize), "{logits:?}");
            let among = (0..7).filter(|&label| is_among_five(&logits, label)).count();
            assert_eq!(among, FIVE, "{logits:?}");
        }
    }

    #[test]
    fn a_million_classes_take_the_memory_of_their_rows() {
        let classes = 1 << 20;
        let logits = Tensor::zeros([1, classes], (tch::Kind::Float, tch::Device::Cpu));
        let mut counter = ClassCounter::new(2).unwrap();
        counter.add(&logits, &logits.argmax(1, false), &[classes - 1]).unwrap();
        counter.add(&logits, &logits.argmax(1, false), &[0]).unwrap();
        let counts = counter.finish(Evaluation::default()).unwrap();
        let cells: Vec<_> = counts.cells.iter().map(|cell| (cell.label, cell.predicted, cell.rows)).collect();
        assert_eq!((cells, counts.among_five), (vec![(0, 0, 1), (classes as u32 - 1, 0, 1)], 1));
    }
}
