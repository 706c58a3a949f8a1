//! The simulation against real runs, and its promises: order, repetition, staleness, budgets, failures, delays, costs.

mod costs;
mod fixtures;
mod laws;
mod program;
mod real;
