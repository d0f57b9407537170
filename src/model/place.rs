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
    /// An object of a git repository that no commit is known to hold.
    Object {
        /// Its name, 40 (or 64) hex digits.
        id: String,
    },
    /// The name of a reference.
    Reference {
        /// Such as `refs/heads/main`.
        name: String,
    },
    /// A container image in a registry.
    Image {
        /// Such as `docker.io/library/alpine:3`.
        reference: String,
    },
    /// Something that an archive, a document or an image holds.
    Member {
        /// Where that one is.
        of: Box<Place>,
        /// What it is called in there.
        name: String,
    },
}

impl Place {
    /// The path, or a word that stands for it; of a member, that of what holds it.
    #[must_use]
    pub fn path(&self) -> &str {
        match self {
            Self::File { path } | Self::Staged { path } | Self::Commit { path, .. } => path,
            Self::Message { .. } => "<message>",
            Self::Stdin => "<stdin>",
            Self::Object { .. } => "<object>",
            Self::Reference { name } => name,
            Self::Image { reference } => reference,
            Self::Member { of, .. } => of.path(),
        }
    }

    /// The place of what holds this one, however deep; itself if nothing does.
    #[must_use]
    pub fn outermost(&self) -> &Self {
        match self {
            Self::Member { of, .. } => of.outermost(),
            place => place,
        }
    }

    /// The same members, in something at another place.
    #[must_use]
    pub fn moved_to(&self, outermost: &Self) -> Self {
        match self {
            Self::Member { of, name } => Self::Member { of: Box::new(of.moved_to(outermost)), name: name.clone() },
            _ => outermost.clone(),
        }
    }

    /// The same place under another path; a place without a path stays as it is.
    #[must_use]
    pub fn with_path(self, path: String) -> Self {
        match self {
            Self::File { .. } => Self::File { path },
            Self::Staged { .. } => Self::Staged { path },
            Self::Commit { commit, time, .. } => Self::Commit { commit, path, time },
            Self::Member { of, name } => Self::Member { of: Box::new(of.with_path(path)), name },
            Self::Reference { .. } => Self::Reference { name: path },
            Self::Image { .. } => Self::Image { reference: path },
            Self::Message { .. } | Self::Stdin | Self::Object { .. } => self,
        }
    }

    /// The commit, where there is one.
    #[must_use]
    pub fn commit(&self) -> Option<&str> {
        match self {
            Self::Commit { commit, .. } | Self::Message { commit } => Some(commit.as_str()).filter(|id| !id.is_empty()),
            Self::Member { of, .. } => of.commit(),
            Self::File { .. }
            | Self::Staged { .. }
            | Self::Stdin
            | Self::Object { .. }
            | Self::Reference { .. }
            | Self::Image { .. } => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.path())?;
        self.write_members(f)?;
        match (self.outermost(), self.commit()) {
            (Self::Object { id }, _) => write!(f, "@{}", id.get(..10).unwrap_or(id)),
            (_, Some(commit)) => write!(f, "@{}", commit.get(..10).unwrap_or(commit)),
            (_, None) => Ok(()),
        }
    }
}

impl Place {
    fn write_members(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member { of, name } => {
                of.write_members(f)?;
                write!(f, "!{name}")
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_shown_behind_what_holds_them() {
        let commit = "0123456789abcdef0123456789abcdef01234567".to_owned();
        let jar = Place::Commit { commit: commit.clone(), path: "lib/app.jar".to_owned(), time: 7 };
        let member = |of: &Place, name: &str| Place::Member { of: Box::new(of.clone()), name: name.to_owned() };
        let inner = member(&member(&jar, "conf.zip"), "prod.yml");
        assert_eq!(inner.to_string(), "lib/app.jar!conf.zip!prod.yml@0123456789");
        assert_eq!(inner.path(), "lib/app.jar");
        assert_eq!(inner.outermost(), &jar);
        assert_eq!(inner.commit(), Some(commit.as_str()));
        let object = Place::Object { id: commit };
        assert_eq!(inner.moved_to(&object).moved_to(&jar), inner);
        assert_eq!(inner.moved_to(&object).to_string(), "<object>!conf.zip!prod.yml@0123456789");
        let masked = inner.with_path("lib/\u{2026}".to_owned());
        assert_eq!(masked.outermost().path(), "lib/\u{2026}");
    }
}
