//! A controlled staleness. With delay N an exchange is folded when exactly N other updates of the center came since its
//! pull, as in the literature on delayed SGD (Agarwal, Duchi 2011): `c[t+1] = c[t] + d(c[t-N])`. So N + 1 exchanges are
//! under way at any time. A worker that had its reply waits until it may begin, then pulls the center as it is at that
//! moment; exchanges are folded in the order of their pulls, one that arrives early is held. The first N exchanges, which
//! begin with the run, meet 0, 1, .. N - 1 updates, as x[0] stands for what was before it in the literature.
//!
//! More than N workers are needed. K workers that exchange all the time have delay K - 1 on average, whatever their speed.

use std::collections::VecDeque;

/// Which exchanges are under way, and who waits to begin one.
#[derive(Debug)]
pub struct DelayGate {
    /// N + 1.
    most: usize,
    /// Workers whose exchange is under way, in the order of their pulls.
    under_way: VecDeque<usize>,
    waiting: VecDeque<usize>,
}

impl DelayGate {
    /// For delay `delay`.
    pub fn new(delay: usize) -> Self {
        Self { most: delay + 1, under_way: VecDeque::new(), waiting: VecDeque::new() }
    }

    /// `worker` wants to begin; [`begins`](Self::begins) tells when it may.
    pub fn wants(&mut self, worker: usize) {
        self.waiting.push_back(worker);
    }

    /// The worker that begins now, if there is room for one: its pull must follow at once.
    pub fn begins(&mut self) -> Option<usize> {
        if self.under_way.len() == self.most {
            return None;
        }
        let worker = self.waiting.pop_front()?;
        self.under_way.push_back(worker);
        Some(worker)
    }

    /// Whether the exchange of `worker` is the next to be folded.
    pub fn is_next(&self, worker: usize) -> bool {
        self.under_way.front() == Some(&worker)
    }

    /// `worker`'s exchange is folded, or it found nothing to do.
    pub fn ends(&mut self, worker: usize) {
        self.under_way.retain(|under_way| *under_way != worker);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exchanges_are_folded_in_the_order_of_their_pulls_and_one_more_begins_for_each() {
        let mut gate = DelayGate::new(1);
        (0..3).for_each(|worker| gate.wants(worker));
        assert_eq!([gate.begins(), gate.begins(), gate.begins()], [Some(0), Some(1), None]);
        assert!(gate.is_next(0) && !gate.is_next(1));
        gate.ends(0);
        gate.wants(0);
        assert_eq!([gate.begins(), gate.begins()], [Some(2), None]);
        assert!(gate.is_next(1));
        gate.ends(1);
        assert_eq!(gate.begins(), Some(0));
    }
}
