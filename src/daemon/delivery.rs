//! Hands the outbox to the sinks, again and again, until it is taken.
