//! Which commits there are, from some and without others.

use super::unread;
use crate::source::SourceError;
use git2::{Oid, Repository, Sort};
use std::collections::HashSet;
use std::io;

/// Commits, oldest first, so that a blob is named by the commit that brought it.
pub(super) struct Commits {
    /// Those that can be read.
    pub(super) ids: Vec<Oid>,
    /// Those that cannot.
    pub(super) gaps: Vec<SourceError>,
}

impl Commits {
    /// What `tips` reach and `bases` do not.
    pub(super) fn between(repository: &Repository, bases: &[Oid], tips: &[Oid]) -> Self {
        let mut gaps: Vec<SourceError> = grafted(repository).into_iter().collect();
        if let Ok(ids) = walked(repository, bases, tips) {
            return Self { ids, gaps };
        }
        // The walk stops for good at a commit that it cannot read; this one goes round it.
        // What cannot be read on the side of the bases only means that more is read on the other.
        let hidden = reached(repository, bases, &HashSet::new(), &mut Vec::new());
        let hidden: HashSet<Oid> = hidden.into_iter().map(|(_, id)| id).collect();
        let mut found = reached(repository, tips, &hidden, &mut gaps);
        found.sort_unstable();
        Self { ids: found.into_iter().map(|(_, id)| id).collect(), gaps }
    }
}

/// The old way to put other parents in the place of a commit's own, which the library that reads follows.
fn grafted(repository: &Repository) -> Option<SourceError> {
    let path = repository.commondir().join("info").join("grafts");
    match std::fs::read(&path) {
        Ok(text) => (!text.trim_ascii().is_empty()).then_some(SourceError::Grafted { path }),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => None,
        Err(source) => Some(SourceError::Read { place: path.display().to_string(), source }),
    }
}

fn walked(repository: &Repository, bases: &[Oid], tips: &[Oid]) -> Result<Vec<Oid>, git2::Error> {
    let mut walk = repository.revwalk()?;
    walk.set_sorting(Sort::TOPOLOGICAL | Sort::TIME | Sort::REVERSE)?;
    bases.iter().try_for_each(|base| walk.hide(*base))?;
    tips.iter().try_for_each(|tip| walk.push(*tip))?;
    walk.collect()
}

/// The commits that can be read with their times, and a gap for each that cannot.
fn reached(
    repository: &Repository,
    starts: &[Oid],
    hidden: &HashSet<Oid>,
    gaps: &mut Vec<SourceError>,
) -> Vec<(i64, Oid)> {
    let (mut found, mut seen, mut next) = (Vec::new(), hidden.clone(), starts.to_vec());
    while let Some(id) = next.pop() {
        if !seen.insert(id) {
            continue;
        }
        match repository.find_commit(id) {
            Ok(commit) => {
                found.push((commit.time().seconds(), id));
                next.extend(commit.parent_ids());
            }
            Err(source) => gaps.push(unread(&format!("commit {id}"), source)),
        }
    }
    found
}
