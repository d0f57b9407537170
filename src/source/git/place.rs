//! One file as one commit has it.

use super::Whereabouts;
use super::pack::{Kind, ObjectId};
use crate::source::SourceError;
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
    let repository = repository.open()?;
    let named = commit.parse::<ObjectId>().ok().filter(|id| repository.contains(id));
    let Some(id) = named.and_then(|id| repository.commit_of(&id)) else { return Ok(None) };
    let mut reader = repository.reader();
    let commit = repository.commit(&mut reader, &id)?;
    let Some(file) = repository.file_at(&commit.tree, path)? else { return Ok(None) };
    let unread = |source| SourceError::Store { source };
    let size = reader.header(&file.id).map_err(unread)?.map(|(_, size)| size);
    if size.is_none_or(|size| size > most as u64) {
        return Ok(None);
    }
    let bytes = repository.object(&mut reader, &file.id, Kind::Blob, &format!("object {}", file.id))?;
    Ok(Some(Kept { bytes: bytes.to_vec(), time: commit.time }))
}
