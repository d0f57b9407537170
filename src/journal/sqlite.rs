//! The journal in a database file: one transaction per write, durable when it returns.

mod rows;

pub(super) use rows::{count, entry, entry_columns, listed_of, signed};

use super::chain::{Verifier, canonical, link};
use super::inbox::{APPLIED, TOO_LATE};
use super::{
    Broken, Flaw, Hash, Journal, JournalError, Lease, Listed, Position, Record, Waiting, chain, id_after, plan_of,
    reopens,
};
use crate::database::{Database, DatabaseError, Reserve, Transaction};
use crate::model::{Digest, Person, RotationId, Timestamp};
use crate::rotation::{Event, Fact};
use crate::seal::Sealed;
use async_trait::async_trait;
use rows::{Head, insert_leaf, insert_record, sealed_of};
use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;
use std::sync::Arc;

/// Kept in a file of its own, to be given up when an outcome must be recorded on a full disk.
const RESERVE_BYTES: u64 = 4 << 20;

/// No rotation is opened with less room than this.
const ROOM_BYTES: u64 = 16 << 20;

/// The journal in a database file. A second value of it works on the same connection.
#[derive(Clone, Debug)]
pub struct SqliteJournal {
    database: Arc<Database>,
    reserve: Reserve,
    room_bytes: u64,
}

impl SqliteJournal {
    /// The journal in this database. What was erased before an interruption is wiped from the log now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open(database: Arc<Database>) -> Result<Self, JournalError> {
        let reserve = Reserve::beside(database.path(), RESERVE_BYTES);
        let journal = Self { database, reserve, room_bytes: ROOM_BYTES };
        journal.database.flush().await.map_err(|error| journal.explain("open", error))?;
        if let Err(error) = journal.reserve.keep() {
            // Whoever begins something is refused with words of its own.
            tracing::info!(%error, "the journal's disk has no room for a reserve: no rotation starts");
        }
        Ok(journal)
    }

    /// The database it lies in, which others share.
    #[must_use]
    pub fn database(&self) -> Arc<Database> {
        Arc::clone(&self.database)
    }

    /// What a failed statement means.
    pub(super) fn failed(&self, act: &'static str) -> impl Fn(sqlx::Error) -> JournalError + '_ {
        move |error| self.explain(act, self.database.explain(error))
    }

    fn explain(&self, act: &'static str, error: DatabaseError) -> JournalError {
        match error {
            DatabaseError::Full { .. } => self.full(self.reserve.bytes()),
            error => JournalError::Database { act, source: Box::new(error) },
        }
    }

    fn full(&self, needed_bytes: u64) -> JournalError {
        JournalError::Full { free_bytes: self.reserve.free().unwrap_or(0), needed_bytes }
    }

    /// Begins to write.
    pub(super) async fn begin(&self) -> Result<Transaction<'_>, JournalError> {
        self.database.write().await.map_err(|error| self.explain("write", error))
    }

    /// Begins to read.
    pub(super) async fn reading(&self) -> Result<Transaction<'_>, JournalError> {
        self.database.read().await.map_err(|error| self.explain("read", error))
    }

    /// Ends a write: durable if it went well, undone if not.
    pub(super) async fn end<T>(
        &self,
        work: Transaction<'_>,
        outcome: Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        match &outcome {
            Ok(_) => work.commit().await.map_err(|error| self.explain("write", error))?,
            // The connection is given up with the work, and whatever state it is in.
            Err(JournalError::Database { .. } | JournalError::Full { .. }) => drop(work),
            Err(_) => work.undo().await.map_err(|error| self.explain("write", error))?,
        }
        outcome
    }

    /// Nothing new is begun without room to record how it ends.
    fn demand_room(&self, room_bytes: u64) -> Result<(), JournalError> {
        self.reserve.keep().map_err(|_| self.full(self.reserve.bytes()))?;
        match self.reserve.free() {
            Ok(free_bytes) if free_bytes < room_bytes => {
                Err(JournalError::Full { free_bytes, needed_bytes: room_bytes })
            }
            _ => Ok(()),
        }
    }

    /// Gives the reserve up, so that what was begun comes to an end.
    fn make_room(&self) -> Result<(), JournalError> {
        tracing::warn!("the journal's disk is full: its reserve is given up to record how what was begun ends");
        self.reserve.spend().map_err(|error| JournalError::Database { act: "make room for", source: Box::new(error) })
    }

    async fn add(&self, addition: &Addition<'_>) -> Result<Position, JournalError> {
        if reopens(addition.events) {
            return Err(JournalError::Unopened);
        }
        let begins = addition.events.iter().any(|event| matches!(event.fact, Fact::Began { .. }));
        if begins {
            self.demand_room(0)?;
        }
        let next = match self.append_once(addition).await {
            Err(JournalError::Full { .. }) if !begins => {
                self.make_room()?;
                self.append_once(addition).await?
            }
            outcome => outcome?,
        };
        if addition.closes
            && let Err(error) = self.database.flush().await
        {
            tracing::warn!(%error, "erased values stay in the journal's log until it is opened next");
        }
        Ok(next)
    }

    async fn settle_in(&self, on: &mut SqliteConnection, id: i64, outcome: &str) -> Result<(), JournalError> {
        let settled = sqlx::query("UPDATE inbox SET outcome = ?, sealed = NULL WHERE id = ? AND outcome IS NULL")
            .bind(outcome)
            .bind(id)
            .execute(on)
            .await
            .map_err(self.failed("write"))?;
        if settled.rows_affected() == 0 { Err(JournalError::Settled) } else { Ok(()) }
    }

    async fn append_once(&self, addition: &Addition<'_>) -> Result<Position, JournalError> {
        let mut work = self.begin().await?;
        let outcome = self.append_in(work.connection(), addition).await;
        self.end(work, outcome).await
    }

    async fn append_in(&self, on: &mut SqliteConnection, addition: &Addition<'_>) -> Result<Position, JournalError> {
        let Addition { at, events, sealed, closes, monotonic, word } = addition;
        let head = self.head(on, &at.rotation).await?;
        if head.holder.is_none() || head.epoch != at.epoch || head.records.saturating_add(1) != at.seq {
            return Err(JournalError::Fenced { rotation: at.rotation.clone() });
        }
        if let Some(word) = word {
            self.settle_in(on, *word, APPLIED).await?;
        }
        let open = head.open && !closes;
        let next = self.write_records(on, &head.hash, at, events, *monotonic, open).await?;
        self.keep_sealed(on, &at.rotation, sealed).await?;
        if !open {
            for statement in [
                "DELETE FROM sealed WHERE rotation = ?1 AND ?2 IS NOT NULL",
                "DELETE FROM troubles WHERE rotation = ?1 AND ?2 IS NOT NULL",
                "UPDATE inbox SET sealed = NULL, outcome = coalesce(outcome, ?2) WHERE rotation = ?1",
            ] {
                sqlx::query(statement)
                    .bind(at.rotation.as_str())
                    .bind(TOO_LATE)
                    .execute(&mut *on)
                    .await
                    .map_err(self.failed("write"))?;
            }
        }
        Ok(next)
    }

    async fn head(&self, on: &mut SqliteConnection, rotation: &RotationId) -> Result<Head, JournalError> {
        let row = sqlx::query(
            "SELECT r.records, r.head, r.open, l.epoch, l.holder, l.until FROM rotations r JOIN leases l USING (rotation) \
             WHERE r.rotation = ?",
        )
        .bind(rotation.as_str())
        .fetch_optional(on)
        .await
        .map_err(self.failed("read"))?;
        let row = row.ok_or_else(|| JournalError::Missing { rotation: rotation.clone() })?;
        Head::of(&row).map_err(self.failed("read"))
    }

    /// Writes events as the next records and leaves, and what follows from them.
    async fn write_records(
        &self,
        on: &mut SqliteConnection,
        previous: &Hash,
        at: &Position,
        events: &[Event],
        monotonic: u64,
        open: bool,
    ) -> Result<Position, JournalError> {
        let failed = self.failed("write");
        let unwritable = |error: serde_json::Error| JournalError::Database { act: "write", source: Box::new(error) };
        let records = chain(&at.rotation, previous, at.seq, at.epoch, monotonic, events).map_err(unwritable)?;
        let last = sqlx::query("SELECT number, link FROM leaves ORDER BY number DESC LIMIT 1")
            .fetch_optional(&mut *on)
            .await
            .map_err(&failed)?;
        let (mut number, mut leaf) = match last {
            Some(row) => (count(&row, 0).map_err(&failed)?, Hash::kept(row.try_get(1).map_err(&failed)?)),
            None => (0, Hash::nothing()),
        };
        for record in &records {
            number = number.saturating_add(1);
            leaf = link(&leaf, number, &record.hash);
            let event = canonical(&serde_json::to_value(&record.event).map_err(unwritable)?);
            insert_record(on, record, &event).await.map_err(&failed)?;
            insert_leaf(on, number, record, &leaf).await.map_err(&failed)?;
        }
        let next = at.seq.saturating_add(records.len() as u64);
        sqlx::query("UPDATE rotations SET records = ?, head = ?, open = ? WHERE rotation = ?")
            .bind(signed(next.saturating_sub(1)))
            .bind(records.last().map_or(previous, |record| &record.hash).as_str())
            .bind(open)
            .bind(at.rotation.as_str())
            .execute(on)
            .await
            .map_err(&failed)?;
        Ok(Position { seq: next, ..at.clone() })
    }

    async fn keep_sealed(
        &self,
        on: &mut SqliteConnection,
        rotation: &RotationId,
        sealed: &[Sealed],
    ) -> Result<(), JournalError> {
        for value in sealed {
            sqlx::query("INSERT INTO sealed (rotation, digest, key, wrapped, ciphertext) VALUES (?, ?, ?, ?, ?)")
                .bind(rotation.as_str())
                .bind(value.digest.as_str())
                .bind(value.key.as_str())
                .bind(value.wrapped.as_slice())
                .bind(value.ciphertext.as_slice())
                .execute(&mut *on)
                .await
                .map_err(self.failed("write"))?;
        }
        Ok(())
    }

    async fn open_in(
        &self,
        on: &mut SqliteConnection,
        identity: &str,
        event: &Event,
        sealed: &[Sealed],
        lease: &Lease,
        monotonic: u64,
    ) -> Result<Position, JournalError> {
        let failed = self.failed("write");
        let plan = plan_of(event)?;
        let other: Option<String> =
            sqlx::query_scalar("SELECT rotation FROM rotations WHERE identity = ? AND open = 1")
                .bind(identity)
                .fetch_optional(&mut *on)
                .await
                .map_err(&failed)?;
        if let Some(other) = other {
            return Err(JournalError::Active { rotation: RotationId::new(other) });
        }
        let made = sqlx::query(
            "INSERT INTO rotations (rotation, credential, identity, opened, records, head) VALUES (?, ?, ?, ?, 0, ?) \
             ON CONFLICT (rotation) DO NOTHING",
        )
        .bind(plan.rotation.as_str())
        .bind(plan.credential.as_str())
        .bind(identity)
        .bind(signed(event.at.0))
        .bind(Hash::nothing().as_str())
        .execute(&mut *on)
        .await
        .map_err(&failed)?;
        if made.rows_affected() == 0 {
            return Err(JournalError::Fenced { rotation: plan.rotation.clone() });
        }
        let at = Position { rotation: plan.rotation.clone(), epoch: 1, seq: 1 };
        sqlx::query("INSERT INTO leases (rotation, epoch, holder, until) VALUES (?, 1, ?, ?)")
            .bind(at.rotation.as_str())
            .bind(lease.holder.as_str())
            .bind(signed(lease.now.after(lease.span).0))
            .execute(&mut *on)
            .await
            .map_err(&failed)?;
        self.keep_sealed(on, &at.rotation, sealed).await?;
        self.write_records(on, &Hash::nothing(), &at, std::slice::from_ref(event), monotonic, true).await
    }

    async fn acquire_once(&self, rotation: &RotationId, lease: &Lease) -> Result<Position, JournalError> {
        let mut work = self.begin().await?;
        let outcome = self.acquire_in(work.connection(), rotation, lease).await;
        self.end(work, outcome).await
    }

    async fn acquire_in(
        &self,
        on: &mut SqliteConnection,
        rotation: &RotationId,
        lease: &Lease,
    ) -> Result<Position, JournalError> {
        let head = self.head(on, rotation).await?;
        if let Some(holder) = head.holder.filter(|holder| lease.is_barred_by(holder, head.until)) {
            return Err(JournalError::Held { rotation: rotation.clone(), holder, until: head.until });
        }
        let epoch = head.epoch.saturating_add(1);
        sqlx::query("UPDATE leases SET epoch = ?, holder = ?, until = ? WHERE rotation = ?")
            .bind(signed(epoch))
            .bind(lease.holder.as_str())
            .bind(signed(lease.now.after(lease.span).0))
            .bind(rotation.as_str())
            .execute(on)
            .await
            .map_err(self.failed("write"))?;
        Ok(Position { rotation: rotation.clone(), epoch, seq: head.records.saturating_add(1) })
    }

    /// Changes the lease if the epoch is current still and was not given back.
    async fn change_lease(&self, at: &Position, holder: Option<&str>, until: Timestamp) -> Result<(), JournalError> {
        let mut work = self.begin().await?;
        let outcome = self.change_lease_in(work.connection(), at, holder, until).await;
        self.end(work, outcome).await
    }

    async fn change_lease_in(
        &self,
        on: &mut SqliteConnection,
        at: &Position,
        holder: Option<&str>,
        until: Timestamp,
    ) -> Result<(), JournalError> {
        let head = self.head(on, &at.rotation).await?;
        if head.holder.is_none() || head.epoch != at.epoch {
            return Err(JournalError::Fenced { rotation: at.rotation.clone() });
        }
        sqlx::query("UPDATE leases SET holder = ?, until = ? WHERE rotation = ?")
            .bind(holder)
            .bind(signed(until.0))
            .bind(at.rotation.as_str())
            .execute(on)
            .await
            .map(|_| ())
            .map_err(self.failed("write"))
    }

    async fn replay_in(&self, on: &mut SqliteConnection, rotation: &RotationId) -> Result<Vec<Record>, JournalError> {
        let head = self.head(on, rotation).await?;
        let rows =
            sqlx::query(concat!("SELECT ", entry_columns!(), " FROM records r WHERE r.rotation = ? ORDER BY r.seq"))
                .bind(rotation.as_str())
                .fetch_all(on)
                .await
                .map_err(self.failed("read"))?;
        let mut verifier = Verifier::default();
        let mut records = Vec::with_capacity(rows.len());
        for row in &rows {
            let entry = entry(row, 0).map_err(self.failed("read"))??;
            verifier.take(&entry)?;
            records.push(entry.understand()?);
        }
        let found = verifier.records_of(rotation);
        if found < head.records {
            let seq = found.saturating_add(1);
            return Err(Broken::Record { rotation: rotation.clone(), seq, flaw: Flaw::Missing }.into());
        }
        Ok(records)
    }
}

#[async_trait]
impl Journal for SqliteJournal {
    async fn next_id(&self) -> Result<RotationId, JournalError> {
        let mut work = self.reading().await?;
        let last = sqlx::query(
            "SELECT coalesce(max(CAST(substr(rotation, 3) AS INTEGER)), 0) FROM rotations WHERE rotation GLOB 'C-[0-9]*'",
        )
        .fetch_one(work.connection())
        .await
        .and_then(|row| count(&row, 0))
        .map_err(self.failed("read"));
        Ok(id_after(self.end(work, last).await?))
    }

    async fn open(
        &self,
        identity: &str,
        event: &Event,
        sealed: &[Sealed],
        lease: &Lease,
        monotonic: u64,
    ) -> Result<Position, JournalError> {
        self.demand_room(self.room_bytes)?;
        let mut work = self.begin().await?;
        let outcome = self.open_in(work.connection(), identity, event, sealed, lease, monotonic).await;
        self.end(work, outcome).await
    }

    async fn append(
        &self,
        at: &Position,
        events: &[Event],
        sealed: &[Sealed],
        closes: bool,
        monotonic: u64,
    ) -> Result<Position, JournalError> {
        self.add(&Addition { at, events, sealed, closes, monotonic, word: None }).await
    }

    async fn replay(&self, rotation: &RotationId) -> Result<Vec<Record>, JournalError> {
        let mut work = self.reading().await?;
        let outcome = self.replay_in(work.connection(), rotation).await;
        self.end(work, outcome).await
    }

    async fn sealed(&self, rotation: &RotationId, digest: &Digest) -> Result<Option<Sealed>, JournalError> {
        let mut work = self.reading().await?;
        let outcome =
            sqlx::query("SELECT digest, key, wrapped, ciphertext FROM sealed WHERE rotation = ? AND digest = ?")
                .bind(rotation.as_str())
                .bind(digest.as_str())
                .fetch_optional(work.connection())
                .await
                .and_then(|row| row.as_ref().map(sealed_of).transpose())
                .map_err(self.failed("read"));
        self.end(work, outcome).await
    }

    async fn list(&self) -> Result<Vec<Listed>, JournalError> {
        let mut work = self.reading().await?;
        let outcome = sqlx::query("SELECT rotation, credential, open, opened, records FROM rotations ORDER BY number")
            .fetch_all(work.connection())
            .await
            .and_then(|rows| rows.iter().map(listed_of).collect())
            .map_err(self.failed("read"));
        self.end(work, outcome).await
    }

    async fn acquire(&self, rotation: &RotationId, lease: &Lease) -> Result<Position, JournalError> {
        match self.acquire_once(rotation, lease).await {
            Err(JournalError::Full { .. }) => {
                self.make_room()?;
                self.acquire_once(rotation, lease).await
            }
            outcome => outcome,
        }
    }

    async fn renew(&self, at: &Position, lease: &Lease) -> Result<(), JournalError> {
        let until = lease.now.after(lease.span);
        match self.change_lease(at, Some(&lease.holder), until).await {
            Err(JournalError::Full { .. }) => {
                self.make_room()?;
                self.change_lease(at, Some(&lease.holder), until).await
            }
            outcome => outcome,
        }
    }

    async fn release(&self, at: &Position) -> Result<(), JournalError> {
        self.change_lease(at, None, Timestamp(0)).await
    }

    async fn leave_word(
        &self,
        rotation: &RotationId,
        fact: &Fact,
        sealed: Option<&Sealed>,
        who: &Person,
        at: Timestamp,
    ) -> Result<i64, JournalError> {
        let unwritable = |error: serde_json::Error| JournalError::Database { act: "write", source: Box::new(error) };
        let fact = serde_json::to_string(fact).map_err(unwritable)?;
        let sealed = sealed.map(serde_json::to_string).transpose().map_err(unwritable)?;
        let mut work = self.begin().await?;
        let outcome = match self.head(work.connection(), rotation).await {
            Ok(head) => {
                sqlx::query("INSERT INTO inbox (rotation, fact, sealed, who, at, outcome) VALUES (?, ?, ?, ?, ?, ?)")
                    .bind(rotation.as_str())
                    .bind(fact)
                    .bind(sealed.filter(|_| head.open))
                    .bind(who.as_str())
                    .bind(signed(at.0))
                    .bind((!head.open).then_some(TOO_LATE))
                    .execute(work.connection())
                    .await
                    .map(|done| done.last_insert_rowid())
                    .map_err(self.failed("write"))
            }
            Err(error) => Err(error),
        };
        self.end(work, outcome).await
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
        let events = std::slice::from_ref(event);
        self.add(&Addition { at, events, sealed, closes, monotonic, word: Some(id) }).await
    }

    async fn waiting(&self, rotation: &RotationId) -> Result<Option<Waiting>, JournalError> {
        let mut work = self.reading().await?;
        let outcome = sqlx::query(
            "SELECT id, fact, sealed, who, at FROM inbox WHERE rotation = ? AND outcome IS NULL ORDER BY id LIMIT 1",
        )
        .bind(rotation.as_str())
        .fetch_optional(work.connection())
        .await
        .and_then(|row| row.as_ref().map(Waiting::of).transpose())
        .map_err(self.failed("read"));
        self.end(work, outcome).await
    }

    async fn settle(&self, id: i64, outcome: &str) -> Result<(), JournalError> {
        let mut work = self.begin().await?;
        let settled = self.settle_in(work.connection(), id, outcome).await;
        match self.end(work, settled).await {
            Err(JournalError::Settled) => Ok(()),
            outcome => outcome,
        }
    }
}

/// What one append brings.
struct Addition<'a> {
    at: &'a Position,
    events: &'a [Event],
    sealed: &'a [Sealed],
    closes: bool,
    monotonic: u64,
    /// The word of the inbox that it comes from.
    word: Option<i64>,
}

#[cfg(test)]
mod tests;
