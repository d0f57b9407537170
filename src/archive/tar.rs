//! Tar: the old form, ustar, pax and GNU's long names and sparse files.

use super::ArchiveError;
use super::outlet::{Outlet, Walk};
use super::region::{Feed, fill};

const BLOCK: usize = 512;
/// Names and pax records are read into memory; larger ones are no names.
const LONGEST_RECORDS: u64 = 1 << 20;

/// True when a block's checksum is right: that no other thing's is by chance.
pub(super) fn looks_like(head: &[u8]) -> bool {
    let Some(block) = head.first_chunk::<BLOCK>() else { return false };
    // Cheap, as it is asked of every file: the checksum is a number in octal.
    matches!(block.get(148..154), Some(digits) if digits.iter().all(|byte| matches!(byte, b'0'..=b'7' | b' ')))
        && Header(block).checks()
}

struct Header<'a>(&'a [u8; BLOCK]);

impl<'a> Header<'a> {
    fn field(&self, from: usize, length: usize) -> &'a [u8] {
        self.0.get(from..from.saturating_add(length)).unwrap_or_default()
    }

    /// A text that ends at its first zero.
    fn text(&self, from: usize, length: usize) -> &'a [u8] {
        let field = self.field(from, length);
        field.split(|byte| *byte == 0).next().unwrap_or_default()
    }

    fn checks(&self) -> bool {
        let Some(said) = octal(self.field(148, 8)).filter(|said| *said > 0) else { return false };
        let (mut unsigned, mut signed) = (0_u64, 0_i64);
        for (at, byte) in self.0.iter().enumerate() {
            let byte = if (148..156).contains(&at) { b' ' } else { *byte };
            unsigned += u64::from(byte);
            signed += i64::from(byte.cast_signed());
        }
        said == unsigned || i64::try_from(said).is_ok_and(|said| said == signed)
    }

    fn kind(&self) -> u8 {
        self.0.get(156).copied().unwrap_or_default()
    }

    /// What follows in the archive. Links and devices have none, whatever they say.
    fn size(&self) -> Option<u64> {
        number(self.field(124, 12))
    }

    fn name(&self) -> Vec<u8> {
        let name = self.text(0, 100);
        let prefix = if self.field(257, 6) == b"ustar\0" { self.text(345, 155) } else { &[] };
        if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() }
    }
}

fn octal(field: &[u8]) -> Option<u64> {
    let field = field.trim_ascii_start();
    let end = field.iter().position(|byte| matches!(byte, 0 | b' ')).unwrap_or(field.len());
    let digits = field.get(..end)?;
    digits.iter().try_fold(0_u64, |sum, digit| match digit {
        b'0'..=b'7' => sum.checked_mul(8)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    })
}

/// In octal, or, where the first bit is set, in binary.
fn number(field: &[u8]) -> Option<u64> {
    match field {
        [first, rest @ ..] if first & 0x80 != 0 => {
            // The next bit is the sign, and no size is below nothing.
            let start = u64::from(first & 0x7f);
            rest.iter().try_fold(start, |sum, byte| sum.checked_mul(256)?.checked_add(u64::from(*byte)))
        }
        _ => octal(field),
    }
}

/// What a header before says of the next member.
#[derive(Default)]
struct Ahead {
    name: Option<Vec<u8>>,
    size: Option<u64>,
}

/// Hands over every member.
pub(super) fn walk(mut feed: Feed<'_>, outlet: &mut Outlet<'_, '_>) -> Walk {
    let mut block = [0; BLOCK];
    let mut ahead = Ahead::default();
    let mut zeros = 0_usize;
    loop {
        match fill(&mut feed, &mut block)? {
            0 => return Ok(()),
            BLOCK => {}
            _ => return Err(ArchiveError::cut().into()),
        }
        outlet.spend(BLOCK as u64)?;
        if block.iter().all(|byte| *byte == 0) {
            zeros += 1;
            // Two are the end; what follows is padding, or another archive that was appended.
            if zeros >= 2 && !next_after_zeros(&mut feed, &mut block, outlet)? {
                return Ok(());
            }
            if zeros < 2 {
                continue;
            }
        }
        let header = Header(&block);
        if !header.checks() {
            return if zeros >= 2 {
                tail(&block, feed, outlet)
            } else {
                Err(ArchiveError::damaged("no header where one must be").into())
            };
        }
        zeros = 0;
        let Some(size) = header.size() else {
            return Err(ArchiveError::damaged("a size that is no number").into());
        };
        member(&header, size, &mut ahead, &mut feed, outlet)?;
    }
}

/// Goes on to the next block that is not all zeros; false at the end.
fn next_after_zeros(
    feed: &mut Feed<'_>,
    block: &mut [u8; BLOCK],
    outlet: &mut Outlet<'_, '_>,
) -> Result<bool, super::outlet::Halt> {
    // There may be gigabytes of them.
    let mut buffered = [0; 128 * BLOCK];
    loop {
        let before = if let Feed::Region(region) = feed { Some(*region) } else { None };
        let Some(mut region) = before else { break };
        let read = fill(feed, &mut buffered)?;
        let ahead = buffered.get(..read).unwrap_or_default();
        if ahead.is_empty() {
            return Ok(false);
        }
        let Some(at) = ahead.iter().position(|byte| *byte != 0) else { continue };
        region.next_part((at - at % BLOCK) as u64);
        *feed = Feed::Region(region);
        break;
    }
    loop {
        let read = fill(feed, block)?;
        outlet.spend(read as u64)?;
        match block.get(..read).unwrap_or_default() {
            [] => return Ok(false),
            rest if rest.iter().all(|byte| *byte == 0) => {}
            rest if rest.len() < BLOCK => return Err(ArchiveError::cut().into()),
            _ => return Ok(true),
        }
    }
}

/// Something that is no archive follows the end.
fn tail(first: &[u8], mut feed: Feed<'_>, outlet: &mut Outlet<'_, '_>) -> Walk {
    use std::io::Read;
    match outlet.stream("(after the end)", &mut first.chain(&mut feed))? {
        Some(error) => Err(error.into()),
        None => outlet.drain(&mut feed),
    }
}

fn member(header: &Header<'_>, size: u64, ahead: &mut Ahead, feed: &mut Feed<'_>, outlet: &mut Outlet<'_, '_>) -> Walk {
    match header.kind() {
        b'L' => ahead.name = Some(text(records(size, feed, outlet)?)),
        b'K' => drop(records(size, feed, outlet)?),
        b'x' => {
            let records = records(size, feed, outlet)?;
            read_records(&records, ahead);
            outlet.bytes("(pax header)", &records)?;
        }
        b'g' => {
            let records = records(size, feed, outlet)?;
            outlet.bytes("(pax global header)", &records)?;
        }
        // Links, devices, folders and pipes.
        b'1'..=b'6' => {
            let said = std::mem::take(ahead);
            outlet.count()?;
            // Old archivers gave links the size of what they point to, with nothing behind; a hard link of pax may carry data.
            if header.kind() == b'5' || header.kind() == b'1' && said.size.is_some() {
                skip(said.size.unwrap_or(0), feed, outlet)?;
            }
        }
        kind => {
            let said = std::mem::take(ahead);
            if kind == b'S' {
                sparse_map(header, feed)?;
            }
            let size = said.size.unwrap_or(size);
            let name = Outlet::shown(&said.name.unwrap_or_else(|| header.name()));
            if size == 0 {
                outlet.count()?;
            } else {
                outlet.take(&name, feed, size)?;
                pad(size, feed, outlet)?;
            }
        }
    }
    Ok(())
}

fn text(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    bytes.truncate(end);
    bytes
}

fn pad(size: u64, feed: &mut Feed<'_>, outlet: &mut Outlet<'_, '_>) -> Walk {
    match size % BLOCK as u64 {
        0 => Ok(()),
        // The last padding of a cut archive may be gone with nothing lost.
        over => outlet.skip(feed, BLOCK as u64 - over),
    }
}

fn skip(size: u64, feed: &mut Feed<'_>, outlet: &mut Outlet<'_, '_>) -> Walk {
    outlet.skip(feed, size)?;
    pad(size, feed, outlet)
}

/// A long name or pax records.
fn records(size: u64, feed: &mut Feed<'_>, outlet: &mut Outlet<'_, '_>) -> Result<Vec<u8>, super::outlet::Halt> {
    use std::io::Read;
    let mut records = Vec::new();
    feed.take(size.min(LONGEST_RECORDS)).read_to_end(&mut records)?;
    outlet.spend(records.len() as u64)?;
    if (records.len() as u64) < size.min(LONGEST_RECORDS) {
        return Err(ArchiveError::cut().into());
    }
    outlet.skip(feed, size - records.len() as u64)?;
    pad(size, feed, outlet)?;
    Ok(records)
}

/// Records of the form `length key=value\n`.
fn read_records(records: &[u8], ahead: &mut Ahead) {
    let mut rest = records;
    while let Some(space) = rest.iter().position(|byte| *byte == b' ') {
        let length = rest.get(..space).and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<usize>().ok());
        let Some(length) = length.filter(|length| *length > space) else { return };
        let Some(record) = rest.get(space + 1..length.saturating_sub(1)) else { return };
        let mut parts = record.splitn(2, |byte| *byte == b'=');
        match (parts.next(), parts.next()) {
            (Some(b"path" | b"GNU.sparse.name"), Some(value)) => ahead.name = Some(value.to_vec()),
            (Some(b"size"), Some(value)) => {
                ahead.size = std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok());
            }
            _ => {}
        }
        rest = rest.get(length..).unwrap_or_default();
    }
}

/// The map of an old GNU sparse file goes on in further blocks; what follows is what the file holds without its holes.
fn sparse_map(header: &Header<'_>, feed: &mut Feed<'_>) -> Walk {
    let mut goes_on = header.0.get(482).is_some_and(|more| *more != 0);
    let mut block = [0; BLOCK];
    while goes_on {
        if fill(feed, &mut block)? < BLOCK {
            return Err(ArchiveError::cut().into());
        }
        goes_on = block.get(504).is_some_and(|more| *more != 0);
    }
    Ok(())
}
