//! Where the good copy lives: the contract every secrets manager's adapter keeps.

pub mod aws;
pub mod local;
pub mod memory;
pub mod vault;

#[cfg(test)]
mod contract;

use crate::model::{Happened, Label, Reason, Secret, StorePath, Version};
use crate::rotation::{Staged, Staging};
use async_trait::async_trait;
use std::time::Duration;

/// Which version to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// What dependents get.
    Current,
    /// One version.
    Exactly(Version),
}

/// A secrets manager. Every write is conditional on what was read before it; a repeated write of the same value under
/// the same label is one write.
#[async_trait]
pub trait SecretStore: std::fmt::Debug + Send + Sync {
    /// Whether a version can wait apart.
    fn staging(&self) -> Staging;

    /// Checks, without changing anything, that `at` exists, can be read and (as far as the store tells) written, and
    /// that no foreign half-done change is in the way. Returns the current version.
    async fn ready(&self, at: &StorePath) -> Result<Version, StoreError>;

    /// Reads one version.
    async fn read(&self, at: &StorePath, which: &Which) -> Result<(Version, Secret), StoreError>;

    /// With native staging, writes a version that no dependent reads yet (the same label gives the same version);
    /// without, writes nothing and returns the version to leave.
    async fn stage(&self, at: &StorePath, value: &Secret, label: &Label) -> Result<Staged, StoreError>;

    /// Makes `value` current if `staged.previous` is current still, and returns the version that is then current. If
    /// `value` is current already, that is success. Also the way back: with `staged.version` the old version (where
    /// versions are kept apart) and `staged.previous` the new one.
    async fn promote(&self, at: &StorePath, staged: &Staged, value: &Secret) -> Result<Version, StoreError>;

    /// Makes `value`, which is current, stay current whatever a write under `staged` does that may still be under way:
    /// afterwards it is current as a version that such a write does not name. Returns that version; a repeated fence
    /// under the same label is one.
    async fn fence(
        &self,
        at: &StorePath,
        staged: &Staged,
        value: &Secret,
        label: &Label,
    ) -> Result<Version, StoreError>;

    /// Drops what a mint's label left that is not current. Nothing there is success.
    async fn discard(&self, at: &StorePath, label: &Label) -> Result<(), StoreError>;
}

/// Why a store did not do it. Holds public facts only.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Somebody else moved it.
    #[error("another writer moved {at}")]
    Conflict {
        /// Which path.
        at: StorePath,
    },
    /// A change that is not ours waits there, half done.
    #[error("a change that is not ours waits at {at} as version {version}: finish it, or remove its stage AWSPENDING")]
    Pending {
        /// Which path.
        at: StorePath,
        /// The version that waits.
        version: Version,
    },
    /// Not there.
    #[error("{at} has no such version")]
    Missing {
        /// Which path.
        at: StorePath,
    },
    /// Refused: surely not done.
    #[error("the store refused to {act} {at}: {code}")]
    Refused {
        /// What was attempted, as an infinitive.
        act: &'static str,
        /// Which path.
        at: StorePath,
        /// The status or error code.
        code: String,
    },
    /// No answer, or one outside the documentation.
    #[error("no usable answer from the store to the attempt to {act} {at}")]
    NoAnswer {
        /// What was attempted.
        act: &'static str,
        /// Which path.
        at: StorePath,
        /// Could it have happened?
        happened: Happened,
    },
    /// It is there and does not serve.
    #[error("the store does not serve the attempt to {act} {at}: {state}")]
    OutOfService {
        /// What was attempted.
        act: &'static str,
        /// Which path.
        at: StorePath,
        /// Could it have happened?
        happened: Happened,
        /// The status, and what it means there.
        state: &'static str,
    },
    /// A local file failed.
    #[error("could not {act} {at}")]
    Local {
        /// What was attempted.
        act: &'static str,
        /// Which path.
        at: StorePath,
        /// Why.
        source: std::io::Error,
    },
    /// A sealed value could not be opened.
    #[error("the sealed value of {at} cannot be opened")]
    Unreadable {
        /// Which path.
        at: StorePath,
    },
    /// The settings cannot be used.
    #[error("the settings of the {store} store cannot be used: {problem}")]
    Settings {
        /// Which kind of store.
        store: &'static str,
        /// What is wrong, with its remedy.
        problem: &'static str,
    },
}

impl StoreError {
    /// Could the act have happened all the same?
    #[must_use]
    pub fn happened(&self) -> Happened {
        match self {
            Self::NoAnswer { happened, .. } | Self::OutOfService { happened, .. } => *happened,
            Self::Local { .. } => Happened::Perhaps,
            Self::Conflict { .. }
            | Self::Pending { .. }
            | Self::Missing { .. }
            | Self::Refused { .. }
            | Self::Unreadable { .. }
            | Self::Settings { .. } => Happened::No,
        }
    }

    /// May it be tried again, and after how long?
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::NoAnswer { .. } | Self::OutOfService { .. } | Self::Local { .. } => Some(Duration::ZERO),
            Self::Conflict { .. }
            | Self::Pending { .. }
            | Self::Missing { .. }
            | Self::Refused { .. }
            | Self::Unreadable { .. }
            | Self::Settings { .. } => None,
        }
    }

    /// The reason in the core's words.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Conflict { .. } | Self::Pending { .. } => Reason::Conflict,
            Self::Missing { .. } => Reason::Missing,
            Self::Refused { .. } => Reason::Rejected,
            Self::NoAnswer { .. } | Self::OutOfService { .. } => Reason::Unreachable,
            Self::Local { .. } | Self::Settings { .. } => Reason::Local,
            Self::Unreadable { .. } => Reason::Unreadable,
        }
    }
}

/// The label of the version that fences off a mint's late writes.
fn fence_label(label: &Label) -> Label {
    Label::new(format!("{label}-fence"))
}

/// True when a store would give both values back as one. The bytes are the same, or both are the text of a JSON object
/// with the same members: stores that keep fields (Vault KV) lose their order and spacing.
#[must_use]
pub fn same_value(one: &Secret, other: &Secret) -> bool {
    one.same_as(other) || matches!((fields(one), fields(other)), (Some(one), Some(other)) if one == other)
}

/// The members of a value that is the text of a JSON object.
#[expect(clippy::disallowed_methods, reason = "the text is parsed here and leaves as members that the caller keeps")]
fn fields(value: &Secret) -> Option<serde_json::Map<String, serde_json::Value>> {
    serde_json::from_slice(value.expose()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_compared_as_members_only_when_both_are_objects() {
        let secret = |text: &str| Secret::new(text.as_bytes().to_vec());
        assert!(same_value(&secret(r#"{"b": 1, "a": "x"}"#), &secret(r#"{"a":"x","b":1}"#)));
        assert!(!same_value(&secret(r#"{"a":"x"}"#), &secret(r#"{"a":"y"}"#)));
        assert!(!same_value(&secret("[1, 2]"), &secret("[1,2]")));
        assert!(same_value(&secret("plain"), &secret("plain")));
        assert!(!same_value(&secret("plain"), &secret("plain ")));
    }
}
