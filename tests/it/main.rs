//! The program as its users run it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that goes wrong stops"
)]

#[cfg(feature = "rotate")]
mod canary;
#[cfg(feature = "rotate")]
mod demo;
#[cfg(feature = "rotate")]
mod faults;
mod hook;
#[cfg(feature = "rotate")]
mod kill;
#[cfg(feature = "rotate")]
mod oncall;
mod scan;
mod world;
