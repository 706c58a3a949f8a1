//! Numbers along logarithmic axes.

use std::ops::Range;

use crate::cost::Cost;

/// A range around `values`, which are above 0, from and to 1, 2 or 5 times a power of ten; and the numbers to write beside
/// it: all of these, or the powers of ten where it is longer than two decades.
pub fn logarithmic(values: impl Iterator<Item = f64> + Clone) -> (Range<f64>, Vec<f64>) {
    let (least, most) = (values.clone().fold(f64::MAX, f64::min), values.fold(0.0, f64::max));
    let (from, to) = (least.log10().floor() as i32, most.log10().ceil() as i32);
    // read as text, each is the closest number there is, and is written by its few digits again
    let number = |digit: u8, power: i32| format!("{digit}e{power}").parse::<f64>().unwrap_or(f64::NAN);
    let powers: Vec<f64> = (from..=to).map(|power| number(1, power)).collect();
    let all: Vec<f64> = (from..=to).flat_map(|power| [1, 2, 5].map(|digit| number(digit, power))).collect();
    let first = all.iter().copied().filter(|tick| *tick <= least).fold(powers[0], f64::max);
    let last = all.iter().copied().filter(|tick| *tick >= most && *tick > first).fold(f64::MAX, f64::min);
    let inside = |ticks: Vec<f64>| ticks.into_iter().filter(|tick| (first..=last).contains(tick)).collect();
    (first..last, inside(if last / first > 100.0 { powers } else { all }))
}

/// Numbers of workers, without those whose figures would touch the last one's.
pub fn of_workers(costs: &[Cost]) -> Vec<f64> {
    let all: Vec<f64> = costs.iter().map(|cost| cost.workers as f64).collect();
    let most = all[all.len() - 1];
    let room = |workers: f64| (most / workers).ln() / most.ln() > 0.07; // of the axis: four figures and a gap
    all.into_iter().filter(|workers| *workers == most || room(*workers)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> (Range<f64>, Vec<f64>) {
        logarithmic(values.iter().copied())
    }

    #[test]
    fn a_range_holds_all_values_and_has_at_least_two_numbers() {
        assert_eq!(of(&[3.0, 18.0]), (2.0..20.0, vec![2.0, 5.0, 10.0, 20.0]));
        assert_eq!(of(&[1.5, 2048.0]), (1.0..5000.0, vec![1.0, 10.0, 100.0, 1000.0]));
        assert_eq!(of(&[2.0]), (2.0..5.0, vec![2.0, 5.0]));
        assert_eq!(of(&[1000.0, 1000.0]), (1000.0..2000.0, vec![1000.0, 2000.0]));
        assert_eq!(of(&[0.0021, 0.004]), (0.002..0.005, vec![0.002, 0.005]));
    }
}
