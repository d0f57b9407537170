//! The journal in a database: one transaction per write, durable when it returns.
//!
//! A file has one writer at a time. On a server each write locks the row of its rotation, then takes its turn at the
//! chain of all records; in this order everywhere, so that nobody waits for each other in a circle. What the server put
//! off for the sake of another's work is done again here: nothing of it was done.

mod leases;
mod rows;
mod wiping;

pub(super) use rows::{entry, entry_columns, leaf_of, listed_of};

use super::chain::{Verifier, canonical, link};
use super::inbox::{APPLIED, TOO_LATE};
use super::witness::{Seen, Witness};
use super::{
    Broken, FORMAT, Flaw, Hash, Journal, JournalError, Lease, Listed, Position, Record, Waiting, chain, id_after,
    number_of, plan_of, reopens, unwritable,
};
use crate::database::{Database, DatabaseError, Reserve, Transaction};
use crate::model::{Digest, Person, RotationId, Timestamp};
use crate::rotation::{Event, Fact};
use crate::seal::Sealed;
use async_trait::async_trait;
use rows::{Head, insert_leaf, insert_record, sealed_of};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Kept in a file of its own, to be given up when an outcome must be recorded on a full disk.
const RESERVE_BYTES: u64 = 4 << 20;

/// No rotation is opened with less room than this.
const ROOM_BYTES: u64 = 16 << 20;

/// How often work is done again that was put off for another's.
const TRIES: u32 = 8;

/// The journal in a database. A second value of it works on the same one.
#[derive(Clone, Debug)]
pub struct DurableJournal {
    database: Arc<Database>,
    /// What is given up when the disk is full; a server's disk is none of ours.
    reserve: Option<Reserve>,
    room_bytes: u64,
    /// What was acknowledged here, where that is noted.
    pub(super) witness: Option<Arc<Witness>>,
    /// Erased bytes are in the log still.
    unwiped: Arc<AtomicBool>,
}

impl DurableJournal {
    /// The journal in this database. What was erased before an interruption is wiped from a file's log now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open(database: Arc<Database>) -> Result<Self, JournalError> {
        let reserve = database.path().map(|path| Reserve::beside(path, RESERVE_BYTES));
        let journal = Self { database, reserve, room_bytes: ROOM_BYTES, witness: None, unwiped: Arc::default() };
        let is_wiped = journal.database.flush().await.map_err(journal.failed("open"))?;
        journal.note_wiped(is_wiped);
        if let Some(Err(error)) = journal.reserve.as_ref().map(Reserve::keep) {
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
    pub(super) fn failed(&self, act: &'static str) -> impl Fn(DatabaseError) -> JournalError + '_ {
        move |error| match (error, &self.reserve) {
            (DatabaseError::Full { .. }, Some(reserve)) => full(reserve, reserve.bytes()),
            (error, _) => JournalError::Database { act, source: Box::new(error) },
        }
    }

    /// Begins to write.
    pub(super) async fn begin(&self) -> Result<Transaction<'_>, JournalError> {
        self.database.write().await.map_err(self.failed("write"))
    }

    /// Begins to read.
    pub(super) async fn reading(&self) -> Result<Transaction<'_>, JournalError> {
        self.database.read().await.map_err(self.failed("read"))
    }

    /// Ends a write: durable if it went well, undone if not.
    pub(super) async fn end<T>(
        &self,
        work: Transaction<'_>,
        outcome: Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        match &outcome {
            Ok(_) => work.commit().await.map_err(self.failed("write"))?,
            // The connection is given up with the work, and whatever state it is in.
            Err(JournalError::Database { .. } | JournalError::Full { .. }) => drop(work),
            Err(_) => work.undo().await.map_err(self.failed("write"))?,
        }
        outcome
    }

    /// Nothing new is begun without room to record how it ends.
    fn demand_room(&self, room_bytes: u64) -> Result<(), JournalError> {
        let Some(reserve) = &self.reserve else { return Ok(()) };
        reserve.keep().map_err(|_| full(reserve, reserve.bytes()))?;
        match reserve.free() {
            Ok(free_bytes) if free_bytes < room_bytes => {
                Err(JournalError::Full { free_bytes, needed_bytes: room_bytes })
            }
            _ => Ok(()),
        }
    }

    /// Gives the reserve up, so that what was begun comes to an end.
    fn make_room(&self) -> Result<(), JournalError> {
        let Some(reserve) = &self.reserve else { return Ok(()) };
        tracing::warn!("the journal's disk is full: its reserve is given up to record how what was begun ends");
        reserve.spend().map_err(|error| JournalError::Database { act: "make room for", source: Box::new(error) })
    }

    async fn add(&self, addition: &Addition<'_>) -> Result<Position, JournalError> {
        if reopens(addition.events) {
            return Err(JournalError::Unopened);
        }
        let begins = addition.events.iter().any(|event| matches!(event.fact, Fact::Began { .. }));
        if begins {
            self.demand_room(0)?;
        }
        let next = match patiently(|| self.append_once(addition)).await {
            Err(JournalError::Full { .. }) if !begins => {
                self.make_room()?;
                self.append_once(addition).await?
            }
            outcome => outcome?,
        };
        if addition.closes {
            self.note_wiped(false);
        }
        self.wipe().await;
        Ok(next)
    }

    async fn settle_in(&self, on: &mut Transaction<'_>, id: i64, outcome: &str) -> Result<(), JournalError> {
        let statement = "UPDATE inbox SET outcome = $1, sealed = NULL WHERE id = $2 AND outcome IS NULL";
        match on.run(statement, &[outcome.into(), id.into()]).await.map_err(self.failed("write"))? {
            0 => Err(JournalError::Settled),
            _ => Ok(()),
        }
    }

    async fn append_once(&self, addition: &Addition<'_>) -> Result<Position, JournalError> {
        let mut work = self.begin().await?;
        let outcome = self.append_in(&mut work, addition).await;
        Ok(self.acknowledged(self.end(work, outcome).await?))
    }

    async fn append_in(
        &self,
        on: &mut Transaction<'_>,
        addition: &Addition<'_>,
    ) -> Result<(Position, Seen), JournalError> {
        let Addition { at, events, sealed, closes, monotonic, word } = addition;
        let head = self.lock_head(on, &at.rotation).await?;
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
            self.erase(on, &at.rotation).await?;
        }
        Ok(next)
    }

    /// Nothing sealed is left, and no word waits any more.
    async fn erase(&self, on: &mut Transaction<'_>, rotation: &RotationId) -> Result<(), JournalError> {
        let failed = self.failed("write");
        let of = rotation.as_str().into();
        on.run("DELETE FROM sealed WHERE rotation = $1", &[of]).await.map_err(&failed)?;
        on.run("DELETE FROM troubles WHERE rotation = $1", &[of]).await.map_err(&failed)?;
        let statement = "UPDATE inbox SET sealed = NULL, outcome = coalesce(outcome, $2) WHERE rotation = $1";
        on.run(statement, &[of, TOO_LATE.into()]).await.map(|_| ()).map_err(&failed)
    }

    /// Where a rotation stands.
    async fn head(&self, on: &mut Transaction<'_>, rotation: &RotationId) -> Result<Head, JournalError> {
        let row = on.row(Head::STATEMENT, &[rotation.as_str().into()]).await.map_err(self.failed("read"))?;
        Head::of(row, rotation, self.failed("read"))
    }

    /// Where a rotation stands, and will stand until this work ends.
    async fn lock_head(&self, on: &mut Transaction<'_>, rotation: &RotationId) -> Result<Head, JournalError> {
        let row = on.lock(Head::STATEMENT, &[rotation.as_str().into()]).await.map_err(self.failed("read"))?;
        Head::of(row, rotation, self.failed("read"))
    }

    /// Writes events as the next records and leaves, and what follows from them.
    async fn write_records(
        &self,
        on: &mut Transaction<'_>,
        previous: &Hash,
        at: &Position,
        events: &[Event],
        monotonic: u64,
        open: bool,
    ) -> Result<(Position, Seen), JournalError> {
        let failed = self.failed("write");
        let records = chain(&at.rotation, previous, at.seq, at.epoch, monotonic, events).map_err(unwritable)?;
        on.take_turn().await.map_err(&failed)?;
        let last = on
            .row("SELECT number, link FROM leaves ORDER BY number DESC LIMIT 1", &[])
            .await
            .and_then(|row| row.map(|row| leaf_of(&row)).transpose())
            .map_err(&failed)?;
        let (mut number, mut leaf) = last.unwrap_or_else(|| (0, Hash::nothing()));
        self.compare(number, &leaf)?;
        for record in &records {
            number = number.saturating_add(1);
            leaf = link(&leaf, number, &record.hash);
            let event = canonical(&serde_json::to_value(&record.event).map_err(unwritable)?);
            insert_record(on, record, &event).await.map_err(&failed)?;
            insert_leaf(on, number, record, &leaf).await.map_err(&failed)?;
        }
        let next = at.seq.saturating_add(records.len() as u64);
        let head = records.last().map_or(previous, |record| &record.hash);
        on.run(
            "UPDATE rotations SET records = $1, head = $2, open = $3 WHERE rotation = $4",
            &[next.saturating_sub(1).into(), head.as_str().into(), open.into(), at.rotation.as_str().into()],
        )
        .await
        .map_err(&failed)?;
        Ok((Position { seq: next, ..at.clone() }, Seen { number, link: leaf }))
    }

    async fn keep_sealed(
        &self,
        on: &mut Transaction<'_>,
        rotation: &RotationId,
        sealed: &[Sealed],
    ) -> Result<(), JournalError> {
        for value in sealed {
            // Whoever forgets a key takes this turn too.
            on.take_turn().await.map_err(self.failed("write"))?;
            self.demand_key(on, value).await?;
            on.run(
                "INSERT INTO sealed (rotation, digest, key, wrapped, ciphertext) VALUES ($1, $2, $3, $4, $5)",
                &[
                    rotation.as_str().into(),
                    value.digest.as_str().into(),
                    value.key.as_str().into(),
                    value.wrapped.as_slice().into(),
                    value.ciphertext.as_slice().into(),
                ],
            )
            .await
            .map_err(self.failed("write"))?;
        }
        Ok(())
    }

    async fn open_once(&self, opening: &Opening<'_>) -> Result<Position, JournalError> {
        let mut work = self.begin().await?;
        let outcome = self.open_in(&mut work, opening).await;
        Ok(self.acknowledged(self.end(work, outcome).await?))
    }

    async fn open_in(&self, on: &mut Transaction<'_>, opening: &Opening<'_>) -> Result<(Position, Seen), JournalError> {
        let Opening { identity, event, sealed, lease, monotonic } = opening;
        let failed = self.failed("write");
        let plan = plan_of(event)?;
        if let Some(rotation) = self.active(on, identity).await? {
            return Err(JournalError::Active { rotation });
        }
        let made = on
            .run(
                "INSERT INTO rotations (rotation, credential, identity, opened, records, head, format) \
                 VALUES ($1, $2, $3, $4, 0, $5, $6) ON CONFLICT DO NOTHING",
                &[
                    plan.rotation.as_str().into(),
                    plan.credential.as_str().into(),
                    (*identity).into(),
                    event.at.into(),
                    Hash::nothing().as_str().into(),
                    FORMAT.into(),
                ],
            )
            .await
            .map_err(&failed)?;
        if made == 0 {
            // Somebody opened one at this very moment: of this credential, or under this number.
            return Err(match self.active(on, identity).await? {
                Some(rotation) => JournalError::Active { rotation },
                None => JournalError::Fenced { rotation: plan.rotation.clone() },
            });
        }
        let at = Position { rotation: plan.rotation.clone(), epoch: 1, seq: 1 };
        let until = Timestamp(on.now(lease.now.0).await.map_err(&failed)?).after(lease.span);
        on.run(
            "INSERT INTO leases (rotation, epoch, holder, until) VALUES ($1, 1, $2, $3)",
            &[at.rotation.as_str().into(), (&lease.holder).into(), until.into()],
        )
        .await
        .map_err(&failed)?;
        self.keep_sealed(on, &at.rotation, sealed).await?;
        self.write_records(on, &Hash::nothing(), &at, std::slice::from_ref(*event), *monotonic, true).await
    }

    /// The open rotation of a credential.
    async fn active(&self, on: &mut Transaction<'_>, identity: &str) -> Result<Option<RotationId>, JournalError> {
        let statement = "SELECT rotation FROM rotations WHERE identity = $1 AND open = 1";
        let row = on.row(statement, &[identity.into()]).await.map_err(self.failed("read"))?;
        row.map(|row| row.text(0).map(RotationId::new)).transpose().map_err(self.failed("read"))
    }

    async fn leave_in(&self, on: &mut Transaction<'_>, letter: &Letter<'_>) -> Result<i64, JournalError> {
        let failed = self.failed("write");
        let head = self.lock_head(on, letter.rotation).await?;
        if let Some(sealed) = letter.sealed {
            on.take_turn().await.map_err(&failed)?;
            self.demand_key(on, sealed).await?;
        }
        let sealed = letter.sealed.map(serde_json::to_string).transpose().map_err(unwritable)?;
        let row = on
            .row(
                "INSERT INTO inbox (rotation, fact, sealed, who, at, outcome) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
                &[
                    letter.rotation.as_str().into(),
                    (&letter.fact).into(),
                    sealed.as_deref().filter(|_| head.open).into(),
                    letter.who.as_str().into(),
                    letter.at.into(),
                    (!head.open).then_some(TOO_LATE).into(),
                ],
            )
            .await
            .map_err(&failed)?;
        row.map_or(Err(JournalError::Settled), |row| row.number(0).map_err(&failed))
    }

    async fn leave_once(&self, letter: &Letter<'_>) -> Result<i64, JournalError> {
        let mut work = self.begin().await?;
        let outcome = self.leave_in(&mut work, letter).await;
        self.end(work, outcome).await
    }

    async fn settle_once(&self, id: i64, outcome: &str) -> Result<(), JournalError> {
        let mut work = self.begin().await?;
        let settled = self.settle_in(&mut work, id, outcome).await;
        self.end(work, settled).await
    }

    async fn replay_in(&self, on: &mut Transaction<'_>, rotation: &RotationId) -> Result<Vec<Record>, JournalError> {
        let head = self.head(on, rotation).await?;
        let rows = on
            .rows(
                concat!("SELECT ", entry_columns!(), " FROM records r WHERE r.rotation = $1 ORDER BY r.seq"),
                &[rotation.as_str().into()],
            )
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

/// Does again what was put off for the sake of another's work.
pub(super) async fn patiently<T, Work>(mut work: impl FnMut() -> Work) -> Result<T, JournalError>
where
    Work: Future<Output = Result<T, JournalError>>,
{
    let mut tried = 0;
    loop {
        match work().await {
            Err(JournalError::Database { source, .. }) if tried < TRIES && was_put_off(source.as_ref()) => {
                tried += 1;
                let mut drawn = [0_u8; 1];
                // Without it they only meet again more often.
                let apart = getrandom::fill(&mut drawn).map_or(0, |()| u64::from(u8::from_le_bytes(drawn)));
                tokio::time::sleep(Duration::from_millis(5 + apart / 4 * u64::from(tried))).await;
            }
            outcome => return outcome,
        }
    }
}

fn was_put_off(error: &(dyn std::error::Error + 'static)) -> bool {
    matches!(error.downcast_ref(), Some(DatabaseError::Contended { .. }))
}

fn full(reserve: &Reserve, needed_bytes: u64) -> JournalError {
    JournalError::Full { free_bytes: reserve.free().unwrap_or(0), needed_bytes }
}

#[async_trait]
impl Journal for DurableJournal {
    async fn next_id(&self) -> Result<RotationId, JournalError> {
        let mut work = self.reading().await?;
        let last = work
            .row(
                "SELECT rotation FROM rotations WHERE rotation LIKE 'C-%' ORDER BY length(rotation) DESC, rotation DESC LIMIT 1",
                &[],
            )
            .await
            .and_then(|row| row.map_or(Ok(0), |row| row.text(0).map(|id| number_of(&RotationId::new(id)))))
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
        let opening = Opening { identity, event, sealed, lease, monotonic };
        patiently(|| self.open_once(&opening)).await
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
        let outcome = self.replay_in(&mut work, rotation).await;
        self.end(work, outcome).await
    }

    async fn sealed(&self, rotation: &RotationId, digest: &Digest) -> Result<Option<Sealed>, JournalError> {
        let mut work = self.reading().await?;
        let outcome = work
            .row(
                "SELECT digest, key, wrapped, ciphertext FROM sealed WHERE rotation = $1 AND digest = $2",
                &[rotation.as_str().into(), digest.as_str().into()],
            )
            .await
            .and_then(|row| row.as_ref().map(sealed_of).transpose())
            .map_err(self.failed("read"));
        self.end(work, outcome).await
    }

    async fn list(&self) -> Result<Vec<Listed>, JournalError> {
        let mut work = self.reading().await?;
        let outcome = work
            .rows("SELECT rotation, credential, open, opened, records FROM rotations ORDER BY number", &[])
            .await
            .and_then(|rows| rows.iter().map(listed_of).collect())
            .map_err(self.failed("read"));
        self.end(work, outcome).await
    }

    async fn acquire(&self, rotation: &RotationId, lease: &Lease) -> Result<Position, JournalError> {
        match patiently(|| self.acquire_once(rotation, lease)).await {
            Err(JournalError::Full { .. }) => {
                self.make_room()?;
                self.acquire_once(rotation, lease).await
            }
            outcome => outcome,
        }
    }

    async fn renew(&self, at: &Position, lease: &Lease) -> Result<(), JournalError> {
        match patiently(|| self.renew_once(at, lease)).await {
            Err(JournalError::Full { .. }) => {
                self.make_room()?;
                self.renew_once(at, lease).await
            }
            outcome => outcome,
        }
    }

    async fn release(&self, at: &Position) -> Result<(), JournalError> {
        patiently(|| self.release_once(at)).await
    }

    async fn leave_word(
        &self,
        rotation: &RotationId,
        fact: &Fact,
        sealed: Option<&Sealed>,
        who: &Person,
        at: Timestamp,
    ) -> Result<i64, JournalError> {
        let fact = serde_json::to_string(fact).map_err(unwritable)?;
        let letter = Letter { rotation, fact, sealed, who, at };
        patiently(|| self.leave_once(&letter)).await
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
        let outcome = work
            .row(
                "SELECT id, fact, sealed, who, at FROM inbox WHERE rotation = $1 AND outcome IS NULL ORDER BY id LIMIT 1",
                &[rotation.as_str().into()],
            )
            .await
            .and_then(|row| row.as_ref().map(Waiting::of).transpose())
            .map_err(self.failed("read"));
        self.end(work, outcome).await
    }

    async fn settle(&self, id: i64, outcome: &str) -> Result<(), JournalError> {
        match patiently(|| self.settle_once(id, outcome)).await {
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

/// How a rotation is opened.
struct Opening<'a> {
    identity: &'a str,
    event: &'a Event,
    sealed: &'a [Sealed],
    lease: &'a Lease,
    monotonic: u64,
}

/// A word on its way into the inbox.
struct Letter<'a> {
    rotation: &'a RotationId,
    fact: String,
    sealed: Option<&'a Sealed>,
    who: &'a Person,
    at: Timestamp,
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod server_tests;
