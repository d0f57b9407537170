//! Who issued the token: the contract every provider adapter keeps.

mod ask;
pub mod aws_iam;
#[cfg(test)]
mod contract;
pub mod http;
pub mod memory;
pub mod postgres;
pub mod redis;
pub mod vault_database;

pub use ask::{ask, believed, control};

use crate::model::{Abilities, Credential, Happened, Label, Reason, Secret, Timestamp, TokenId, Usage, Verdict};
use crate::rotation::Warrant;
use async_trait::async_trait;
use std::time::Duration;

/// A token fresh from its provider.
#[derive(Debug)]
pub struct Minted {
    /// Its handle.
    pub token: TokenId,
    /// Its value.
    pub secret: Secret,
    /// When it ends by itself, where it does; renewing it is left to who uses it.
    pub ends: Option<Timestamp>,
}

/// A token in a provider's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its handle.
    pub token: TokenId,
    /// When it was made, if the provider says.
    pub created: Option<Timestamp>,
    /// When it was last used, if the provider says.
    pub used: Option<Timestamp>,
}

/// The rights of a token, as far as they can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scopes {
    /// These, sorted.
    Known(Vec<String>),
    /// The provider does not tell.
    CannotKnow,
}

/// What a provider answered to a revocation. Neither is a proof of death.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// It took the order.
    Accepted,
    /// It has no such token.
    AlreadyGone,
}

/// Who issued the token. Every act answers two questions when it fails: may it be tried again, and could it have
/// happened?
#[async_trait]
pub trait Provider: std::fmt::Debug + Send + Sync {
    /// What can be done without a person; asked before starting.
    fn abilities(&self) -> Abilities;

    /// Says whether a credential works. Never changes or reads customer data. Not being able to ask is
    /// [`Verdict::Unknown`]. A refusal that is not the documented one is unknown too.
    async fn verify(&self, credential: &Credential) -> Verdict;

    /// For how long it asked to be left alone, counted from now: what a [`Verdict::Unknown`] cannot tell.
    fn asks_to_wait(&self) -> Option<Duration> {
        None
    }

    /// Says beforehand what would keep a token like this one from being minted, or from living so long. Changes nothing;
    /// silent where nothing can be known beforehand.
    async fn ready(&self, _like: &TokenId, _lives: Duration) -> Result<(), ProviderError> {
        Ok(())
    }

    /// Makes a token with the powers of `like`, whose handle is known; its secret may be missing. With a client-chosen
    /// value, `chosen` is pushed, and pushing it again under the same label is harmless. On return the token may not
    /// work yet (propagation). Of the class [`crate::model::Class::Replace`] the old token is dead on return.
    async fn mint(&self, like: &Credential, label: &Label, chosen: Option<&Secret>) -> Result<Minted, ProviderError>;

    /// The tokens of the principal that holds `like`: for quotas, and for recovery where nothing can be labelled.
    async fn list(&self, like: &TokenId) -> Result<Vec<Listed>, ProviderError>;

    /// The rights of a credential; of a dead one nobody can know them.
    async fn scopes(&self, of: &Credential) -> Result<Scopes, ProviderError>;

    /// The tokens that carry a label: what an interrupted mint left behind.
    async fn find(&self, label: &Label) -> Result<Vec<TokenId>, ProviderError>;

    /// Whether it lists tokens with the labels of their mints: what nobody claims can be swept then.
    fn labels(&self) -> bool {
        false
    }

    /// The tokens of [`Provider::list`], each with its label where it has one.
    async fn labelled(&self, _like: &TokenId) -> Result<Vec<(TokenId, Option<Label>)>, ProviderError> {
        Err(ProviderError::Unsupported { act: "list tokens with their labels" })
    }

    /// Makes a token useless in a way that deletes nothing. Disabling a disabled one succeeds.
    async fn disable(&self, warrant: &Warrant, credential: &Credential) -> Result<(), ProviderError>;

    /// Ends a token. `credential.token` is the warrant's token; its secret may be missing (then it is ended by id).
    async fn revoke(&self, warrant: &Warrant, credential: &Credential) -> Result<Revoked, ProviderError>;

    /// Ends the sessions that were opened with the token; says how many.
    async fn end_sessions(&self, warrant: &Warrant, credential: &Credential) -> Result<u64, ProviderError>;

    /// Where and when a token was used since a time.
    async fn usage(&self, token: &TokenId, since: Timestamp) -> Result<Usage, ProviderError>;
}

/// The token that an act may end: the warrant's, which must be the credential's where that is known.
fn warranted<'w>(act: &'static str, warrant: &'w Warrant, of: &Credential) -> Result<&'w TokenId, ProviderError> {
    match &of.token {
        Some(token) if token != warrant.token() => {
            Err(ProviderError::Refused { act, code: "the warrant is for another token".to_owned() })
        }
        Some(_) | None => Ok(warrant.token()),
    }
}

/// The handle of the token that a mint is to be like.
fn liked<'c>(act: &'static str, like: &'c Credential) -> Result<&'c TokenId, ProviderError> {
    like.token.as_ref().ok_or_else(|| ProviderError::Refused { act, code: "the old token has no handle".to_owned() })
}

/// Why a provider did not do it. Holds public facts only: never a reply's body.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// It refused: surely not done.
    #[error("the provider refused to {act}: {code}")]
    Refused {
        /// What was attempted, as an infinitive.
        act: &'static str,
        /// The status or error code.
        code: String,
    },
    /// It has no room for another token.
    #[error("the provider has no room for another token")]
    Quota,
    /// It asks to wait.
    #[error("the provider asks to wait before the next attempt to {act}")]
    Throttled {
        /// What was attempted.
        act: &'static str,
        /// How long.
        after: Duration,
    },
    /// No answer, or one outside the documentation.
    #[error("no usable answer from the provider to the attempt to {act}")]
    NoAnswer {
        /// What was attempted.
        act: &'static str,
        /// Could it have happened?
        happened: Happened,
        /// No answer at all, or an unexpected one.
        why: Reason,
    },
    /// This provider cannot do that.
    #[error("this provider cannot {act} without a person")]
    Unsupported {
        /// What was attempted.
        act: &'static str,
    },
}

impl ProviderError {
    /// Could the act have happened all the same?
    #[must_use]
    pub fn happened(&self) -> Happened {
        match self {
            Self::NoAnswer { happened, .. } => *happened,
            Self::Refused { .. } | Self::Quota | Self::Throttled { .. } | Self::Unsupported { .. } => Happened::No,
        }
    }

    /// May it be tried again, and after how long?
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { after, .. } => Some(*after),
            Self::NoAnswer { .. } => Some(Duration::ZERO),
            Self::Refused { .. } | Self::Quota | Self::Unsupported { .. } => None,
        }
    }

    /// The reason in the core's words.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Refused { .. } => Reason::Rejected,
            Self::Quota => Reason::Quota,
            Self::Throttled { .. } => Reason::Throttled,
            Self::NoAnswer { why, .. } => *why,
            Self::Unsupported { .. } => Reason::Unsupported,
        }
    }
}
