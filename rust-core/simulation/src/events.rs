//! The virtual clock: events in the order of their times, and of equal times in the order in which they were scheduled,
//! so that a simulation with the same inputs happens in the same order.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

struct Scheduled<E> {
    seconds: f64,
    number: u64,
    event: E,
}

impl<E> Ord for Scheduled<E> {
    /// The greatest of a heap is taken first: that is the earliest.
    fn cmp(&self, other: &Self) -> Ordering {
        other.seconds.total_cmp(&self.seconds).then(other.number.cmp(&self.number))
    }
}

impl<E> PartialOrd for Scheduled<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> PartialEq for Scheduled<E> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<E> Eq for Scheduled<E> {}

/// Events that will happen.
pub struct EventQueue<E> {
    heap: BinaryHeap<Scheduled<E>>,
    scheduled: u64,
    now: f64,
}

impl<E> EventQueue<E> {
    /// Without events, at 0 seconds.
    pub fn new() -> Self {
        Self { heap: BinaryHeap::new(), scheduled: 0, now: 0.0 }
    }

    /// Seconds of the event that happened last.
    pub fn now(&self) -> f64 {
        self.now
    }

    /// Lets `event` happen in `seconds` from now.
    pub fn after(&mut self, seconds: f64, event: E) {
        self.at(self.now + seconds, event);
    }

    /// Lets `event` happen at `seconds`, or now if that is past.
    pub fn at(&mut self, seconds: f64, event: E) {
        self.scheduled += 1;
        self.heap.push(Scheduled { seconds: seconds.max(self.now), number: self.scheduled, event });
    }

    /// The next event; the clock goes to its time.
    pub fn pop(&mut self) -> Option<E> {
        let Scheduled { seconds, event, .. } = self.heap.pop()?;
        self.now = seconds;
        Some(event)
    }
}

impl<E> Default for EventQueue<E> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn equal_times_happen_in_the_order_of_scheduling_and_the_past_happens_now() {
        let mut queue = EventQueue::new();
        for (seconds, name) in [(2.0, "c"), (1.0, "a"), (1.0, "b")] {
            queue.at(seconds, name);
        }
        assert_eq!((queue.pop(), queue.pop(), queue.now()), (Some("a"), Some("b"), 1.0));
        queue.at(0.5, "late");
        assert_eq!((queue.pop(), queue.now()), (Some("late"), 1.0));
        assert_eq!((queue.pop(), queue.now(), queue.pop()), (Some("c"), 2.0, None));
    }

    proptest! {
        #[test]
        fn events_come_by_time_and_then_by_number(times in vec(0u8..20, 0..200)) {
            let mut queue = EventQueue::new();
            for (number, time) in times.iter().enumerate() {
                queue.at(f64::from(*time), (*time, number));
            }
            let happened: Vec<(u8, usize)> = std::iter::from_fn(|| queue.pop()).collect();
            let mut sorted = happened.clone();
            sorted.sort_unstable();
            prop_assert_eq!(happened.len(), times.len());
            prop_assert_eq!(happened, sorted);
        }
    }
}
