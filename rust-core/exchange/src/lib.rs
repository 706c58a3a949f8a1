//! What workers exchange and how it is folded: flat `f32` vectors, their layout, the rules of one
//! exchange and the outer optimisers. Nothing here knows libtorch, a socket or a JVM.
//!
//! | rule | module | source |
//! |---|---|---|
//! | mean, weighted by samples | [`rules::mean`] | SparkNet (Moritz, Nishihara, Stoica, Jordan 2016), algorithm 2 |
//!
//! | outer optimiser | type | source |
//! |---|---|---|
//! | none: the mean is the next center | [`outer::Averaging`] | SparkNet |

pub mod error;
pub mod layout;
pub mod outer;
pub mod rules;

pub use error::{Error, Result};
pub use layout::{Entry, Layout};
