//! The repository's own files as a commit has them: in continuous integration they are read where the change is to go,
//! so that a change cannot loosen the gate it must pass.

use super::scanner::ScannerError;
use crate::config::repository::{NAMES, RepositoryConfig, RepositoryError};
use crate::source::SourceError;
use crate::suppress::{FILE_NAME, IgnoreFile};
use git2::{ObjectType, Oid, Repository, Tree};
use std::io;
use std::path::{Path, PathBuf};

/// A blob of this size is no policy.
const LARGEST_BYTES: usize = 4 << 20;

/// A symbolic link, as a tree says it.
const LINK: i32 = 0o120_000;

/// Reads both files.
pub(super) fn of(repository: &Repository, commit: &str) -> Result<(RepositoryConfig, IgnoreFile), ScannerError> {
    let unread =
        |source| ScannerError::Source(SourceError::Object { what: format!("the tree of commit {commit}"), source });
    let tree = Oid::from_str(commit).and_then(|id| repository.find_commit(id)).and_then(|commit| commit.tree());
    let tree = tree.map_err(unread)?;
    let path = |name: &str| PathBuf::from(format!("{name}@{}", commit.get(..10).unwrap_or(commit)));
    let mut found = Vec::new();
    for name in NAMES {
        let read = text(repository, &tree, name);
        let text = read.map_err(|source| ScannerError::Config(RepositoryError::Read { path: path(name), source }))?;
        found.extend(text.map(|text| (path(name), text)));
    }
    let config = match found.as_slice() {
        [] => RepositoryConfig::default(),
        [(path, text)] => RepositoryConfig::parse(text, path).map_err(ScannerError::Config)?,
        [(first, _), (second, _), ..] => {
            return Err(ScannerError::Config(RepositoryError::Twice { first: first.clone(), second: second.clone() }));
        }
    };
    let exceptions = text(repository, &tree, FILE_NAME)
        .map_err(|source| ScannerError::Unread { path: path(FILE_NAME), source })?
        .map_or_else(|| Ok(IgnoreFile::default()), |text| IgnoreFile::parse(&text, &path(FILE_NAME).to_string_lossy()))
        .map_err(ScannerError::Exceptions)?;
    Ok((config, exceptions))
}

/// The text of a file; none where there is none.
fn text(repository: &Repository, tree: &Tree<'_>, name: &str) -> io::Result<Option<String>> {
    let Ok(entry) = tree.get_path(Path::new(name)) else { return Ok(None) };
    if entry.kind() != Some(ObjectType::Blob) || entry.filemode() == LINK {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no plain file"));
    }
    let blob = repository.find_blob(entry.id()).map_err(|error| io::Error::other(error.message().to_owned()))?;
    if blob.size() > LARGEST_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {LARGEST_BYTES} bytes")));
    }
    let text =
        std::str::from_utf8(blob.content()).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    Ok(Some(text.to_owned()))
}

/// The files of the policy that differ between two commits.
pub(super) fn changed(repository: &Repository, from: Oid, to: Oid) -> Vec<&'static str> {
    let tree = |id: Oid| repository.find_commit(id).and_then(|commit| commit.tree()).ok();
    let (from, to) = (tree(from), tree(to));
    let entry = |tree: &Option<Tree<'_>>, name: &str| {
        let entry = tree.as_ref()?.get_path(Path::new(name)).ok()?;
        Some((entry.id(), entry.filemode()))
    };
    NAMES.into_iter().chain([FILE_NAME]).filter(|name| entry(&from, name) != entry(&to, name)).collect()
}
