//! Watches, scans what changed, opens cases and carries them, until it is told to stop.

pub mod delivery;
pub mod health;
pub mod metrics;
