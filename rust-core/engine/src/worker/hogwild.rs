//! Hogwild (Recht, Re, Wright, Niu 2011): threads that update one set of weights without locks. If two of them write
//! the same value at once, one update of it is lost, which the algorithm accepts. With one thread nothing is lost and
//! the run is the sequential one.

use std::panic::resume_unwind;
use std::thread::{self, Builder, ScopedJoinHandle};

use crate::error::{Error, Result};

/// Calls `work` with each of `items`, each on a thread of its own; a single item on the calling thread. As soon as one
/// call returns, fails or panics, `end` is called, so that the others stop too. Returns the first failure; a panic
/// continues on the calling thread.
pub fn run_all<T: Send>(
    items: &mut [T],
    end: impl Fn() + Sync,
    work: impl Fn(&mut T) -> Result<()> + Sync,
) -> Result<()> {
    if let [item] = items {
        return work(item);
    }
    let run = |item| {
        let _guard = CallOnDrop(&end);
        work(item)
    };
    thread::scope(|scope| {
        let threads: Vec<_> = items
            .iter_mut()
            .enumerate()
            .map(|(number, item)| {
                let started = Builder::new().spawn_scoped(scope, || run(item));
                // the threads that are running already must not wait for this one
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

/// Calls its function when it is dropped, by a panic too.
struct CallOnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for CallOnDrop<F> {
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

    /// Three threads: number 1 returns what `leave` does, the others run until the end is called.
    fn run_three(leave: impl Fn() -> Result<()> + Sync) -> Result<()> {
        let ended = AtomicBool::new(false);
        run_all(
            &mut [0, 1, 2],
            || ended.store(true, Ordering::Relaxed),
            |number| {
                if *number == 1 {
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
    fn a_thread_that_is_done_ends_the_others() {
        run_three(|| Ok(())).unwrap();
    }

    #[test]
    fn an_error_of_one_thread_ends_the_others_and_is_returned() {
        let error = run_three(|| Err(Error::internal("thread 1 failed"))).unwrap_err();
        assert_eq!(error.to_string(), "thread 1 failed");
    }

    #[test]
    fn a_panic_of_one_thread_ends_the_others_and_continues() {
        let panic = catch_unwind(AssertUnwindSafe(|| run_three(|| panic!("thread 1 broke")))).unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"thread 1 broke"));
    }

    #[test]
    fn a_single_item_is_worked_on_by_the_calling_thread() {
        let here = current().id();
        let mut items = [None];
        run_all(
            &mut items,
            || (),
            |item| {
                *item = Some(current().id());
                Ok(())
            },
        )
        .unwrap();
        assert_eq!(items, [Some(here)]);
    }
}
