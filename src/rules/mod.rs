//! What tokens look like and how their providers are spoken to: YAML, checked into kinds.
pub mod exchange;
pub mod template;
