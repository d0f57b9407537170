//! RPM packages: the headers' texts, and the files.

use super::format::Format;
use super::outlet::{Outlet, Walk};
use super::region::{Feed, fill};
use super::{ArchiveError, compressed, cpio};
use std::io::{BufRead, BufReader};

const LEAD: u64 = 96;
/// A header that is larger is no header.
const LONGEST_HEADER: u64 = 256 << 20;

/// Hands over both headers and every file.
pub(super) fn walk(mut feed: Feed<'_>, outlet: &mut Outlet<'_, '_>) -> Walk {
    outlet.skip(&mut feed, LEAD)?;
    let signature = header("(signature)", &mut feed, outlet)?;
    outlet.skip(&mut feed, signature.next_multiple_of(8) - signature)?;
    header("(header)", &mut feed, outlet)?;
    let mut input = BufReader::with_capacity(1 << 16, feed);
    let head = input.fill_buf()?;
    if head.is_empty() {
        return Err(ArchiveError::cut().into());
    }
    match Format::of(head, "") {
        Some(Format::Cpio) => cpio::walk(Feed::Stream(&mut input), outlet),
        Some(format) => {
            let mut payload = compressed::decoder(format, &mut input)?;
            cpio::walk(Feed::Stream(&mut payload), outlet)?;
            outlet.drain(&mut payload)
        }
        None => Err(ArchiveError::unsupported("the package's payload").into()),
    }
}

/// The texts of a header: its store is handed over with a new line for each zero. The result is its length.
fn header(name: &str, feed: &mut Feed<'_>, outlet: &mut Outlet<'_, '_>) -> Result<u64, super::outlet::Halt> {
    let mut start = [0; 16];
    if fill(feed, &mut start)? < start.len() {
        return Err(ArchiveError::cut().into());
    }
    let [0x8e, 0xad, 0xe8, 1, _, _, _, _, a, b, c, d, e, f, g, h] = start else {
        return Err(ArchiveError::damaged("no header where one must be").into());
    };
    let entries = u64::from(u32::from_be_bytes([a, b, c, d])) * 16;
    let store = u64::from(u32::from_be_bytes([e, f, g, h]));
    if entries.saturating_add(store) > LONGEST_HEADER.min(outlet.largest()) {
        return Err(ArchiveError::damaged("a header without end").into());
    }
    outlet.skip(feed, entries)?;
    let mut texts = Vec::new();
    std::io::Read::read_to_end(&mut std::io::Read::take(&mut *feed, store), &mut texts)?;
    if (texts.len() as u64) < store {
        return Err(ArchiveError::cut().into());
    }
    for byte in &mut texts {
        if *byte == 0 {
            *byte = b'\n';
        }
    }
    outlet.bytes(name, &texts)?;
    Ok(start.len() as u64 + entries + store)
}
