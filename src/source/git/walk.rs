//! Which commits there are, from some and without others.

use super::unread;
use crate::source::SourceError;
use git2::{Oid, Repository, Sort};
use std::collections::HashSet;

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
        if let Ok(ids) = walked(repository, bases, tips) {
            return Self { ids, gaps: Vec::new() };
        }
        // The walk stops for good at a commit that it cannot read; this one goes round it.
        // What cannot be read on the side of the bases only means that more is read on the other.
        let hidden = reached(repository, bases, &HashSet::new(), &mut Vec::new());
        let hidden: HashSet<Oid> = hidden.into_iter().map(|(_, id)| id).collect();
        let mut gaps = Vec::new();
        let mut found = reached(repository, tips, &hidden, &mut gaps);
        found.sort_unstable();
        Self { ids: found.into_iter().map(|(_, id)| id).collect(), gaps }
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
