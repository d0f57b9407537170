//! What the directory does not name: members that were left out of it, all of them where the end is cut off, and
//! whatever else was put between them or before the first.

use super::super::ArchiveError;
use super::super::outlet::{Halt, Outlet, Walk};
use super::super::region::{Feed, Region};
use super::member::{Local, expand};
use flate2::bufread::DeflateDecoder;
use memchr::memmem;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::ops::Range;

const HEADER: &[u8; 4] = b"PK\x03\x04";
/// A gap is looked through so many bytes at a time.
const WINDOW_BYTES: u64 = 1 << 20;
/// What is shorter is padding or the sizes behind a member's content.
const SHORTEST: u64 = 25;
/// The end of a directory.
const END_BYTES: u64 = 22;

/// Looks through everything before `end` that is not covered.
pub(super) fn walk(region: &Region<'_>, covered: &mut [Range<u64>], end: u64, outlet: &mut Outlet<'_, '_>) -> Walk {
    covered.sort_unstable_by_key(|range| range.start);
    let mut at = 0;
    for range in covered.iter() {
        if range.start.min(end) > at {
            gap(region, at..range.start.min(end), outlet)?;
        }
        at = at.max(range.end);
    }
    if end > at { gap(region, at..end, outlet) } else { Ok(()) }
}

/// Members in it are handed over as such, and what lies before and between them as it is.
fn gap(region: &Region<'_>, gap: Range<u64>, outlet: &mut Outlet<'_, '_>) -> Walk {
    let mut at = gap.start;
    while gap.end - at >= SHORTEST {
        let header = next_header(region, at..gap.end)?;
        between(region, at..header.unwrap_or(gap.end), outlet)?;
        let Some(header) = header else { return Ok(()) };
        at = member(region, header, gap.end, outlet)?.clamp(header + 4, gap.end);
    }
    Ok(())
}

fn between(region: &Region<'_>, mut range: Range<u64>, outlet: &mut Outlet<'_, '_>) -> Walk {
    // An end of a directory at the start would make it an archive of its own, which holds itself.
    if range.end - range.start >= SHORTEST && region.load(range.start, 4)?.as_ref() == b"PK\x05\x06" {
        range.start += END_BYTES;
    }
    let length = range.end - range.start;
    if length < SHORTEST {
        return Ok(());
    }
    let mut part = region.part(range.start, length);
    let name = format!("(at byte {})", range.start);
    match part.in_memory() {
        // Signed packages and aligned ones are padded.
        Some(bytes) if bytes.iter().all(|byte| *byte == 0) => Ok(()),
        Some(bytes) => outlet.bytes(&name, bytes),
        None => match outlet.stream(&name, &mut part)? {
            Some(error) => Err(error.into()),
            None => Ok(()),
        },
    }
}

/// Where the next local header stands.
fn next_header(region: &Region<'_>, range: Range<u64>) -> Result<Option<u64>, Halt> {
    let mut at = range.start;
    while at < range.end {
        // A header across two windows is seen in the second.
        let window = region.load(at, (range.end - at).min(WINDOW_BYTES))?;
        if let Some(found) = memmem::find(&window, HEADER) {
            return Ok(Some(at + found as u64));
        }
        let step = (window.len() as u64).saturating_sub(3);
        if step == 0 || at + window.len() as u64 >= range.end {
            break;
        }
        at += step;
    }
    Ok(None)
}

/// Hands over the member at a header, and says where it ends.
fn member(region: &Region<'_>, at: u64, end: u64, outlet: &mut Outlet<'_, '_>) -> Result<u64, Halt> {
    let Some(local) = Local::read(region, at)? else { return Ok(at) };
    let name = Outlet::shown(&local.name);
    if local.encrypted {
        outlet.count()?;
        outlet.missed(&name, ArchiveError::Encrypted)?;
        return Ok(local.content);
    }
    let known = !local.sizes_follow && local.compressed != u32::MAX;
    if known && local.compressed == 0 {
        return Ok(local.content);
    }
    let content_end = if known {
        local.content.saturating_add(local.compressed.into())
    } else if local.method == 8 {
        return deflated(region, &name, &local, end, outlet);
    } else {
        next_header(region, local.content.min(end)..end)?.unwrap_or(end)
    };
    let held = region.part(local.content, content_end.min(end).saturating_sub(local.content));
    let checksum = known.then_some(local.checksum);
    if let Some(error) = expand(&name, held, local.method, checksum, outlet)? {
        outlet.missed(&name, error)?;
    }
    Ok(content_end)
}

/// Deflated content says itself where it ends.
fn deflated(
    region: &Region<'_>,
    name: &str,
    local: &Local,
    end: u64,
    outlet: &mut Outlet<'_, '_>,
) -> Result<u64, Halt> {
    let mut held = region.part(local.content, end.saturating_sub(local.content));
    held.seek(SeekFrom::Start(0))?;
    let mut feed = Feed::Region(held);
    let mut decoder = DeflateDecoder::new(BufReader::with_capacity(1 << 16, &mut feed));
    let broken = match outlet.stream(name, &mut decoder)? {
        Some(error) => Some(ArchiveError::from_io(error)),
        None => match outlet.drain(&mut decoder.by_ref()) {
            Err(Halt::Failed(error)) if !error.is_of_budget() => Some(error),
            drained => drained.map(|()| None)?,
        },
    };
    let used = decoder.total_in();
    if let Some(error) = broken {
        outlet.missed(name, error)?;
    }
    Ok(local.content.saturating_add(used))
}
