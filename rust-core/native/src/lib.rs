//! `libfiresteel.so`: what the classes `Native`, `NativeExchange` and `NativeSimulation` of `io.firesteel.jni` call. This crate joins a worker of the
//! engine to a rule of the exchange and carries both across JNI; it computes nothing itself.
//!
//! Calls go from the JVM to Rust only. No thread is attached, no global reference kept, and of Java
//! only the constructor of `NativeException` is called.

mod api;
mod buffers;
pub mod calls;
pub mod error;
mod exchange_api;
pub mod exchanger;
pub mod handle;
pub mod hosts;
mod java_vector;
pub mod lifetime;
pub mod link;
mod logging;
pub mod predictors;
pub mod registry;
mod simulation_api;
pub mod simulations;
mod sweep;
