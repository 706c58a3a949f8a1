//! The engine's promises from outside. One test binary: each that links libtorch costs seconds to link.

mod fixtures;
mod laws;
mod memory;
mod program;
mod rounds;
mod strategies;
