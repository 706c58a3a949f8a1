//! Consistency models: whether a worker may go on, or must wait for slower ones. A worker's clock is the number of its
//! exchanges. Pure: no rule, no time and no thread is known here, and the waiting is done by the caller.
//! Ho et al., "More Effective Distributed ML via a Stale Synchronous Parallel Parameter Server" (2013).

use serde::{Deserialize, Serialize};

/// How many exchanges a worker may be ahead of the slowest one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "consistency", content = "staleness", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Consistency {
    /// No limit.
    Async,
    /// A worker waits when it is more than this many exchanges ahead of the slowest.
    Ssp(u64),
    /// All workers do the same exchange (bulk synchronous).
    Bsp,
}

/// Whether a worker that finished `mine` clocks may begin another while the slowest active one finished
/// `slowest_active`.
pub fn may_go_on(consistency: Consistency, mine: u64, slowest_active: u64) -> bool {
    let ahead = mine.saturating_sub(slowest_active);
    match consistency {
        Consistency::Async => true,
        Consistency::Ssp(staleness) => ahead <= staleness,
        Consistency::Bsp => ahead == 0,
    }
}

/// The clocks of all workers, and who still takes part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clock {
    finished: Vec<u64>,
    active: Vec<bool>,
}

impl Clock {
    /// `workers` active workers at clock 0: workers that have not attached yet count as the slowest.
    pub fn new(workers: usize) -> Self {
        Self::at(vec![0; workers])
    }

    /// Active workers that finished so many clocks each, as a snapshot has them.
    pub fn at(finished: Vec<u64>) -> Self {
        Self { active: vec![true; finished.len()], finished }
    }

    /// The clocks that each worker finished, for a snapshot.
    pub fn finished(&self) -> &[u64] {
        &self.finished
    }

    /// `worker` has finished so many clocks.
    pub fn set(&mut self, worker: usize, finished: u64) {
        self.finished[worker] = finished;
    }

    /// `worker` has finished or is lost; nobody waits for it any more.
    pub fn leave(&mut self, worker: usize) {
        self.active[worker] = false;
    }

    /// `worker` takes part again. If it is behind the slowest, it begins at the slowest's clock, so that nobody waits
    /// for the clocks that it missed.
    pub fn join(&mut self, worker: usize) {
        if let (false, Some(slowest)) = (self.active[worker], self.slowest()) {
            self.finished[worker] = self.finished[worker].max(slowest);
        }
        self.active[worker] = true;
    }

    /// Whether `worker` takes part.
    pub fn is_active(&self, worker: usize) -> bool {
        self.active[worker]
    }

    /// The fewest clocks that an active worker finished; none when all have left.
    pub fn slowest(&self) -> Option<u64> {
        self.active_clocks().min()
    }

    /// How many take part.
    pub fn active(&self) -> usize {
        self.active_clocks().count()
    }

    /// The workers that `worker` waits for: the ones behind it.
    pub fn behind(&self, worker: usize) -> Vec<usize> {
        let mine = self.finished[worker];
        (0..self.finished.len()).filter(|k| self.active[*k] && self.finished[*k] < mine).collect()
    }

    /// How many clocks each worker is behind the fastest active one; none for one that left.
    pub fn lags(&self) -> Vec<Option<u64>> {
        let fastest = self.active_clocks().max().unwrap_or(0);
        self.finished.iter().zip(&self.active).map(|(clock, active)| active.then(|| fastest - clock)).collect()
    }

    /// Whether `worker` may begin its next clock.
    pub fn may_go_on(&self, consistency: Consistency, worker: usize) -> bool {
        let mine = self.finished[worker];
        may_go_on(consistency, mine, self.slowest().unwrap_or(mine))
    }

    fn active_clocks(&self) -> impl Iterator<Item = u64> {
        self.finished.iter().zip(&self.active).filter(|(_, active)| **active).map(|(clock, _)| *clock)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_in_json_are_those_of_the_configuration() {
        let json = |consistency| serde_json::to_string(&consistency).unwrap();
        assert_eq!(json(Consistency::Async), r#"{"consistency":"async"}"#);
        assert_eq!(json(Consistency::Ssp(4)), r#"{"consistency":"ssp","staleness":4}"#);
        assert_eq!(serde_json::from_str::<Consistency>(r#"{"consistency":"bsp"}"#).unwrap(), Consistency::Bsp);
        assert!(serde_json::from_str::<Consistency>(r#"{"consistency":"ssp"}"#).is_err());
    }

    #[test]
    fn bsp_is_ssp_without_slack_and_async_waits_for_nobody() {
        for (mine, slowest) in [(0, 0), (3, 3), (4, 3), (9, 0)] {
            let bsp = may_go_on(Consistency::Bsp, mine, slowest);
            assert_eq!(bsp, mine == slowest);
            assert_eq!(bsp, may_go_on(Consistency::Ssp(0), mine, slowest));
            assert!(may_go_on(Consistency::Async, mine, slowest));
        }
    }

    #[test]
    fn nobody_waits_for_one_that_left_and_one_that_returns_holds_nobody_up() {
        let mut clock = Clock::new(3);
        clock.set(0, 1);
        clock.set(1, 1);
        assert!(!clock.may_go_on(Consistency::Bsp, 0), "worker 2 has yet to come");
        assert_eq!((clock.slowest(), clock.lags()[2], clock.behind(0)), (Some(0), Some(1), vec![2]));
        clock.leave(2);
        assert!(clock.may_go_on(Consistency::Bsp, 0));
        clock.join(2);
        assert_eq!(clock.finished(), [1, 1, 1]);
        assert!(clock.is_active(2) && clock.may_go_on(Consistency::Bsp, 2));
    }

    #[test]
    fn joining_while_active_changes_nothing() {
        let mut clock = Clock::at(vec![5, 2]);
        clock.join(1);
        assert_eq!(clock, Clock::at(vec![5, 2]));
    }

    #[test]
    fn without_active_workers_there_is_no_slowest() {
        let mut clock = Clock::at(vec![7]);
        clock.leave(0);
        assert_eq!((clock.slowest(), clock.lags(), clock.active()), (None, vec![None], 0));
        clock.join(0);
        assert_eq!(clock.slowest(), Some(7));
    }

    proptest! {
        #[test]
        fn nobody_works_further_ahead_than_allowed_and_somebody_always_may(
            workers in 1usize..6,
            staleness in 0u64..4,
            events in vec((any::<prop::sample::Index>(), 0..10), 1..200),
        ) {
            let consistency = if staleness == 0 { Consistency::Bsp } else { Consistency::Ssp(staleness) };
            let mut clock = Clock::new(workers);
            let mut stayed = vec![true; workers]; // a worker that returns may be far ahead, and waits
            for (worker, event) in events {
                let worker = worker.index(workers);
                match event {
                    0 => {
                        clock.leave(worker);
                        stayed[worker] = false;
                    }
                    1 => clock.join(worker),
                    _ if clock.is_active(worker) && clock.may_go_on(consistency, worker) => {
                        clock.set(worker, clock.finished()[worker] + 1);
                    }
                    _ => {}
                }
                let finished = clock.finished();
                let active: Vec<usize> = (0..workers).filter(|k| clock.is_active(*k)).collect();
                prop_assert_eq!(clock.slowest(), active.iter().map(|k| finished[*k]).min());
                let Some(slowest) = clock.slowest() else { continue };
                // A clock at work is the one after those finished: at most `staleness` ahead of the slowest's.
                prop_assert!((0..workers).all(|k| !stayed[k] || finished[k] - slowest <= staleness + 1));
                prop_assert!(active.iter().any(|k| clock.may_go_on(consistency, *k)));
                for k in active {
                    prop_assert_eq!(clock.may_go_on(consistency, k), finished[k] - slowest <= staleness);
                }
            }
        }
    }
}
