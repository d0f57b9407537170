//! Who is told, and in which words: the seam to chat, paging, mail and logs.

use crate::model::{KindId, RotationId, Timestamp};
use async_trait::async_trait;
use std::time::Duration;

/// The moments that are told; each has its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
}

/// How urgent, for filters and severities of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Urgency {
    /// News.
    Info,
    /// Something waits.
    Warning,
    /// Something failed.
    Error,
    /// Somebody must act.
    Critical,
}

/// One message. Built from types that hold no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
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
