//! The exchanger over loopback: its laws, its restart, its enemies. One binary, so that it links once.
mod common;
mod false_reports;
mod hostile;
mod laws;
mod memory;
mod outage;
mod program;
mod restart;
