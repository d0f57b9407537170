//! The journal as one process has it: the process may die on every record, and the disk may be full.

use super::super::super::*;
use super::time::{Time, at_once};
use super::trouble::{Fault, Trouble};
use crate::journal::memory::MemoryJournal;
use crate::journal::{Listed, Record, Waiting};
use crate::model::Digest;
use async_trait::async_trait;
use std::sync::Arc;

/// One process's way to the journal.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) journal: Arc<MemoryJournal>,
    pub(super) time: Arc<Time>,
    pub(super) trouble: Arc<Trouble>,
    /// The process is dead: nothing of it happens any more.
    pub(super) dead: Arc<AtomicBool>,
}

impl Desk {
    /// A journal takes its time too, and others may come between.
    async fn turn(&self) {
        if self.trouble.below(4) == 0 {
            self.time.sleep(1 + self.trouble.below(3)).await;
        }
    }

    async fn die<T>(&self) -> T {
        self.dead.store(true, Ordering::SeqCst);
        std::future::pending().await
    }

    /// Writes, unless something goes wrong.
    async fn write(
        &self,
        facts: &[Event],
        work: impl Fn() -> Result<Position, JournalError> + Send,
    ) -> Result<Position, JournalError> {
        self.turn().await;
        let trouble = &self.trouble;
        trouble.tell(|| {
            let facts: Vec<_> = facts.iter().map(|event| &event.fact).collect();
            format!("{:>9} {:?} records {facts:?}", self.time.now(), trouble.stage())
        });
        let dies = trouble.dies();
        if dies == Some(false) || trouble.strikes(Fault::KilledBefore, 4) {
            trouble.tell(|| "          killed before".to_owned());
            return self.die().await;
        }
        if trouble.strikes(Fault::Full, 6) {
            trouble.tell(|| "          full".to_owned());
            return Err(JournalError::Full { free_bytes: 0, needed_bytes: 1 });
        }
        let killed = dies == Some(true) || trouble.strikes(Fault::KilledAfter, 4);
        let unsure = !killed && trouble.strikes(Fault::Unsure, 6);
        let written = work();
        trouble
            .tell(|| format!("          {:?}, killed: {killed}, unsure: {unsure}", written.as_ref().map(|at| at.seq)));
        if killed {
            return self.die().await;
        }
        if unsure {
            return Err(JournalError::Database { act: "write", source: "nobody knows".into() });
        }
        written
    }
}

#[async_trait]
impl Journal for Desk {
    async fn next_id(&self) -> Result<RotationId, JournalError> {
        self.journal.next_id().await
    }

    async fn open(
        &self,
        identity: &str,
        event: &Event,
        sealed: &[Sealed],
        lease: &Lease,
        monotonic: u64,
    ) -> Result<Position, JournalError> {
        self.journal.open(identity, event, sealed, lease, monotonic).await
    }

    async fn append(
        &self,
        at: &Position,
        events: &[Event],
        sealed: &[Sealed],
        closes: bool,
        monotonic: u64,
    ) -> Result<Position, JournalError> {
        self.write(events, || at_once(self.journal.append(at, events, sealed, closes, monotonic))).await
    }

    async fn replay(&self, rotation: &RotationId) -> Result<Vec<Record>, JournalError> {
        self.turn().await;
        // The chain is checked once, at the end.
        Ok(self.journal.records(rotation))
    }

    async fn sealed(&self, rotation: &RotationId, digest: &Digest) -> Result<Option<Sealed>, JournalError> {
        self.journal.sealed(rotation, digest).await
    }

    async fn list(&self) -> Result<Vec<Listed>, JournalError> {
        self.journal.list().await
    }

    async fn acquire(&self, rotation: &RotationId, lease: &Lease) -> Result<Position, JournalError> {
        self.journal.acquire(rotation, lease).await
    }

    async fn renew(&self, at: &Position, lease: &Lease) -> Result<(), JournalError> {
        self.turn().await;
        if self.trouble.strikes(Fault::Unsure, 6) {
            return Err(JournalError::Database { act: "write", source: "nobody knows".into() });
        }
        self.journal.renew(at, lease).await
    }

    async fn release(&self, at: &Position) -> Result<(), JournalError> {
        self.turn().await;
        self.journal.release(at).await
    }

    async fn leave_word(
        &self,
        rotation: &RotationId,
        fact: &Fact,
        sealed: Option<&Sealed>,
        who: &Person,
        at: Timestamp,
    ) -> Result<i64, JournalError> {
        self.journal.leave_word(rotation, fact, sealed, who, at).await
    }

    async fn take_word(
        &self,
        id: i64,
        at: &Position,
        event: &Event,
        sealed: &[Sealed],
        closes: bool,
        monotonic: u64,
    ) -> Result<Position, JournalError> {
        let work = || at_once(self.journal.take_word(id, at, event, sealed, closes, monotonic));
        self.write(std::slice::from_ref(event), work).await
    }

    async fn waiting(&self, rotation: &RotationId) -> Result<Option<Waiting>, JournalError> {
        self.journal.waiting(rotation).await
    }

    async fn settle(&self, id: i64, outcome: &str) -> Result<(), JournalError> {
        self.turn().await;
        self.journal.settle(id, outcome).await
    }
}
