//! What workers exchange and how it is folded: flat `f32` vectors, their layout, the rules of one
//! exchange and the outer optimisers; and, above these, the protocol: frames, a server and its client.
//! Nothing here knows libtorch or a JVM.
//!
//! | rule | module | source |
//! |---|---|---|
//! | mean, weighted by samples | [`rules::mean`] | SparkNet (Moritz, Nishihara, Stoica, Jordan 2016), algorithm 2 |
//! | easgd, synchronous | [`rules::easgd`] | Zhang, Choromanska, LeCun 2015, equations 5 and 6 |
//! | elastic: DeepSpark, EASGD, EAMSGD | [`rules::elastic`] | Zhang et al. 2015, algorithms 1 and 2; Kim et al. 2016 |
//! | downpour, also with Adagrad | [`rules::downpour`] | Dean et al. 2012, section 4.1 |
//! | adag | [`rules::adag`] | Hermans, Spanakis, Möckel 2017 |
//! | dynsgd | [`rules::dynsgd`] | Jiang, Cui, Zhang, Yu 2017 |
//! | dcasgd | [`rules::dcasgd`] | Zheng et al. 2017, equation 10 |
//! | async-nesterov | [`rules::async_nesterov`] | Liu et al. 2024, algorithm 3 |
//!
//! | outer optimiser | type | source |
//! |---|---|---|
//! | none: the mean is the next center | [`outer::Averaging`] | SparkNet |
//! | nesterov | [`outer::Nesterov`] | DiLoCo (Douillard et al. 2023), algorithm 1 |
//! | slowmo | [`outer::SlowMo`] | Wang, Tantia, Ballas, Rabbat 2020, algorithm 1 |
//! | bmuf | [`outer::Bmuf`] | Chen, Huo 2016 |

pub mod auth;
pub mod bf16;
mod bounds;
pub mod client;
pub mod clock;
pub mod codec;
pub mod error;
pub mod escape;
pub mod frame;
pub mod layout;
pub mod ledger;
pub mod memory;
pub mod message;
pub mod outer;
pub mod program;
pub mod published;
pub mod rule_state;
pub mod rules;
pub mod server;
pub mod tls;
pub mod transport;
pub mod work;
pub mod worker_rule;

pub use error::{Error, Refusal, Result};
pub use layout::{Entry, Layout};
