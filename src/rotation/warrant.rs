//! The right to revoke.

use crate::model::{Digest, Person, TokenId, Version};
use serde::{Deserialize, Serialize};

/// Permission to end one token. Only the machine can write one, so no other code can revoke anything.
///
/// ```compile_fail
/// use stanch::{model::TokenId, rotation::{Grounds, Warrant}};
/// let warrant = Warrant::new(TokenId::new("t"), Grounds::NeverUsed);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Warrant {
    token: TokenId,
    grounds: Grounds,
}

/// Why a warrant was given.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grounds {
    /// A successor is in use; these are its versions, store by store.
    Succeeded(Vec<Version>),
    /// A person ordered it.
    Ordered(Person),
    /// A policy ordered it beforehand: an emergency plan that nobody had to approve, by its digest.
    Policy(Digest),
    /// The token never went into use, or was taken out of it and every dependent proved without it.
    NeverUsed,
}

impl Warrant {
    pub(super) fn new(token: TokenId, grounds: Grounds) -> Self {
        Self { token, grounds }
    }

    /// A warrant for the tests of adapters, which stand outside the machine.
    #[cfg(test)]
    pub(crate) fn for_test(token: &str) -> Self {
        Self::new(TokenId::new(token), Grounds::NeverUsed)
    }

    /// The token that may be ended.
    #[must_use]
    pub fn token(&self) -> &TokenId {
        &self.token
    }

    /// Why.
    #[must_use]
    pub fn grounds(&self) -> &Grounds {
        &self.grounds
    }
}
