//! From what was asked to what runs: the one place that names adapters.

pub mod scanner;
