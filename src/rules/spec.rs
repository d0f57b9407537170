//! A rule file as typed. Nothing here is checked beyond its shape; `check` makes kinds of it.

use super::exchange::{AbilitiesSpec, Calls, ReplySpec, Ways};
use super::shape::DetectSpec;
use crate::model::{Confidence, Severity};
use serde::Deserialize;

/// One file: one provider.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileSpec {
    pub(super) provider: String,
    pub(super) title: String,
    pub(super) hosts: Vec<String>,
    pub(super) kinds: Vec<KindSpec>,
}

/// One kind.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KindSpec {
    pub(super) id: String,
    pub(super) title: String,
    #[serde(default)]
    pub(super) opens: Option<Opens>,
    /// What to do when it leaks, beside what the conversations say.
    #[serde(default)]
    pub(super) advice: Vec<String>,
    pub(super) severity: Severity,
    #[serde(default)]
    pub(super) confidence: Option<Confidence>,
    pub(super) sources: Vec<Source>,
    #[serde(default)]
    pub(super) driver: Option<String>,
    pub(super) detect: DetectSpec,
    #[serde(default)]
    verify: Ways,
    #[serde(default)]
    mint: Ways,
    #[serde(default)]
    replace: Ways,
    #[serde(default)]
    list: Ways,
    #[serde(default)]
    find: Ways,
    #[serde(default)]
    disable: Ways,
    #[serde(default)]
    revoke: Ways,
    #[serde(default)]
    usage: Ways,
    #[serde(default)]
    abilities: AbilitiesSpec,
    #[serde(default)]
    replies: Vec<ReplySpec>,
}

impl KindSpec {
    /// The conversations, as typed.
    pub(super) fn calls(&self) -> Calls {
        let Self { verify, mint, replace, list, find, disable, revoke, usage, abilities, replies, .. } = self.clone();
        Calls { verify, mint, replace, list, find, disable, revoke, usage, abilities, replies }
    }
}

/// What whoever holds a token can do.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opens {
    /// In a sentence.
    pub says: String,
    /// The page that says so.
    pub page: String,
    /// How well that is known.
    pub mark: Mark,
}

/// Where a fact about a kind comes from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The page.
    pub page: String,
    /// How well the fact is known.
    pub mark: Mark,
    /// What to know about it.
    #[serde(default)]
    pub note: Option<String>,
}

/// How well a fact is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Mark {
    /// Documented by the provider.
    D,
    /// Measured.
    M,
    /// A peer says so.
    P,
    /// Unconfirmed.
    U,
}

/// Options under which every rule file is read: strict, and small.
pub(super) fn options() -> serde_yaml::Options {
    serde_yaml::options! {
        budget: serde_yaml::budget! {
            max_documents: 1,
            max_nodes: 100_000,
            max_total_scalar_bytes: 4 << 20,
        },
        strict_booleans: true,
        reject_unsupported_tags: true,
    }
}
