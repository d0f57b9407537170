//! Where a history starts: at every reference, and at the heads of all work trees.

use super::unread;
use crate::source::SourceError;
use git2::{ErrorCode, Oid, Repository};
use std::collections::HashSet;
use std::path::PathBuf;

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
        starts.damaged(repository, &listed)?;
        starts.heads(repository);
        Ok(starts)
    }

    /// The commits that they lead to. What leads to something else, or to nothing, is met when the names are read.
    pub(super) fn commits(&self, repository: &Repository) -> Vec<Oid> {
        let commit = |id: Oid| repository.find_object(id, None)?.peel_to_commit().map(|commit| commit.id());
        self.named.iter().filter_map(|(_, id)| commit(*id).ok()).collect()
    }

    fn references(&mut self, repository: &Repository) -> Result<HashSet<Vec<u8>>, SourceError> {
        let mut listed = HashSet::new();
        for reference in repository.references().map_err(|source| unread("the references", source))? {
            match reference {
                Ok(reference) => {
                    listed.insert(reference.name_bytes().to_vec());
                    // One without a target stands for another one, which has its own turn.
                    if let Some(id) = reference.target() {
                        self.named.push((String::from_utf8_lossy(reference.name_bytes()).into_owned(), id));
                    }
                }
                Err(source) => {
                    self.gaps.push(unread("a reference", source));
                    break; // the next one would fail alike
                }
            }
        }
        Ok(listed)
    }

    /// The list above leaves out, without a word, references whose files are damaged; the list of names has them.
    fn damaged(&mut self, repository: &Repository, listed: &HashSet<Vec<u8>>) -> Result<(), SourceError> {
        let mut odd = listed.iter().filter(|name| std::str::from_utf8(name).is_err()).count();
        let mut references = repository.references().map_err(|source| unread("the references", source))?;
        for name in references.names() {
            match name {
                Ok(name) if listed.contains(name.as_bytes()) => {}
                Ok(name) => match repository.find_reference(name) {
                    Ok(reference) => self.named.extend(reference.target().map(|id| (name.to_owned(), id))),
                    Err(source) => self.gaps.push(unread(&format!("the reference {name}"), source)),
                },
                // A name that is not UTF-8 is an error here; as many as were listed are no trouble.
                Err(_) if odd > 0 => odd -= 1,
                Err(source) => {
                    self.gaps.push(unread("a reference", source));
                    break;
                }
            }
        }
        Ok(())
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

    fn head_in(&mut self, file: &PathBuf) {
        match std::fs::read_to_string(file) {
            Ok(text) => {
                self.named.extend(Oid::from_str(text.trim()).ok().map(|id| ("HEAD".to_owned(), id)));
            }
            Err(source) => self.gaps.push(SourceError::Read { place: file.display().to_string(), source }),
        }
    }
}
