//! The audit: the records as lines of JSON, and the verification of a copy without the program that wrote it.
//!
//! A line is one record in the canonical form of [`super::chain`] (no spaces, sorted keys), together with its leaf's
//! number and link. Sealed values never leave the database.

use super::chain::{Entry, Verifier, canonical};
use super::durable::{DurableJournal, entry, entry_columns, leaf_of};
use super::evidence::{Evidence, EvidenceError};
use super::signatures::Signatures;
use super::tree::Mark;
use super::walk::{Against, Difference, Stop, Walk};
use super::{Broken, Flaw, Hash, JournalError, Summary};
use crate::database::{Database, DatabaseError, Row, Server, Transaction};
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
    /// It could not be opened as a database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// What was noted elsewhere could not be used.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
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
    #[error("{place} holds no record: nothing was verified")]
    Empty {
        /// Where.
        place: String,
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

/// What is demanded of a journal besides a chain that is whole.
#[derive(Clone, Copy, Debug, Default)]
pub struct Demands<'a> {
    /// Everything up to these checkpoints is as it was then.
    pub evidence: Option<&'a Evidence>,
    /// Each signed word is held against the keys of these people.
    pub people: Option<&'a People>,
}

impl Demands<'_> {
    fn walk(&self) -> Result<Walk, AuditError> {
        let mut verifier = Verifier::default();
        verifier.signatures = self.people.map(Signatures::of);
        let against = self.evidence.map(Against::evidence).transpose()?;
        Ok(Walk::new(verifier, against))
    }
}

/// Verifies a copy of the database, or an export, without changing anything. A copy is whole only with its `-wal` file,
/// if there was one: what that held is as good as cut from the end.
///
/// # Errors
/// [`AuditError::Broken`] with the place of the first flaw; or when the file cannot be read. A signature of a word that
/// does not hold is told in the summary.
pub async fn verify_file(path: &Path, demands: Demands<'_>) -> Result<Summary, AuditError> {
    let walk = demands.walk()?;
    let failed = |source| AuditError::Read { path: path.to_owned(), source };
    let mut start = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(MAGIC.len() as u64).read_to_end(&mut start).map_err(failed)?;
    if start == MAGIC {
        return verify_database(Database::open_to_read(path).await?, walk).await;
    }
    let file = File::open(path).map_err(failed)?;
    let summary = verify_lines(path, BufReader::new(file), walk)?;
    found_any(summary, &path.display().to_string())
}

/// Verifies a journal where it lies on a server, as it stands at one moment, while others write to it; nothing is changed.
///
/// # Errors
/// As [`verify_file`].
pub async fn verify_server(server: &Server, demands: Demands<'_>) -> Result<Summary, AuditError> {
    let walk = demands.walk()?;
    verify_database(Database::connect_to_read(server).await?, walk).await
}

async fn verify_database(database: Database, walk: Walk) -> Result<Summary, AuditError> {
    let outcome = async {
        let mut work = database.read().await?;
        let outcome = verify_tables(&mut work, walk).await;
        work.undo().await?;
        outcome
    };
    let outcome = outcome.await;
    database.close().await;
    found_any(outcome?, &database.place())
}

fn found_any(summary: Summary, place: &str) -> Result<Summary, AuditError> {
    match summary.records {
        0 => Err(AuditError::Empty { place: place.to_owned() }),
        _ => Ok(summary),
    }
}

/// Verifies everything that one piece of work sees.
pub(super) async fn verify_tables(on: &mut Transaction<'_>, mut walk: Walk) -> Result<Summary, AuditError> {
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
            last = row.number(0)?;
            // None is below 1.
            let number = u64::try_from(last).unwrap_or(0);
            let (link, entry) = leaf_and_entry(row, number)?;
            if let Err(stop) = walk.take(number, &link, entry) {
                return Err(explain(on, &mut walk, stop).await?);
            }
        }
        if rows.len() < PAGE {
            break;
        }
    }
    if let Err(stop) = walk.end() {
        return Err(explain(on, &mut walk, stop).await?);
    }
    nothing_beside(on, &walk).await?;
    Ok(walk.finish())
}

/// What a row of the order says; one that is not as it was written is a broken chain, not a failure.
fn leaf_and_entry(row: &Row, number: u64) -> Result<(Hash, Result<Entry, Broken>), DatabaseError> {
    let read = || {
        let (rotation, seq) = place(row, 3)?;
        if row.is(2)? {
            return Ok((Hash::nothing(), Err(Broken::Record { rotation, seq, flaw: Flaw::Missing })));
        }
        Ok((Hash::kept(row.text(1)?), entry(row, 5)?))
    };
    match read() {
        Err(DatabaseError::Row(_)) => {
            let flaw = Flaw::Unreadable;
            let broken = match place(row, 3) {
                Ok((rotation, seq)) => Broken::Record { rotation, seq, flaw },
                Err(_) => Broken::Leaf { number, flaw },
            };
            Ok((Hash::nothing(), Err(broken)))
        }
        outcome => outcome,
    }
}

/// What the end of a walk means.
async fn explain(on: &mut Transaction<'_>, walk: &mut Walk, stop: Stop) -> Result<AuditError, AuditError> {
    let difference = match stop {
        Stop::Broken(broken) => return Ok(broken.into()),
        Stop::Evidence(error) => return Ok(error.into()),
        Stop::Differs(difference) => difference,
    };
    let Mark { rotation, seq, hash } = &difference.expected;
    let statement = "SELECT hash FROM records WHERE rotation = $1 AND seq = $2";
    let there = on.row(statement, &[rotation.as_str().into(), (*seq).into()]).await?;
    let is_elsewhere = there.and_then(|row| row.text(0).ok()).as_deref() == Some(hash.as_str());
    Ok(judge(walk, difference, is_elsewhere)?.into())
}

fn judge(walk: &mut Walk, difference: Difference, is_elsewhere: bool) -> Result<Broken, AuditError> {
    let is_known = match (&mut walk.against, &difference.found) {
        (Some(against), Some(found)) => against.names(found)?,
        _ => false,
    };
    Ok(difference.judge(is_elsewhere, is_known))
}

/// That there are no records besides those of the order, and as many as was written down.
async fn nothing_beside(on: &mut Transaction<'_>, walk: &Walk) -> Result<(), AuditError> {
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
        let found = walk.verifier.records_of(&rotation);
        if found < records {
            let seq = found.saturating_add(1);
            return Err(Broken::Record { rotation, seq, flaw: Flaw::Missing }.into());
        }
    }
    Ok(())
}

fn place(row: &Row, first: usize) -> Result<(RotationId, u64), DatabaseError> {
    Ok((RotationId::new(row.text(first)?), row.count(first + 1)?))
}

impl Line {
    /// Its leaf and link, and the record.
    fn parts(self) -> (u64, Hash, Entry) {
        let Self { leaf, link, rotation, seq, epoch, monotonic, event, previous, hash } = self;
        (leaf, link, Entry { rotation, seq, epoch, monotonic, event, previous, hash })
    }

    fn text(&self) -> io::Result<String> {
        Ok(canonical(&serde_json::to_value(self)?))
    }
}

/// An export of everything is verified leaf by leaf. One that begins elsewhere than at the first leaf, or has gaps, can
/// only be the export of one rotation, whose leaves rise; no checkpoint can be held against that.
fn verify_lines(path: &Path, mut lines: impl BufRead, mut walk: Walk) -> Result<Summary, AuditError> {
    let mut order = Order::default();
    for number in 1_u64.. {
        let Some(text) = next_line(path, &mut lines)? else { break };
        let due = walk.due();
        let outcome = match parse(&text) {
            Some(line) => {
                let (leaf, link, entry) = line.parts();
                if walk.against.is_some() {
                    walk.take(leaf, &link, Ok(entry))
                } else {
                    order.take(&mut walk, entry, leaf, &link)
                }
            }
            None if walk.against.is_some() => {
                let broken = Broken::Leaf { number: due, flaw: Flaw::Unreadable };
                walk.take(due, &Hash::nothing(), Err(broken))
            }
            None => return Err(AuditError::Line { path: path.to_owned(), line: number }),
        };
        if let Err(stop) = outcome {
            return Err(explain_lines(path, &mut lines, &mut walk, stop)?);
        }
    }
    if let Err(stop) = walk.end() {
        return Err(explain_lines(path, &mut lines, &mut walk, stop)?);
    }
    Ok(walk.finish())
}

fn next_line(path: &Path, lines: &mut impl BufRead) -> Result<Option<Vec<u8>>, AuditError> {
    let mut text = Vec::new();
    let read = lines.by_ref().take(LINE_BYTES).read_until(b'\n', &mut text);
    match read.map_err(|source| AuditError::Read { path: path.to_owned(), source })? {
        0 => Ok(None),
        _ => Ok(Some(text)),
    }
}

/// What the end of a walk means: whether what is expected stands on one of the lines that follow.
fn explain_lines(path: &Path, lines: &mut impl BufRead, walk: &mut Walk, stop: Stop) -> Result<AuditError, AuditError> {
    let difference = match stop {
        Stop::Broken(broken) => return Ok(broken.into()),
        Stop::Evidence(error) => return Ok(error.into()),
        Stop::Differs(difference) => difference,
    };
    let mut is_elsewhere = false;
    while let (false, Some(text)) = (is_elsewhere, next_line(path, lines)?) {
        is_elsewhere = parse(&text).is_some_and(|line| Mark::of(&line.parts().2) == difference.expected);
    }
    Ok(judge(walk, difference, is_elsewhere)?.into())
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
    fn take(&mut self, walk: &mut Walk, entry: Entry, leaf: u64, link: &Hash) -> Result<(), Stop> {
        match &self.only {
            Some(only) => self.several |= *only != entry.rotation,
            None => self.only = Some(entry.rotation.clone()),
        }
        let due = self.last.saturating_add(1);
        if leaf > due {
            self.gap.get_or_insert(due);
        }
        if leaf < due {
            return Err(Broken::Leaf { number: leaf, flaw: Flaw::Misplaced }.into());
        }
        self.last = leaf;
        match self.gap {
            Some(number) if self.several => Err(Broken::Leaf { number, flaw: Flaw::Missing }.into()),
            Some(_) => walk.verifier.take(&entry).map_err(|broken| broken.at(leaf).into()),
            None => walk.take(leaf, link, Ok(entry)),
        }
    }
}

#[cfg(test)]
mod attacks;

#[cfg(test)]
mod tests;
