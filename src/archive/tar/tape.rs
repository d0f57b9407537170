//! A tar, entry by entry, from front to back: nothing is held but the entry's name, and no header makes it hold more.

use super::super::ArchiveError;
use super::super::outlet::{Halt, Outlet, Walk};
use super::super::region::{Feed, fill};
use super::header::{BLOCK, Header};
use std::io::Read as _;

/// Names and pax records are read into memory; larger ones are no names.
const LONGEST_RECORDS: u64 = 1 << 20;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::archive) enum Kind {
    File,
    Directory,
    HardLink,
    SymbolicLink,
    /// A device or a pipe: a name without content.
    Other,
}

/// One entry.
#[derive(Debug)]
pub(in crate::archive) struct Entry {
    pub(in crate::archive) name: Vec<u8>,
    /// Where a link leads, as it is written.
    pub(in crate::archive) target: Vec<u8>,
    pub(in crate::archive) kind: Kind,
    /// Of its content.
    pub(in crate::archive) size: u64,
    /// Where its content begins.
    pub(in crate::archive) at: u64,
}

impl Entry {
    /// Its name as names are compared: without what means nothing.
    pub(in crate::archive) fn path(&self) -> String {
        let name = String::from_utf8_lossy(&self.name);
        let parts: Vec<&str> = name.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        parts.join("/")
    }
}

/// What headers before say of the next entry.
#[derive(Clone, Default)]
struct Said {
    name: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    size: Option<u64>,
}

/// A tar being read.
pub(in crate::archive) struct Tape<'f> {
    feed: Feed<'f>,
    /// What stands before the names of its members.
    before: String,
    at: u64,
    /// Content of the current entry that was not read yet, and what it is filled up with.
    left: u64,
    padding: u64,
    /// For all entries.
    common: Said,
    /// The first block of what is no archive and follows the end of one.
    after: Option<[u8; BLOCK]>,
}

impl<'f> Tape<'f> {
    pub(in crate::archive) fn new(feed: Feed<'f>, before: String) -> Self {
        Self { feed, before, at: 0, left: 0, padding: 0, common: Said::default(), after: None }
    }

    /// The next entry, once what is left of the one before is passed over. Pax records are handed over on the way. Behind
    /// the end there may be padding, or another archive that was appended, which is gone on with.
    pub(in crate::archive) fn next(&mut self, outlet: &mut Outlet<'_, '_>) -> Result<Option<Entry>, Halt> {
        let mut said = self.common.clone();
        loop {
            let (left, padding) = (std::mem::take(&mut self.left), std::mem::take(&mut self.padding));
            self.skip(left, outlet)?;
            self.skip(padding, outlet)?;
            let Some(block) = self.header(outlet)? else { return Ok(None) };
            let header = Header(&block);
            let Some(size) = header.size() else {
                return Err(ArchiveError::damaged("a size that is no number").into());
            };
            match header.kind() {
                b'L' => said.name = Some(until_zero(self.records(size, outlet)?)),
                b'K' => said.target = Some(until_zero(self.records(size, outlet)?)),
                b'x' => {
                    let records = self.records(size, outlet)?;
                    said.read(&records);
                    outlet.bytes(&format!("{}(pax header)", self.before), &records)?;
                }
                b'g' => {
                    let records = self.records(size, outlet)?;
                    self.common.read(&records);
                    said.read(&records);
                    outlet.bytes(&format!("{}(pax global header)", self.before), &records)?;
                }
                kind => return self.entry(&header, kind, size, said, outlet).map(Some),
            }
        }
    }

    fn entry(
        &mut self,
        header: &Header<'_>,
        kind: u8,
        size: u64,
        said: Said,
        outlet: &mut Outlet<'_, '_>,
    ) -> Result<Entry, Halt> {
        if kind == b'S' && header.goes_on() {
            self.sparse_map(outlet)?;
        }
        let kind = match kind {
            b'1' => Kind::HardLink,
            b'2' => Kind::SymbolicLink,
            b'3' | b'4' | b'6' => Kind::Other,
            b'5' => Kind::Directory,
            _ => Kind::File,
        };
        let size = match kind {
            Kind::File => said.size.unwrap_or(size),
            // Some writers give a link the size of what it leads to, and no content; a hard link of pax may have some.
            Kind::HardLink | Kind::Directory => said.size.unwrap_or(0),
            Kind::SymbolicLink | Kind::Other => 0,
        };
        (self.left, self.padding) = (size, size.checked_next_multiple_of(BLOCK as u64).unwrap_or(size) - size);
        let name = said.name.unwrap_or_else(|| header.name());
        Ok(Entry { name, target: said.target.unwrap_or_else(|| header.target()), kind, size, at: self.at })
    }

    /// Hands over the content of the current entry.
    pub(in crate::archive) fn content(&mut self, name: &str, outlet: &mut Outlet<'_, '_>) -> Walk {
        let size = std::mem::take(&mut self.left);
        self.at = self.at.saturating_add(size);
        outlet.take(name, &mut self.feed, size)
    }

    /// Hands over what is no archive and follows the end.
    pub(in crate::archive) fn rest(&mut self, outlet: &mut Outlet<'_, '_>) -> Walk {
        let Some(first) = self.after.take() else { return Ok(()) };
        let name = format!("{}(after the end)", self.before);
        match outlet.stream(&name, &mut first.as_slice().chain(&mut self.feed))? {
            Some(error) => Err(error.into()),
            None => outlet.drain(&mut self.feed),
        }
    }

    fn skip(&mut self, bytes: u64, outlet: &mut Outlet<'_, '_>) -> Walk {
        self.at = self.at.saturating_add(bytes);
        if bytes == 0 { Ok(()) } else { outlet.skip(&mut self.feed, bytes) }
    }

    /// The next header; none at the end.
    fn header(&mut self, outlet: &mut Outlet<'_, '_>) -> Result<Option<[u8; BLOCK]>, Halt> {
        let mut block = [0; BLOCK];
        let mut zeros = 0_u64;
        loop {
            let read = fill(&mut self.feed, &mut block)?;
            self.at = self.at.saturating_add(read as u64);
            outlet.spend(read as u64)?;
            let is_zero = block.get(..read).is_some_and(|block| block.iter().all(|byte| *byte == 0));
            if read < BLOCK {
                // Where no zeros stand before its end, more may have stood there.
                let ended = is_zero && (zeros > 0 || self.at == 0);
                return if ended { Ok(None) } else { Err(ArchiveError::cut().into()) };
            }
            if is_zero {
                zeros += 1;
                self.pass_zeros()?;
            } else if Header(&block).checks() {
                return Ok(Some(block));
            } else if zeros >= 2 {
                self.after = Some(block);
                return Ok(None);
            } else {
                return Err(ArchiveError::damaged("no header where one must be").into());
            }
        }
    }

    /// There may be gigabytes of zeros, which cost little where nothing has to be unpacked.
    fn pass_zeros(&mut self) -> Walk {
        let mut buffered = [0; 128 * BLOCK];
        loop {
            let Feed::Region(region) = &mut self.feed else { return Ok(()) };
            let mut ahead = *region;
            let read = fill(&mut ahead, &mut buffered)?;
            let zeros = buffered.iter().take(read).position(|byte| *byte != 0).unwrap_or(read);
            // The last one is left, so that it is seen that it is there.
            let passed = (zeros - zeros % BLOCK).saturating_sub(BLOCK) as u64;
            region.next_part(passed);
            self.at = self.at.saturating_add(passed);
            if passed == 0 || zeros < read {
                return Ok(());
            }
        }
    }

    /// A long name or pax records.
    fn records(&mut self, size: u64, outlet: &mut Outlet<'_, '_>) -> Result<Vec<u8>, Halt> {
        let mut records = Vec::new();
        let wanted = size.min(LONGEST_RECORDS);
        (&mut self.feed).take(wanted).read_to_end(&mut records)?;
        self.at = self.at.saturating_add(records.len() as u64);
        outlet.spend(records.len() as u64)?;
        if (records.len() as u64) < wanted {
            return Err(ArchiveError::cut().into());
        }
        self.left = size - wanted;
        self.padding = size.checked_next_multiple_of(BLOCK as u64).unwrap_or(size) - size;
        Ok(records)
    }

    /// The map of an old GNU sparse file goes on in further blocks; what follows is what the file holds without its holes.
    fn sparse_map(&mut self, outlet: &mut Outlet<'_, '_>) -> Walk {
        let mut block = [0; BLOCK];
        let mut goes_on = true;
        while goes_on {
            if fill(&mut self.feed, &mut block)? < BLOCK {
                return Err(ArchiveError::cut().into());
            }
            self.at = self.at.saturating_add(BLOCK as u64);
            outlet.spend(BLOCK as u64)?;
            goes_on = block.get(504).is_some_and(|more| *more != 0);
        }
        Ok(())
    }
}

impl Said {
    /// Reads records of the form `length key=value\n`.
    fn read(&mut self, records: &[u8]) {
        let mut rest = records;
        while let Some(space) = rest.iter().position(|byte| *byte == b' ') {
            let length = rest.get(..space).and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<usize>().ok());
            let Some(length) = length.filter(|length| *length > space) else { return };
            let Some(record) = rest.get(space + 1..length.saturating_sub(1)) else { return };
            let mut parts = record.splitn(2, |byte| *byte == b'=');
            match (parts.next(), parts.next()) {
                (Some(b"path" | b"GNU.sparse.name"), Some(value)) => self.name = Some(value.to_vec()),
                (Some(b"linkpath"), Some(value)) => self.target = Some(value.to_vec()),
                (Some(b"size"), Some(value)) => {
                    self.size = std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok());
                }
                _ => {}
            }
            rest = rest.get(length..).unwrap_or_default();
        }
    }
}

fn until_zero(mut text: Vec<u8>) -> Vec<u8> {
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    text.truncate(end);
    text
}
