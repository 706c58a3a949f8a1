//! Hogwild (Recht, Re, Wright, Niu 2011): threads that update one set of weights without locks. Two
//! that write the same value at once lose one update of it, which is the bargain; with one thread
//! nothing is lost and the run is the sequential one.

use std::panic::resume_unwind;
use std::thread::{self, Builder, ScopedJoinHandle};

use crate::error::{Error, Result};

/// Has every lane do `work`, each on a thread of its own, one alone on this. As soon as a lane is done,
/// has failed or has panicked `end` is called, so that none goes on alone; the first failure is answered
/// and a panic goes on here.
pub fn together<L: Send>(
    lanes: &mut [L],
    end: impl Fn() + Sync,
    work: impl Fn(&mut L) -> Result<()> + Sync,
) -> Result<()> {
    if let [lane] = lanes {
        return work(lane);
    }
    let run = |lane| {
        let _ending = Ending(&end);
        work(lane)
    };
    thread::scope(|scope| {
        let threads: Vec<_> = lanes
            .iter_mut()
            .enumerate()
            .map(|(number, lane)| {
                let started = Builder::new().spawn_scoped(scope, || run(lane));
                // those that run already stop for it
                started.inspect_err(|_| end()).map_err(|e| not_started(number).caused_by(e))
            })
            .collect();
        let results: Vec<_> = threads.into_iter().map(|thread| thread.map(ScopedJoinHandle::join)).collect();
        results.into_iter().try_for_each(|result| result?.unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

fn not_started(number: usize) -> Error {
    Error::memory(format!("start thread {number} of strategy hogwild: lower threads"))
}

/// Calls its function when its thread leaves, by a panic too.
struct Ending<F: Fn()>(F);

impl<F: Fn()> Drop for Ending<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread::{current, yield_now};

    use super::*;

    /// Lane 1 leaves as told; the others go on until the end is called.
    fn leave_by(leave: impl Fn() -> Result<()> + Sync) -> Result<()> {
        let ended = AtomicBool::new(false);
        together(
            &mut [0, 1, 2],
            || ended.store(true, Ordering::Relaxed),
            |lane| {
                if *lane == 1 {
                    return leave();
                }
                while !ended.load(Ordering::Relaxed) {
                    yield_now();
                }
                Ok(())
            },
        )
    }

    #[test]
    fn a_lane_that_is_done_ends_the_others() {
        leave_by(|| Ok(())).unwrap();
    }

    #[test]
    fn an_error_of_one_lane_ends_the_others_and_is_answered() {
        let error = leave_by(|| Err(Error::internal("lane 1 failed"))).unwrap_err();
        assert_eq!(error.to_string(), "lane 1 failed");
    }

    #[test]
    fn a_panic_of_one_lane_ends_the_others_and_goes_on() {
        let panic = catch_unwind(AssertUnwindSafe(|| leave_by(|| panic!("lane 1 broke")))).unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"lane 1 broke"));
    }

    #[test]
    fn one_lane_works_on_the_thread_that_asks() {
        let here = current().id();
        let mut lanes = [None];
        together(
            &mut lanes,
            || (),
            |lane| {
                *lane = Some(current().id());
                Ok(())
            },
        )
        .unwrap();
        assert_eq!(lanes, [Some(here)]);
    }
}
