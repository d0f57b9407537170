//! Bytes that hold others: archives, packages, documents and images, opened in memory and streamed, within a budget.

mod ar;
mod beam;
mod behind;
mod class;
mod compound;
mod compressed;
mod cpio;
mod format;
mod git_pack;
mod image;
mod lines;
mod lz4;
mod names;
mod notebook;
mod office;
mod outlet;
mod pdf;
mod pipe;
mod plist;
mod png;
mod promise;
mod python;
mod region;
mod rpm;
mod seven;
mod sqlite;
mod tar;
mod zip;

pub use format::{Closed, Format};
pub use image::open_folder;
pub use pipe::Pipe;

use outlet::{Halt, Outlet};
use region::{Feed, Region};
use std::fs::File;
use std::io;
use std::ops::ControlFlow;

/// What one decoder may set aside; enough for everything that usual archivers write.
const DECODER_MEMORY_KIB: u32 = 160 << 10;

/// What is opened.
#[derive(Debug)]
pub enum Input<'a> {
    /// All of its bytes.
    Bytes(&'a [u8]),
    /// A file that is larger than what is read at once.
    File(&'a File),
    /// Something larger than that, which can be read only once.
    Pipe(&'a Pipe<'a>),
}

/// What may still be expanded out of one outermost thing; shared by everything nested in it.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Bytes.
    pub bytes: u64,
    /// Members.
    pub members: u64,
    /// The largest member that is held in memory.
    pub largest_bytes: u64,
}

/// A part of a member that stands as it is in what was opened, where that lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Where it begins in the member.
    pub at: usize,
    /// Where it stands in what was opened.
    pub stands: usize,
    /// Its bytes.
    pub length: usize,
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
        /// Which parts of that stand as they are in what was opened, in order; nothing where it was packed.
        stretches: &'a [Stretch],
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

impl ArchiveError {
    fn damaged(what: &'static str) -> Self {
        Self::Damaged { source: io::Error::new(io::ErrorKind::InvalidData, what) }
    }

    fn cut() -> Self {
        Self::Damaged { source: io::Error::new(io::ErrorKind::UnexpectedEof, "it ends too early") }
    }

    fn unsupported(what: &str) -> Self {
        Self::Unsupported { what: what.to_owned() }
    }

    fn from_io(source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::OutOfMemory => Self::unsupported("more memory is needed than is allowed"),
            io::ErrorKind::Unsupported => Self::unsupported(&source.to_string()),
            io::ErrorKind::UnexpectedEof => Self::cut(),
            _ if source.raw_os_error().is_some() => Self::Damaged { source },
            _ => Self::in_words(source),
        }
    }

    /// What decoders say is kept where it is a sentence; names and values out of their code tell nobody anything.
    fn in_words(source: io::Error) -> Self {
        let said = source.to_string();
        let is_code = |byte: u8| byte.is_ascii_uppercase() || matches!(byte, b'(' | b'{' | b'[' | b'_' | b'"');
        if said.contains("UnexpectedEof") || said.contains("fill whole buffer") {
            Self::cut()
        } else if said.is_empty() || said.bytes().any(is_code) {
            Self::damaged("its content is damaged")
        } else {
            Self::Damaged { source }
        }
    }

    /// True where not the thing itself is at fault, but nothing further may be expanded.
    fn is_of_budget(&self) -> bool {
        matches!(self, Self::OverBudget | Self::TooMany)
    }
}

impl From<io::Error> for ArchiveError {
    fn from(source: io::Error) -> Self {
        Self::from_io(source)
    }
}

/// What these first bytes (as many as there are, up to 64 KiB) are the start of, if it is something that holds others.
#[must_use]
pub fn sniff(head: &[u8], name: &str) -> Option<Format> {
    Format::of(head, name)
}

/// What lies behind something whose first bytes say nothing, by all of its bytes: an archive behind a script or a program.
#[must_use]
pub fn behind(bytes: &[u8]) -> Option<Format> {
    behind::of(bytes)
}

/// True for what only its name would tell to hold others.
#[must_use]
pub fn name_matters(bytes: &[u8]) -> bool {
    Format::name_matters(bytes)
}

/// True for a name that promises something that holds others.
#[must_use]
pub fn promises(name: &[u8]) -> bool {
    promise::is_made(name)
}

/// True for what such a promise may be about, by a few of its bytes: a text is never held to it.
#[must_use]
pub fn is_odd(bytes: &[u8]) -> bool {
    promise::is_odd(bytes)
}

/// Hands over everything that it holds, one level deep, within the budget. The name is its own: what is compressed alone
/// is called after it. Members' names are safe to show. Of a member that cannot be read to its end, what could be read is
/// handed over, and then the member is handed over as missed.
///
/// # Errors
/// When what follows cannot be read; what came before was handed over.
pub fn open(
    format: Format,
    name: &str,
    input: Input<'_>,
    budget: &mut Budget,
    visit: &mut Visit<'_>,
) -> Result<(), ArchiveError> {
    let whole = match input {
        Input::Bytes(bytes) => Region::of(bytes),
        Input::File(file) => Region::of_file(file)?,
        Input::Pipe(mut pipe) => {
            let mut outlet = Outlet::new(budget, visit).fed_by(pipe);
            return ended(format.walk(name, Feed::Stream(&mut pipe), &mut outlet));
        }
    };
    if format == Format::Tar
        && let Some(walked) = image::open_tar(whole, budget, visit)
    {
        return walked;
    }
    ended(format.walk(name, Feed::Region(whole), &mut Outlet::new(budget, visit).over(&whole)))
}

fn ended(walked: outlet::Walk) -> Result<(), ArchiveError> {
    match walked {
        Ok(()) | Err(Halt::Stopped) => Ok(()),
        Err(Halt::Failed(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests;
