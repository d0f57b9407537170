//! Who is told, and in which words: the seam to chat, paging, mail and logs.

pub mod gelf;
pub mod mail;
pub mod pagerduty;
mod post;
pub mod slack;
pub mod syslog;
pub mod teams;
pub mod webhook;
mod wire;
pub mod words;

pub use crate::model::Urgency;

use crate::model::{KindId, RotationId, Timestamp};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// The moments that are told; each has its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// A leak was found, live or not asked.
    Leak,
    /// A person must approve.
    Approval,
    /// Something waits and will go back by itself.
    Stuck,
    /// A revocation was sent and its answer lost.
    Unsure,
    /// The old token is dead and a dependent fails.
    Outage,
    /// A case is held: a person must choose.
    Held,
    /// Closed: the old token was observed dead.
    Done,
    /// The old token is in use again; the leak is open.
    RolledBack,
    /// Something that should happen regularly did not.
    DeadMan,
    /// A login that is in use ends by itself soon, and nothing has replaced it.
    Ending,
    /// Somebody who is not known uses a token that is being replaced.
    Abused,
    /// A person decided: approved, resumed, aborted.
    Acted,
    /// Nothing happened: somebody tries whether messages arrive.
    Test,
}

impl Moment {
    /// As it is written everywhere.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Leak => "leak",
            Self::Approval => "approval",
            Self::Stuck => "stuck",
            Self::Unsure => "unsure",
            Self::Outage => "outage",
            Self::Held => "held",
            Self::Done => "done",
            Self::RolledBack => "rolled-back",
            Self::DeadMan => "dead-man",
            Self::Ending => "ending",
            Self::Abused => "abused",
            Self::Acted => "acted",
            Self::Test => "test",
        }
    }
}

/// The number that syslog has for an urgency.
fn level(of: Urgency) -> u8 {
    match of {
        Urgency::Info => 6,
        Urgency::Warning => 4,
        Urgency::Error => 3,
        Urgency::Critical => 2,
    }
}

/// One message. Built from types that hold no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// What it is told once under: the same key is never told twice.
    pub key: String,
    /// Which moment.
    pub moment: Moment,
    /// How urgent.
    pub urgency: Urgency,
    /// The case, where there is one: messages of one case belong together.
    pub case: Option<RotationId>,
    /// The kind of token.
    pub kind: Option<KindId>,
    /// The managed credential.
    pub credential: Option<String>,
    /// The whole message: what, where, live or not, effect, next act, who may stop it.
    pub text: String,
    /// A page about it.
    pub link: Option<String>,
    /// When it happened.
    pub at: Timestamp,
}

impl Notice {
    /// The first line: what a telephone shows.
    #[must_use]
    pub fn headline(&self) -> &str {
        self.text.lines().next().unwrap_or_default()
    }

    /// What messages of one case have in common, and others have for themselves.
    #[must_use]
    pub fn thread(&self) -> &str {
        self.case.as_ref().map_or(self.key.as_str(), RotationId::as_str)
    }
}

/// Somebody who is told, and from which urgency on.
#[derive(Clone, Debug)]
pub struct Route {
    /// Only what is at least so urgent.
    pub from: Urgency,
    /// Who.
    pub sink: Arc<dyn Sink>,
}

/// The first `most` characters; what was cut off leaves an ellipsis.
fn clipped(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most.saturating_sub(1)).chain(['\u{2026}']).collect(),
    }
}

/// Why a message was not taken. Holds public facts only: never an address that may hold a token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AlertError {
    /// It was refused: trying again is of no use.
    #[error("{sink} refused the message: {code}")]
    Refused {
        /// Which sink.
        sink: String,
        /// Status or code.
        code: String,
    },
    /// It may be taken later.
    #[error("{sink} did not take the message: {why}")]
    Later {
        /// Which sink.
        sink: String,
        /// Why.
        why: String,
        /// How long it asks to wait.
        after: Option<Duration>,
    },
    /// Its settings cannot be used.
    #[error("{sink} cannot be set up: {problem}")]
    Settings {
        /// Which sink.
        sink: String,
        /// What is wrong, and what to write instead.
        problem: String,
    },
}

/// Somebody who is told.
#[async_trait]
pub trait Sink: std::fmt::Debug + Send + Sync {
    /// Its name in the operator's file.
    fn name(&self) -> &str;

    /// Hands a message over. On return it was taken; delivering it twice must do no harm where that can be helped.
    async fn deliver(&self, notice: &Notice) -> Result<(), AlertError>;
}
