//! What was seen so far: leaks, what was scanned of which source, deliveries, messages on their way.

mod deliveries;
mod outbox;

pub use deliveries::Deliveries;
