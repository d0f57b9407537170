//! What the next commit would add or change: the index that git names, against `HEAD`.

use super::Whereabouts;
use super::blobs::{Wanted, read_all};
use super::index::{Entry, Index, Sort};
use super::pack::{Kind, ObjectId, Reader};
use super::parts::{self, Entries};
use super::repository::Repository;
use crate::model::Place;
use crate::source::{Limits, Source, SourceError, Visit};
use std::collections::HashMap;

/// As many files are read by one thread; more are worth another.
const FILES_PER_READER: usize = 16;

/// Directories below one another that are followed; git itself stops sooner.
const DEEPEST: usize = 512;

/// The staged files. Works on a branch without commits, without identity, in a linked work tree and during a merge.
#[derive(Debug)]
pub struct Staged {
    limits: Limits,
    jobs: usize,
}

impl Staged {
    /// With these limits, on at most so many threads.
    #[must_use]
    pub fn new(limits: Limits, jobs: usize) -> Self {
        Self { limits, jobs }
    }
}

impl Source for Staged {
    fn walk(&self, visit: &Visit<'_>) -> Result<(), SourceError> {
        let repository = Whereabouts::Environment.open()?;
        let wanted = differing(&repository, &index_of(&repository)?)?;
        let jobs = self.jobs.min(wanted.len() / FILES_PER_READER + 1);
        read_all(&repository, &self.limits, jobs, visit, |readers| {
            for (id, path) in wanted {
                let place = Place::Staged { path: String::from_utf8_lossy(&path).into_owned() };
                if readers.want(Wanted { id, place }).is_break() {
                    break;
                }
            }
            Ok(())
        })
    }
}

/// The blobs that the next commit would add or change.
///
/// # Errors
/// When the index or `HEAD` cannot be read.
pub fn staged_blobs(repository: &Repository) -> Result<Vec<ObjectId>, SourceError> {
    Ok(differing(repository, &index_of(repository)?)?.into_iter().map(|(id, _)| id).collect())
}

/// The index that is meant.
///
/// # Errors
/// When it cannot be read.
pub(super) fn index_of(repository: &Repository) -> Result<Index, SourceError> {
    Index::read(&repository.index(), repository.path(), repository.hash())
        .map_err(|source| SourceError::Read { place: "the index".to_owned(), source })
}

/// A content, and its path from the top.
type Staging = (ObjectId, Vec<u8>);

/// Names what is new in the index. Deletions, submodules and entries without content are no bytes. What is staged of the
/// sides of a conflict is no difference yet, but it is there.
///
/// # Errors
/// When `HEAD` or a directory of it cannot be read.
pub(super) fn differing(repository: &Repository, index: &Index) -> Result<Vec<Staging>, SourceError> {
    let mut comparing = Comparing { repository, reader: repository.reader(), index, wanted: Vec::new() };
    let head = match repository.head()? {
        Some(head) => Some(repository.commit(&mut comparing.reader, &head)?.tree),
        None => None,
    };
    comparing.directory(&index.entries, b"", head, 0)?;
    Ok(comparing.wanted)
}

/// The blobs that a commit adds to its first parent or changes in it.
pub(super) fn brought_by(repository: &Repository, commit: ObjectId) -> Result<Vec<ObjectId>, SourceError> {
    let index = Index::default();
    let mut comparing = Comparing { repository, reader: repository.reader(), index: &index, wanted: Vec::new() };
    let commit = repository.commit(&mut comparing.reader, &commit)?;
    let parent = commit.parents.first().map(|parent| repository.commit(&mut comparing.reader, parent)).transpose()?;
    comparing.tree(commit.tree, b"", parent.map(|parent| parent.tree), 0)?;
    Ok(comparing.wanted.into_iter().map(|(id, _)| id).collect())
}

/// What a directory holds, by name.
type Listed = HashMap<Vec<u8>, (parts::Sort, ObjectId)>;

struct Comparing<'a> {
    repository: &'a Repository,
    reader: Reader<'a>,
    index: &'a Index,
    wanted: Vec<Staging>,
}

impl Comparing<'_> {
    /// Compares the entries below a directory with its tree.
    fn directory(
        &mut self,
        entries: &[Entry],
        path: &[u8],
        tree: Option<ObjectId>,
        depth: usize,
    ) -> Result<(), SourceError> {
        let known = self.index.known.get(path).filter(|known| known.entries == entries.len());
        if known.is_some_and(|known| Some(known.id) == tree) {
            return Ok(()); // git itself makes the next commit from what is known
        }
        self.deep(path, depth)?;
        let listed = self.listed(tree)?;
        let mut rest = entries;
        while let Some(first) = rest.first() {
            let name = first.path.get(path.len()..).unwrap_or_default();
            let Some(end) = memchr::memchr(b'/', name) else {
                rest = rest.get(1..).unwrap_or_default();
                self.entry(first, listed.get(name).copied());
                continue;
            };
            let (name, below) = (name.get(..end).unwrap_or_default(), first.path.get(..=path.len() + end));
            let below = below.unwrap_or_default();
            let count = rest.partition_point(|entry| entry.path.starts_with(below));
            let (group, after) = rest.split_at_checked(count.max(1)).unwrap_or((rest, &[]));
            rest = after;
            let old = listed.get(name).filter(|(sort, _)| *sort == parts::Sort::Directory).map(|(_, id)| *id);
            match group {
                [whole] if whole.sort == Sort::Directory => self.tree(whole.id, below, old, depth + 1)?,
                _ => self.directory(group, below, old, depth + 1)?,
            }
        }
        Ok(())
    }

    fn entry(&mut self, entry: &Entry, old: Option<(parts::Sort, ObjectId)>) {
        let zero = entry.id.as_bytes().iter().all(|byte| *byte == 0);
        let same = entry.side == 0 && old == Some((parts::Sort::Content, entry.id));
        if entry.sort == Sort::Content && !same && !zero && !entry.is_intended {
            self.want(entry.id, &entry.path);
        }
    }

    fn want(&mut self, id: ObjectId, path: &[u8]) {
        self.wanted.push((id, path.to_owned()));
    }

    /// Compares a directory that stands in the index as a whole.
    fn tree(&mut self, new: ObjectId, path: &[u8], old: Option<ObjectId>, depth: usize) -> Result<(), SourceError> {
        if Some(new) == old {
            return Ok(());
        }
        self.deep(path, depth)?;
        let before = self.listed(old)?;
        let mut now: Vec<_> = self.listed(Some(new))?.into_iter().collect();
        now.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (name, (sort, id)) in now {
            let path = [path, &name].concat();
            let old = before.get(&name).filter(|(old, _)| *old == sort).map(|(_, id)| *id);
            match sort {
                parts::Sort::Content if old != Some(id) => self.want(id, &path),
                parts::Sort::Directory => self.tree(id, &[&path, b"/".as_slice()].concat(), old, depth + 1)?,
                parts::Sort::Content | parts::Sort::Submodule => {}
            }
        }
        Ok(())
    }

    fn listed(&mut self, tree: Option<ObjectId>) -> Result<Listed, SourceError> {
        let Some(tree) = tree else { return Ok(Listed::new()) };
        let bytes = self.repository.object(&mut self.reader, &tree, Kind::Tree, &format!("tree {tree}"))?;
        let entries = Entries::of(&bytes, tree.as_bytes().len());
        Ok(entries.map(|entry| (entry.name.to_owned(), (entry.sort, entry.id))).collect())
    }

    fn deep(&self, path: &[u8], depth: usize) -> Result<(), SourceError> {
        if depth <= DEEPEST {
            return Ok(());
        }
        let what = format!("{} (too deep)", String::from_utf8_lossy(path));
        Err(super::unread(&what, git2::Error::from_str("directories nested too deep")))
    }
}
