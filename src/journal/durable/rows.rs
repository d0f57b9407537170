//! Rows and the types they hold.

use super::super::chain::{Entry, canonical};
use super::super::{Broken, Flaw, Hash, JournalError, Listed, Record};
use crate::database::{DatabaseError, Row, Transaction};
use crate::model::{Digest, RotationId, Timestamp};
use crate::seal::Sealed;
use serde_json::Value;

/// The columns of an [`Entry`].
macro_rules! entry_columns {
    () => {
        "r.rotation, r.seq, r.epoch, r.monotonic, r.event, r.previous, r.hash"
    };
}
pub(in crate::journal) use entry_columns;

/// Where a rotation's chain ends, and who may continue it.
pub(super) struct Head {
    pub(super) records: u64,
    pub(super) hash: Hash,
    pub(super) open: bool,
    pub(super) epoch: u64,
    pub(super) holder: Option<String>,
    pub(super) until: Timestamp,
    /// What a version must know to carry it on.
    pub(super) format: u64,
}

impl Head {
    pub(super) const STATEMENT: &str = "SELECT r.records, r.head, r.open, l.epoch, l.holder, l.until, r.format \
         FROM rotations r JOIN leases l ON l.rotation = r.rotation WHERE r.rotation = $1";

    pub(super) fn of(
        row: Option<Row>,
        rotation: &RotationId,
        failed: impl Fn(DatabaseError) -> JournalError,
    ) -> Result<Self, JournalError> {
        let row = row.ok_or_else(|| JournalError::Missing { rotation: rotation.clone() })?;
        let head = || {
            Ok(Self {
                records: row.count(0)?,
                hash: Hash::kept(row.text(1)?),
                open: row.is(2)?,
                epoch: row.count(3)?,
                holder: row.some_text(4)?,
                until: row.time(5)?,
                format: row.count(6)?,
            })
        };
        head().map_err(failed)
    }
}

pub(super) async fn insert_record(on: &mut Transaction<'_>, record: &Record, event: &str) -> Result<(), DatabaseError> {
    on.run(
        "INSERT INTO records (rotation, seq, epoch, monotonic, event, previous, hash) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[
            record.rotation.as_str().into(),
            record.seq.into(),
            record.epoch.into(),
            record.monotonic.into(),
            event.into(),
            record.previous.as_str().into(),
            record.hash.as_str().into(),
        ],
    )
    .await
    .map(|_| ())
}

pub(super) async fn insert_leaf(
    on: &mut Transaction<'_>,
    number: u64,
    record: &Record,
    link: &Hash,
) -> Result<(), DatabaseError> {
    on.run(
        "INSERT INTO leaves (number, rotation, seq, link) VALUES ($1, $2, $3, $4)",
        &[number.into(), record.rotation.as_str().into(), record.seq.into(), link.as_str().into()],
    )
    .await
    .map(|_| ())
}

/// The entry whose columns begin at `first`. An event that is not as it was written is a broken chain, not a failure.
pub(in crate::journal) fn entry(row: &Row, first: usize) -> Result<Result<Entry, Broken>, DatabaseError> {
    let rotation = RotationId::new(row.text(first)?);
    let seq = row.count(first + 1)?;
    let text = row.text(first + 4)?;
    let event = match serde_json::from_str::<Value>(&text) {
        Ok(event) if canonical(&event) == text => event,
        Ok(_) => return Ok(Err(Broken::Record { rotation, seq, flaw: Flaw::Altered })),
        Err(_) => return Ok(Err(Broken::Record { rotation, seq, flaw: Flaw::Unreadable })),
    };
    Ok(Ok(Entry {
        rotation,
        seq,
        epoch: row.count(first + 2)?,
        monotonic: row.count(first + 3)?,
        event,
        previous: Hash::kept(row.text(first + 5)?),
        hash: Hash::kept(row.text(first + 6)?),
    }))
}

/// The number and the link of a leaf, the first two columns.
pub(in crate::journal) fn leaf_of(row: &Row) -> Result<(u64, Hash), DatabaseError> {
    Ok((row.count(0)?, Hash::kept(row.text(1)?)))
}

pub(super) fn sealed_of(row: &Row) -> Result<Sealed, DatabaseError> {
    Ok(Sealed {
        digest: Digest::new(row.text(0)?),
        key: row.text(1)?,
        wrapped: row.bytes(2)?,
        ciphertext: row.bytes(3)?,
    })
}

pub(in crate::journal) fn listed_of(row: &Row) -> Result<Listed, DatabaseError> {
    Ok(Listed {
        rotation: RotationId::new(row.text(0)?),
        credential: row.text(1)?,
        open: row.is(2)?,
        opened: row.time(3)?,
        records: row.count(4)?,
    })
}
