//! What was seen so far: leaks, what was scanned of which source, deliveries, messages on their way, what is to be scanned.

mod deliveries;
mod jobs;
mod leaks;
mod outbox;
mod tips;

pub use deliveries::Deliveries;
pub use jobs::{Job, Jobs};
pub use leaks::{Leak, Leaks, Seen};
pub use outbox::{End, Letter, Outbox, Queue, Waiting};
pub use tips::Tips;
