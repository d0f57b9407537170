//! The journal moves from its file to a server, whole or not at all.
//!
//! While it moves, nobody else writes to the file, and everything on the server is one transaction: whoever is interrupted
//! moves it once more. The chain is verified before and after. At the end the file says where everything went, and takes
//! nothing more, whatever process still has it open.

use super::audit::{AuditError, verify_tables};
use super::durable::DurableJournal;
use super::walk::{Against, Walk};
use super::{Broken, JournalError, Summary};
use crate::database::{DatabaseError, Row, Transaction, Value};
use crate::model::{RotationId, Timestamp};

/// Rows that are held in memory at once.
const PAGE: usize = 1_000;

/// Why the journal did not move. What was begun is undone: the file is what it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// The journal is not in a file.
    #[error("the journal lies on a server already: only a file is moved")]
    Source,
    /// The server cannot be used.
    #[error("the server cannot take the journal")]
    Server(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A daemon runs.
    #[error("a daemon attends {place} (process {process}): stop it first, with stanch drain")]
    Attended {
        /// Which of the two.
        place: String,
        /// Its process.
        process: String,
    },
    /// Somebody runs a rotation.
    #[error("{rotation} is being run by process {process}: let it come to a record first")]
    Leased {
        /// Which.
        rotation: RotationId,
        /// By whom.
        process: String,
    },
    /// There is something else on the server.
    #[error("{place} holds another journal, or one that went another way: name an empty database")]
    Occupied {
        /// Where.
        place: String,
    },
    /// What arrived is not what left.
    #[error("what arrived is not what left ({arrived} records of {left}): nothing was moved")]
    Lost {
        /// Records in the file.
        left: u64,
        /// Records on the server.
        arrived: u64,
    },
    /// The chain is broken, in the file or on the server.
    #[error("the chain of {place} is broken: nothing was moved")]
    Broken {
        /// Which of the two.
        place: String,
        /// Where and how.
        source: Broken,
    },
    /// One of the two failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// What was moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// From where.
    pub from: String,
    /// To where.
    pub to: String,
    /// Rows, table by table.
    pub rows: Vec<(&'static str, u64)>,
    /// What the chain is verified to hold.
    pub summary: Summary,
    /// It had been moved before.
    pub before: bool,
}

/// Moves everything. `now` is the time of this machine; `has_ended` knows processes that are gone, whose leases count no
/// more.
///
/// # Errors
/// [`MigrateError`]: then nothing was moved, or all of it and the same command says so when it is given again.
pub async fn migrate(
    from: &DurableJournal,
    to: &DurableJournal,
    now: Timestamp,
    has_ended: &(dyn Fn(&str) -> bool + Send + Sync),
) -> Result<Moved, MigrateError> {
    let (source, target) = (from.database(), to.database());
    if source.is_shared() {
        return Err(MigrateError::Source);
    }
    let read = from.failed("read");
    let mut left = from.begin().await?;
    still(from, &mut left, now, has_ended).await?;
    let summary = verified(&mut left, &source.place(), Walk::default(), from).await?;

    let mut arrived = to.begin().await?;
    arrived.take_turn().await.map_err(to.failed("write"))?;
    alone(to, &mut arrived, has_ended).await?;
    let there = arrived.row("SELECT number FROM leaves LIMIT 1", &[]).await.map_err(to.failed("read"))?;
    let before = there.is_some();
    if before && summary.root.is_none() {
        return Err(MigrateError::Occupied { place: target.place() });
    }
    let mut rows = Vec::new();
    if !before {
        for table in TABLES {
            rows.push((table.name, table.copy(&mut left, &mut arrived).await.map_err(to.failed("write"))?));
        }
        for statement in NUMBERS {
            arrived.number_on(statement).await.map_err(to.failed("write"))?;
        }
    }
    let summary = match compare(&mut arrived, &target.place(), &summary, to).await {
        Err(MigrateError::Broken { .. }) if before => {
            return Err(MigrateError::Occupied { place: target.place() });
        }
        outcome => match outcome? {
            found if found.records < summary.records || (!before && found.records != summary.records) => {
                return Err(MigrateError::Lost { left: summary.records, arrived: found.records });
            }
            found => found,
        },
    };
    let mark = "INSERT INTO moved (one, place, at) VALUES (1, $1, $2) ON CONFLICT DO NOTHING";
    left.run(mark, &[(&target.place()).into(), now.into()]).await.map_err(&read)?;
    arrived.commit().await.map_err(to.failed("write"))?;
    left.commit().await.map_err(from.failed("write"))?;
    Ok(Moved { from: source.place(), to: target.place(), rows, summary, before })
}

/// The chain, and that everything is there which left.
async fn compare(
    on: &mut Transaction<'_>,
    place: &str,
    left: &Summary,
    journal: &DurableJournal,
) -> Result<Summary, MigrateError> {
    let against = left.root.map(|root| Against::head(left.records, root));
    verified(on, place, Walk::new(Default::default(), against), journal).await
}

async fn verified(
    on: &mut Transaction<'_>,
    place: &str,
    walk: Walk,
    journal: &DurableJournal,
) -> Result<Summary, MigrateError> {
    verify_tables(on, walk).await.map_err(|error| match error {
        AuditError::Broken(source) => MigrateError::Broken { place: place.to_owned(), source },
        AuditError::Database(error) => journal.failed("read")(error).into(),
        error => JournalError::Database { act: "verify", source: Box::new(error) }.into(),
    })
}

/// Nobody runs anything from this file.
async fn still(
    journal: &DurableJournal,
    on: &mut Transaction<'_>,
    now: Timestamp,
    has_ended: &(dyn Fn(&str) -> bool + Send + Sync),
) -> Result<(), MigrateError> {
    attended(journal, on, now, has_ended).await?;
    let failed = journal.failed("read");
    let statement = "SELECT l.rotation, l.holder FROM leases l JOIN rotations r ON r.rotation = l.rotation \
                     WHERE r.open = 1 AND l.holder IS NOT NULL AND l.until > $1 ORDER BY r.number";
    for row in on.rows(statement, &[now.into()]).await.map_err(&failed)? {
        let (rotation, holder) = (row.text(0).map_err(&failed)?, row.text(1).map_err(&failed)?);
        if !has_ended(&holder) {
            let process = holder.split(':').next().unwrap_or_default().to_owned();
            return Err(MigrateError::Leased { rotation: RotationId::new(rotation), process });
        }
    }
    Ok(())
}

/// Nobody works on the server yet. One that already does has the journal from an earlier move: then nothing is written.
async fn alone(
    journal: &DurableJournal,
    on: &mut Transaction<'_>,
    has_ended: &(dyn Fn(&str) -> bool + Send + Sync),
) -> Result<(), MigrateError> {
    let failed = journal.failed("read");
    if on.row("SELECT number FROM leaves LIMIT 1", &[]).await.map_err(&failed)?.is_some() {
        return Ok(());
    }
    attended(journal, on, Timestamp(0), has_ended).await
}

async fn attended(
    journal: &DurableJournal,
    on: &mut Transaction<'_>,
    now: Timestamp,
    has_ended: &(dyn Fn(&str) -> bool + Send + Sync),
) -> Result<(), MigrateError> {
    let attendants = journal.attendants_in(on, now).await?;
    match attendants.iter().find(|one| !has_ended(&one.holder)) {
        Some(one) => {
            Err(MigrateError::Attended { place: journal.database().place(), process: one.process().to_owned() })
        }
        None => Ok(()),
    }
}

/// One table of a file, and where its rows go. The first column of a page is the row's number in the file.
struct Table {
    name: &'static str,
    page: &'static str,
    put: &'static str,
    /// What each column holds: text, perhaps text, a number, perhaps a number, bytes.
    holds: &'static str,
}

macro_rules! table {
    ($name:literal, $columns:literal, $numbers:literal, $holds:literal) => {
        Table {
            name: $name,
            page: concat!("SELECT rowid, ", $columns, " FROM ", $name, " WHERE rowid > $1 ORDER BY rowid LIMIT 1000"),
            put: concat!("INSERT INTO ", $name, " (", $columns, ") VALUES (", $numbers, ") ON CONFLICT DO NOTHING"),
            holds: $holds,
        }
    };
}

/// In the order in which they refer to each other. Who attends and who holds a lease stays behind; epochs do not.
const TABLES: [Table; 13] = [
    table!(
        "rotations",
        "number, rotation, credential, identity, opened, open, records, head, format",
        "$1, $2, $3, $4, $5, $6, $7, $8, $9",
        "ntttnnntn"
    ),
    table!(
        "records",
        "rotation, seq, epoch, monotonic, event, previous, hash",
        "$1, $2, $3, $4, $5, $6, $7",
        "tnnnttt"
    ),
    table!("leaves", "number, rotation, seq, link", "$1, $2, $3, $4", "ntnt"),
    Table {
        name: "leases",
        page: "SELECT rowid, rotation, epoch FROM leases WHERE rowid > $1 ORDER BY rowid LIMIT 1000",
        put: "INSERT INTO leases (rotation, epoch, until) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING",
        holds: "tn",
    },
    table!("sealed", "rotation, digest, key, wrapped, ciphertext", "$1, $2, $3, $4, $5", "tttbb"),
    table!("inbox", "id, rotation, fact, sealed, who, at, outcome", "$1, $2, $3, $4, $5, $6, $7", "nttTtnT"),
    table!("checkpoints", "size, peaks, note, at", "$1, $2, $3, $4", "nttn"),
    table!("forgotten_keys", "key, at", "$1, $2", "tn"),
    table!("troubles", "rotation, what, at", "$1, $2, $3", "ttn"),
    table!(
        "leaks",
        "source, fingerprint, digest, kind, place, first_seen, last_seen, verdict, decision, rotation",
        "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10",
        "tttttnnTTT"
    ),
    table!("tips", "source, repository, reference, object, scanned", "$1, $2, $3, $4, $5", "ttttn"),
    table!("deliveries", "source, delivery, at", "$1, $2, $3", "ttn"),
    table!(
        "outbox",
        "id, sink, key, thread, notice, at, tried, not_before, outcome, note, ended",
        "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11",
        "nttttnnnTTN"
    ),
];

/// What comes later is numbered on from what arrived.
const NUMBERS: [&str; 3] = [
    "SELECT setval(pg_get_serial_sequence('rotations', 'number'), coalesce((SELECT max(number) FROM rotations), 0) + 1, false)",
    "SELECT setval(pg_get_serial_sequence('inbox', 'id'), coalesce((SELECT max(id) FROM inbox), 0) + 1, false)",
    "SELECT setval(pg_get_serial_sequence('outbox', 'id'), coalesce((SELECT max(id) FROM outbox), 0) + 1, false)",
];

impl Table {
    async fn copy(&self, from: &mut Transaction<'_>, to: &mut Transaction<'_>) -> Result<u64, DatabaseError> {
        let (mut last, mut copied) = (i64::MIN, 0_u64);
        loop {
            let rows = from.rows(self.page, &[last.into()]).await?;
            for row in &rows {
                let held: Vec<Held> =
                    (1..).zip(self.holds.chars()).map(|at| Held::of(row, at)).collect::<Result<_, _>>()?;
                let values: Vec<Value<'_>> = held.iter().map(Held::value).collect();
                copied = copied.saturating_add(to.run(self.put, &values).await?);
                last = row.number(0)?;
            }
            if rows.len() < PAGE {
                return Ok(copied);
            }
        }
    }
}

/// A value on its way.
enum Held {
    Text(Option<String>),
    Number(Option<i64>),
    Bytes(Vec<u8>),
}

impl Held {
    fn of(row: &Row, (column, holds): (usize, char)) -> Result<Self, DatabaseError> {
        Ok(match holds {
            't' | 'T' => Self::Text(row.some_text(column)?),
            'b' => Self::Bytes(row.bytes(column)?),
            _ => Self::Number(row.some_number(column)?),
        })
    }

    fn value(&self) -> Value<'_> {
        match self {
            Self::Text(text) => text.as_deref().into(),
            Self::Number(number) => Value::Number(*number),
            Self::Bytes(bytes) => bytes.as_slice().into(),
        }
    }
}

#[cfg(test)]
mod tests;
