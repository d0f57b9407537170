//! Git repositories, opened as git names them (`GIT_DIR`, `GIT_INDEX_FILE` and their like). Nothing is ever written,
//! except notes of who went past a hook and why.

mod belongings;
mod blobs;
mod changed;
mod commits;
mod elsewhere;
mod handing;
mod history;
mod index;
mod layout;
mod located;
mod memory;
pub mod message;
pub mod pack;
mod parts;
mod place;
mod plainness;
mod probe;
mod push;
mod recollection;
mod refs;
mod reftable;
mod repository;
mod revision;
mod since;
pub mod skips;
mod staged;
mod starts;
mod stock;
mod timeline;
mod tracking;
mod walk;

pub use changed::changed_files;
pub use commits::Range;
pub use elsewhere::{Elsewhere, is_pointer};
pub use history::History;
pub use layout::{directory, settings, work_tree};
pub use memory::Memory;
pub use message::Draft;
pub use pack::{Kind, ObjectId, PackError};
pub use place::{Kept, file_of_commit};
pub use push::{Known, Push, RefUpdate};
pub use repository::{Commit, FileAt, Repository};
pub use since::{Since, Tips, default_branch, tips};
pub use staged::{Staged, staged_blobs};

use super::SourceError;
use std::path::PathBuf;

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
        Repository::open(self)
    }

    /// Opens it with the library that most programs open repositories with; it refuses some forms of them.
    ///
    /// # Errors
    /// As [`Whereabouts::open`], and when it is of a form that the library does not know.
    fn by_library(&self) -> Result<git2::Repository, SourceError> {
        layout::unwaited(self)?;
        match self {
            Self::Environment => git2::Repository::open_from_env(),
            Self::Holding(path) => git2::Repository::discover(path),
        }
        .map_err(|source| SourceError::Repository { source })
    }
}

fn unread(what: &str, source: git2::Error) -> SourceError {
    SourceError::Object { what: what.to_owned(), source }
}
