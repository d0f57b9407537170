//! Where something was found, as a typed value.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Where bytes came from. Paths are kept as bytes are: not every name is UTF-8, so `path` is lossy for showing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "in", rename_all = "kebab-case")]
pub enum Place {
    /// A file on disk.
    File {
        /// The path as it was given or walked.
        path: String,
    },
    /// A file in git's index.
    Staged {
        /// The path from the top of the work tree.
        path: String,
    },
    /// A file as a commit has it.
    Commit {
        /// The commit, 40 (or 64) hex digits.
        commit: String,
        /// The path from the top of the tree.
        path: String,
        /// The author's time, seconds since the Unix epoch.
        time: i64,
    },
    /// The message of a commit.
    Message {
        /// The commit; empty while it is being made.
        commit: String,
    },
    /// Standard input.
    Stdin,
}

impl Place {
    /// The path, or a word that stands for it.
    #[must_use]
    pub fn path(&self) -> &str {
        match self {
            Self::File { path } | Self::Staged { path } | Self::Commit { path, .. } => path,
            Self::Message { .. } => "<message>",
            Self::Stdin => "<stdin>",
        }
    }

    /// The same place under another path; a place without a path stays as it is.
    #[must_use]
    pub fn with_path(self, path: String) -> Self {
        match self {
            Self::File { .. } => Self::File { path },
            Self::Staged { .. } => Self::Staged { path },
            Self::Commit { commit, time, .. } => Self::Commit { commit, path, time },
            Self::Message { .. } | Self::Stdin => self,
        }
    }

    /// The commit, where there is one.
    #[must_use]
    pub fn commit(&self) -> Option<&str> {
        match self {
            Self::Commit { commit, .. } | Self::Message { commit } => Some(commit.as_str()).filter(|id| !id.is_empty()),
            Self::File { .. } | Self::Staged { .. } | Self::Stdin => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.commit() {
            Some(commit) => write!(f, "{}@{}", self.path(), commit.get(..10).unwrap_or(commit)),
            None => f.write_str(self.path()),
        }
    }
}
