//! Where the entries of a pack stand, and which is made from which.

use super::super::ArchiveError;
use super::super::outlet::{Halt, Outlet};
use super::super::region::Region;
use super::damaged;
use crate::pack::{Entry, Fault, Form, HashKind, Inflater, Kind, LONGEST_HEADER, ObjectId};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::io::{self, BufReader};

/// Bytes before the first entry.
const HEADER: u64 = 12;
/// What is packed takes no more than its own size, this part of it on top, and so many bytes.
const PACKED_PART: u64 = 64;
const PACKED_BYTES: u64 = 256;

/// An entry: where it stands, and what it unpacks to, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listed {
    offset: u64,
    /// Where its packed bytes begin and end.
    pub(super) data: u64,
    pub(super) end: u64,
    pub(super) size: u64,
    made: Made,
}

/// What an entry is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Made {
    /// It stands whole.
    Whole(Kind),
    /// From another entry.
    From(u32),
    /// From an object that is known by its name alone.
    FromName,
    /// From something that is not where it should be.
    FromNothing,
}

/// All entries of a pack, in order.
#[derive(Debug, Default)]
pub(super) struct Listing {
    entries: Vec<Listed>,
    /// What is made from an entry, by that entry; of the same one, what is to be made last comes first.
    links: Vec<(u32, u32)>,
    waiting: HashMap<ObjectId, Vec<u32>>,
}

impl Listing {
    /// Unpacks every entry once, since only that tells where the next one begins. What cannot be read ends the list, and is
    /// given back with what came before.
    pub(super) fn read(
        pack: &Region<'_>,
        hash: HashKind,
        outlet: &Outlet<'_, '_>,
    ) -> Result<(Self, Result<(), ArchiveError>), Halt> {
        let head = pack.load(0, HEADER)?;
        let count = head.get(8..).and_then(|count| count.first_chunk::<4>()).map(|count| u32::from_be_bytes(*count));
        let end = pack.length().checked_sub(hash.width() as u64).filter(|end| *end >= HEADER);
        let (Some(count), Some(end)) = (count, end) else { return Err(ArchiveError::cut().into()) };
        let mut listing = Self::default();
        let ended = listing.list(&pack.part(0, end), count, hash, outlet);
        listing.link();
        Ok((listing, ended))
    }

    fn list(
        &mut self,
        pack: &Region<'_>,
        count: u32,
        hash: HashKind,
        outlet: &Outlet<'_, '_>,
    ) -> Result<(), ArchiveError> {
        let (mut inflater, mut out) = (Inflater::new(), Vec::new());
        let (mut at, mut room) = (HEADER, outlet.bytes_left());
        for number in 0..count {
            if u64::from(number) >= outlet.members_left() {
                return Err(ArchiveError::TooMany);
            }
            let head = pack.load(at, LONGEST_HEADER as u64)?;
            let entry = match Entry::of(&head, at, hash) {
                Err(Fault::Offset) => return Err(ArchiveError::cut()),
                read => read.map_err(damaged)?,
            };
            room = room.checked_sub(entry.size).ok_or(ArchiveError::OverBudget)?;
            let data = at.saturating_add(entry.data as u64);
            let used = if entry.size > outlet.largest() {
                passed(&pack.part(data, u64::MAX), entry.size)?
            } else {
                let packed = match pack.in_memory() {
                    Some(_) => u64::MAX,
                    None => entry.size.saturating_add(entry.size / PACKED_PART).saturating_add(PACKED_BYTES),
                };
                inflater.inflate(&pack.load(data, packed)?, entry.size, &mut out).map_err(damaged)? as u64
            };
            let end = data.saturating_add(used);
            let made = match entry.form {
                Form::Whole(kind) => Made::Whole(kind),
                Form::At(base) => self.find(base).map_or(Made::FromNothing, Made::From),
                Form::From(base) => {
                    self.waiting.entry(base).or_default().push(number);
                    Made::FromName
                }
            };
            self.entries.push(Listed { offset: at, data, end, size: entry.size, made });
            at = end;
        }
        if at == pack.length() { Ok(()) } else { Err(ArchiveError::damaged("it goes on behind its last entry")) }
    }

    fn find(&self, offset: u64) -> Option<u32> {
        let found = self.entries.binary_search_by_key(&offset, |entry| entry.offset).ok()?;
        u32::try_from(found).ok()
    }

    /// A base stands before what is made from it.
    fn link(&mut self) {
        let mut weights = vec![1_u32; self.entries.len()];
        for (number, entry) in self.entries.iter().enumerate().rev() {
            let own = weights.get(number).copied().unwrap_or(1);
            if let Made::From(base) = entry.made
                && let Some(weight) = weights.get_mut(base as usize)
            {
                *weight = weight.saturating_add(own);
            }
        }
        let links = self.entries.iter().zip(0..).filter_map(|(entry, number)| match entry.made {
            Made::From(base) => Some((base, number)),
            _ => None,
        });
        self.links = links.collect();
        let weight = |entry: u32| weights.get(entry as usize).copied().unwrap_or(1);
        self.links.sort_unstable_by_key(|(base, own)| (*base, Reverse((weight(*own), *own))));
    }

    pub(super) fn len(&self) -> u32 {
        self.entries.len() as u32
    }

    pub(super) fn entry(&self, number: u32) -> Option<Listed> {
        self.entries.get(number as usize).copied()
    }

    /// What it is, if it stands whole.
    pub(super) fn whole(&self, number: u32) -> Option<Kind> {
        match self.entry(number)?.made {
            Made::Whole(kind) => Some(kind),
            _ => None,
        }
    }

    /// True for what is made from an object that is known by its name alone.
    pub(super) fn waits(&self, number: u32) -> bool {
        self.entry(number).is_some_and(|entry| entry.made == Made::FromName)
    }

    /// What is made from an entry that is known by its place, the next one last.
    pub(super) fn made_from(&self, number: u32) -> Vec<u32> {
        let start = self.links.partition_point(|(base, _)| *base < number);
        let all = self.links.get(start..).unwrap_or_default();
        all.iter().take_while(|(base, _)| *base == number).map(|(_, own)| *own).collect()
    }

    /// What is made from objects that are known by their names, by those.
    pub(super) fn take_waiting(&mut self) -> HashMap<ObjectId, Vec<u32>> {
        std::mem::take(&mut self.waiting)
    }

    /// How an entry is called that has no name yet.
    pub(super) fn shown(&self, number: u32) -> String {
        format!("object at byte {}", self.entry(number).map_or(0, |entry| entry.offset))
    }
}

/// How many packed bytes something takes that is not held.
fn passed(packed: &Region<'_>, size: u64) -> Result<u64, ArchiveError> {
    let mut unpacked = flate2::bufread::ZlibDecoder::new(BufReader::new(*packed));
    let came = io::copy(&mut io::Read::take(&mut unpacked, size.saturating_add(1)), &mut io::sink())?;
    if came == size { Ok(unpacked.total_in()) } else { Err(damaged(Fault::Size)) }
}
