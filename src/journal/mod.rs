//! The durable record of rotations: append-only, chained, compare-and-set; the contract of its keepers. What outlives the
//! process lies in a file, or on a server that several machines share.

mod attendant;
mod audit;
mod chain;
mod checkpoint;
mod clocks;
#[cfg(test)]
mod contract;
pub mod durable;
mod evidence;
mod inbox;
mod marking;
pub mod memory;
mod migrate;
mod resealing;
mod signatures;
mod summary;
mod tree;
mod walk;
mod witness;

pub use attendant::{Ask, Attendant};
pub use audit::{AuditError, Demands, export, verify_file, verify_server};
pub use chain::{Broken, Flaw, Hash, chain, verify};
pub use checkpoint::Checkpoint;
pub use clocks::Jump;
pub use evidence::{Evidence, EvidenceError, EvidenceFolder};
pub use inbox::{APPLIED, Standing, Waiting};
pub use marking::{MarkError, Marked};
pub use migrate::{MigrateError, Moved, migrate};
pub use resealing::Resealed;
pub use signatures::SignedWord;
pub use summary::{Met, Summary};
pub use tree::Root;

use crate::model::{Digest, Person, RotationId, Timestamp};
use crate::rotation::{Event, Fact, Plan};
use crate::seal::Sealed;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The format of plans, and of what is done about them. It grows whenever a version writes something into a rotation that an
/// older one would carry on wrongly; the older one then leaves such a rotation alone.
pub(crate) const FORMAT: u64 = 3;

/// The next free place in a rotation's journal, and the epoch of the lease under which is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The rotation.
    pub rotation: RotationId,
    /// The epoch.
    pub epoch: u64,
    /// The number that the next record takes; the first is 1.
    pub seq: u64,
}

/// One record as it is kept: an event of the core, its place in the chain, and the two clocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The rotation.
    pub rotation: RotationId,
    /// From 1, without gaps.
    pub seq: u64,
    /// The epoch of the writer's lease.
    pub epoch: u64,
    /// The monotonic clock of the writer, milliseconds.
    pub monotonic: u64,
    /// The event.
    pub event: Event,
    /// The hash of the record before; of the first, the hash of nothing.
    pub previous: Hash,
    /// The hash of this record.
    pub hash: Hash,
}

/// One rotation in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The rotation.
    pub rotation: RotationId,
    /// The managed credential's name.
    pub credential: String,
    /// Whether it still runs.
    pub open: bool,
    /// When it was opened.
    pub opened: Timestamp,
    /// Records so far.
    pub records: u64,
}

/// The record of rotations. On return of a write, it is durable.
#[async_trait]
pub trait Journal: std::fmt::Debug + Send + Sync {
    /// The id that the next rotation takes (`C-0001` and so on).
    async fn next_id(&self) -> Result<RotationId, JournalError>;

    /// Opens a rotation with its first event (a [`crate::rotation::Fact::Opened`]) and takes its lease, in one
    /// transaction. One rotation per credential may be open: a second is [`JournalError::Active`]. `identity` is what
    /// the credential is known by (provider and token id, or a digest keyed by the installation).
    async fn open(
        &self,
        identity: &str,
        event: &Event,
        sealed: &[Sealed],
        lease: &Lease,
        monotonic: u64,
    ) -> Result<Position, JournalError>;

    /// Appends events and sealed values in one transaction if `at` is the next position and its epoch is current.
    /// `closes` says that no effect follows any more: sealed values of the rotation are erased in the same transaction.
    async fn append(
        &self,
        at: &Position,
        events: &[Event],
        sealed: &[Sealed],
        closes: bool,
        monotonic: u64,
    ) -> Result<Position, JournalError>;

    /// All records of a rotation, in order, with the chain checked.
    async fn replay(&self, rotation: &RotationId) -> Result<Vec<Record>, JournalError>;

    /// A sealed value by the digest that a record mentions; none once it was erased.
    async fn sealed(&self, rotation: &RotationId, digest: &Digest) -> Result<Option<Sealed>, JournalError>;

    /// All rotations, oldest first.
    async fn list(&self) -> Result<Vec<Listed>, JournalError>;

    /// Takes (or takes over, if it expired or its holder is known to have ended) the lease of a rotation; the epoch grows by
    /// one with every taking.
    async fn acquire(&self, rotation: &RotationId, lease: &Lease) -> Result<Position, JournalError>;

    /// Prolongs the lease if the epoch is current still.
    async fn renew(&self, at: &Position, lease: &Lease) -> Result<(), JournalError>;

    /// Gives the lease back if the epoch is current still.
    async fn release(&self, at: &Position) -> Result<(), JournalError>;

    /// Puts a person's word into the inbox of a rotation that somebody else runs, with the sealed value that it brings;
    /// the number under which it waits.
    async fn leave_word(
        &self,
        rotation: &RotationId,
        fact: &Fact,
        sealed: Option<&Sealed>,
        who: &Person,
        at: Timestamp,
    ) -> Result<i64, JournalError>;

    /// The oldest word that waits.
    async fn waiting(&self, rotation: &RotationId) -> Result<Option<Waiting>, JournalError>;

    /// Appends the event of a waiting word as [`Journal::append`] does, and takes the word out of the inbox in the same
    /// transaction: it is applied once, whenever the process dies. A word that does not wait any more is
    /// [`JournalError::Settled`].
    async fn take_word(
        &self,
        id: i64,
        at: &Position,
        event: &Event,
        sealed: &[Sealed],
        closes: bool,
        monotonic: u64,
    ) -> Result<Position, JournalError>;

    /// Takes a word out of the inbox that was not applied, with the reason.
    async fn settle(&self, id: i64, outcome: &str) -> Result<(), JournalError>;
}

/// Who holds a rotation, from when, for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The worker: unique per process.
    pub holder: String,
    /// Now, by the clock of this machine. A journal on a server goes by the clock of that server instead.
    pub now: Timestamp,
    /// For how long.
    pub span: Duration,
    /// A holder that is known to have ended: its lease counts as expired, and nobody else's.
    pub ended: Option<String>,
}

impl Lease {
    /// True while another worker's lease stands in the way of this one.
    fn is_barred_by(&self, holder: &str, until: Timestamp, now: Timestamp) -> bool {
        holder != self.holder && self.ended.as_deref() != Some(holder) && until > now
    }
}

/// Why the journal did not do it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The database failed: nothing was recorded, so nothing may follow.
    #[error("could not {act} the journal")]
    Database {
        /// What was attempted, as an infinitive.
        act: &'static str,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There is no such rotation.
    #[error("there is no case {rotation}")]
    Missing {
        /// Which.
        rotation: RotationId,
    },
    /// A rotation of this credential is open.
    #[error("{rotation} already rotates this credential")]
    Active {
        /// Which.
        rotation: RotationId,
    },
    /// The position is taken or the epoch is over: another worker took over.
    #[error("another worker took {rotation} over")]
    Fenced {
        /// Which.
        rotation: RotationId,
    },
    /// Another worker holds the lease.
    #[error("{rotation} is run by {holder} until {until}")]
    Held {
        /// Which.
        rotation: RotationId,
        /// Who.
        holder: String,
        /// Until when.
        until: Timestamp,
    },
    /// The first event is not an opening, or a later one is.
    #[error("a case begins with its plan, and has one")]
    Unopened,
    /// The word does not wait any more.
    #[error("this word was taken out of the inbox before")]
    Settled,
    /// Another process runs everything here.
    #[error("a daemon attends this journal since {since} (process {process})")]
    Attended {
        /// Its number.
        process: String,
        /// Since when.
        since: Timestamp,
    },
    /// A newer version of this program opened it.
    #[error("{rotation} was opened by a newer stanch (format {found}, this version knows {known}): run the newer one")]
    Newer {
        /// Which.
        rotation: RotationId,
        /// The format it has.
        found: u64,
        /// The newest format known.
        known: u64,
    },
    /// The journal lies elsewhere now.
    #[error("this journal was moved to {place}: name that in the configuration")]
    Moved {
        /// Where it is.
        place: String,
    },
    /// This machine does not have the key that the others have who share the journal.
    #[error(
        "the {what} of this machine ({found}) is not the one of this journal ({wanted}): copy its file from a machine that \
         shares the journal already"
    )]
    Key {
        /// Which key.
        what: String,
        /// The public name of the one that is wanted.
        wanted: String,
        /// The public name of the one that is here.
        found: String,
    },
    /// Values are sealed under a key that was to be forgotten.
    #[error(
        "{values} values are still sealed under the envelope key {key}: stanch key rotate puts them under the new one"
    )]
    KeyInUse {
        /// Its id.
        key: String,
        /// How many.
        values: u64,
    },
    /// A value was sealed under a key that was forgotten.
    #[error(
        "nothing is kept under the envelope key {key} any more: this process holds a key that was forgotten, start it again"
    )]
    KeyForgotten {
        /// Its id.
        key: String,
    },
    /// The chain is broken.
    #[error("the journal is damaged: nothing of this case is done until it is restored from a backup")]
    Damaged(#[from] Broken),
    /// The database lacks records that it acknowledged.
    #[error(
        "the journal went back: record {seen} of all was acknowledged to this machine, and the {records} that are there are without \
         it. It was restored from a backup, or a server took over that lacked it, or it is another journal. Nothing is done \
         from it; docs/runbooks/journal.md tells how to go on ({})", note.display()
    )]
    WentBack {
        /// The place of the newest record that was acknowledged here.
        seen: u64,
        /// How many records there are now.
        records: u64,
        /// The file where that is noted.
        note: std::path::PathBuf,
    },
    /// There is no room for another rotation.
    #[error("the journal's disk has no room: {free_bytes} bytes are free, {needed_bytes} are kept in reserve")]
    Full {
        /// Free bytes.
        free_bytes: u64,
        /// Needed bytes.
        needed_bytes: u64,
    },
}

/// The id of the rotation after the `last` ones.
fn id_after(last: u64) -> RotationId {
    RotationId::new(format!("C-{:04}", last.saturating_add(1)))
}

/// The number in an id; 0 where there is none.
fn number_of(rotation: &RotationId) -> u64 {
    rotation.as_str().strip_prefix("C-").and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

fn unwritable(error: serde_json::Error) -> JournalError {
    JournalError::Database { act: "write", source: Box::new(error) }
}

/// The plan of a first event.
fn plan_of(event: &Event) -> Result<&Plan, JournalError> {
    match &event.fact {
        Fact::Opened(plan) => Ok(plan),
        _ => Err(JournalError::Unopened),
    }
}

/// True when one of the events opens a rotation, which only a first one may.
fn reopens(events: &[Event]) -> bool {
    events.iter().any(|event| matches!(event.fact, Fact::Opened(_)))
}
