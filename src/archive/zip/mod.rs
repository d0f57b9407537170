//! Zip. The central directory says what is in it; what it leaves out, or all of it where there is none, is looked for
//! between the members.

mod directory;
mod member;
mod salvage;
mod sheets;

use super::ArchiveError;
use super::outlet::{Halt, Outlet, Walk};
use super::region::Region;
use directory::{Directory, Entries, Entry};
use sheets::Workbook;
use std::ops::Range;

/// True for what ends in a directory with members; `commented`, if more may follow that than the archive itself says.
pub(super) fn ends(bytes: &[u8], commented: bool) -> bool {
    (commented || directory::is_last(bytes))
        && Directory::find(&Region::of(bytes)).is_ok_and(|found| found.is_some_and(|directory| directory.has_entries()))
}

/// Hands over every member, every comment, and what lies between the members.
pub(super) fn walk(region: &Region<'_>, outlet: &mut Outlet<'_, '_>) -> Walk {
    let Some(directory) = Directory::find(region)? else {
        salvage::walk(region, &mut [], region.length(), outlet)?;
        return Err(ArchiveError::damaged("its directory is not there").into());
    };
    let mut covered = Vec::new();
    let mut workbook = Workbook::default();
    let damage = walk_entries(region, &directory, &mut covered, &mut workbook, outlet)?;
    workbook.rows(region, outlet)?;
    salvage::walk(region, &mut covered, directory.start, outlet)?;
    let after = region.load(directory.comment, region.length().saturating_sub(directory.comment))?;
    if !after.is_empty() {
        outlet.bytes("(comment)", &after)?;
    }
    damage.map_or(Ok(()), |error| Err(error.into()))
}

/// What is wrong with the directory itself is given back, so that the rest is still looked at.
fn walk_entries(
    region: &Region<'_>,
    directory: &Directory,
    covered: &mut Vec<Range<u64>>,
    workbook: &mut Workbook,
    outlet: &mut Outlet<'_, '_>,
) -> Result<Option<ArchiveError>, Halt> {
    let mut entries = Entries::new(region, directory);
    let mut found = 0_u64;
    loop {
        match entries.next()? {
            Some(entry) => {
                found += 1;
                covered.extend(walk_entry(region, &entry, outlet)?);
                workbook.keep(entry);
            }
            None if entries.whole() && directory.counts(found) => return Ok(None),
            None => return Ok(Some(ArchiveError::damaged("its directory is damaged"))),
        }
    }
}

/// Hands over one member; the result is what of the archive it takes up.
fn walk_entry(region: &Region<'_>, entry: &Entry, outlet: &mut Outlet<'_, '_>) -> Result<Option<Range<u64>>, Halt> {
    let name = Outlet::shown(&entry.name);
    if !entry.comment.is_empty() {
        outlet.bytes(&format!("{name} (comment)"), &entry.comment)?;
    }
    let Some(local) = member::Local::read(region, entry.at)? else {
        outlet.missed(&name, ArchiveError::damaged("it is not where the directory says"))?;
        return Ok(None);
    };
    let end = local.content.saturating_add(entry.compressed);
    let held = region.part(local.content, entry.compressed);
    if held.length() < entry.compressed {
        outlet.missed(&name, ArchiveError::cut())?;
    }
    if entry.compressed == 0 && entry.expanded == 0 {
        outlet.count()?;
    } else if entry.encrypted {
        outlet.count()?;
        outlet.missed(&name, ArchiveError::Encrypted)?;
    } else if let Some(error) = member::expand(&name, held, entry.method, Some(entry.checksum), outlet)? {
        outlet.missed(&name, error)?;
    }
    Ok(Some(entry.at..end))
}

#[cfg(test)]
mod tests;
