//! The repository's own files as a commit has them: what is to be judged never says by which rules. In continuous
//! integration they are read where the change is to go, and where something is received or watched, as they were
//! accepted before.

use super::scanner::ScannerError;
use crate::config::repository::{NAMES, RepositoryConfig, RepositoryError};
use crate::source::SourceError;
use crate::source::git::{FileAt, Kind, ObjectId, Repository};
use crate::suppress::{FILE_NAME, IgnoreFile};
use std::io;
use std::path::{Path, PathBuf};

/// A blob of this size is no policy.
const LARGEST_BYTES: u64 = 4 << 20;

/// Reads both files. What is refused ends the run.
pub(super) fn of(repository: &Repository, commit: &str) -> Result<(RepositoryConfig, IgnoreFile), ScannerError> {
    let at = At::new(repository, commit)?;
    Ok((at.config()?, at.exceptions()?))
}

/// Reads both files as they were accepted once. What is refused in one of them counts for nothing, which makes the run
/// stricter, so that the commit which mends it is not stopped by it.
pub(super) fn accepted(repository: &Repository, commit: &str) -> (RepositoryConfig, IgnoreFile) {
    let warn = |error: &ScannerError| tracing::warn!(%error, commit, "a file of the repository counts for nothing");
    let at = At::new(repository, commit).inspect_err(warn).ok();
    let config = at.as_ref().and_then(|at| at.config().inspect_err(warn).ok());
    let exceptions = at.as_ref().and_then(|at| at.exceptions().inspect_err(warn).ok());
    (config.unwrap_or_default(), exceptions.unwrap_or_default())
}

/// What a repository that receives has accepted before, on the branch of its `HEAD`. Exclusions do not count:
/// everything that is received is read.
pub(super) fn accepted_by(repository: &Repository) -> (RepositoryConfig, IgnoreFile) {
    // On a branch without commits nothing was accepted.
    let Ok(Some(head)) = repository.head() else { return Default::default() };
    let (mut config, exceptions) = accepted(repository, &head.to_string());
    config.exclude.clear();
    (config, exceptions)
}

/// The tree of a commit.
struct At<'r> {
    repository: &'r Repository,
    tree: ObjectId,
    commit: String,
}

impl<'r> At<'r> {
    fn new(repository: &'r Repository, commit: &str) -> Result<Self, ScannerError> {
        let id = repository.commit_at(commit).map_err(ScannerError::Source)?;
        let tree = repository.commit(&mut repository.reader(), &id).map_err(ScannerError::Source)?.tree;
        Ok(Self { repository, tree, commit: commit.get(..10).unwrap_or(commit).to_owned() })
    }

    fn config(&self) -> Result<RepositoryConfig, ScannerError> {
        let mut found = Vec::new();
        for name in NAMES {
            let unread = |source| ScannerError::Config(RepositoryError::Read { path: self.path(name), source });
            found.extend(self.text(name).map_err(unread)?.map(|text| (self.path(name), text)));
        }
        match found.as_slice() {
            [] => Ok(RepositoryConfig::default()),
            [(path, text)] => RepositoryConfig::parse(text, path).map_err(ScannerError::Config),
            [(first, _), (second, _), ..] => {
                Err(ScannerError::Config(RepositoryError::Twice { first: first.clone(), second: second.clone() }))
            }
        }
    }

    fn exceptions(&self) -> Result<IgnoreFile, ScannerError> {
        let path = self.path(FILE_NAME);
        match self.text(FILE_NAME) {
            Ok(None) => Ok(IgnoreFile::default()),
            Ok(Some(text)) => IgnoreFile::parse(&text, &path.to_string_lossy()).map_err(ScannerError::Exceptions),
            Err(source) => Err(ScannerError::Unread { path, source }),
        }
    }

    /// How a file of the commit is called in messages.
    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("{name}@{}", self.commit))
    }

    /// The text of a file; none where there is none. A directory that is named but is not in this clone may hold it.
    fn text(&self, name: &str) -> io::Result<Option<String>> {
        let failed = |error: SourceError| io::Error::other(error.in_words());
        let Some(file) = self.repository.file_at(&self.tree, Path::new(name)).map_err(failed)? else { return Ok(None) };
        let mut reader = self.repository.reader();
        let size = reader.header(&file.id).map_err(io::Error::other)?.map(|(_, size)| size);
        if file.is_link {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no plain file"));
        }
        if size.is_some_and(|size| size > LARGEST_BYTES) {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {LARGEST_BYTES} bytes")));
        }
        let bytes = self
            .repository
            .object(&mut reader, &file.id, Kind::Blob, &format!("object {}", file.id))
            .map_err(failed)?;
        let text = std::str::from_utf8(&bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        Ok(Some(text.to_owned()))
    }
}

/// The files of the policy that differ between two commits.
pub(super) fn changed(repository: &Repository, from: ObjectId, to: ObjectId) -> Vec<&'static str> {
    let tree = |id: ObjectId| Some(repository.commit(&mut repository.reader(), &id).ok()?.tree);
    let (from, to) = (tree(from), tree(to));
    let entry = |tree: Option<ObjectId>, name: &str| -> Option<FileAt> {
        repository.file_at(&tree?, Path::new(name)).ok().flatten()
    };
    NAMES.into_iter().chain([FILE_NAME]).filter(|name| entry(from, name) != entry(to, name)).collect()
}
