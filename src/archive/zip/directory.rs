//! The central directory, at the end of the file.

use super::super::outlet::Halt;
use super::super::region::Region;
use memchr::memmem;
use std::io;

const END: &[u8; 4] = b"PK\x05\x06";
const END_BYTES: u64 = 22;
const END_64: &[u8; 4] = b"PK\x06\x06";
const LOCATOR: &[u8; 4] = b"PK\x06\x07";
const ENTRY: &[u8; 4] = b"PK\x01\x02";
const ENTRY_BYTES: u64 = 46;
/// The longest comment and what stands before it.
const TAIL_BYTES: u64 = 0xffff + END_BYTES;
/// The directory is read so many bytes at a time.
const WINDOW_BYTES: u64 = 1 << 20;

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

/// True where the record behind a directory is the last of all.
pub(super) fn is_last(bytes: &[u8]) -> bool {
    bytes.len().checked_sub(END_BYTES as usize).and_then(|at| bytes.get(at..)).is_some_and(|last| last.starts_with(END))
}

/// Where the directory lies.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) start: u64,
    end: u64,
    /// What all offsets are off by: something was put before the archive.
    shift: u64,
    entries: u64,
    /// Where the comment begins; anything behind it counts as comment.
    pub(super) comment: u64,
}

impl Directory {
    /// The last one in the file whose parts are where it says.
    pub(super) fn find(region: &Region<'_>) -> io::Result<Option<Self>> {
        let from = region.length().saturating_sub(TAIL_BYTES);
        let tail = region.load(from, TAIL_BYTES)?;
        for at in memmem::rfind_iter(&tail, END) {
            let found = tail.get(at..).and_then(|record| Self::read(region, from + at as u64, record).transpose());
            if let Some(found) = found {
                return found.map(Some);
            }
        }
        Ok(None)
    }

    fn read(region: &Region<'_>, at: u64, record: &[u8]) -> io::Result<Option<Self>> {
        let read = || -> Option<(u64, u64, u64)> {
            Some((u16_at(record, 10)?.into(), u32_at(record, 12)?.into(), u32_at(record, 16)?.into()))
        };
        let Some((entries, size, offset)) = read() else { return Ok(None) };
        let (entries, size, offset, end) = match Self::read_64(region, at)? {
            Some((entries, size, offset, end)) => (entries, size, offset, end),
            None => (entries, size, offset, at),
        };
        let comment = at + END_BYTES;
        if entries == 0 && size == 0 {
            return Ok(Some(Self { start: end, end, shift: 0, entries, comment }));
        }
        // Right before its end, or, where something lies between, where it says.
        let candidates = [end.checked_sub(size), Some(offset)];
        for start in candidates.into_iter().flatten() {
            if region.load(start, 4)?.as_ref() == ENTRY {
                let shift = start.saturating_sub(offset);
                return Ok(Some(Self { start, end, shift, entries, comment }));
            }
        }
        Ok(None)
    }

    /// The larger record, if there is one: entries, size, offset and where the record stands.
    fn read_64(region: &Region<'_>, end: u64) -> io::Result<Option<(u64, u64, u64, u64)>> {
        let Some(locator_at) = end.checked_sub(20) else { return Ok(None) };
        let locator = region.load(locator_at, 20)?;
        if !locator.starts_with(LOCATOR) {
            return Ok(None);
        }
        let said = u64_at(&locator, 8).unwrap_or(u64::MAX);
        for at in [Some(said), locator_at.checked_sub(56)].into_iter().flatten() {
            let record = region.load(at, 56)?;
            if !record.starts_with(END_64) {
                continue;
            }
            if let (Some(entries), Some(size), Some(offset)) =
                (u64_at(&record, 32), u64_at(&record, 40), u64_at(&record, 48))
            {
                return Ok(Some((entries, size, offset, at)));
            }
        }
        Ok(None)
    }

    /// False for an archive of nothing.
    pub(super) fn has_entries(&self) -> bool {
        self.start < self.end
    }

    /// True when it holds as many as it says. Old archivers count only to 65,535 and begin again.
    pub(super) fn counts(&self, found: u64) -> bool {
        found == self.entries || (self.entries <= 0xffff && found % 0x1_0000 == self.entries)
    }
}

/// One line of the directory.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: Vec<u8>,
    pub(super) comment: Vec<u8>,
    pub(super) method: u16,
    pub(super) encrypted: bool,
    pub(super) checksum: u32,
    pub(super) compressed: u64,
    pub(super) expanded: u64,
    /// Where its local header stands.
    pub(super) at: u64,
}

/// The directory's lines, one after another, with no more of it in memory than a window.
pub(super) struct Entries<'a> {
    region: &'a Region<'a>,
    shift: u64,
    at: u64,
    end: u64,
    window: std::borrow::Cow<'a, [u8]>,
    window_at: u64,
}

impl<'a> Entries<'a> {
    pub(super) fn new(region: &'a Region<'a>, directory: &Directory) -> Self {
        Self {
            region,
            shift: directory.shift,
            at: directory.start,
            end: directory.end,
            window: std::borrow::Cow::Borrowed(&[]),
            window_at: directory.start,
        }
    }

    /// True when it was read up to its end.
    pub(super) fn whole(&self) -> bool {
        self.at == self.end
    }

    fn bytes(&mut self, length: u64) -> io::Result<&[u8]> {
        let have = self.window_at.saturating_add(self.window.len() as u64);
        if self.at.saturating_add(length) > have && have < self.end {
            self.window = self.region.load(self.at, (self.end - self.at).min(WINDOW_BYTES))?;
            self.window_at = self.at;
        }
        let from = usize::try_from(self.at - self.window_at).unwrap_or(usize::MAX);
        Ok(self.window.get(from..).unwrap_or_default())
    }

    pub(super) fn next(&mut self) -> Result<Option<Entry>, Halt> {
        if self.at >= self.end {
            return Ok(None);
        }
        // A line is never longer than its fixed part and three texts of 64 KiB.
        let shift = self.shift;
        let bytes = self.bytes(ENTRY_BYTES + 3 * 0xffff)?;
        let Some((entry, length)) = read_entry(bytes, shift) else { return Ok(None) };
        self.at = self.at.saturating_add(length);
        Ok(Some(entry))
    }
}

fn read_entry(bytes: &[u8], shift: u64) -> Option<(Entry, u64)> {
    if !bytes.starts_with(ENTRY) {
        return None;
    }
    let name = usize::from(u16_at(bytes, 28)?);
    let extra = usize::from(u16_at(bytes, 30)?);
    let comment = usize::from(u16_at(bytes, 32)?);
    let fixed = 46;
    let mut entry = Entry {
        name: bytes.get(fixed..fixed + name)?.to_vec(),
        comment: bytes.get(fixed + name + extra..fixed + name + extra + comment)?.to_vec(),
        encrypted: u16_at(bytes, 8)? & 1 != 0,
        method: u16_at(bytes, 10)?,
        checksum: u32_at(bytes, 16)?,
        compressed: u32_at(bytes, 20)?.into(),
        expanded: u32_at(bytes, 24)?.into(),
        at: u32_at(bytes, 42)?.into(),
    };
    enlarge(&mut entry, bytes.get(fixed + name..fixed + name + extra)?);
    entry.at = entry.at.saturating_add(shift);
    Some((entry, (fixed + name + extra + comment) as u64))
}

/// Sizes that did not fit stand in an extra field, in this order, each only where it did not fit.
fn enlarge(entry: &mut Entry, mut extra: &[u8]) {
    while let (Some(id), Some(length)) = (u16_at(extra, 0), u16_at(extra, 2)) {
        let field = extra.get(4..).unwrap_or_default();
        if id == 1 {
            let mut at = 0;
            for value in [&mut entry.expanded, &mut entry.compressed, &mut entry.at] {
                if *value == u64::from(u32::MAX)
                    && let Some(large) = u64_at(field, at)
                {
                    *value = large;
                    at += 8;
                }
            }
        }
        extra = field.get(usize::from(length)..).unwrap_or_default();
    }
}
