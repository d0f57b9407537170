//! What this machine saw acknowledged last, kept outside of the database: a database that was restored from a backup, or
//! whose server gave way to one that had not everything, says nothing of that itself. Whoever would go on from it would do
//! again what was done, with values that are dead by now.

use super::durable::{DurableJournal, leaf_of};
use super::{Hash, JournalError, Position};
use crate::database::Transaction;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// The newest record that was acknowledged: its place among all, and the chain up to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) number: u64,
    pub(super) link: Hash,
}

/// Where that is noted.
#[derive(Debug)]
pub(super) struct Witness {
    path: PathBuf,
    seen: Mutex<Option<Seen>>,
    /// It could not be noted, and this was said.
    fails: AtomicBool,
}

impl Witness {
    /// What was noted before; a note that a crash cut short is none.
    fn read(path: PathBuf) -> io::Result<Self> {
        let seen = match std::fs::read_to_string(&path) {
            Ok(text) => parsed(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(Self { path, seen: Mutex::new(seen), fails: AtomicBool::new(false) })
    }

    fn seen(&self) -> Option<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes what was acknowledged just now. Where it cannot be noted, records are written all the same: it is a second
    /// line of defence.
    fn note(&self, new: Seen) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.as_ref().is_some_and(|seen| seen.number >= new.number) {
            return;
        }
        match written(&self.path, &new) {
            Ok(()) => self.fails.store(false, Ordering::Relaxed),
            Err(error) => {
                if !self.fails.swap(true, Ordering::Relaxed) {
                    tracing::warn!(%error, path = %self.path.display(), "what the journal acknowledged cannot be noted beside it");
                }
            }
        }
        *seen = Some(new);
    }

    fn went_back(&self, seen: &Seen, records: u64) -> JournalError {
        JournalError::WentBack { seen: seen.number, records, note: self.path.clone() }
    }
}

/// A number, and the chain up to it.
fn parsed(text: &str) -> Option<Seen> {
    let (number, link) = text.strip_suffix('\n')?.split_once(' ')?;
    Some(Seen { number: number.parse().ok()?, link: Hash::kept(link.to_owned()) })
}

/// In one step, so that whoever reads sees the one or the other.
fn written(path: &Path, seen: &Seen) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    let beside = PathBuf::from(name);
    std::fs::write(&beside, format!("{} {}\n", seen.number, seen.link.as_str()))?;
    std::fs::rename(&beside, path)
}

impl DurableJournal {
    /// The same, with a note of what was acknowledged in a file outside of the database. From then on nothing is taken up or
    /// recorded in a database that lacks it.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn witnessed(mut self, path: &Path) -> Result<Self, JournalError> {
        let witness = Witness::read(path.to_owned()).map_err(|error| JournalError::Database {
            act: "read what was acknowledged by",
            source: Box::new(error),
        })?;
        self.witness = Some(witness.into());
        Ok(self)
    }

    /// Whether the database holds everything that it acknowledged to this machine.
    ///
    /// # Errors
    /// [`JournalError::WentBack`] when it does not; or when it fails.
    pub async fn demand_seen(&self) -> Result<(), JournalError> {
        // What was seen is asked for first: what is read afterwards is no older.
        let Some((witness, seen)) = self.seen() else { return Ok(()) };
        let mut work = self.reading().await?;
        let outcome = self.demand(&mut work, witness, &seen).await;
        self.end(work, outcome).await
    }

    /// What is durable now is noted outside of the database too.
    pub(super) fn acknowledged(&self, (next, seen): (Position, Seen)) -> Position {
        if let Some(witness) = &self.witness {
            witness.note(seen);
        }
        next
    }

    /// Compares the newest record there is with the newest one that was seen, as far as that alone tells.
    pub(super) fn compare(&self, last: u64, link: &Hash) -> Result<(), JournalError> {
        match self.seen() {
            Some((witness, seen)) if seen.number > last || (seen.number == last && seen.link != *link) => {
                Err(witness.went_back(&seen, last))
            }
            _ => Ok(()),
        }
    }

    /// The same, as the first of a piece of work.
    pub(super) async fn demand_seen_in(&self, on: &mut Transaction<'_>) -> Result<(), JournalError> {
        match self.seen() {
            Some((witness, seen)) => self.demand(on, witness, &seen).await,
            None => Ok(()),
        }
    }

    fn seen(&self) -> Option<(&Witness, Seen)> {
        let witness = self.witness.as_deref()?;
        Some((witness, witness.seen()?))
    }

    async fn demand(&self, on: &mut Transaction<'_>, witness: &Witness, seen: &Seen) -> Result<(), JournalError> {
        let failed = self.failed("read");
        let there = on
            .row("SELECT number, link FROM leaves WHERE number = $1", &[seen.number.into()])
            .await
            .and_then(|row| row.map(|row| leaf_of(&row)).transpose())
            .map_err(&failed)?;
        if there.is_some_and(|(_, link)| link == seen.link) {
            return Ok(());
        }
        let last = on.row("SELECT number FROM leaves ORDER BY number DESC LIMIT 1", &[]).await;
        let records = last.and_then(|row| row.map_or(Ok(0), |row| row.count(0))).map_err(&failed)?;
        Err(witness.went_back(seen, records))
    }
}

#[cfg(test)]
mod tests;
