//! Tests of the engine through its public interface. They are one binary, because each binary takes seconds to link
//! with libtorch.

mod fixtures;
mod laws;
mod memory;
mod modules;
mod program;
mod rounds;
mod strategies;
mod weights;
