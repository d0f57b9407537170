//! Git repositories, opened as git names them (`GIT_DIR`, `GIT_INDEX_FILE` and their like). Nothing is ever written.

mod blobs;
mod commits;
mod place;
mod staged;
mod starts;
mod walk;

pub use commits::{History, Range};
pub use place::{Kept, file_of_commit};
pub use staged::Staged;

use super::SourceError;
use git2::Repository;
use std::path::PathBuf;
use std::sync::Once;

/// Which repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whereabouts {
    /// The one that the environment or the working directory names.
    Environment,
    /// The one that holds this path.
    Holding(PathBuf),
}

impl Whereabouts {
    /// Opens it.
    ///
    /// # Errors
    /// When there is none, another user owns it, or it needs what we cannot read.
    pub fn open(&self) -> Result<Repository, SourceError> {
        // What is read is compared with its checksum; to hash it as well, for its name, would take as long as scanning.
        static NAMES_ARE_TRUSTED: Once = Once::new();
        NAMES_ARE_TRUSTED.call_once(|| git2::opts::strict_hash_verification(false));
        match self {
            Self::Environment => Repository::open_from_env(),
            Self::Holding(path) => Repository::discover(path),
        }
        .map_err(|source| SourceError::Repository { source })
    }
}

fn unread(what: &str, source: git2::Error) -> SourceError {
    SourceError::Object { what: what.to_owned(), source }
}
