//! Git repositories, opened as git names them (`GIT_DIR`, `GIT_INDEX_FILE` and their like). Nothing is ever written,
//! except notes of who went past a hook and why.

mod belongings;
mod blobs;
mod by_git;
mod commits;
mod handing;
mod history;
mod layout;
mod located;
mod memory;
pub mod message;
pub mod pack;
mod parts;
mod place;
mod probe;
mod push;
mod recollection;
mod refs;
mod reftable;
mod since;
pub mod skips;
mod staged;
mod starts;
mod stock;
mod timeline;
mod tracking;
mod walk;

pub use commits::Range;
pub use history::History;
pub use layout::work_tree;
pub use memory::Memory;
pub use message::Draft;
pub use pack::PackError;
pub use place::{Kept, file_of_commit};
pub use push::{Known, Push, RefUpdate};
pub use since::{Since, Tips, changed_files, default_branch, tips};
pub use staged::{Staged, staged_blobs};

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
            Self::Environment => Repository::open_from_env().and_then(with_quarantine),
            Self::Holding(path) => Repository::discover(path),
        }
        .map_err(|source| SourceError::Repository { source })
    }
}

/// What is being received stands apart from the other objects until it is accepted. The directories that git names for
/// that are followed by now, except where their names hold a colon or a quotation mark.
fn with_quarantine(repository: Repository) -> Result<Repository, git2::Error> {
    let Some(quarantine) = std::env::var_os("GIT_QUARANTINE_PATH").filter(|path| !path.is_empty()) else {
        return Ok(repository);
    };
    let objects = repository.odb()?;
    for directory in [PathBuf::from(quarantine), repository.commondir().join("objects")] {
        let name = directory.to_str().ok_or_else(|| git2::Error::from_str("the quarantine's name is not UTF-8"))?;
        objects.add_disk_alternate(name)?;
    }
    drop(objects);
    Ok(repository)
}

fn unread(what: &str, source: git2::Error) -> SourceError {
    SourceError::Object { what: what.to_owned(), source }
}
