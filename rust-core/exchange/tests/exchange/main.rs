//! The exchanger over loopback: its laws, its restart, its enemies. One binary, so that it links once.
mod common;
mod hostile;
mod laws;
mod lies;
mod outage;
mod program;
mod restart;
