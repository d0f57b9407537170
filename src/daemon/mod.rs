//! Watches, scans what changed, opens cases and carries them, until it is told to stop.

mod delivery;
mod health;
mod metrics;
