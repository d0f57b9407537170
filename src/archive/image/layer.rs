//! One blob: as it lies there or compressed, a tar or anything else, its digest checked on the way.

use super::hidden::{Change, Hidden};
use super::manifest::{Digest, Hasher};
use super::{Halt, Walk};
use crate::archive::region::Feed;
use crate::archive::tar::{self, Entry, Kind, Tape};
use crate::archive::{ArchiveError, Format, compressed, names};
use std::io::{self, BufRead, BufReader, Read};

/// What is read at once.
const BUFFER_BYTES: usize = 1 << 17;

/// What is looked at to tell what a blob is.
const HEAD_BYTES: u64 = 512;

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

/// What passes through is hashed.
struct Hashed<R> {
    reader: R,
    hasher: Option<Hasher>,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        if let (Some(hasher), Some(read)) = (&mut self.hasher, buffer.get(..read)) {
            hasher.add(read);
        }
        Ok(read)
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
    ) -> Result<(), Halt> {
        self.taken.insert(name.to_owned());
        match self.read_blob(name, label, expected, layer) {
            Err(Halt::Failed(error)) if !error.is_of_budget() => self.outlet.missed(label, error),
            read => read,
        }
    }

    fn read_blob(
        &mut self,
        name: &str,
        label: &str,
        expected: &Expected,
        layer: Option<Layer<'_>>,
    ) -> Result<(), Halt> {
        let (stored, whole) = match expected {
            Expected::Stored(digest) => (Some(digest), None),
            Expected::Expanded(digest) => (None, Some(digest)),
            Expected::Unknown => (None, None),
        };
        let mut raw = Hashed { reader: self.holder.open(name)?, hasher: stored.map(Digest::hasher) };
        let (read, hasher) = {
            let mut buffered = BufReader::with_capacity(BUFFER_BYTES, &mut raw);
            let packing = packing(&mut buffered)?;
            let stands = self.holder.stands(name).filter(|_| packing.is_none());
            let mut plain = Hashed { reader: expanded(packing, &mut buffered)?, hasher: whole.map(Digest::hasher) };
            let read = self.contents(&mut plain, label, stands, layer);
            // What is behind the end of a tar belongs to what is hashed.
            let read = read.and_then(|()| self.outlet.drain(&mut plain));
            (read, plain.hasher)
        };
        read?;
        io::copy(&mut raw, &mut io::sink())?;
        let holds = |digest: Option<&Digest>, hasher: Option<Hasher>| match (digest, hasher) {
            (Some(digest), Some(hasher)) => digest.is(hasher),
            _ => true,
        };
        if holds(stored, raw.hasher) && holds(whole, hasher) { Ok(()) } else { Err(other_content().into()) }
    }

    /// What a blob holds once it is expanded; `stands` is where it begins in what was opened, if it is not packed.
    fn contents(
        &mut self,
        plain: &mut dyn Read,
        label: &str,
        stands: Option<u64>,
        layer: Option<Layer<'_>>,
    ) -> Result<(), Halt> {
        let mut head = Vec::new();
        plain.take(HEAD_BYTES).read_to_end(&mut head)?;
        let is_tar = tar::looks_like(&head) || (layer.is_some() && head.iter().all(|byte| *byte == 0));
        let mut whole = head.as_slice().chain(plain);
        if is_tar {
            return self.tar(&mut whole, label, stands, layer);
        }
        self.outlet.reads_from(stands);
        match self.outlet.stream(label, &mut whole)? {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }

    fn tar(
        &mut self,
        whole: &mut dyn Read,
        label: &str,
        stands: Option<u64>,
        layer: Option<Layer<'_>>,
    ) -> Result<(), Halt> {
        let mut tape = Tape::new(Feed::Stream(whole), format!("{label}!"));
        let mut changes = Vec::new();
        let walked = loop {
            let entry = match tape.next(&mut self.outlet) {
                Ok(Some(entry)) => entry,
                Ok(None) => break tape.rest(&mut self.outlet),
                Err(halt) => break Err(halt),
            };
            changes.extend(Change::of(&entry).filter(|_| layer.is_some()));
            let handed = if entry.kind != Kind::File || entry.size == 0 {
                self.outlet.count()
            } else {
                self.outlet.reads_from(stands.and_then(|stands| stands.checked_add(entry.at)));
                tape.content(&member_name(label, &entry, layer.as_ref()), &mut self.outlet)
            };
            if handed.is_err() {
                break handed;
            }
        };
        if let Some(layer) = layer {
            layer.hidden.add(layer.number, changes);
        }
        walked
    }
}

/// `layer 3 of 7 (sha256:…), deleted in layer 5!etc/app.conf`.
fn member_name(label: &str, entry: &Entry, layer: Option<&Layer<'_>>) -> String {
    let path = entry.path();
    let fate = layer.and_then(|layer| layer.hidden.fate(&path));
    let comma = if fate.is_some() { ", " } else { "" };
    format!("{label}{comma}{}!{}", fate.unwrap_or_default(), names::shown(path.as_bytes()))
}

/// How a blob is compressed, if it is.
fn packing(stored: &mut dyn BufRead) -> Result<Option<Format>, Halt> {
    let format = Format::of(stored.fill_buf()?, "");
    Ok(format.filter(|format| {
        matches!(format, Format::Gzip | Format::Bzip2 | Format::Xz | Format::Lzma | Format::Lzip | Format::Zstd)
    }))
}

/// A blob without its compression.
fn expanded<'r>(packing: Option<Format>, stored: &'r mut dyn BufRead) -> Result<Box<dyn Read + 'r>, Halt> {
    match packing {
        Some(format) => Ok(compressed::decoder(format, stored)?),
        None => Ok(Box::new(stored)),
    }
}

/// What it says when a digest is not the one of the content.
pub(super) fn other_content() -> ArchiveError {
    ArchiveError::damaged("its content is not what its digest says")
}
