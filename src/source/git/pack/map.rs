//! Bytes of a file that is never changed.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::path::Path;

/// A mapped file, or bytes at hand.
#[derive(Debug)]
pub(super) enum Mapped {
    /// A file.
    File(memmap2::Mmap),
    /// Bytes at hand.
    Held(Vec<u8>),
}

impl Mapped {
    /// Maps a pack or an index.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = open_file(path)?;
        if file.metadata()?.len() == 0 {
            return Ok(Self::Held(Vec::new())); // nothing cannot be mapped
        }
        map(&file).map(Self::File)
    }
}

/// Opens what is a file; to open a pipe would be to wait for whoever writes into it.
pub(super) fn open_file(path: &Path) -> io::Result<File> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"));
    }
    File::open(path)
}

#[expect(unsafe_code, reason = "packs are mapped: to read them into memory would take as much of it as they are large")]
fn map(file: &File) -> io::Result<memmap2::Mmap> {
    // SAFETY: the map is read-only, and what it shows must not change while it lives. Git writes packs and indexes under
    // a temporary name, makes them read-only and renames them; it never writes into one again, and one that is removed
    // lives on while it is mapped. Someone else who writes into one shows us other bytes: each is read as untrusted
    // input, bounds are taken from the map and not from what is in it, and no reference outlives a visit, so that other
    // bytes are a damaged object and nothing more. Someone who cuts a file short ends the process with a signal, as it
    // ends git, which maps packs too: nothing is reported as clean then.
    unsafe { memmap2::Mmap::map(file) }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::File(map) => map,
            Self::Held(bytes) => bytes,
        }
    }
}
