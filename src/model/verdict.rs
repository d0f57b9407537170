//! Whether a token works, whether a dependent does, and what is known of a token's use.

use super::{Timestamp, TokenId};
use serde::{Deserialize, Serialize};

/// What a provider said about a token. Not being able to ask is not being dead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It works; this is its handle.
    Live(TokenId),
    /// It is accepted, but scope, address or account limits it.
    Restricted(TokenId, Limit),
    /// It was refused in the documented way.
    Dead,
    /// Asked at the wrong region or instance.
    WrongPlace,
    /// Nobody knows.
    Unknown(Reason),
}

impl Verdict {
    /// The handle, when the token works at all.
    #[must_use]
    pub fn token(&self) -> Option<&TokenId> {
        match self {
            Self::Live(token) | Self::Restricted(token, _) => Some(token),
            Self::Dead | Self::WrongPlace | Self::Unknown(_) => None,
        }
    }

    /// One word, as reports print it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Live(_) => "live",
            Self::Restricted(..) => "restricted",
            Self::Dead => "dead",
            Self::WrongPlace => "wrong-place",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// What limits an accepted token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// It lacks a right.
    Scope,
    /// It is bound to addresses.
    Address,
    /// Its account may not log in or is limited.
    Account,
}

/// Why something is not known or did not happen; never holds secret text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The other side refused.
    #[error("the other side refused")]
    Rejected,
    /// Asked to slow down.
    #[error("asked to slow down")]
    Throttled,
    /// No answer.
    #[error("no answer")]
    Unreachable,
    /// An answer outside what is documented.
    #[error("an answer outside what is documented")]
    Unexpected,
    /// The negative control was accepted: the probe proves nothing.
    #[error("the probe accepts anything, so its answer proves nothing")]
    Control,
    /// A new token did not work before its deadline.
    #[error("the new token did not work before its deadline")]
    Unproven,
    /// The new token has fewer rights than the old one.
    #[error("the new token has fewer rights than the old one")]
    Scopes,
    /// A dependent is not well, or stays on the old version.
    #[error("a dependent does not work on the new version")]
    Unhealthy,
    /// A dependent answers the same before and after.
    #[error("a dependent cannot tell the two versions apart")]
    Unprobeable,
    /// No dependent is named, so nothing could be proved.
    #[error("no dependent proves the new version")]
    NoDependents,
    /// The provider has no room for another token.
    #[error("the provider has no room for another token")]
    Quota,
    /// More tokens than one could be an interrupted mint's.
    #[error("more than one token could be what an interrupted mint left")]
    Ambiguous,
    /// Somebody else moved what we were about to move.
    #[error("another writer moved it")]
    Conflict,
    /// A store, table or file is not there.
    #[error("it is not there")]
    Missing,
    /// This cannot be done without a person.
    #[error("this cannot be done without a person")]
    Unsupported,
    /// A person must do this in the provider's console.
    #[error("a person must do this in the provider's console")]
    ByHand,
    /// The new token replaces the old one in place, and nobody has accepted what that means.
    #[error("the old token ends the moment the new one is made: its users fail until they have it")]
    Outage,
    /// The old token was replaced, and nobody has the value of the new one.
    #[error(
        "the old token is dead and the value of the new one was lost: a person must make another in the provider's console"
    )]
    Lost,
    /// Two values have one handle.
    #[error(
        "the provider gives the new token the handle of the old one: perhaps it is the same token in another writing"
    )]
    Alike,
    /// Sealed bytes cannot be opened.
    #[error("a sealed value cannot be opened")]
    Unreadable,
    /// The old token is used from a place that an unmoved dependent explains.
    #[error("the old token is still used from an explainable place")]
    InUse,
    /// The old token was still accepted at the deadline.
    #[error("the old token is still accepted")]
    StillLive,
    /// The old token is refused, and the provider lists it all the same: it is disabled, and could be enabled again.
    #[error("the old token is refused and still listed: it is disabled, and could be enabled again")]
    StillListed,
    /// A person said so.
    #[error("a person said so")]
    Ordered,
    /// A person must approve it first.
    #[error("a person must approve it first")]
    Unapproved,
    /// The approval expired or was for another plan.
    #[error("the approval expired or was for another plan")]
    Approval,
    /// A local program or file failed.
    #[error("something on this machine failed")]
    Local,
    /// More was to be asked than one run may ask.
    #[error("there was more to ask than one run may ask there")]
    Budget,
}

/// Could a failed act have happened all the same?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Happened {
    /// Surely not.
    No,
    /// Perhaps.
    Perhaps,
}

/// How a dependent is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// Works, and attests the version that is expected.
    Good,
    /// Works, and attests another version.
    Stale,
    /// Works, but cannot tell which version it holds.
    Indistinct,
    /// Does not work.
    Bad,
}

/// One use of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Use {
    /// When, if the provider says.
    pub at: Option<Timestamp>,
    /// From where, as the provider writes it; empty where it does not say.
    pub origin: String,
}

/// What a provider says of a token's use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Usage {
    /// Used.
    Seen(Vec<Use>),
    /// Not used, as far as is known up to then.
    NoneSeen(Timestamp),
    /// The provider does not tell.
    CannotKnow,
}
