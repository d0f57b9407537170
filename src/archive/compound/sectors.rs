//! How the bytes of a compound file are strewn over it: sectors, the table that says which follows which, and a stream in
//! which the small streams lie.

use super::super::outlet::{Halt, Outlet};
use super::super::region::Region;
use super::super::{ArchiveError, Stretch};
use std::io::{self, Read};

const HEADER: u64 = 512;
const END: u32 = 0xffff_fffe;
/// Sectors of the table that the header itself names.
const NAMED: usize = 109;
/// The small streams' sectors.
const SMALL: u64 = 64;

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn numbers(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.chunks_exact(4).filter_map(|four| Some(u32::from_le_bytes(four.try_into().ok()?)))
}

/// The sectors, and what follows each.
pub(super) struct Sectors<'a> {
    region: &'a Region<'a>,
    sector: u64,
    follows: Vec<u32>,
    small_follows: Vec<u32>,
    /// The sectors of the stream in which the small ones lie.
    small: Vec<u32>,
    /// Streams that are smaller lie there.
    cutoff: u64,
    pub(super) directory: u32,
    small_table: u32,
}

impl<'a> Sectors<'a> {
    pub(super) fn read(region: &'a Region<'a>, outlet: &mut Outlet<'_, '_>) -> Result<Self, Halt> {
        let header = region.load(0, HEADER)?;
        if (header.len() as u64) < HEADER {
            return Err(ArchiveError::cut().into());
        }
        let shift = u16_at(&header, 30).filter(|shift| (7..=16).contains(shift));
        let (Some(shift), Some(directory), Some(cutoff), Some(small_table), Some(more)) =
            (shift, u32_at(&header, 48), u32_at(&header, 56), u32_at(&header, 60), u32_at(&header, 68))
        else {
            return Err(ArchiveError::damaged("its header is damaged").into());
        };
        let mut sectors = Self {
            region,
            sector: 1 << shift,
            follows: Vec::new(),
            small_follows: Vec::new(),
            small: Vec::new(),
            cutoff: cutoff.into(),
            directory,
            small_table,
        };
        let mut table: Vec<u32> = numbers(header.get(76..).unwrap_or_default()).take(NAMED).collect();
        sectors.longer(more, &mut table)?;
        // Each sector of the table tells of many others, so that it is a small part of the file.
        let known = table.iter().filter(|at| **at < END - 1).count() as u64;
        if known.saturating_mul(sectors.sector) > outlet.largest() {
            return Err(ArchiveError::OverBudget.into());
        }
        for at in table.into_iter().take_while(|at| *at < END - 1) {
            let bytes = sectors.at(at)?;
            if bytes.is_empty() {
                break;
            }
            sectors.follows.extend(numbers(&bytes));
        }
        Ok(sectors)
    }

    /// The sectors of the table beyond those that the header names.
    fn longer(&self, first: u32, table: &mut Vec<u32>) -> io::Result<()> {
        let most = self.count();
        let mut next = first;
        while next < END - 1 && table.len() <= most {
            let bytes = self.at(next)?;
            let named = bytes.len().saturating_sub(4);
            table.extend(numbers(bytes.get(..named).unwrap_or_default()));
            let Some(following) = u32_at(&bytes, named) else { break };
            next = following;
        }
        table.truncate(most);
        Ok(())
    }

    /// How many sectors there can be.
    fn count(&self) -> usize {
        usize::try_from(self.region.length() / self.sector + 1).unwrap_or(usize::MAX)
    }

    fn at(&self, number: u32) -> io::Result<std::borrow::Cow<'a, [u8]>> {
        self.region.load((u64::from(number) + 1).saturating_mul(self.sector), self.sector)
    }

    /// True where sizes have 64 bits.
    pub(super) fn wide(&self) -> bool {
        self.sector > HEADER
    }

    pub(super) fn is_small(&self, size: u64) -> bool {
        size < self.cutoff
    }

    /// Finds the stream in which the small ones lie.
    pub(super) fn small(&mut self, start: u32, size: u64, largest: u64) -> io::Result<()> {
        let mut table = Vec::new();
        let most = (self.region.length() / 16 + self.sector).min(largest);
        self.chain(self.small_table, u64::MAX).read_all(&mut table, most)?;
        self.small_follows = numbers(&table).collect();
        let most = usize::try_from(size / self.sector + 1).unwrap_or(usize::MAX).min(self.count());
        let mut next = start;
        while next < END - 1 && self.small.len() < most {
            self.small.push(next);
            let Some(following) = usize::try_from(next).ok().and_then(|at| self.follows.get(at)) else { break };
            next = *following;
        }
        Ok(())
    }

    /// The stream of so many bytes that begins in a sector.
    pub(super) fn chain(&self, start: u32, size: u64) -> Chain<'_, 'a> {
        Chain { sectors: self, is_small: false, next: start, at: 0, left: size, met: 0, stretches: Vec::new() }
    }

    /// The same, of a small one.
    pub(super) fn small_chain(&self, start: u32, size: u64) -> Chain<'_, 'a> {
        Chain { is_small: true, ..self.chain(start, size) }
    }
}

/// A stream, sector by sector.
pub(super) struct Chain<'s, 'a> {
    sectors: &'s Sectors<'a>,
    is_small: bool,
    next: u32,
    /// What was read of the sector.
    at: u64,
    left: u64,
    /// Sectors that were met: in a circle there is no end of them.
    met: usize,
    /// Where what was read stands.
    stretches: Vec<Stretch>,
}

impl Chain<'_, '_> {
    /// What was not read of it yet.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// True where it ended as chains do.
    pub(super) fn ended(&self) -> bool {
        self.next == END
    }

    /// Where what was read stands in what was opened; nothing where that does not lie in memory.
    pub(super) fn stretches(&self, outlet: &Outlet<'_, '_>) -> Vec<Stretch> {
        let ground = self.sectors.region.in_memory().and_then(|bytes| outlet.standing(bytes));
        let moved = |stretch: &Stretch| {
            let stands = ground?.stands.checked_add(stretch.stands)?;
            Some(Stretch { stands, ..*stretch })
        };
        self.stretches.iter().filter_map(moved).collect()
    }

    fn note(&mut self, from: u64, length: usize) {
        let Some(stands) = usize::try_from(from).ok().filter(|_| length > 0) else { return };
        let at = self.stretches.last().map_or(0, |last| last.at + last.length);
        match self.stretches.last_mut() {
            Some(last) if last.stands + last.length == stands => last.length += length,
            _ => self.stretches.push(Stretch { at, stands, length }),
        }
    }

    /// Reads up to so many bytes; the result is how many there were.
    pub(super) fn read_all(&mut self, bytes: &mut Vec<u8>, most: u64) -> io::Result<u64> {
        self.take(most).read_to_end(bytes).map(|read| read as u64)
    }

    /// Where in the file the rest of the sector lies, and how much of it there is.
    fn stretch(&self) -> Option<(u64, u64)> {
        let sectors = self.sectors;
        if !self.is_small {
            let from = (u64::from(self.next) + 1).checked_mul(sectors.sector)?;
            return Some((from + self.at, sectors.sector - self.at));
        }
        let offset = u64::from(self.next).checked_mul(SMALL)?;
        let holder = sectors.small.get(usize::try_from(offset / sectors.sector).ok()?)?;
        let from = (u64::from(*holder) + 1).checked_mul(sectors.sector)? + offset % sectors.sector;
        Some((from + self.at, SMALL - self.at))
    }

    fn step(&mut self) {
        let follows = if self.is_small { &self.sectors.small_follows } else { &self.sectors.follows };
        let next = usize::try_from(self.next).ok().and_then(|at| follows.get(at));
        self.met += 1;
        self.next = next.copied().filter(|_| self.met <= follows.len()).unwrap_or(END - 1);
        self.at = 0;
    }
}

impl Read for Chain<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 || self.next >= END - 1 {
            return Ok(0);
        }
        let Some((from, length)) = self.stretch() else { return Ok(0) };
        let wanted = length.min(self.left).min(buffer.len() as u64);
        let mut part = self.sectors.region.part(from, wanted);
        let read = part.read(buffer)?;
        self.note(from, read);
        self.at += read as u64;
        self.left -= read as u64;
        if read as u64 == length {
            self.step();
        }
        Ok(read)
    }
}
