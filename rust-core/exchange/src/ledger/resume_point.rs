//! Where a new attempt of a lost worker begins. An attempt can be lost after its exchange was folded and before it
//! asked for its next turn; asking for the same turn again would then train and fold it twice, or wait for ever where
//! all workers wait for each other. So the place is computed from both: the last turn asked for, and the last exchange
//! folded.

use crate::work::Work;

/// The last finished turn, by whichever attempt; the next turn and the next exchange have the number `turn + 1`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ResumePoint {
    pub turn: u64,
    /// The work of `turn` if the coordinator has not recorded it yet; the next request for a turn must report it.
    pub unreported: Work,
}

impl ResumePoint {
    /// `asked` is the last turn that was asked for, `folded` the last exchange that each shard folded, with the work
    /// behind it. A turn is finished when every shard has folded its exchange. One that some shards have not folded is
    /// done again, and the other shards do not fold it twice.
    pub fn new(asked: u64, folded: impl IntoIterator<Item = (u64, Work)>) -> Self {
        let least = folded.into_iter().min_by_key(|(number, _)| *number).unwrap_or_default();
        match least {
            (number, work) if number >= asked => Self { turn: number, unreported: work },
            _ => Self { turn: asked - 1, unreported: Work::default() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORK: Work = Work { steps: 5, samples: 500, loss: 1.5 };

    #[test]
    fn a_worker_that_never_asked_begins_with_turn_one() {
        assert_eq!(ResumePoint::new(0, [(0, Work::default()); 2]), ResumePoint::default());
    }

    #[test]
    fn a_turn_that_was_granted_and_not_folded_is_done_again() {
        let again = ResumePoint { turn: 6, unreported: Work::default() };
        assert_eq!(ResumePoint::new(7, [(6, WORK); 2]), again);
        assert_eq!(ResumePoint::new(7, [(7, WORK), (6, WORK)]), again, "one shard misses it");
        assert_eq!(ResumePoint::new(7, [(5, WORK)]), again, "the exchange before was under way and is lost");
    }

    #[test]
    fn a_turn_that_was_folded_everywhere_is_booked_and_not_done_again() {
        assert_eq!(ResumePoint::new(7, [(7, WORK); 2]), ResumePoint { turn: 7, unreported: WORK });
    }
}
