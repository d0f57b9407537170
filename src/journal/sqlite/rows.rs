//! Rows and the types they hold.

use super::super::chain::{Entry, canonical};
use super::super::{Broken, Flaw, Hash, Listed, Record};
use crate::model::{Digest, RotationId, Timestamp};
use crate::seal::Sealed;
use serde_json::Value;
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

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
}

impl Head {
    pub(super) fn of(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            records: count(row, 0)?,
            hash: Hash::kept(row.try_get(1)?),
            open: row.try_get(2)?,
            epoch: count(row, 3)?,
            holder: row.try_get(4)?,
            until: Timestamp(count(row, 5)?),
        })
    }
}

pub(super) async fn insert_record(on: &mut SqliteConnection, record: &Record, event: &str) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO records (rotation, seq, epoch, monotonic, event, previous, hash) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(record.rotation.as_str())
    .bind(signed(record.seq))
    .bind(signed(record.epoch))
    .bind(signed(record.monotonic))
    .bind(event)
    .bind(record.previous.as_str())
    .bind(record.hash.as_str())
    .execute(on)
    .await
    .map(|_| ())
}

pub(super) async fn insert_leaf(
    on: &mut SqliteConnection,
    number: u64,
    record: &Record,
    link: &Hash,
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO leaves (number, rotation, seq, link) VALUES (?, ?, ?, ?)")
        .bind(signed(number))
        .bind(record.rotation.as_str())
        .bind(signed(record.seq))
        .bind(link.as_str())
        .execute(on)
        .await
        .map(|_| ())
}

/// The entry whose columns begin at `first`. An event that is not as it was written is a broken chain, not a failure.
pub(in crate::journal) fn entry(row: &SqliteRow, first: usize) -> Result<Result<Entry, Broken>, sqlx::Error> {
    let rotation = RotationId::new(row.try_get::<String, _>(first)?);
    let seq = count(row, first + 1)?;
    let text: String = row.try_get(first + 4)?;
    let event = match serde_json::from_str::<Value>(&text) {
        Ok(event) if canonical(&event) == text => event,
        Ok(_) => return Ok(Err(Broken::Record { rotation, seq, flaw: Flaw::Altered })),
        Err(_) => return Ok(Err(Broken::Record { rotation, seq, flaw: Flaw::Unreadable })),
    };
    Ok(Ok(Entry {
        rotation,
        seq,
        epoch: count(row, first + 2)?,
        monotonic: count(row, first + 3)?,
        event,
        previous: Hash::kept(row.try_get(first + 5)?),
        hash: Hash::kept(row.try_get(first + 6)?),
    }))
}

pub(super) fn sealed_of(row: &SqliteRow) -> Result<Sealed, sqlx::Error> {
    Ok(Sealed {
        digest: Digest::new(row.try_get::<String, _>(0)?),
        key: row.try_get(1)?,
        wrapped: row.try_get(2)?,
        ciphertext: row.try_get(3)?,
    })
}

pub(in crate::journal) fn listed_of(row: &SqliteRow) -> Result<Listed, sqlx::Error> {
    Ok(Listed {
        rotation: RotationId::new(row.try_get::<String, _>(0)?),
        credential: row.try_get(1)?,
        open: row.try_get(2)?,
        opened: Timestamp(count(row, 3)?),
        records: count(row, 4)?,
    })
}

/// A count as the database keeps it.
pub(in crate::journal) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(in crate::journal) fn count(row: &SqliteRow, column: usize) -> Result<u64, sqlx::Error> {
    u64::try_from(row.try_get::<i64, _>(column)?).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}
