//! Signing what the journal holds at this moment. What is needed to go on from the last checkpoint is kept beside it, so
//! that the next one reads only what came after; it is believed because its own signature holds.

use super::durable::DurableJournal;
use super::evidence::{EvidenceError, EvidenceFolder};
use super::tree::{Mark, Tree};
use super::{Broken, Checkpoint, Flaw, Hash, JournalError};
use crate::database::{DatabaseError, Row};
use crate::model::{RotationId, Timestamp};
use crate::seal::{NoteError, Signer};
use std::path::PathBuf;

/// Records that are read at once, and marks that are written into one file.
const PAGE: usize = 1_000;

/// Why no checkpoint was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MarkError {
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The folder cannot be used.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// The order of all records is broken.
    #[error("the journal is damaged: nothing was signed; stanch audit verify tells more")]
    Broken(#[from] Broken),
    /// Records are gone.
    #[error(
        "there is a signed checkpoint at record {published}, and the journal holds {size}: its end was cut, or it is another \
         journal; nothing was signed"
    )]
    Cut {
        /// The checkpoint's size.
        published: u64,
        /// The records there are.
        size: u64,
    },
    /// Records are not what they were.
    #[error(
        "the first {published} records are not what the published checkpoint stands for: the journal was written anew, or it is \
         another one; nothing was signed, and stanch audit verify --checkpoint names the place"
    )]
    Rewritten {
        /// The checkpoint's size.
        published: u64,
    },
    /// What was signed cannot be read again.
    #[error("the checkpoint could not be signed under this name")]
    Note(#[from] NoteError),
}

/// A checkpoint that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marked {
    /// What was signed.
    pub checkpoint: Checkpoint,
    /// Where it was published, if a folder was given.
    pub path: Option<PathBuf>,
}

impl DurableJournal {
    /// Signs what the journal holds now, and adds it to a folder with the index of all records up to it. None where
    /// nothing is recorded yet. With nothing new since the last one it is that one again.
    ///
    /// # Errors
    /// [`MarkError`]: then nothing was signed, or the same is done again next time.
    pub async fn mark(
        &self,
        signer: &Signer,
        mut folder: Option<&mut EvidenceFolder>,
        now: Timestamp,
    ) -> Result<Option<Marked>, MarkError> {
        let published = match &folder {
            Some(folder) => folder.last(signer.key())?,
            None => None,
        };
        let (mut tree, kept) = self.kept_tree(signer).await?;
        if tree.size() > 0 {
            compare(published.as_ref(), &tree)?;
        }
        let mut last = folder.as_ref().map_or(tree.size(), |folder| folder.indexed().min(tree.size()));
        loop {
            let marks = self.marks_after(last).await?;
            for (number, mark) in (last + 1..).zip(&marks) {
                if number > tree.size() {
                    tree.push(mark);
                    compare(published.as_ref(), &tree)?;
                }
            }
            let read = last + marks.len() as u64;
            if let Some(folder) = &mut folder {
                let known = usize::try_from(folder.indexed().saturating_sub(last)).unwrap_or(usize::MAX);
                folder.add_marks(marks.get(known..).unwrap_or_default())?;
            }
            last = read;
            if marks.len() < PAGE {
                break;
            }
        }
        let published = published.map_or(0, |published| published.size).max(tree.size());
        let size = self.size().await?;
        if size < published {
            return Err(MarkError::Cut { published, size });
        }
        if tree.size() == 0 {
            return Ok(None);
        }
        let checkpoint = match kept.filter(|kept| kept.size == tree.size()) {
            Some(kept) => kept,
            None => {
                let checkpoint = Checkpoint::sign(signer, tree.size(), tree.root())?;
                self.keep_tree(&tree, &checkpoint, now).await?;
                checkpoint
            }
        };
        let path = folder.map(|folder| folder.add(&checkpoint)).transpose()?;
        Ok(Some(Marked { checkpoint, path }))
    }

    /// How many records there are.
    async fn size(&self) -> Result<u64, JournalError> {
        let mut work = self.reading().await?;
        let row = work.row("SELECT number FROM leaves ORDER BY number DESC LIMIT 1", &[]).await;
        let size = row.and_then(|row| row.map_or(Ok(0), |row| row.count(0))).map_err(self.failed("read"));
        self.end(work, size).await
    }

    /// The tree of the last checkpoint, if this signer signed it; else one to begin with.
    async fn kept_tree(&self, signer: &Signer) -> Result<(Tree, Option<Checkpoint>), JournalError> {
        let mut work = self.reading().await?;
        let row = work.row("SELECT size, peaks, note FROM checkpoints ORDER BY size DESC LIMIT 1", &[]).await;
        let kept = row.and_then(|row| row.map(|row| Ok((row.count(0)?, row.text(1)?, row.text(2)?))).transpose());
        let kept = self.end(work, kept.map_err(self.failed("read"))).await?;
        let believed = kept.and_then(|(size, peaks, note)| {
            let checkpoint = Checkpoint::parse(&note).ok()?;
            checkpoint.verify(std::slice::from_ref(signer.key())).ok()?;
            let tree = Tree::kept(size, &peaks)?;
            (checkpoint.size == size && checkpoint.root == tree.root()).then_some((tree, checkpoint))
        });
        Ok(believed.map_or_else(Default::default, |(tree, checkpoint)| (tree, Some(checkpoint))))
    }

    async fn keep_tree(&self, tree: &Tree, checkpoint: &Checkpoint, now: Timestamp) -> Result<(), JournalError> {
        let mut work = self.begin().await?;
        let outcome = async {
            let size = tree.size().into();
            work.run("DELETE FROM checkpoints WHERE size <= $1", &[size]).await?;
            work.run(
                "INSERT INTO checkpoints (size, peaks, note, at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
                &[size, (&tree.peaks()).into(), checkpoint.text().into(), now.into()],
            )
            .await
        };
        let outcome = outcome.await.map(|_| ()).map_err(self.failed("write"));
        self.end(work, outcome).await
    }

    /// The next marks after this number, at most a page: others read and write between two pages.
    async fn marks_after(&self, last: u64) -> Result<Vec<Mark>, MarkError> {
        let mut work = self.reading().await?;
        let rows = work
            .rows(
                "SELECT l.number, l.rotation, l.seq, r.hash FROM leaves l \
                 JOIN records r ON r.rotation = l.rotation AND r.seq = l.seq WHERE l.number > $1 ORDER BY l.number LIMIT 1000",
                &[last.into()],
            )
            .await
            .map_err(self.failed("read"));
        let rows = self.end(work, rows).await?;
        let mut marks = Vec::with_capacity(rows.len());
        for (due, row) in (last + 1..).zip(&rows) {
            let (number, mark) = mark_of(row).map_err(self.failed("read"))?;
            if number != due {
                return Err(Broken::Leaf { number: due, flaw: Flaw::Missing }.into());
            }
            marks.push(mark);
        }
        Ok(marks)
    }
}

/// That what was published at this size is what is there.
fn compare(published: Option<&Checkpoint>, tree: &Tree) -> Result<(), MarkError> {
    match published.filter(|published| published.size == tree.size() && published.root != tree.root()) {
        Some(published) => Err(MarkError::Rewritten { published: published.size }),
        None => Ok(()),
    }
}

fn mark_of(row: &Row) -> Result<(u64, Mark), DatabaseError> {
    let (rotation, seq) = (RotationId::new(row.text(1)?), row.count(2)?);
    Ok((row.count(0)?, Mark { rotation, seq, hash: Hash::kept(row.text(3)?) }))
}

#[cfg(test)]
mod tests;
