//! The program as its users run it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    reason = "a test that goes wrong stops, has deadlines of its own, and looks at what it planted"
)]

#[cfg(feature = "rotate")]
mod afar;
#[cfg(feature = "rotate")]
mod alerts;
#[cfg(feature = "rotate")]
mod approvals;
mod architecture;
#[cfg(feature = "rotate")]
mod canary;
mod ci;
mod containers;
mod coverage;
#[cfg(feature = "rotate")]
mod crash;
#[cfg(feature = "rotate")]
mod daemon;
#[cfg(feature = "rotate")]
mod daemon_afar;
#[cfg(feature = "rotate")]
mod demo;
mod dependencies;
mod deploy;
mod documents;
mod elsewhere;
#[cfg(feature = "rotate")]
mod faults;
mod field;
#[cfg(feature = "rotate")]
mod forge_tokens;
mod forms;
#[cfg(feature = "rotate")]
mod hand;
mod history;
mod hook;
mod hooks_run;
mod hooks_set;
#[cfg(feature = "rotate")]
mod hostile;
mod images;
mod import;
#[cfg(feature = "rotate")]
mod keys;
#[cfg(feature = "rotate")]
mod kill;
mod kinds;
#[cfg(feature = "rotate")]
mod mishaps;
#[cfg(feature = "rotate")]
mod oncall;
mod pipes;
#[cfg(feature = "rotate")]
mod real;
#[cfg(feature = "rotate")]
mod release;
mod remembered;
mod repeated;
#[cfg(feature = "rotate")]
mod replayed;
mod robust;
#[cfg(feature = "rotate")]
mod rounds;
mod sarif;
mod scan;
mod structure;
#[cfg(feature = "rotate")]
mod thief;
#[cfg(feature = "rotate")]
mod verify;
mod world;
mod wrong;
