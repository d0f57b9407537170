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
mod faults;
mod hook;
#[cfg(feature = "rotate")]
mod kill;
mod scan;
mod world;
