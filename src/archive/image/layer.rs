//! One blob: as it lies there or compressed, a tar or anything else, its digest checked on the way.

use super::hidden::{Change, Hidden};
use super::manifest::{Digest, Hasher};
use super::tape::{Entry, Forward, Kind, Tape, is_header};
use super::{Ended, Walk};
use crate::archive::{ArchiveError, Format, compressed, names};
use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Read};

/// What is read at once.
const BUFFER_BYTES: usize = 1 << 17;

/// What is looked at to tell what a blob is.
const HEAD_BYTES: u64 = 512;

/// What is kept of a buffer between files.
const KEPT_BYTES: usize = 8 << 20;

/// Bytes that two pieces of a large file share.
const SHARED_BYTES: u64 = 1 << 20;

/// What a blob must hash to.
#[derive(Clone, Debug)]
pub(super) enum Expected {
    /// It is named by nothing.
    Unknown,
    /// As it lies there.
    Stored(Digest),
    /// Once it is expanded.
    Expanded(Digest),
}

/// The budget is spent.
#[derive(Debug, thiserror::Error)]
#[error("it expands to more than is allowed")]
struct Spent;

/// What passes through is hashed, and counted against what may be expanded.
struct Metered<'b, R> {
    reader: R,
    hasher: Option<Hasher>,
    left: Option<&'b Cell<u64>>,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        if let Some(left) = self.left {
            left.set(left.get().checked_sub(read as u64).ok_or_else(|| io::Error::other(Spent))?);
        }
        if let (Some(hasher), Some(read)) = (&mut self.hasher, buffer.get(..read)) {
            hasher.add(read);
        }
        Ok(read)
    }
}

/// Passing over is reading: every byte is hashed and counted.
struct Stream<'r>(&'r mut dyn Read);

impl Read for Stream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Forward for Stream<'_> {
    fn pass(&mut self, bytes: u64) -> io::Result<()> {
        match io::copy(&mut self.take(bytes), &mut io::sink())? {
            passed if passed == bytes => Ok(()),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// Which of an image's layers a blob is, and what the layers above it do.
#[derive(Debug)]
pub(super) struct Layer<'h> {
    /// From 1, where the first is the lowest.
    pub(super) number: usize,
    pub(super) hidden: &'h mut Hidden,
}

impl Walk<'_, '_, '_> {
    /// Hands over a blob: the members of a tar, or itself if it is none. What breaks on the way is said.
    ///
    /// # Errors
    /// When the whole walk is to end.
    pub(super) fn blob(
        &mut self,
        name: &str,
        label: &str,
        expected: &Expected,
        layer: Option<Layer<'_>>,
    ) -> Result<(), Ended> {
        self.taken.insert(name.to_owned());
        match self.read_blob(name, label, expected, layer) {
            Ok(()) => Ok(()),
            Err(Ended::Broken(source)) if is_spent(&source) => Err(Ended::Whole(ArchiveError::OverBudget)),
            Err(Ended::Broken(source)) => self.missed(label, ArchiveError::from_io(source)),
            Err(Ended::Part(error)) => self.missed(label, error),
            Err(ended) => Err(ended),
        }
    }

    fn read_blob(
        &mut self,
        name: &str,
        label: &str,
        expected: &Expected,
        layer: Option<Layer<'_>>,
    ) -> Result<(), Ended> {
        let left = Cell::new(self.budget.bytes);
        let (stored, whole) = match expected {
            Expected::Stored(digest) => (Some(digest), None),
            Expected::Expanded(digest) => (None, Some(digest)),
            Expected::Unknown => (None, None),
        };
        let mut raw = Metered { reader: self.holder.open(name)?, hasher: stored.map(Digest::hasher), left: None };
        let (read, hasher) = {
            let mut buffered = BufReader::with_capacity(BUFFER_BYTES, &mut raw);
            let (reader, is_expanded) = expanded(&mut buffered)?;
            let left = is_expanded.then_some(&left);
            let mut plain = Metered { reader, hasher: whole.map(Digest::hasher), left };
            let read = self.contents(&mut plain, label, layer);
            // What is behind the end of a tar belongs to what is hashed.
            let read = read.and_then(|()| Ok(io::copy(&mut plain, &mut io::sink()).map(drop)?));
            (read, plain.hasher)
        };
        self.budget.bytes = left.get();
        read?;
        io::copy(&mut raw, &mut io::sink())?;
        let holds = |digest: Option<&Digest>, hasher: Option<Hasher>| match (digest, hasher) {
            (Some(digest), Some(hasher)) => digest.is(hasher),
            _ => true,
        };
        if holds(stored, raw.hasher) && holds(whole, hasher) { Ok(()) } else { Err(Ended::Broken(other_content())) }
    }

    /// What a blob holds once it is expanded.
    fn contents(&mut self, plain: &mut dyn Read, label: &str, layer: Option<Layer<'_>>) -> Result<(), Ended> {
        let mut head = Vec::new();
        plain.take(HEAD_BYTES).read_to_end(&mut head)?;
        let is_tar = is_header(&head) || (layer.is_some() && head.iter().all(|byte| *byte == 0));
        let mut whole = head.as_slice().chain(plain);
        if is_tar { self.tar(&mut whole, label, layer) } else { self.pieces(&mut whole, label) }
    }

    fn tar(&mut self, whole: &mut dyn Read, label: &str, layer: Option<Layer<'_>>) -> Result<(), Ended> {
        let mut tape = Tape::new(Stream(whole));
        let mut changes = Vec::new();
        let walked = loop {
            let entry = match tape.next() {
                Ok(Some(entry)) => entry,
                Ok(None) => break Ok(()),
                Err(source) => break Err(Ended::Broken(source)),
            };
            self.count()?;
            changes.extend(Change::of(&entry).filter(|_| layer.is_some()));
            if entry.kind != Kind::File || entry.size == 0 {
                continue;
            }
            let name = member_name(label, &entry, layer.as_ref());
            if let Err(ended) = self.pieces(&mut tape.content(), &name) {
                break Err(ended);
            }
        };
        if let Some(layer) = layer {
            layer.hidden.add(layer.number, changes);
        }
        walked
    }

    /// Hands over one file; in pieces that overlap if it is larger than what is held at once.
    fn pieces(&mut self, content: &mut dyn Read, name: &str) -> Result<(), Ended> {
        let most = self.budget.largest_bytes.max(SHARED_BYTES * 2);
        let mut bytes = std::mem::take(&mut self.buffer);
        bytes.clear();
        let mut start = 0_u64;
        loop {
            let wanted = most.saturating_sub(bytes.len() as u64);
            let read = content.take(wanted).read_to_end(&mut bytes);
            let is_last = (bytes.len() as u64) < most;
            let handed = match () {
                () if bytes.is_empty() => Ok(()),
                () if start == 0 && is_last => self.member(name, &bytes),
                () => {
                    let end = start.saturating_add(bytes.len() as u64);
                    self.member(&format!("{name} (bytes {start} to {end})"), &bytes)
                }
            };
            handed?;
            read?;
            if is_last {
                break;
            }
            let shared = usize::try_from(SHARED_BYTES).unwrap_or(usize::MAX);
            let passed = bytes.len().saturating_sub(shared);
            bytes.drain(..passed);
            start = start.saturating_add(passed as u64);
        }
        bytes.shrink_to(KEPT_BYTES);
        self.buffer = bytes;
        Ok(())
    }
}

/// `layer 3 of 7 (sha256:…), deleted in layer 5!etc/app.conf`.
fn member_name(label: &str, entry: &Entry, layer: Option<&Layer<'_>>) -> String {
    let fate = layer.and_then(|layer| layer.hidden.fate(&entry.name));
    let comma = if fate.is_some() { ", " } else { "" };
    format!("{label}{comma}{}!{}", fate.unwrap_or_default(), names::shown(entry.name.as_bytes()))
}

/// A blob without its compression, and whether there was one.
fn expanded<'r>(stored: &'r mut dyn BufRead) -> Result<(Box<dyn Read + 'r>, bool), Ended> {
    match Format::of(stored.fill_buf()?, "") {
        Some(format @ (Format::Gzip | Format::Bzip2 | Format::Xz | Format::Lzma | Format::Lzip | Format::Zstd)) => {
            Ok((compressed::decoder(format, stored).map_err(Ended::Part)?, true))
        }
        _ => Ok((Box::new(stored), false)),
    }
}

/// What it says when a digest is not the one of the content.
pub(super) fn other_content() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "its content is not what its digest says")
}

fn is_spent(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|error| error.is::<Spent>())
}
