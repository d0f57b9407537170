//! How urgent it is to be told.

use serde::{Deserialize, Serialize};

/// How urgent, for filters and severities of others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Urgency {
    /// Good news, and news.
    #[default]
    Info,
    /// Something waits.
    Warning,
    /// Something failed.
    Error,
    /// Somebody must act.
    Critical,
}

impl Urgency {
    /// As it is written everywhere.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }
}
