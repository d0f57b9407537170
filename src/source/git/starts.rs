//! Where a history starts: at every reference, and at the heads of all work trees.

use super::pack::ObjectId;
use super::refs::Refs;
use super::repository::Repository;
use crate::source::SourceError;

/// What is named, and the names that lead nowhere.
#[derive(Debug, Default)]
pub(super) struct Starts {
    /// Objects of any sort, by the name that leads to them.
    pub(super) named: Vec<(String, ObjectId)>,
    /// Names that could not be read.
    pub(super) gaps: Vec<SourceError>,
}

impl Starts {
    /// Of a repository with all of its work trees.
    pub(super) fn of(repository: &Repository) -> Self {
        let Refs { tips, gaps, .. } = Refs::standing(repository.layout());
        let named = tips.into_iter().filter_map(|(name, id)| Some((name, id.parse().ok()?)));
        Self { named: named.collect(), gaps }
    }

    /// The commits that they lead to. What leads to something else, or to nothing, is met when the names are read.
    pub(super) fn commits(&self, repository: &Repository) -> Vec<ObjectId> {
        let mut reader = repository.reader();
        self.named.iter().filter_map(|(_, id)| Repository::commit_by(&mut reader, id)).collect()
    }
}
