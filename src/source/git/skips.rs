//! Where a person went past a hook with a reason: noted in the git directory, and seen again later.

use super::message::words_of;
use super::pack::ObjectId;
use super::repository::Repository;
use super::staged::brought_by;
use crate::model::Place;
use crate::source::SourceError;
use git2::{ObjectType, Oid};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// The file, in the common git directory.
pub const FILE_NAME: &str = "stanch-skips.log";

/// Bytes at the end of the file that are read.
const READ_BYTES: u64 = 16 << 20;

/// Characters of a reason that are kept.
const REASON: usize = 500;

/// One bypass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skip {
    /// When, as RFC 3339.
    pub at: String,
    /// Which hook.
    pub hook: String,
    /// What was not scanned: blobs, a message, or the tips of a push. None of them is a secret.
    pub contents: Vec<ObjectId>,
    /// Why.
    pub reason: String,
}

impl Skip {
    /// Appends it, durably.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn note(&self, repository: &Repository) -> Result<(), SourceError> {
        let path = path_of(repository);
        let write = || -> io::Result<()> {
            let mut file = File::options().append(true).create(true).open(&path)?;
            file.write_all(self.line().as_bytes())?;
            file.sync_all()
        };
        write().map_err(|source| SourceError::Write { path: path.clone(), source })
    }

    /// Time, hook, contents and reason with tabs between them.
    fn line(&self) -> String {
        let plain = |text: &str| text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(REASON).collect();
        let reason: String = plain(&self.reason);
        let contents: Vec<_> = self.contents.iter().map(ObjectId::to_string).collect();
        let contents = if contents.is_empty() { "-".to_owned() } else { contents.join(",") };
        format!("{}\t{}\t{contents}\t{reason}\n", self.at, self.hook)
    }

    fn read(line: &str) -> Option<Self> {
        let mut words = line.splitn(4, '\t').map(str::to_owned);
        let (at, hook, contents, reason) = (words.next()?, words.next()?, words.next()?, words.next()?);
        let contents = contents.split(',').filter_map(|id| id.parse().ok()).collect();
        Some(Self { at, hook, contents, reason })
    }
}

/// All that were noted.
#[derive(Debug, Default)]
pub struct Skips {
    all: Vec<Skip>,
    by_content: HashMap<ObjectId, usize>,
}

impl Skips {
    /// Reads those of a repository; without the file there are none.
    ///
    /// # Errors
    /// When the file is there but cannot be read.
    pub fn of(repository: &Repository) -> Result<Self, SourceError> {
        let path = path_of(repository);
        match read_end(&path) {
            Ok(bytes) => Ok(Self::read(&String::from_utf8_lossy(&bytes))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(SourceError::Read { place: path.display().to_string(), source }),
        }
    }

    fn read(text: &str) -> Self {
        let all: Vec<_> = text.lines().filter_map(Skip::read).collect();
        let contents = |(at, skip): (usize, &Skip)| skip.contents.iter().map(|id| (*id, at)).collect::<Vec<_>>();
        let by_content = all.iter().enumerate().flat_map(contents).collect();
        Self { all, by_content }
    }

    /// All of them, oldest first.
    #[must_use]
    pub fn all(&self) -> &[Skip] {
        &self.all
    }

    /// The bypass by which what stands at this place came into the repository, if there was one.
    #[must_use]
    pub fn behind(&self, repository: &Repository, place: &Place) -> Option<&Skip> {
        if self.all.is_empty() {
            return None;
        }
        let id = place.commit()?.parse().ok()?;
        let found = match place {
            Place::Message { .. } => self.find(message_of(repository, id)?),
            Place::Commit { path, .. } => self.of_file(repository, id, path),
            _ => None,
        };
        found.or_else(|| self.find(id)).or_else(|| self.of_push(repository, id))
    }

    fn find(&self, content: ObjectId) -> Option<&Skip> {
        self.by_content.get(&content).and_then(|at| self.all.get(*at))
    }

    fn of_file(&self, repository: &Repository, commit: ObjectId, path: &str) -> Option<&Skip> {
        let tree = repository.commit(&mut repository.reader(), &commit).ok()?.tree;
        match repository.file_at(&tree, Path::new(path)) {
            Ok(Some(file)) => self.find(file.id),
            // A name that holds a token is shown masked, and one that is not UTF-8 with marks: look at all that is new.
            Ok(None) => brought_by(repository, commit).ok()?.into_iter().find_map(|id| self.find(id)),
            Err(_) => None,
        }
    }

    /// A push that was not scanned brought all that its tips reach.
    fn of_push(&self, repository: &Repository, commit: ObjectId) -> Option<&Skip> {
        let pushes = self.all.iter().rev().filter(|skip| skip.hook != "pre-commit" && skip.hook != "commit-msg");
        pushes
            .into_iter()
            .find(|skip| skip.contents.iter().any(|tip| *tip != commit && repository.reaches(*tip, commit)))
    }
}

/// By what a message is known again, whatever git cleans up in it.
///
/// # Errors
/// Of git, when it cannot hash.
pub fn message_id(repository: &Repository, draft: &[u8]) -> Result<ObjectId, git2::Error> {
    let sign = repository.config().and_then(|config| config.get_string("core.commentChar"));
    let sign = sign.ok().filter(|sign| sign.len() == 1).and_then(|sign| sign.bytes().next()).unwrap_or(b'#');
    let id = Oid::hash_object(ObjectType::Blob, &words_of(draft, sign))?;
    ObjectId::new(id.as_bytes()).ok_or_else(|| git2::Error::from_str("a name of unknown length"))
}

fn message_of(repository: &Repository, commit: ObjectId) -> Option<ObjectId> {
    message_id(repository, repository.commit(&mut repository.reader(), &commit).ok()?.message()).ok()
}

fn path_of(repository: &Repository) -> PathBuf {
    repository.common().join(FILE_NAME)
}

fn read_end(path: &Path) -> io::Result<Vec<u8>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no plain file")); // a pipe would be waited for
    }
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(READ_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(READ_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_is_read_again() {
        let contents = vec!["1".repeat(40).parse().unwrap(), "2".repeat(64).parse().unwrap()];
        let (at, hook) = ("2026-11-22T08:00:00Z".to_owned(), "pre-commit".to_owned());
        let skip = Skip { at, hook, contents, reason: "the vendor's\nown\tsample".to_owned() };
        let text = format!("of old: no tabs\n{}\u{fffd}\t\n", skip.line());
        let skips = Skips::read(&text);
        let expected = Skip { reason: "the vendor's own sample".to_owned(), ..skip };
        assert_eq!(skips.all(), std::slice::from_ref(&expected));
        assert_eq!(skips.find(expected.contents[1]), Some(&expected));
        assert_eq!(skips.find("3".repeat(40).parse().unwrap()), None);
    }
}
