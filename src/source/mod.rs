//! Bytes at hand: files, standard input and git. A source knows no rule; it hands out blobs one at a time, says what it
//! left out on purpose, and says what it could not read.

mod buffer;
pub mod files;
pub mod git;
mod heard;
pub mod image;
pub mod limits;
pub mod stdin;

pub use heard::{Heard, Held, Notes};
pub use limits::{Exclusions, Limits};

use crate::model::Place;
use std::fs::File;
use std::io::ErrorKind;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};

/// One piece of content, borrowed for as long as a visit lasts.
#[derive(Clone, Debug)]
pub struct Blob<'a> {
    /// Where it came from.
    pub place: Place,
    /// Its path from the top of the repository, where that is not the path of the place.
    pub from_top: Option<String>,
    /// All of its bytes, or its start where there is a `file`.
    pub bytes: &'a [u8],
    /// The whole of it, opened, where it is more than is read at once.
    pub file: Option<&'a File>,
    /// What follows the bytes, where that comes from a pipe and is more than is read at once: it can be read only once, from
    /// front to back.
    pub rest: Option<&'a File>,
    /// A directory that is one thing, a container image; there are no bytes then.
    pub folder: Option<&'a Path>,
    /// The stretches that are new, where the rest was handed out before as a part of another blob; none: all is new.
    pub fresh: Option<&'a [Range<usize>]>,
    /// Where it is said whether there is anything to say of it.
    pub heard: Option<&'a Heard>,
    /// What was written down of it before, and where to write.
    pub notes: Option<&'a Notes>,
    /// Whether it was counted before: the same bytes at another place, or a part of something.
    pub again: bool,
}

impl<'a> Blob<'a> {
    /// All of it at once.
    #[must_use]
    pub fn new(place: Place, bytes: &'a [u8]) -> Self {
        Self {
            place,
            from_top: None,
            bytes,
            file: None,
            rest: None,
            folder: None,
            fresh: None,
            heard: None,
            notes: None,
            again: false,
        }
    }

    /// The same with its path from the top of the repository.
    #[must_use]
    pub fn below(self, from_top: Option<String>) -> Self {
        Self { from_top, ..self }
    }

    /// How many bytes it has; of a pipe those that were read so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        if let Some(folder) = self.folder {
            return image::size_of(folder);
        }
        let whole = self.file.and_then(|file| file.metadata().ok()).map(|metadata| metadata.len());
        whole.unwrap_or_default().max(self.bytes.len() as u64)
    }

    /// The same, counted before.
    #[must_use]
    pub fn again(self) -> Self {
        Self { again: true, ..self }
    }

    /// True for a first look at an object: if there is anything in it, it is handed out once more where it lives, and
    /// if not, it is counted with the others.
    #[must_use]
    pub fn is_probe(&self) -> bool {
        self.heard.is_some() && matches!(self.place, Place::Object { .. })
    }

    /// The path that exclusions and exceptions are written for.
    #[must_use]
    pub fn path(&self) -> &str {
        self.from_top.as_deref().unwrap_or(self.place.path())
    }
}

/// Why something was left out on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SkipReason {
    /// The configuration excludes its path.
    Excluded,
    /// A link, pipe, socket or device: it has no content of its own.
    NotAFile,
    /// A repository that is recorded as a part of this one, and is not checked out.
    Submodule,
    /// A file in Git LFS, of which the pointer alone was handed over.
    Pointer,
}

impl SkipReason {
    /// As the reports say it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Excluded => "excluded",
            Self::NotAFile => "not a file",
            Self::Submodule => "submodule not checked out",
            Self::Pointer => "kept in Git LFS and not handed over",
        }
    }

    /// True when content was left unread, so that a strict run is incomplete.
    #[must_use]
    pub fn hides_content(self) -> bool {
        matches!(self, Self::Excluded | Self::Submodule)
    }
}

/// An item that was not handed out.
#[derive(Debug)]
pub enum Missed {
    /// Left out on purpose.
    Skipped {
        /// Where it is.
        place: Place,
        /// Why.
        reason: SkipReason,
        /// Its bytes, as far as they are known.
        bytes: u64,
    },
    /// It could not be read: a gap in the coverage.
    Unread(SourceError),
    /// Looked at, now or in an earlier scan by the same rules, and there was nothing in it.
    Quiet {
        /// How many items.
        items: u64,
        /// Their bytes.
        bytes: u64,
        /// What they held.
        held: Held,
    },
}

/// Called for every item, from several threads at once; `Break` ends the walk early.
pub type Visit<'a> = dyn Fn(Result<Blob<'_>, Missed>) -> ControlFlow<()> + Sync + 'a;

/// Where bytes come from.
pub trait Source: std::fmt::Debug + Send + Sync {
    /// Hands every item to `visit`, each at least once and in no promised order. When it returns `Ok`, everything
    /// that exists was either handed out or reported as missed.
    ///
    /// # Errors
    /// When nothing can be walked at all: a missing path, no repository, a base that is not there.
    fn walk(&self, visit: &Visit<'_>) -> Result<(), SourceError>;

    /// How many of its items it is done with, and how many there are, once that is known.
    fn progress(&self) -> Option<(u64, u64)> {
        None
    }
}

/// Reading failed, for one item or for all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// A path on the command line is not there.
    #[error("'{}' does not exist", path.display())]
    MissingPath {
        /// The path as given.
        path: PathBuf,
    },
    /// An exclusion is no glob.
    #[error("'{glob}' is not a glob")]
    Glob {
        /// As configured.
        glob: String,
        /// What is wrong with it.
        source: ignore::Error,
    },
    /// A file or directory could not be read.
    #[error("cannot read {place}")]
    Read {
        /// Which.
        place: String,
        /// Why.
        source: std::io::Error,
    },
    /// A directory could not be walked.
    #[error("cannot walk a directory")]
    Walk {
        /// Which and why.
        source: ignore::Error,
    },
    /// Something is larger than the limit.
    #[error("{place} is larger than the limit of {limit} bytes")]
    OverLimit {
        /// Which.
        place: String,
        /// Its bytes, or how many of them were read to see that it is too large.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// There is no repository, or none that can be opened.
    #[error("cannot open a git repository here")]
    Repository {
        /// Why.
        source: git2::Error,
    },
    /// A repository needs of its readers what this one does not know.
    #[error("{} cannot be read: it needs {needed}", path.display())]
    Unsupported {
        /// Its directory.
        path: PathBuf,
        /// What.
        needed: String,
    },
    /// A repository without commits has no history that could be clean.
    #[error("{} has no commits: there is no history to scan", path.display())]
    NoCommits {
        /// Its directory.
        path: PathBuf,
    },
    /// An object store, or something in it, could not be read.
    #[error(transparent)]
    Store {
        /// What and why.
        source: git::PackError,
    },
    /// Something names an object that is not there.
    #[error("{what} is not in this repository, but {by} leads to it")]
    Absent {
        /// Which.
        what: String,
        /// What names it.
        by: String,
    },
    /// Of a file in Git LFS there is only the pointer.
    #[error("{place} is a pointer to a file in Git LFS that is not here")]
    Pointer {
        /// The pointer.
        place: String,
    },
    /// Objects were left with a remote.
    #[error("{}{objects} objects are not in this clone: it is partial", if *more { "more than " } else { "" })]
    Promised {
        /// How many.
        objects: u64,
        /// Whether there are more.
        more: bool,
    },
    /// A range is not of the form `A..B`.
    #[error("'{range}' is not a range of commits: write A..B")]
    Range {
        /// As given.
        range: String,
    },
    /// An end of a range is not in this clone.
    #[error("'{revision}' is not in this clone")]
    MissingRevision {
        /// As given.
        revision: String,
        /// What git says.
        source: git2::Error,
    },
    /// The clone is cut off: older commits are not there.
    #[error("the clone is shallow: what lies before commit {commit} is not here")]
    Shallow {
        /// The last commit that is there.
        commit: String,
    },
    /// An object, reference or index could not be read.
    #[error("cannot read {what}")]
    Object {
        /// Which.
        what: String,
        /// Why.
        source: git2::Error,
    },
    /// A line that git wrote for a hook is not of its form.
    #[error("line {number} of standard input names no reference as git does for this hook")]
    RefLine {
        /// Which, from 1.
        number: usize,
    },
    /// A note could not be made.
    #[error("cannot write {}", path.display())]
    Write {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A part of something elsewhere did not come.
    #[error("cannot read {place}: {why}")]
    Afar {
        /// Which.
        place: String,
        /// Why.
        why: String,
        /// What to do about it.
        remedy: Option<&'static str>,
    },
    /// A thread of the walk ended without an answer.
    #[error("a reader stopped before its work was done")]
    Reader,
}

/// What an error at the start of a walk means for the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It was asked for wrongly: nothing was scanned.
    Usage,
    /// What was asked for is not there: the coverage is incomplete.
    Incomplete,
    /// The machine failed.
    Outside,
}

impl SourceError {
    /// What it means for the run.
    #[must_use]
    pub fn trouble(&self) -> Trouble {
        match self {
            Self::MissingPath { .. } | Self::Glob { .. } | Self::Range { .. } | Self::RefLine { .. } => Trouble::Usage,
            Self::Repository { source } if source.code() != git2::ErrorCode::NotFound => Trouble::Incomplete,
            Self::Repository { .. } | Self::Write { .. } | Self::Reader => Trouble::Outside,
            _ => Trouble::Incomplete,
        }
    }

    /// The bytes that are missed by it, as far as they are known.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        match self {
            Self::OverLimit { bytes, .. } => *bytes,
            _ => 0,
        }
    }

    /// What happened, with its causes, in one line.
    #[must_use]
    pub fn in_words(&self) -> String {
        let mut words = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            // Of git's errors the class and number say nothing to people.
            let said =
                error.downcast_ref::<git2::Error>().map_or_else(|| error.to_string(), |e| e.message().to_owned());
            words = format!("{words}: {said}");
            cause = error.source();
        }
        words
    }

    /// What to do about it, where that is known.
    #[must_use]
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::MissingPath { .. } => Some("nothing was scanned: check the spelling, or drop the path"),
            Self::Glob { .. } => Some("write it as in .gitignore; nothing was scanned"),
            Self::Afar { remedy, .. } => *remedy,
            Self::OverLimit { .. } => Some("raise the limit with --max-size, or exclude it"),
            Self::Range { .. } => Some("for instance: stanch scan --range origin/main..HEAD"),
            Self::MissingRevision { .. } => {
                Some("fetch it: in CI set fetch-depth: 0, elsewhere run git fetch --unshallow or git fetch origin")
            }
            Self::Shallow { .. } => Some("fetch the rest: in CI set fetch-depth: 0, elsewhere git fetch --unshallow"),
            Self::Repository { source } if source.code() == git2::ErrorCode::Owner => {
                Some("another user owns it; if you trust it: git config --global --add safe.directory PATH")
            }
            Self::Repository { source } if source.code() == git2::ErrorCode::NotFound => {
                Some("run it inside a repository, or scan files: stanch scan PATH")
            }
            Self::Repository { .. } => Some("its history can be read all the same: stanch scan --history"),
            Self::Read { source, .. } => Some(match source.kind() {
                ErrorKind::PermissionDenied => "let this user read it, or exclude it",
                ErrorKind::NotFound => "it went away while the scan ran: run it again",
                ErrorKind::OutOfMemory => "it does not fit into memory: lower --max-size, or exclude it",
                _ => "mend it, or exclude it",
            }),
            Self::Walk { .. } => Some("mend it, or exclude it"),
            Self::Object { .. } | Self::Store { .. } | Self::Absent { .. } => {
                Some("git fsck names what is damaged or missing")
            }
            Self::Pointer { .. } => {
                Some("git lfs fetch --all brings what a history has, git lfs pull what is checked out")
            }
            Self::NoCommits { .. } => Some("commit something first, or scan the files: stanch scan PATH"),
            Self::Promised { .. } => Some("fetch the rest: git fetch --refetch --no-filter, or scan a full clone"),
            Self::Unsupported { .. } => Some("scan a clone of it in a form that is read: git clone"),
            Self::RefLine { .. } => {
                Some("git calls this hook; to scan by hand: stanch scan --range A..B; nothing was let through")
            }
            _ => None,
        }
    }
}
