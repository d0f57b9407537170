//! The audit: the records as lines of JSON, and the verification of a copy without the program that wrote it.
//!
//! A line is one record in the canonical form of [`super::chain`] (no spaces, sorted keys), together with its leaf's
//! number and link. Sealed values never leave the database.

use super::chain::{Entry, Verifier, canonical};
use super::durable::{DurableJournal, entry, entry_columns, leaf_of};
use super::signatures::Signatures;
use super::{Broken, Checkpoint, Flaw, Hash, JournalError, Summary};
use crate::database::{Database, DatabaseError, Row, Transaction};
use crate::model::RotationId;
use crate::people::People;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

/// No line of an export is longer.
const LINE_BYTES: u64 = 16 << 20;

/// Rows that are read at once: neither kind of database holds more of them in memory.
const PAGE: usize = 1_000;

/// What an SQLite file begins with.
const MAGIC: &[u8] = b"SQLite format 3\0";

/// Why an audit gives no answer, or a bad one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The chain is broken.
    #[error("the records were tampered with or damaged")]
    Broken(#[from] Broken),
    /// The journal could not be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The file could not be opened as a database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The file could not be read.
    #[error("could not read {}", path.display())]
    Read {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line is no record.
    #[error("line {line} of {} is not a record as it was exported", path.display())]
    Line {
        /// Where.
        path: PathBuf,
        /// From 1.
        line: u64,
    },
    /// There is nothing to verify.
    #[error("{} holds no record: nothing was verified", path.display())]
    Empty {
        /// Where.
        path: PathBuf,
    },
    /// The export could not be written.
    #[error("could not write the export")]
    Write(#[source] io::Error),
}

/// A line of an export.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    leaf: u64,
    link: Hash,
    rotation: RotationId,
    seq: u64,
    epoch: u64,
    monotonic: u64,
    event: serde_json::Value,
    previous: Hash,
    hash: Hash,
}

/// Writes the records, of one rotation or all, in the order of their writing, one line of JSON each; says how many.
/// Nothing is checked on the way: an export shows what is there, [`verify_file`] judges it.
///
/// # Errors
/// When the journal cannot be read, a record is not JSON, or the lines cannot be written.
pub async fn export(
    journal: &DurableJournal,
    rotation: Option<&RotationId>,
    to: &mut (dyn Write + Send),
) -> Result<u64, AuditError> {
    let read = journal.failed("export");
    let database = journal.database();
    let mut work = database.read().await.map_err(&read)?;
    let (mut written, mut last) = (0_u64, i64::MIN);
    loop {
        let rows = work
            .rows(
                concat!(
                    "SELECT l.number, l.link, ",
                    entry_columns!(),
                    " FROM leaves l JOIN records r ON r.rotation = l.rotation AND r.seq = l.seq \
                     WHERE l.number > $1 AND ($2 IS NULL OR l.rotation = $2) ORDER BY l.number LIMIT 1000"
                ),
                &[last.into(), rotation.map(RotationId::as_str).into()],
            )
            .await
            .map_err(&read)?;
        for row in &rows {
            let (leaf, link) = leaf_of(row).map_err(&read)?;
            let Entry { rotation, seq, epoch, monotonic, event, previous, hash } = entry(row, 2).map_err(&read)??;
            let line = Line { leaf, link, rotation, seq, epoch, monotonic, event, previous, hash };
            writeln!(to, "{}", line.text().map_err(AuditError::Write)?).map_err(AuditError::Write)?;
            written = written.saturating_add(1);
            last = row.number(0).map_err(&read)?;
        }
        if rows.len() < PAGE {
            break;
        }
    }
    work.undo().await.map_err(&read)?;
    if let (Some(rotation), 0) = (rotation, written) {
        return Err(JournalError::Missing { rotation: rotation.clone() }.into());
    }
    to.flush().map_err(AuditError::Write)?;
    Ok(written)
}

/// Verifies a copy of the database, or an export, without changing anything. A copy is whole only with its `-wal` file,
/// if there was one: what that held is as good as cut from the end.
///
/// With a checkpoint noted earlier, everything up to it must be there as it was then.
///
/// # Errors
/// [`AuditError::Broken`] with the place of the first flaw; or when the file cannot be read.
pub async fn verify_file(path: &Path, checkpoint: Option<&Checkpoint>) -> Result<Summary, AuditError> {
    verify_signed(path, checkpoint, None).await
}

/// The same; with people, each signed word is held against their keys as well.
///
/// # Errors
/// As [`verify_file`]; a signature that does not hold is told in the summary.
pub async fn verify_signed(
    path: &Path,
    checkpoint: Option<&Checkpoint>,
    people: Option<&People>,
) -> Result<Summary, AuditError> {
    let mut verifier = Verifier::against(checkpoint);
    verifier.signatures = people.map(Signatures::of);
    let failed = |source| AuditError::Read { path: path.to_owned(), source };
    let mut start = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(MAGIC.len() as u64).read_to_end(&mut start).map_err(failed)?;
    let summary = if start == MAGIC {
        let database = Database::open_to_read(path).await?;
        let outcome = verify_database(&database, verifier).await;
        database.close().await;
        outcome?
    } else {
        let file = File::open(path).map_err(failed)?;
        verify_lines(path, BufReader::new(file), verifier)?
    };
    if summary.records == 0 {
        return Err(AuditError::Empty { path: path.to_owned() });
    }
    Ok(summary)
}

async fn verify_database(database: &Database, verifier: Verifier) -> Result<Summary, AuditError> {
    let mut work = database.read().await?;
    let outcome = verify_tables(&mut work, verifier).await;
    work.undo().await?;
    outcome
}

/// Verifies everything that one piece of work sees.
pub(super) async fn verify_tables(on: &mut Transaction<'_>, mut verifier: Verifier) -> Result<Summary, AuditError> {
    let mut last = i64::MIN;
    loop {
        let rows = on
            .rows(
                concat!(
                    "SELECT l.number, l.link, CASE WHEN r.hash IS NULL THEN 1 ELSE 0 END, l.rotation, l.seq, ",
                    entry_columns!(),
                    " FROM leaves l LEFT JOIN records r ON r.rotation = l.rotation AND r.seq = l.seq \
                     WHERE l.number > $1 ORDER BY l.number LIMIT 1000"
                ),
                &[last.into()],
            )
            .await?;
        for row in &rows {
            let (number, link) = leaf_of(row)?;
            if row.is(2)? {
                let (rotation, seq) = place(row, 3)?;
                return Err(Broken::Record { rotation, seq, flaw: Flaw::Missing }.into());
            }
            let entry = entry(row, 5)??;
            verifier.take(&entry)?;
            verifier.take_leaf(number, &link, &entry.hash)?;
            last = row.number(0)?;
        }
        if rows.len() < PAGE {
            break;
        }
    }
    let inserted = on
        .row(
            "SELECT r.rotation, r.seq FROM records r LEFT JOIN leaves l ON l.rotation = r.rotation AND l.seq = r.seq \
             WHERE l.number IS NULL ORDER BY r.rotation, r.seq LIMIT 1",
            &[],
        )
        .await?;
    if let Some(row) = inserted {
        let (rotation, seq) = place(&row, 0)?;
        return Err(Broken::Record { rotation, seq, flaw: Flaw::Inserted }.into());
    }
    for row in on.rows("SELECT rotation, records FROM rotations ORDER BY number", &[]).await? {
        let (rotation, records) = place(&row, 0)?;
        let found = verifier.records_of(&rotation);
        if found < records {
            let seq = found.saturating_add(1);
            return Err(Broken::Record { rotation, seq, flaw: Flaw::Missing }.into());
        }
    }
    Ok(verifier.finish()?)
}

fn place(row: &Row, first: usize) -> Result<(RotationId, u64), DatabaseError> {
    Ok((RotationId::new(row.text(first)?), row.count(first + 1)?))
}

impl Line {
    fn text(&self) -> io::Result<String> {
        Ok(canonical(&serde_json::to_value(self)?))
    }
}

/// An export of everything is verified leaf by leaf. One that begins elsewhere than at the first leaf, or has gaps, can
/// only be the export of one rotation, whose leaves rise.
fn verify_lines(path: &Path, mut lines: impl BufRead, mut verifier: Verifier) -> Result<Summary, AuditError> {
    let mut order = Order::default();
    let mut text = Vec::new();
    for number in 1_u64.. {
        text.clear();
        let read = lines.by_ref().take(LINE_BYTES).read_until(b'\n', &mut text);
        if read.map_err(|source| AuditError::Read { path: path.to_owned(), source })? == 0 {
            break;
        }
        let line = parse(&text).ok_or_else(|| AuditError::Line { path: path.to_owned(), line: number })?;
        let Line { leaf, link, rotation, seq, epoch, monotonic, event, previous, hash } = line;
        let entry = Entry { rotation, seq, epoch, monotonic, event, previous, hash };
        order.take(&mut verifier, &entry, leaf, &link)?;
    }
    Ok(verifier.finish()?)
}

/// A line that is byte for byte as it was exported.
fn parse(text: &[u8]) -> Option<Line> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('\n')?;
    let line: Line = serde_json::from_str(text).ok()?;
    (line.text().ok()? == text).then_some(line)
}

/// Which kind of export this is, as far as it was read.
#[derive(Default)]
struct Order {
    only: Option<RotationId>,
    last: u64,
    gap: Option<u64>,
    several: bool,
}

impl Order {
    fn take(&mut self, verifier: &mut Verifier, entry: &Entry, leaf: u64, link: &Hash) -> Result<(), Broken> {
        match &self.only {
            Some(only) => self.several |= *only != entry.rotation,
            None => self.only = Some(entry.rotation.clone()),
        }
        let due = self.last.saturating_add(1);
        if leaf > due {
            self.gap.get_or_insert(due);
        }
        if leaf < due {
            return Err(Broken::Leaf { number: leaf, flaw: Flaw::Misplaced });
        }
        self.last = leaf;
        match self.gap {
            Some(number) if self.several => return Err(Broken::Leaf { number, flaw: Flaw::Missing }),
            Some(_) => verifier.take(entry)?,
            None => {
                verifier.take(entry)?;
                verifier.take_leaf(leaf, link, &entry.hash)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
