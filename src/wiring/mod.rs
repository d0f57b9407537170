//! From what was asked to what runs: the one place that names adapters.

pub mod changes;
#[cfg(feature = "rotate")]
pub mod mending;
mod policy;
#[cfg(feature = "rotate")]
pub mod rehearsal;
pub mod scanner;
