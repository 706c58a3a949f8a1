//! Training of K workers in one process under a virtual clock: their local steps are computed one worker after the other,
//! and a discrete-event simulation says when each would have ended on a cluster that a few numbers describe. Everything
//! that decides the weights is the real code: ledgers of turns and folds, rules, outer optimisers, consistency, codecs,
//! the mean of rounds. docs/simulation.md says what is simulated and what is not.
//!
//! `events`, `random`, `cluster`, `timing`, `network` and `delay` use neither `engine` nor libtorch.

pub mod cluster;
pub mod cost;
pub mod delay;
pub mod events;
pub mod network;
pub mod options;
pub mod plan;
pub mod random;
pub mod rounds;
pub mod run;
pub mod stage;
pub mod timing;
pub mod training;
