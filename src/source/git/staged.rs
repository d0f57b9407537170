//! What the next commit would add or change: the index that git names, against `HEAD`.

use super::blobs::{Wanted, read_all};
use super::{Whereabouts, by_git};
use crate::model::Place;
use crate::source::{Limits, Source, SourceError, Visit};
use git2::{Delta, DiffOptions, ErrorCode, FileMode, Index, Oid, Repository, Tree};

/// As many files are read by one thread; more are worth another.
const FILES_PER_READER: usize = 16;

/// The bits of an entry that say which side of a conflict it is.
const STAGE: u16 = 0x3000;

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
        let wanted = staged(&Whereabouts::Environment.open()?)?;
        let jobs = self.jobs.min(wanted.len() / FILES_PER_READER + 1);
        read_all(&Whereabouts::Environment, &self.limits, jobs, visit, |readers| {
            for wanted in wanted {
                if readers.want(wanted).is_break() {
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
pub fn staged_blobs(repository: &Repository) -> Result<Vec<Oid>, SourceError> {
    Ok(staged(repository)?.into_iter().map(|wanted| wanted.id).collect())
}

/// Names what is new in the index. Deletions, submodules and entries without content are no bytes.
fn staged(repository: &Repository) -> Result<Vec<Wanted>, SourceError> {
    let unread = |what: &str| {
        let what = what.to_owned();
        move |source| SourceError::Object { what, source }
    };
    let head = head_tree(repository)?;
    let index = match repository.index() {
        Err(error) if by_git::is_needed(&error) => return by_git::staged(repository, head.map(|head| head.id())),
        index => index.map_err(unread("the index"))?,
    };
    let mut options = DiffOptions::new();
    options.ignore_submodules(true).include_typechange(true).skip_binary_check(true);
    let diff = repository
        .diff_tree_to_index(head.as_ref(), Some(&index), Some(&mut options))
        .map_err(unread("the difference between HEAD and the index"))?;
    let mut wanted = Vec::new();
    for delta in diff.deltas() {
        let file = delta.new_file();
        let gone = matches!(delta.status(), Delta::Deleted | Delta::Unmodified);
        if gone || delta.status() == Delta::Conflicted || file.id() == Oid::ZERO_SHA1 || file.mode() == FileMode::Commit
        {
            continue;
        }
        let path = String::from_utf8_lossy(file.path_bytes().unwrap_or_default()).into_owned();
        wanted.push(Wanted { id: file.id(), place: Place::Staged { path } });
    }
    if index.has_conflicts() {
        wanted.extend(conflicting(&index));
    }
    Ok(wanted)
}

/// The sides of conflicts: what is staged of them is no difference yet, but it is there.
fn conflicting(index: &Index) -> impl Iterator<Item = Wanted> {
    let sides = index.iter().filter(|entry| entry.flags & STAGE != 0 && entry.mode != u32::from(FileMode::Commit));
    sides.map(|entry| {
        let path = String::from_utf8_lossy(&entry.path).into_owned();
        Wanted { id: entry.id, place: Place::Staged { path } }
    })
}

fn head_tree(repository: &Repository) -> Result<Option<Tree<'_>>, SourceError> {
    let unread = |source| SourceError::Object { what: "HEAD".to_owned(), source };
    match repository.head() {
        Ok(head) => head.peel_to_tree().map(Some).map_err(unread),
        Err(error) if matches!(error.code(), ErrorCode::UnbornBranch | ErrorCode::NotFound) => Ok(None),
        Err(error) => Err(unread(error)),
    }
}
