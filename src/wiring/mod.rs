//! From what was asked to what runs: the one place that names adapters.

#[cfg(feature = "rotate")]
pub mod alerts;
#[cfg(feature = "rotate")]
pub mod asking;
#[cfg(feature = "rotate")]
mod attended;
#[cfg(feature = "rotate")]
pub mod candidates;
pub mod changes;
#[cfg(feature = "rotate")]
pub mod filling;
#[cfg(feature = "rotate")]
pub mod images;
pub mod imports;
#[cfg(feature = "rotate")]
pub mod journal;
#[cfg(feature = "rotate")]
pub mod keys;
pub mod kinds;
#[cfg(feature = "rotate")]
pub mod mending;
#[cfg(feature = "rotate")]
pub mod own;
mod policy;
#[cfg(feature = "rotate")]
mod providers;
#[cfg(feature = "rotate")]
pub mod rehearsal;
#[cfg(feature = "rotate")]
mod remotes;
#[cfg(feature = "rotate")]
pub mod replaying;
pub mod scanner;
#[cfg(feature = "rotate")]
pub mod watched;
