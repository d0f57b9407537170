//! From what was asked to what runs: the one place that names adapters.

#[cfg(feature = "rotate")]
mod attended;
pub mod imports;
#[cfg(feature = "rotate")]
pub mod mending;
#[cfg(feature = "rotate")]
mod providers;
#[cfg(feature = "rotate")]
pub mod rehearsal;
pub mod scanner;
