//! Bytes that hold others: archives, packages, documents and images, opened in memory and streamed, within a budget.

mod image;

pub use image::{open_folder, open_tar};

use std::fs::File;
use std::io;
use std::ops::ControlFlow;

/// What a thing is, by its first bytes; its name decides only where they say nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {}

/// What is opened.
#[derive(Debug)]
pub enum Input<'a> {
    /// All of its bytes.
    Bytes(&'a [u8]),
    /// A file that is larger than what is read at once.
    File(&'a File),
}

/// What may still be expanded out of one outermost thing; shared by everything nested in it.
#[derive(Debug)]
pub struct Budget {
    /// Bytes.
    pub bytes: u64,
    /// Members.
    pub members: u64,
    /// The largest member that is held in memory.
    pub largest_bytes: u64,
}

/// One thing out of an archive.
#[derive(Debug)]
pub enum Item<'a> {
    /// With all of its bytes.
    Member {
        /// What it is called.
        name: &'a str,
        /// What it holds.
        bytes: &'a [u8],
    },
    /// Not read.
    Missed {
        /// What it is called.
        name: &'a str,
        /// Why.
        error: ArchiveError,
    },
}

/// Called for every item; `Break` ends the walk early.
pub type Visit<'a> = dyn FnMut(Item<'_>) -> ControlFlow<()> + 'a;

/// An archive, or a part of one, could not be read. The words name no member: who asked knows which.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// It is damaged or cut off.
    #[error("it is damaged or cut off")]
    Damaged {
        /// What the reader says.
        source: io::Error,
    },
    /// It is encrypted.
    #[error("it is encrypted")]
    Encrypted,
    /// It is made in a way that is not known here.
    #[error("it is of a form that cannot be read: {what}")]
    Unsupported {
        /// What is not known.
        what: String,
    },
    /// It is named, and lies elsewhere.
    #[error("it is not here: {why}")]
    Absent {
        /// Where it may be.
        why: &'static str,
    },
    /// More than the budget allows.
    #[error("it expands to more than is allowed")]
    OverBudget,
    /// It holds more members than the budget allows.
    #[error("it holds more members than are allowed")]
    TooMany,
}

/// What these first bytes (as many as there are, up to 64 KiB) are the start of, if it is something that holds others.
#[must_use]
pub fn sniff(head: &[u8], name: &str) -> Option<Format> {
    let _nothing_yet = (head, name);
    None
}

/// Hands over everything that it holds, one level deep, within the budget.
///
/// # Errors
/// When what follows cannot be read; what came before was handed over.
pub fn open(format: Format, input: Input<'_>, budget: &mut Budget, visit: &mut Visit<'_>) -> Result<(), ArchiveError> {
    let _nothing_yet = (input, budget, visit);
    match format {}
}
