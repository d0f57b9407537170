//! Who uses the token: the contract every dependent's adapter keeps.

pub mod command;
mod expect;
pub mod http;
pub mod memory;
pub mod postgres;
mod reload;

pub use expect::Expectation;
pub use reload::Reload;

use crate::model::{Digest, Health, Reason, TokenId, Version};
use async_trait::async_trait;

/// What a dependent must attest: any of these tells versions apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The version that its store holds.
    pub version: Option<Version>,
    /// The token's handle.
    pub token: TokenId,
    /// SHA-256 of the secret, lower-case hex; absent where the secret is not known.
    pub digest: Option<Digest>,
    /// The user, where the secret is a login whose user changes with it.
    pub user: Option<String>,
}

/// A service that uses the token.
#[async_trait]
pub trait Dependent: std::fmt::Debug + Send + Sync {
    /// Its name in the inventory.
    fn name(&self) -> &str;

    /// True when it has a reload action.
    fn reloads(&self) -> bool;

    /// Asks it to read its store again; returns when the action is done, not when the roll-out is. Without an action,
    /// does nothing.
    async fn reload(&self) -> Result<(), DependentError>;

    /// Asks whether it works, and whether on the expected version: [`Health::Good`] only if it attests that version,
    /// [`Health::Stale`] if it attests another, [`Health::Indistinct`] if its answer cannot tell, [`Health::Bad`] if
    /// it answers that it does not work.
    async fn verify(&self, expected: &Expected) -> Result<Health, DependentError>;
}

/// Why a dependent could not be asked. Holds public facts only.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DependentError {
    /// No answer.
    #[error("no answer from {name}")]
    Unreachable {
        /// Who.
        name: String,
    },
    /// The reload action failed.
    #[error("the reload action of {name} failed: {code}")]
    Reload {
        /// Who.
        name: String,
        /// The status or exit code.
        code: String,
    },
    /// The probe itself cannot be run.
    #[error("the probe of {name} cannot be run")]
    Local {
        /// Who.
        name: String,
        /// Why.
        source: std::io::Error,
    },
    /// The settings cannot be used.
    #[error("the settings of {name} cannot be used: {problem}")]
    Settings {
        /// Who.
        name: String,
        /// What is wrong, with its remedy.
        problem: String,
    },
}

impl DependentError {
    /// The reason in the core's words.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Unreachable { .. } => Reason::Unreachable,
            Self::Reload { .. } => Reason::Unhealthy,
            Self::Local { .. } | Self::Settings { .. } => Reason::Local,
        }
    }
}
