//! One file as one commit has it.

use super::{Whereabouts, unread};
use crate::source::SourceError;
use git2::{ErrorCode, Oid};
use std::path::Path;

/// A file of a commit.
#[derive(Debug)]
pub struct Kept {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The author's time of the commit, seconds since the Unix epoch.
    pub time: i64,
}

/// Reads a file as a commit has it; none where there is no such commit or file, or the file has more bytes than `most`.
///
/// # Errors
/// When there is no repository, or what is there cannot be read.
pub fn file_of_commit(
    repository: &Whereabouts,
    commit: &str,
    path: &Path,
    most: usize,
) -> Result<Option<Kept>, SourceError> {
    let Ok(id) = Oid::from_str(commit) else { return Ok(None) };
    let repository = repository.open()?;
    let read = || -> Result<Option<Kept>, git2::Error> {
        let commit = repository.find_commit(id)?;
        let entry = commit.tree()?.get_path(path)?;
        let Some(blob) = entry.to_object(&repository)?.into_blob().ok().filter(|blob| blob.size() <= most) else {
            return Ok(None);
        };
        Ok(Some(Kept { bytes: blob.content().to_vec(), time: commit.author().when().seconds() }))
    };
    match read() {
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        other => other.map_err(|source| unread(&format!("commit {commit}"), source)),
    }
}
