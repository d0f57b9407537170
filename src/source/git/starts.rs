//! Where a history starts: at every reference, and at the heads of all work trees.

use super::unread;
use crate::source::SourceError;
use git2::{ErrorCode, Oid, Repository};
use std::collections::{BTreeSet, HashSet};
use std::path::Path;

/// What is named, and the names that lead nowhere.
#[derive(Debug, Default)]
pub(super) struct Starts {
    /// Objects of any sort, by the name that leads to them.
    pub(super) named: Vec<(String, Oid)>,
    /// Names that could not be read.
    pub(super) gaps: Vec<SourceError>,
}

impl Starts {
    /// Of a repository with all of its work trees.
    ///
    /// # Errors
    /// When the references cannot be listed at all.
    pub(super) fn of(repository: &Repository) -> Result<Self, SourceError> {
        let mut starts = Self::default();
        let listed = starts.references(repository)?;
        starts.damaged(repository, &listed);
        starts.heads(repository);
        Ok(starts)
    }

    /// The commits that they lead to. What leads to something else, or to nothing, is met when the names are read.
    pub(super) fn commits(&self, repository: &Repository) -> Vec<Oid> {
        let commit = |id: Oid| repository.find_object(id, None)?.peel_to_commit().map(|commit| commit.id());
        self.named.iter().filter_map(|(_, id)| commit(*id).ok()).collect()
    }

    fn references(&mut self, repository: &Repository) -> Result<HashSet<String>, SourceError> {
        let mut listed = HashSet::new();
        for reference in repository.references().map_err(|source| unread("the references", source))? {
            match reference {
                Ok(reference) => {
                    let name = String::from_utf8_lossy(reference.name_bytes()).into_owned();
                    // One without a target stands for another one, which has its own turn.
                    self.named.extend(reference.target().map(|id| (name.clone(), id)));
                    listed.insert(name);
                }
                Err(source) => {
                    self.gaps.push(unread("a reference", source));
                    break; // the next one would fail alike
                }
            }
        }
        Ok(listed)
    }

    /// The list above leaves out, without a word, references whose files are damaged. The files are there, though.
    fn damaged(&mut self, repository: &Repository, listed: &HashSet<String>) {
        let homes = BTreeSet::from([repository.commondir(), repository.path()]);
        for home in homes {
            let mut directories = vec![home.join("refs")];
            while let Some(directory) = directories.pop() {
                for entry in std::fs::read_dir(&directory).into_iter().flatten().flatten() {
                    if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                        directories.push(entry.path());
                    } else if let Ok(name) = entry.path().strip_prefix(home) {
                        self.unlisted(repository, &name.to_string_lossy(), listed);
                    }
                }
            }
        }
    }

    fn unlisted(&mut self, repository: &Repository, name: &str, listed: &HashSet<String>) {
        if listed.contains(name) {
            return;
        }
        match repository.find_reference(name) {
            Ok(reference) => self.named.extend(reference.target().map(|id| (name.to_owned(), id))),
            // Locks and the like have names that no reference has.
            Err(error) if error.code() == ErrorCode::InvalidSpec => {}
            Err(source) => self.gaps.push(unread(&format!("the reference {name}"), source)),
        }
    }

    /// A head that is on no branch reaches commits that no reference reaches.
    fn heads(&mut self, repository: &Repository) {
        match repository.head() {
            Ok(head) => self.named.extend(head.target().map(|id| ("HEAD".to_owned(), id))),
            Err(error) if error.code() == ErrorCode::UnbornBranch => {}
            Err(source) => self.gaps.push(unread("HEAD", source)),
        }
        let common = repository.commondir();
        let linked = std::fs::read_dir(common.join("worktrees")).into_iter().flatten().flatten();
        let files = linked.map(|entry| entry.path()).chain([common.to_owned()]).map(|path| path.join("HEAD"));
        for file in files.filter(|file| file.exists()) {
            self.head_in(&file);
        }
    }

    fn head_in(&mut self, file: &Path) {
        match std::fs::read_to_string(file) {
            Ok(text) => {
                self.named.extend(Oid::from_str(text.trim()).ok().map(|id| ("HEAD".to_owned(), id)));
            }
            Err(source) => self.gaps.push(SourceError::Read { place: file.display().to_string(), source }),
        }
    }
}
