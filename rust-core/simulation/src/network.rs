//! A link that transfers share: that of the driver, or of the executors that host the center. The shares are max-min fair,
//! as those of TCP connections are on average: each transfer gets an equal share of the link, and what a transfer cannot
//! use, since the worker's own link is slower, is left to the others. First come, first served was no choice: an exchanger
//! serves all connections at once.

/// A transfer under way.
struct Transfer<T> {
    /// Bits that are left.
    left: f64,
    /// Bits a second that the other end's link carries at most.
    most: f64,
    /// Bits a second now.
    rate: f64,
    what: T,
}

/// One direction of a link.
pub struct SharedLink<T> {
    capacity: f64,
    transfers: Vec<Transfer<T>>,
    /// Seconds up to which `left` is right.
    since: f64,
    generation: u64,
    carried: f64,
    busy: f64,
}

/// When the next transfer ends, as long as no other begins or ends before: `generation` tells that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NextEnd {
    pub seconds: f64,
    pub generation: u64,
}

impl<T> SharedLink<T> {
    /// Of `capacity` bits a second, without transfers.
    pub fn new(capacity: f64) -> Self {
        Self { capacity, transfers: Vec::new(), since: 0.0, generation: 0, carried: 0.0, busy: 0.0 }
    }

    /// Begins a transfer of `bytes` to or from a link of `most` bits a second.
    pub fn begin(&mut self, now: f64, bytes: u64, most: f64, what: T) {
        self.advance(now);
        self.transfers.push(Transfer { left: bytes as f64 * 8.0, most, rate: 0.0, what });
        self.share();
    }

    /// The end that comes next.
    pub fn next_end(&self) -> Option<NextEnd> {
        let generation = self.generation;
        let end = |transfer: &Transfer<T>| self.since + transfer.left / transfer.rate;
        self.transfers.iter().map(end).min_by(f64::total_cmp).map(|seconds| NextEnd { seconds, generation })
    }

    /// Takes out the transfer that ends at `end`; none if others began or ended since that was asked for. Of equal ones the
    /// one that began first.
    pub fn ended(&mut self, end: NextEnd) -> Option<T> {
        if end.generation != self.generation {
            return None;
        }
        let first = |(_, a): &(usize, &Transfer<T>), (_, b): &(usize, &Transfer<T>)| {
            (a.left / a.rate).total_cmp(&(b.left / b.rate))
        };
        let (at, _) = self.transfers.iter().enumerate().min_by(first)?;
        self.advance(end.seconds);
        let transfer = self.transfers.remove(at);
        self.carried += transfer.left; // what rounding left
        self.share();
        Some(transfer.what)
    }

    /// Ends the transfers that `lost` names, whose connection broke.
    pub fn cancel(&mut self, now: f64, lost: impl Fn(&T) -> bool) {
        self.advance(now);
        self.transfers.retain(|transfer| !lost(&transfer.what));
        self.share();
    }

    /// Bytes that were carried so far, those of cancelled transfers too.
    pub fn bytes(&self) -> f64 {
        self.carried / 8.0
    }

    /// Seconds in which at least one transfer was under way.
    pub fn busy(&self) -> f64 {
        self.busy
    }

    fn advance(&mut self, now: f64) {
        let seconds = (now - self.since).max(0.0);
        self.since = self.since.max(now);
        if self.transfers.is_empty() {
            return;
        }
        self.busy += seconds;
        for transfer in &mut self.transfers {
            let bits = (transfer.rate * seconds).min(transfer.left);
            transfer.left -= bits;
            self.carried += bits;
        }
    }

    /// Divides the capacity: those whose own link is slower than an equal share get their own link's, the others equal
    /// parts of the rest.
    fn share(&mut self) {
        self.generation += 1;
        let mut order: Vec<usize> = (0..self.transfers.len()).collect();
        order.sort_by(|a, b| self.transfers[*a].most.total_cmp(&self.transfers[*b].most));
        let (mut rest, mut sharing) = (self.capacity, order.len() as f64);
        for at in order {
            let transfer = &mut self.transfers[at];
            transfer.rate = transfer.most.min(rest / sharing);
            rest -= transfer.rate;
            sharing -= 1.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// The times at which transfers end that begin at given times, by their number.
    fn run(capacity: f64, transfers: &[(f64, u64, f64)]) -> (Vec<f64>, f64, f64) {
        let mut link = SharedLink::new(capacity);
        let mut ends = vec![f64::NAN; transfers.len()];
        let mut order: Vec<usize> = (0..transfers.len()).collect();
        order.sort_by(|a, b| transfers[*a].0.total_cmp(&transfers[*b].0));
        let mut begins = order.into_iter().peekable();
        loop {
            let next = link.next_end();
            match begins.peek() {
                Some(&at) if next.is_none_or(|end| transfers[at].0 < end.seconds) => {
                    let (seconds, bytes, most) = transfers[at];
                    link.begin(seconds, bytes, most, at);
                    begins.next();
                }
                _ => match next {
                    Some(end) => {
                        let at = link.ended(end).unwrap();
                        ends[at] = end.seconds;
                    }
                    None => return (ends, link.bytes(), link.busy()),
                },
            }
        }
    }

    #[test]
    fn transfers_share_a_link_evenly_and_the_rest_goes_faster_once_one_ends() {
        // 100 bytes and 50 bytes at 400 bit/s: 200 each for 2 s, then the first alone
        let (ends, bytes, busy) = run(400.0, &[(0.0, 100, 1e9), (0.0, 50, 1e9)]);
        assert_eq!((ends, bytes, busy), (vec![3.0, 2.0], 150.0, 3.0));
    }

    #[test]
    fn a_slow_worker_leaves_its_share_to_the_others() {
        let (ends, _, _) = run(1000.0, &[(0.0, 100, 200.0), (0.0, 100, 1e9)]);
        assert_eq!(ends, [4.0, 1.0]);
    }

    #[test]
    fn a_broken_transfer_leaves_the_link_to_the_others_and_what_it_carried_counts() {
        let mut link = SharedLink::new(800.0);
        link.begin(0.0, 100, 1e9, "lost");
        link.begin(0.0, 100, 1e9, "kept");
        let before = link.next_end().unwrap();
        link.cancel(1.0, |what| *what == "lost");
        assert_eq!(link.ended(before), None);
        let end = link.next_end().unwrap();
        assert_eq!((end.seconds, link.ended(end), link.next_end()), (1.5, Some("kept"), None));
        assert_eq!(link.bytes(), 150.0);
    }

    proptest! {
        #[test]
        fn bytes_are_conserved_and_no_link_is_faster_than_it_is(
            capacity in 1.0f64..1e6,
            transfers in vec((0.0f64..10.0, 1u64..10_000, 1.0f64..1e6), 1..30),
        ) {
            let (ends, bytes, busy) = run(capacity, &transfers);
            let total: u64 = transfers.iter().map(|(_, bytes, _)| bytes).sum();
            prop_assert!((bytes - total as f64).abs() < 1e-6 * total as f64, "{bytes} of {total}");
            prop_assert!(busy * capacity * (1.0 + 1e-9) >= total as f64 * 8.0);
            for ((begin, bytes, most), end) in transfers.iter().zip(&ends) {
                let least = *bytes as f64 * 8.0 / most.min(capacity);
                prop_assert!(end - begin >= least * (1.0 - 1e-9), "{bytes} bytes in {} s", end - begin);
            }
        }
    }
}
