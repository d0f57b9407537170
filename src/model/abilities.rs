//! What a provider can do, as data: asked before starting, so that nothing is discovered half-way.

use serde::{Deserialize, Serialize};

/// Whether and how old and new live side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Any number, or a quota, of tokens side by side.
    Overlap,
    /// Exactly two slots that alternate.
    TwoSlots,
    /// The new one replaces the old one in one step.
    Replace,
    /// Short-lived; the next one is minted on demand.
    Ephemeral,
    /// A person makes and ends them in a console.
    Console,
}

/// Who chooses the value of a new token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Chooser {
    /// We do: written durably first, then pushed; pushing again is harmless.
    Client,
    /// The provider does: the value exists once, in one reply.
    Server,
}

/// How many tokens one principal may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quota {
    /// No limit that matters.
    Unlimited,
    /// At most this many.
    AtMost(u32),
}

/// The capability record of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abilities {
    /// Whether old and new coexist.
    pub class: Class,
    /// Who chooses the value.
    pub chooser: Chooser,
    /// How many tokens there may be.
    pub quota: Quota,
    /// Mints without a person.
    pub mint: bool,
    /// Lists tokens with ids.
    pub list: bool,
    /// Finds tokens by the label of the mint.
    pub find: bool,
    /// Can disable a token before deleting it.
    pub disable: bool,
    /// Revokes without a person.
    pub revoke: bool,
    /// Sessions opened with the old token outlive it and can be ended.
    pub sessions: bool,
    /// Tells of use.
    pub usage: bool,
    /// Reads the rights of a token.
    pub scopes: bool,
    /// Revokes in parts, and the token is refused before the last of them is done: it could come back. So a revocation
    /// without an answer is sent again though the token is refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_parts: bool,
}

impl Abilities {
    /// Of a provider that can do everything, chooses the values itself and has no quota.
    pub const EVERYTHING: Self = Self {
        class: Class::Overlap,
        chooser: Chooser::Server,
        quota: Quota::Unlimited,
        mint: true,
        list: true,
        find: true,
        disable: true,
        revoke: true,
        sessions: true,
        usage: true,
        scopes: true,
        in_parts: false,
    };
}
