//! From what was asked to what runs: the one place that names adapters.

#[cfg(feature = "rotate")]
pub mod alerts;
#[cfg(feature = "rotate")]
pub mod mending;
#[cfg(feature = "rotate")]
pub mod rehearsal;
pub mod scanner;
