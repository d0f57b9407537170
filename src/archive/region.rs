//! What is read from: bytes at hand, a stretch of a file, or a stream that goes one way.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt as _;

/// Where the bytes of a region lie.
#[derive(Clone, Copy, Debug)]
enum Ground<'a> {
    Bytes(&'a [u8]),
    File(&'a File),
}

/// A stretch that can be read from any point. It never reads outside itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Region<'a> {
    ground: Ground<'a>,
    start: u64,
    length: u64,
    at: u64,
}

impl<'a> Region<'a> {
    pub(super) fn of_file(file: &'a File) -> io::Result<Self> {
        Ok(Self { ground: Ground::File(file), start: 0, length: file.metadata()?.len(), at: 0 })
    }

    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self { ground: Ground::Bytes(bytes), start: 0, length: bytes.len() as u64, at: 0 }
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// What was not read of it yet.
    pub(super) fn left(&self) -> u64 {
        self.length.saturating_sub(self.at)
    }

    /// A part of it; what lies outside is cut away.
    pub(super) fn part(&self, from: u64, length: u64) -> Region<'a> {
        let from = from.min(self.length);
        let length = length.min(self.length - from);
        Region { ground: self.ground, start: self.start.saturating_add(from), length, at: 0 }
    }

    /// The next stretch of at most this length, as a part of its own.
    pub(super) fn next_part(&mut self, length: u64) -> Region<'a> {
        let part = self.part(self.at, length);
        self.at = self.at.saturating_add(part.length);
        part
    }

    /// All of it, where it lies in memory already.
    pub(super) fn in_memory(&self) -> Option<&'a [u8]> {
        let Ground::Bytes(bytes) = self.ground else { return None };
        let start = usize::try_from(self.start).ok()?;
        let length = usize::try_from(self.length).ok()?;
        bytes.get(start..start.checked_add(length)?)
    }

    /// As many as there are of so many bytes from a point on. Nothing is set aside for bytes that are not there.
    pub(super) fn load(&self, from: u64, length: u64) -> io::Result<Cow<'a, [u8]>> {
        let mut part = self.part(from, length);
        if let Some(bytes) = part.in_memory() {
            return Ok(Cow::Borrowed(bytes));
        }
        let mut bytes = Vec::new();
        part.read_to_end(&mut bytes)?;
        Ok(Cow::Owned(bytes))
    }
}

impl Read for Region<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left()).unwrap_or(usize::MAX).min(buffer.len());
        let Some(buffer) = buffer.get_mut(..wanted).filter(|buffer| !buffer.is_empty()) else { return Ok(0) };
        let from = self.start.saturating_add(self.at);
        let read = match self.ground {
            Ground::Bytes(bytes) => {
                let mut rest = usize::try_from(from).ok().and_then(|from| bytes.get(from..)).unwrap_or_default();
                rest.read(buffer)?
            }
            // The file's own position stays where it is.
            Ground::File(file) => file.read_at(buffer, from)?,
        };
        self.at = self.at.saturating_add(read as u64);
        Ok(read)
    }
}

impl Seek for Region<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
        };
        self.at = target.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}

/// What an archive that is read from front to back is read from.
pub(super) enum Feed<'a> {
    /// Skipping costs nothing, and what lies in memory is not copied.
    Region(Region<'a>),
    /// What is skipped must be read.
    Stream(&'a mut dyn Read),
}

impl Read for Feed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Region(region) => region.read(buffer),
            Self::Stream(stream) => stream.read(buffer),
        }
    }
}

/// Fills the buffer as far as there are bytes; fewer than asked for is the end.
pub(super) fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
