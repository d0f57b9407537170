//! What a rotation is for; fixed when it is opened.

use crate::model::{Label, Person, TokenId};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What a rotation is for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// A token that leaked, or that a person wants replaced: what every older plan was for.
    #[default]
    Leak,
    /// The token has become as old as its schedule lets it.
    Schedule,
    /// A person who had it leaves.
    Offboarding(Person),
    /// Tokens that carry our label and are nobody's.
    Sweep(Sweep),
}

impl Purpose {
    /// True of what older journals know nothing of, so that their plans keep their digests.
    #[must_use]
    pub fn is_leak(&self) -> bool {
        *self == Self::Leak
    }

    /// True where strays are ended, and nothing is replaced.
    #[must_use]
    pub fn is_sweep(&self) -> bool {
        matches!(self, Self::Sweep(_))
    }

    /// In a few words, for people.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Leak => "leak".to_owned(),
            Self::Schedule => "schedule".to_owned(),
            Self::Offboarding(who) => format!("offboarding of {who}"),
            Self::Sweep(sweep) => format!("sweep of {}", sweep.strays.len()),
        }
    }
}

/// What is swept.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sweep {
    /// The tokens that were seen, and belong to nobody as far as the journal knows.
    pub strays: Vec<Stray>,
    /// How long they are disabled before they are ended, where the provider can disable.
    #[serde(with = "super::plan::millis")]
    pub quarantine: Duration,
}

/// A token in a provider's list that carries a label of ours.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Stray {
    /// Its handle.
    pub token: TokenId,
    /// Its label.
    pub label: Label,
}
