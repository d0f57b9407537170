//! What was seen so far: leaks, what was scanned of which source, deliveries, messages on their way.

mod deliveries;
mod leaks;
mod outbox;
mod tips;

pub use deliveries::Deliveries;
pub use leaks::{Leak, Leaks, Seen};
pub use outbox::{End, Letter, Outbox, Queue, Waiting};
pub use tips::Tips;

use crate::model::Timestamp;

/// A time as the database keeps it.
fn signed(at: Timestamp) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}
