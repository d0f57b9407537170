//! Compound files: what Word, Excel and PowerPoint wrote before 2007, messages, installers, and what password-protected
//! documents of today are packed into. Each stream is put together from its sectors and handed over, and the source of
//! macros is expanded.

mod macros;
mod sectors;

use super::outlet::{Outlet, Walk};
use super::region::Region;
use super::{ArchiveError, lines};
use sectors::{Chain, Sectors};

const ENTRY: usize = 128;
/// Streams up to this size are looked at for what they are.
const LOOKED_AT: u64 = 16 << 20;
/// Storages within storages that make up a shown name.
const DEEPEST: usize = 16;
const NONE: u32 = u32::MAX;

/// What a line of the directory is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Storage,
    Stream,
    Root,
}

/// One line of the directory.
#[derive(Debug)]
struct Entry {
    name: String,
    kind: Kind,
    /// Its brothers and its first child.
    next: [u32; 2],
    child: u32,
    start: u32,
    size: u64,
    above: Option<usize>,
}

impl Entry {
    /// None for one that is not used, or of no known kind.
    fn read(bytes: &[u8], wide: bool) -> Option<Self> {
        let kind = match bytes.get(66)? {
            1 => Kind::Storage,
            2 => Kind::Stream,
            5 => Kind::Root,
            _ => return None,
        };
        let number = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let length = usize::from(u16::from_le_bytes(bytes.get(64..66)?.try_into().ok()?)).clamp(2, 64) - 2;
        let name = lines::from_utf16(bytes.get(..length)?, false);
        let high = if wide { number(124)? } else { 0 };
        Some(Self {
            name: Outlet::shown(&name),
            kind,
            next: [number(68)?, number(72)?],
            child: number(76)?,
            start: number(116)?,
            size: u64::from(high) << 32 | u64::from(number(120)?),
            above: None,
        })
    }
}

/// Hands over every stream.
pub(super) fn walk(region: &Region<'_>, outlet: &mut Outlet<'_, '_>) -> Walk {
    let mut sectors = Sectors::read(region, outlet)?;
    let mut directory = Vec::new();
    let whole = {
        let mut chain = sectors.chain(sectors.directory, u64::MAX);
        outlet.spend(chain.read_all(&mut directory, LOOKED_AT.min(outlet.largest()))?)?;
        chain.ended()
    };
    let mut entries: Vec<Option<Entry>> =
        directory.chunks_exact(ENTRY).map(|bytes| Entry::read(bytes, sectors.wide())).collect();
    place(&mut entries);
    if is_encrypted(&entries) {
        return Err(ArchiveError::Encrypted.into());
    }
    let root = entries.iter().flatten().find(|entry| entry.kind == Kind::Root);
    let Some(root) = root else { return Err(ArchiveError::damaged("its directory is not there").into()) };
    sectors.small(root.start, root.size, outlet.largest())?;
    for (at, entry) in entries.iter().enumerate() {
        if let Some(entry) = entry.as_ref().filter(|entry| entry.kind == Kind::Stream) {
            stream(&path(&entries, at), entry, &sectors, outlet)?;
        }
    }
    if whole { Ok(()) } else { Err(ArchiveError::damaged("its directory is damaged").into()) }
}

fn stream(name: &str, entry: &Entry, sectors: &Sectors<'_>, outlet: &mut Outlet<'_, '_>) -> Walk {
    if entry.size == 0 {
        return outlet.count();
    }
    let mut chain = match sectors.is_small(entry.size) {
        true => sectors.small_chain(entry.start, entry.size),
        false => sectors.chain(entry.start, entry.size),
    };
    if entry.size > LOOKED_AT.min(outlet.largest()) {
        let broken = outlet.stream(name, &mut chain)?;
        return match broken {
            Some(error) => outlet.missed(name, ArchiveError::from_io(error)),
            None => outlet.drain(&mut chain).and_then(|()| cut(name, &chain, outlet)),
        };
    }
    let mut bytes = Vec::new();
    chain.read_all(&mut bytes, entry.size)?;
    if is_closed(name, &bytes) {
        return Err(ArchiveError::Encrypted.into());
    }
    outlet.joined(name, &bytes, &chain.stretches(outlet))?;
    if let Some(source) = macros::source(&bytes, outlet.largest()) {
        outlet.bytes(&format!("{name} (source)"), &source)?;
    }
    cut(name, &chain, outlet)
}

/// Says that a stream has fewer sectors than it says.
fn cut(name: &str, chain: &Chain<'_, '_>, outlet: &mut Outlet<'_, '_>) -> Walk {
    if chain.left() == 0 { Ok(()) } else { outlet.missed(name, ArchiveError::cut()) }
}

/// Documents of today that a password protects, in both ways in which that is done, and those that a server protects.
fn is_encrypted(entries: &[Option<Entry>]) -> bool {
    let has = |name: &str| entries.iter().flatten().any(|entry| entry.name == name);
    has("EncryptedPackage") || has("EncryptedSummary") || has("\u{fffd}DRMContent")
}

/// Documents of the old kinds that a password protects: each says so near the start of its main stream.
fn is_closed(name: &str, bytes: &[u8]) -> bool {
    match name {
        "WordDocument" => bytes.get(11).is_some_and(|flags| flags & 1 != 0),
        "Workbook" | "Book" => has_password(bytes),
        "Current User" => bytes.get(12..16) == Some(&[0xdf, 0xc4, 0xd1, 0xf3]),
        _ => false,
    }
}

/// Among the first records of a workbook is one about its password.
fn has_password(bytes: &[u8]) -> bool {
    const RECORDS: usize = 16;
    let mut rest = bytes;
    for _ in 0..RECORDS {
        let [kind, high, a, b, after @ ..] = rest else { return false };
        if (*kind, *high) == (0x2f, 0) {
            return true;
        }
        let Some(next) = after.get(usize::from(u16::from_le_bytes([*a, *b]))..) else { return false };
        rest = next;
    }
    false
}

/// Notes for each entry in which storage it lies. Each is met once, whatever points to it.
fn place(entries: &mut [Option<Entry>]) {
    let mut met = vec![false; entries.len()];
    let mut waiting: Vec<(u32, Option<usize>)> = vec![(0, None)];
    while let Some((at, above)) = waiting.pop() {
        let Ok(at) = usize::try_from(at) else { continue };
        let (Some(Some(entry)), Some(met @ false)) = (entries.get_mut(at), met.get_mut(at)) else { continue };
        *met = true;
        entry.above = above;
        waiting.extend(entry.next.iter().filter(|next| **next != NONE).map(|next| (*next, above)));
        if entry.kind != Kind::Stream && entry.child != NONE {
            waiting.push((entry.child, Some(at)));
        }
    }
}

/// The names of the storages that an entry lies in, and its own.
fn path(entries: &[Option<Entry>], at: usize) -> String {
    let mut parts = Vec::new();
    let mut next = Some(at);
    while let Some(entry) = next.and_then(|at| entries.get(at)?.as_ref()) {
        if entry.kind == Kind::Root || parts.len() >= DEEPEST {
            break;
        }
        parts.push(entry.name.as_str());
        next = entry.above;
    }
    parts.reverse();
    parts.join("/")
}

#[cfg(test)]
pub(super) mod tests;
