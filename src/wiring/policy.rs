//! The repository's own files as a commit has them: what is to be judged never says by which rules. In continuous
//! integration they are read where the change is to go, and where something is received or watched, as they were
//! accepted before.

use super::scanner::ScannerError;
use crate::config::repository::{NAMES, RepositoryConfig, RepositoryError};
use crate::source::SourceError;
use crate::suppress::{FILE_NAME, IgnoreFile};
use git2::{ErrorCode, ObjectType, Oid, Repository, Tree};
use std::io;
use std::path::{Path, PathBuf};

/// A blob of this size is no policy.
const LARGEST_BYTES: usize = 4 << 20;

/// A symbolic link, as a tree says it.
const LINK: i32 = 0o120_000;

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
    let Ok(head) = repository.head().and_then(|head| head.peel_to_commit()) else { return Default::default() };
    let (mut config, exceptions) = accepted(repository, &head.id().to_string());
    config.exclude.clear();
    (config, exceptions)
}

/// The tree of a commit.
struct At<'r> {
    repository: &'r Repository,
    tree: Tree<'r>,
    commit: String,
}

impl<'r> At<'r> {
    fn new(repository: &'r Repository, commit: &str) -> Result<Self, ScannerError> {
        let tree = Oid::from_str(commit).and_then(|id| repository.find_commit(id)).and_then(|commit| commit.tree());
        let unread =
            |source| ScannerError::Source(SourceError::Object { what: format!("the tree of commit {commit}"), source });
        Ok(Self { repository, tree: tree.map_err(unread)?, commit: commit.get(..10).unwrap_or(commit).to_owned() })
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
        let failed = |error: git2::Error| io::Error::other(error.message().to_owned());
        let path = Path::new(name);
        if let Some(above) = path.parent().and_then(Path::to_str).filter(|above| !above.is_empty()) {
            match self.tree.get_name(above) {
                Some(entry) if entry.kind() == Some(ObjectType::Tree) => {
                    self.repository.find_tree(entry.id()).map_err(failed)?;
                }
                _ => return Ok(None),
            }
        }
        let entry = match self.tree.get_path(path) {
            Ok(entry) => entry,
            Err(error) if error.code() == ErrorCode::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        if entry.kind() != Some(ObjectType::Blob) || entry.filemode() == LINK {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no plain file"));
        }
        let blob = self.repository.find_blob(entry.id()).map_err(failed)?;
        if blob.size() > LARGEST_BYTES {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {LARGEST_BYTES} bytes")));
        }
        let text =
            std::str::from_utf8(blob.content()).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        Ok(Some(text.to_owned()))
    }
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
