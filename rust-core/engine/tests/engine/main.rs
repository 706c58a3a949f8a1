//! The engine's promises from outside. One test binary: each that links libtorch costs seconds to link.

mod laws;
mod program;
