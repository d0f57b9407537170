//! `stanch` finds leaked access tokens and stops the leak: it mints a new token, stores it in a secrets manager, proves
//! that every dependent works on it, then revokes the old one and proves that it is dead, recording every step.
//!
//! Two wings that never import each other: the finding wing (`rules`, `engine`, `source`, `suppress`, `scan`,
//! `report`) is synchronous and offline; the mending wing (`provider`, `store`, `dependent`, `journal`, `runner`) is
//! asynchronous and journaled. `docs/architecture.md` draws the house.

#[cfg(feature = "rotate")]
pub mod alert;
pub mod archive;
pub mod ci;
pub mod cli;
pub mod clock;
pub mod config;
#[cfg(feature = "rotate")]
pub mod daemon;
#[cfg(feature = "rotate")]
pub mod database;
pub mod decode;
#[cfg(feature = "rotate")]
pub mod demo;
#[cfg(feature = "rotate")]
pub mod dependent;
#[cfg(feature = "rotate")]
pub mod egress;
pub mod engine;
#[cfg(feature = "rotate")]
pub mod fetch;
pub mod hooks;
pub mod import;
#[cfg(feature = "rotate")]
pub mod inventory;
#[cfg(feature = "rotate")]
pub mod journal;
#[cfg(feature = "rotate")]
pub mod ledger;
pub mod model;
pub mod pack;
#[cfg(feature = "rotate")]
pub mod people;
#[cfg(feature = "rotate")]
pub mod provider;
pub mod report;
#[cfg(feature = "rotate")]
pub mod rotation;
pub mod rules;
#[cfg(feature = "rotate")]
pub mod runner;
pub mod runs;
pub mod scan;
#[cfg(feature = "rotate")]
pub mod seal;
pub mod source;
#[cfg(feature = "rotate")]
pub mod store;
pub mod suppress;
pub mod telemetry;
#[cfg(feature = "rotate")]
pub mod triage;
pub mod wiring;
