//! A pack with its index.

use super::index::Index;
use super::map::Mapped;
use super::{Fault, HashKind, ObjectId, PackError, PackFault};
use crate::pack::Entry;
use std::path::{Path, PathBuf};

const HEADER: usize = 12;

/// A pack with its index.
#[derive(Debug)]
pub struct Pack {
    path: PathBuf,
    bytes: Mapped,
    pub(super) index: Index,
    hash: HashKind,
    /// Where its entries end, and its own checksum begins.
    end: usize,
}

impl Pack {
    /// Maps a pack and the index beside it.
    pub(super) fn open(path: PathBuf, hash: HashKind) -> Result<Self, PackError> {
        let beside = path.with_extension("idx");
        let index = Mapped::open(&beside).map_err(|source| PackError::Read { path: beside.clone(), source })?;
        let bytes = Mapped::open(&path).map_err(|source| PackError::Read { path: path.clone(), source })?;
        Self::of(path, bytes, &beside, index, hash)
    }

    /// A pack and its index from memory.
    pub(super) fn of(
        path: PathBuf,
        bytes: Mapped,
        beside: &Path,
        index: Mapped,
        hash: HashKind,
    ) -> Result<Self, PackError> {
        let index = Index::new(index, hash).map_err(|fault| PackError::Pack { path: beside.to_owned(), fault })?;
        match checked(&bytes, &index, hash) {
            Ok(end) => Ok(Self { path, bytes, index, hash, end }),
            Err(fault) => Err(PackError::Pack { path, fault }),
        }
    }

    /// Its file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The checksum that git keeps of it: another pack with the same one holds the same.
    #[must_use]
    pub fn checksum(&self) -> &[u8] {
        self.bytes.get(self.end..).unwrap_or_default()
    }

    /// How many objects it holds.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.index.count()
    }

    /// Its bytes, packed.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// The names of its objects, in order.
    pub fn ids(&self) -> impl Iterator<Item = ObjectId> {
        (0..self.count()).filter_map(|position| self.index.id(position))
    }

    /// True when it holds this object.
    #[must_use]
    pub fn contains(&self, id: &ObjectId) -> bool {
        self.index.find(id).is_some()
    }

    /// The header of the entry at an offset.
    pub(super) fn entry(&self, offset: u64) -> Result<Entry, Fault> {
        if offset < HEADER as u64 {
            return Err(Fault::Offset);
        }
        Entry::read(self.entries(), offset, self.hash)
    }

    /// Compressed bytes, from where an entry's begin to the end of the pack.
    pub(super) fn data(&self, entry: &Entry) -> &[u8] {
        self.entries().get(entry.data..).unwrap_or_default()
    }

    /// Compares an entry, of which so many compressed bytes were used, with the checksum in the index.
    pub(super) fn check(&self, position: u32, offset: u64, entry: &Entry, used: usize) -> Result<(), Fault> {
        let Some(expected) = self.index.checksum(position) else { return Ok(()) };
        let start = usize::try_from(offset).map_err(|_| Fault::Offset)?;
        let bytes = self.entries().get(start..entry.data + used).ok_or(Fault::Offset)?;
        if crc32fast::hash(bytes) == expected { Ok(()) } else { Err(Fault::Checksum) }
    }

    /// The same for an entry that goes up to another one, or to the end.
    pub(super) fn unharmed(&self, position: u32, start: u64, end: Option<u64>) -> bool {
        let Some(expected) = self.index.checksum(position) else { return true };
        let range = usize::try_from(start).ok().zip(usize::try_from(end.unwrap_or(self.end as u64)).ok());
        let bytes = range.and_then(|(start, end)| self.entries().get(start..end));
        bytes.is_some_and(|bytes| crc32fast::hash(bytes) == expected)
    }

    fn entries(&self) -> &[u8] {
        self.bytes.get(..self.end).unwrap_or_default()
    }

    pub(super) fn object_error(&self, id: ObjectId, offset: Option<u64>, fault: Fault) -> PackError {
        PackError::Object { id, within: self.path.clone(), offset, fault }
    }
}

/// Where the entries end, when the pack begins as it should and is the one that was indexed.
fn checked(bytes: &[u8], index: &Index, hash: HashKind) -> Result<usize, PackFault> {
    let number =
        |at: usize| bytes.get(at..).and_then(|rest| rest.first_chunk::<4>()).map(|four| u32::from_be_bytes(*four));
    if !bytes.starts_with(b"PACK") {
        return Err(PackFault::Header);
    }
    match number(4) {
        Some(2 | 3) => {}
        Some(version) => return Err(PackFault::Version(version)),
        None => return Err(PackFault::Length),
    }
    let count = number(8).ok_or(PackFault::Length)?;
    let end = bytes.len().checked_sub(hash.width()).filter(|end| *end >= HEADER).ok_or(PackFault::Length)?;
    // A pack that was cut short ends in other bytes than those that were noted when it was indexed.
    if count != index.count() || bytes.get(end..) != index.pack_checksum() {
        return Err(PackFault::Mismatch);
    }
    Ok(end)
}
