//! Ar: Debian packages and static libraries.

use super::ArchiveError;
use super::names::ends_with;
use super::outlet::{Outlet, Walk};
use super::region::{Feed, fill};
use std::io::Read;

const HEADER: usize = 60;
/// The table of long names is held in memory.
const LONGEST_NAMES: u64 = 16 << 20;
/// A longer name is no name.
const LONGEST_NAME: u64 = 1 << 16;

fn decimal(field: &[u8]) -> Option<u64> {
    std::str::from_utf8(field.trim_ascii()).ok()?.parse().ok()
}

/// Hands over every member. There is no mark of an end; but it is known what a Debian package ends with.
pub(super) fn walk(name: &str, mut feed: Feed<'_>, outlet: &mut Outlet<'_, '_>) -> Walk {
    outlet.skip(&mut feed, 8)?;
    let mut lacks_data = ends_with(name, ".deb") || ends_with(name, ".udeb");
    let mut names = Vec::new();
    let mut header = [0; HEADER];
    loop {
        match fill(&mut feed, &mut header)? {
            0 if lacks_data => return Err(ArchiveError::cut().into()),
            0 => return Ok(()),
            HEADER => {}
            _ => return Err(ArchiveError::cut().into()),
        }
        let size = header.get(48..58).and_then(decimal).filter(|_| header.ends_with(b"`\n"));
        let Some(size) = size else {
            return Err(ArchiveError::damaged("no header where one must be").into());
        };
        let field = header.first_chunk::<16>().map(|name| name.trim_ascii_end()).unwrap_or_default();
        if field == b"//" {
            names.clear();
            feed.by_ref().take(size.min(LONGEST_NAMES)).read_to_end(&mut names)?;
            outlet.spend(names.len() as u64)?;
            outlet.skip(&mut feed, size.saturating_sub(names.len() as u64))?;
        } else {
            let (name, size) = name_of(field, size, &names, &mut feed)?;
            lacks_data |= name == b"debian-binary";
            lacks_data &= !name.starts_with(b"data.tar");
            if size == 0 {
                outlet.count()?;
            } else {
                outlet.take(&Outlet::shown(&name), &mut feed, size)?;
            }
        }
        // The last byte of padding may be missing.
        if size % 2 == 1 {
            fill(&mut feed, &mut [0])?;
        }
    }
}

/// A name and what is left of the size once it is read: BSD puts the name before the content.
fn name_of(field: &[u8], size: u64, names: &[u8], feed: &mut Feed<'_>) -> Result<(Vec<u8>, u64), super::outlet::Halt> {
    if let Some(length) =
        field.strip_prefix(b"#1/").and_then(decimal).filter(|length| *length <= size.min(LONGEST_NAME))
    {
        let mut name = Vec::new();
        feed.by_ref().take(length).read_to_end(&mut name)?;
        if (name.len() as u64) < length {
            return Err(ArchiveError::cut().into());
        }
        let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
        name.truncate(end);
        return Ok((name, size - length));
    }
    let long = field.strip_prefix(b"/").and_then(decimal).and_then(|at| names.get(usize::try_from(at).ok()?..));
    let name = match long {
        Some(long) => long.split(|byte| matches!(byte, b'\n' | 0)).next().unwrap_or_default(),
        None => field,
    };
    let bare = name.strip_suffix(b"/").filter(|bare| !bare.is_empty()).unwrap_or(name);
    Ok((bare.to_vec(), size))
}
