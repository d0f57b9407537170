//! Cpio: the new form in ASCII, the old one in ASCII, and the binary one.

use super::ArchiveError;
use super::outlet::{Halt, Outlet, Walk};
use super::region::{Feed, fill};

/// A longer name is no name.
const LONGEST_NAME: u64 = 1 << 16;
const FOLDER: u64 = 0o040_000;
const KIND: u64 = 0o170_000;

/// True for the start of any of its forms.
pub(super) fn looks_like(head: &[u8]) -> bool {
    match head {
        [b'0', b'7', b'0', b'7', b'0', b'1' | b'2', fields @ ..] => {
            fields.get(..104).is_some_and(|fields| fields.iter().all(u8::is_ascii_hexdigit))
        }
        [b'0', b'7', b'0', b'7', b'0', b'7', fields @ ..] => {
            fields.get(..70).is_some_and(|fields| fields.iter().all(|byte| matches!(byte, b'0'..=b'7')))
        }
        // Two bytes say little: the first name's length and its end must fit as well.
        [0xc7, 0x71, ..] => {
            let length =
                head.get(20..22).and_then(|bytes| Some(usize::from(u16::from_le_bytes(bytes.try_into().ok()?))));
            length.is_some_and(|length| (2..=1024).contains(&length) && head.get(25 + length) == Some(&0))
        }
        _ => false,
    }
}

struct Header {
    mode: u64,
    name: u64,
    size: u64,
    /// What header with name, and content, are filled up to.
    align: u64,
    length: u64,
}

/// Reads a header's fields.
type Read = fn(&[u8]) -> Option<Header>;

fn hexadecimal(digits: &[u8]) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn octal(digits: &[u8]) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()
}

fn read_new(fields: &[u8]) -> Option<Header> {
    let field = |at: usize| hexadecimal(fields.get(8 * at..8 * at + 8)?);
    Some(Header { mode: field(1)?, size: field(6)?, name: field(11)?, align: 4, length: 110 })
}

fn read_old(fields: &[u8]) -> Option<Header> {
    let field = |from: usize, to: usize| octal(fields.get(from..to)?);
    Some(Header { mode: field(12, 18)?, name: field(53, 59)?, size: field(59, 70)?, align: 1, length: 76 })
}

fn read_binary(fields: &[u8]) -> Option<Header> {
    let word = |at: usize| Some(u64::from(u16::from_le_bytes(fields.get(at..at + 2)?.try_into().ok()?)));
    // The two halves of the size stand in the order of the PDP-11: the greater first.
    let size = word(20)? << 16 | word(22)?;
    Some(Header { mode: word(4)?, name: word(18)?, size, align: 2, length: 26 })
}

/// The next header; none at the end of the feed.
fn header(feed: &mut Feed<'_>) -> Result<Option<Header>, Halt> {
    let mut magic = [0; 6];
    match fill(feed, &mut magic)? {
        0 => return Ok(None),
        6 => {}
        _ => return Err(ArchiveError::cut().into()),
    }
    let mut fields = [0; 104];
    let (length, read) = match magic {
        [b'0', b'7', b'0', b'7', b'0', b'1' | b'2'] => (104, read_new as Read),
        [b'0', b'7', b'0', b'7', b'0', b'7'] => (70, read_old as Read),
        [0xc7, 0x71, ..] => (20, read_binary as Read),
        _ => return Err(ArchiveError::damaged("no header where one must be").into()),
    };
    // The binary header has fields where the others have their mark.
    let start = if length == 20 { 4 } else { 0 };
    if let (Some(to), Some(from)) = (fields.get_mut(..start), magic.get(2..2 + start)) {
        to.copy_from_slice(from);
    }
    let rest = fields.get_mut(start..start + length).unwrap_or_default();
    if fill(feed, rest)? < length {
        return Err(ArchiveError::cut().into());
    }
    match read(&fields) {
        Some(header) => Ok(Some(header)),
        None => Err(ArchiveError::damaged("a header with what is no number").into()),
    }
}

fn padding(length: u64, align: u64) -> u64 {
    length.next_multiple_of(align) - length
}

/// Hands over every member.
pub(super) fn walk(mut feed: Feed<'_>, outlet: &mut Outlet<'_, '_>) -> Walk {
    use std::io::Read as _;
    while let Some(header) = header(&mut feed)? {
        if header.name > LONGEST_NAME {
            return Err(ArchiveError::damaged("a name without end").into());
        }
        let mut name = Vec::new();
        feed.by_ref().take(header.name).read_to_end(&mut name)?;
        if (name.len() as u64) < header.name {
            return Err(ArchiveError::cut().into());
        }
        outlet.skip(&mut feed, padding(header.length + header.name, header.align))?;
        if name.last() == Some(&0) {
            name.pop();
        }
        if name == b"TRAILER!!!" {
            return Ok(());
        }
        if header.size == 0 || header.mode & KIND == FOLDER {
            outlet.count()?;
            outlet.skip(&mut feed, header.size)?;
        } else {
            outlet.take(&Outlet::shown(&name), &mut feed, header.size)?;
        }
        outlet.skip(&mut feed, padding(header.size, header.align))?;
    }
    Err(ArchiveError::cut().into())
}
