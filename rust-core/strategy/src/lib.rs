//! Where `engine` and `exchange` meet: what a resolved configuration means to an exchanger, to one turn of a worker, and
//! to the driver that averages the vectors of a round. `native` does this over a network, `simulation` under a virtual
//! clock; both use this crate, so that they do the same.

mod average;
mod settings;
mod turn;

pub use average::average;
pub use settings::{budget, codec, settings};
pub use turn::TurnSpec;
