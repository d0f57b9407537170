//! Placeholder.
use serde::{Deserialize, Serialize};
/// Hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hash(pub String);
/// Broken.
#[derive(Debug, thiserror::Error)]
#[error("broken")]
pub struct Broken;
/// Chains.
pub fn chain() {}
/// Verifies.
pub fn verify() {}
