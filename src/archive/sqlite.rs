//! SQLite: every row of every table, with values that lie on several pages put together; and what was deleted.

mod page;
mod record;

use super::format::Format;
use super::lines::Lines;
use super::outlet::{Halt, Outlet, Walk};
use super::region::Region;
use super::{ArchiveError, lines};
use page::{Cell, Page};
use record::Value;
use std::borrow::Cow;

pub(super) const MAGIC: &[u8] = b"SQLite format 3\0";
/// Shorter values of bytes hold nothing.
const FREE_LEAST: usize = 8;
/// The file's header, at the start of its first page.
const HEADER_BYTES: usize = 100;

/// How a database writes text.
#[derive(Clone, Copy, Debug)]
enum Encoding {
    Utf8,
    Utf16 { big_endian: bool },
}

/// A tree.
struct Root {
    page: u64,
    /// The table that it holds. An index repeats what its table holds.
    table: Option<String>,
}

struct Database<'a> {
    region: Region<'a>,
    page_bytes: u64,
    /// What of a page is used.
    usable: usize,
    pages: u64,
    encoding: Encoding,
    /// One bit a page: each is read once, whatever points to it.
    read: Vec<u64>,
    damaged: bool,
    free: Lines,
}

/// Hands over every table, and beside it what is no longer in one.
pub(super) fn walk(region: Region<'_>, outlet: &mut Outlet<'_, '_>) -> Walk {
    let Some(mut database) = Database::open(region)? else {
        return Err(ArchiveError::damaged("its header is damaged").into());
    };
    let mut roots = Vec::new();
    let mut schema = Lines::new("(schema)".to_owned());
    database.tree(1, Some(&mut schema), Some(&mut roots), outlet)?;
    for root in roots {
        let mut lines = root.table.map(Lines::new);
        database.tree(root.page, lines.as_mut(), None, outlet)?;
    }
    database.unread_pages(outlet)?;
    if database.damaged { Err(ArchiveError::damaged("pages of it are damaged or missing").into()) } else { Ok(()) }
}

impl<'a> Database<'a> {
    fn open(region: Region<'a>) -> Result<Option<Self>, Halt> {
        let header = region.load(0, 100)?;
        let field = |at: usize| Some(u32::from_be_bytes(header.get(at..at + 4)?.try_into().ok()?));
        let size = header.get(16..18).and_then(|bytes| Some(u16::from_be_bytes(bytes.try_into().ok()?)));
        let page_bytes = match size {
            Some(1) => 65_536,
            Some(size) if size >= 512 && size.is_power_of_two() => u64::from(size),
            _ => return Ok(None),
        };
        let reserved = header.get(20).copied().map_or(0, usize::from);
        let usable = usize::try_from(page_bytes).unwrap_or(0).saturating_sub(reserved);
        let encoding = match field(56) {
            Some(2) => Encoding::Utf16 { big_endian: false },
            Some(3) => Encoding::Utf16 { big_endian: true },
            _ => Encoding::Utf8,
        };
        let pages = region.length().div_ceil(page_bytes);
        // The header's own count holds only if it was written together with the change counter.
        let said = if field(24) == field(92) { u64::from(field(28).unwrap_or(0)) } else { 0 };
        let damaged = said > pages || !region.length().is_multiple_of(page_bytes);
        let words = usize::try_from(pages.div_ceil(64) + 1).unwrap_or(0);
        let free = Lines::new("(deleted and unused)".to_owned());
        Ok(Some(Self { region, page_bytes, usable, pages, encoding, read: vec![0; words], damaged, free }))
    }

    /// True the first time that a page is asked for.
    fn first_time(&mut self, number: u64) -> bool {
        let word = usize::try_from(number / 64).ok().and_then(|at| self.read.get_mut(at));
        let bit = 1_u64 << (number % 64);
        match word {
            Some(word) if number > 0 && number <= self.pages && *word & bit == 0 => {
                *word |= bit;
                true
            }
            _ => false,
        }
    }

    fn page(&self, number: u64) -> Result<Cow<'a, [u8]>, Halt> {
        Ok(self.region.load(number.saturating_sub(1).saturating_mul(self.page_bytes), self.page_bytes)?)
    }

    /// A page is read once, whatever else leads to it.
    fn queue(&mut self, number: u64, due: &mut Vec<u64>) {
        if self.first_time(number) {
            due.push(number);
        } else {
            self.damaged = true;
        }
    }

    /// Every row of the tree with this root. The schema's rows say where the other roots are.
    fn tree(
        &mut self,
        root: u64,
        mut lines: Option<&mut Lines>,
        mut roots: Option<&mut Vec<Root>>,
        outlet: &mut Outlet<'_, '_>,
    ) -> Walk {
        let mut due = Vec::new();
        self.queue(root, &mut due);
        while let Some(number) = due.pop() {
            let bytes = self.page(number)?;
            let Some(page) = Page::read(&bytes, number == 1, self.usable) else {
                self.damaged = true;
                self.unused(beyond_header(number, &bytes), outlet)?;
                continue;
            };
            for child in page.children().rev() {
                self.queue(child, &mut due);
            }
            // Cells that lie over one another could make a page hold many times what it is.
            let mut room = bytes.len();
            for cell in page.cells() {
                let cell = cell.filter(|cell| cell.local.len() <= room);
                let Some(cell) = cell else {
                    self.damaged = true;
                    continue;
                };
                room -= cell.local.len();
                self.row(&cell, lines.as_deref_mut(), roots.as_deref_mut(), outlet)?;
            }
            for stretch in page.free() {
                self.unused(stretch, outlet)?;
            }
        }
        lines.map_or(Ok(()), |lines| lines.flush(outlet))
    }

    fn row(
        &mut self,
        cell: &Cell<'_>,
        lines: Option<&mut Lines>,
        roots: Option<&mut Vec<Root>>,
        outlet: &mut Outlet<'_, '_>,
    ) -> Walk {
        let payload = self.payload(cell, outlet)?;
        let Some(lines) = lines else { return Ok(()) };
        let (values, whole) = record::values(&payload);
        self.damaged |= !whole;
        if let Some(roots) = roots {
            roots.extend(self.root(&values));
        }
        let mut first = true;
        for value in &values {
            let text = match value {
                Value::Text(text) => self.text(text),
                Value::Bytes(bytes) if Format::of(bytes, "").is_some() => {
                    outlet.bytes(&format!("{} (value)", lines.name()), bytes)?;
                    continue;
                }
                Value::Bytes(bytes) => Cow::Borrowed(*bytes),
                Value::Number(_) => continue,
            };
            if text.is_empty() {
                continue;
            }
            if !first {
                lines.part(b"\t", outlet);
            }
            first = false;
            lines.part(&text, outlet);
        }
        if first { Ok(()) } else { lines.end(outlet) }
    }

    /// A row of the schema: kind, name, table, root.
    fn root(&self, values: &[Value<'_>]) -> Option<Root> {
        let [Value::Text(kind), Value::Text(name), _, Value::Number(page), ..] = values else { return None };
        let page = u64::try_from(*page).ok().filter(|page| *page > 1)?;
        let table = (self.text(kind).as_ref() == b"table").then(|| Outlet::shown(&self.text(name)));
        Some(Root { page, table })
    }

    fn text<'t>(&self, text: &'t [u8]) -> Cow<'t, [u8]> {
        match self.encoding {
            Encoding::Utf8 => Cow::Borrowed(text),
            Encoding::Utf16 { big_endian } => Cow::Owned(lines::from_utf16(text, big_endian)),
        }
    }

    /// What a cell holds, with what lies on further pages.
    fn payload<'c>(&mut self, cell: &Cell<'c>, outlet: &Outlet<'_, '_>) -> Result<Cow<'c, [u8]>, Halt> {
        let Some(mut next) = cell.overflow else { return Ok(Cow::Borrowed(cell.local)) };
        let mut payload = cell.local.to_vec();
        let wanted = usize::try_from(cell.size.min(outlet.largest())).unwrap_or(usize::MAX);
        while payload.len() < wanted {
            if !self.first_time(next) {
                self.damaged = true;
                break;
            }
            let page = self.page(next)?;
            let Some((follows, content)) = page.split_first_chunk::<4>() else {
                self.damaged = true;
                break;
            };
            let take = content.len().min(self.usable.saturating_sub(4)).min(wanted - payload.len());
            payload.extend_from_slice(content.get(..take).unwrap_or_default());
            next = u32::from_be_bytes(*follows).into();
        }
        if (payload.len() as u64) < cell.size {
            self.damaged = true;
        }
        Ok(Cow::Owned(payload))
    }

    /// Stretches that belong to no row: what was deleted is often still there.
    fn unused(&mut self, stretch: &[u8], outlet: &mut Outlet<'_, '_>) -> Walk {
        if stretch.len() < FREE_LEAST || stretch.iter().all(|byte| *byte == 0) {
            return Ok(());
        }
        self.free.line(stretch, outlet)
    }

    /// Pages that nothing leads to: those that are free, and those that were cut off from their tree.
    fn unread_pages(&mut self, outlet: &mut Outlet<'_, '_>) -> Walk {
        for number in 1..=self.pages {
            if self.first_time(number) {
                let page = self.page(number)?;
                self.unused(beyond_header(number, &page), outlet)?;
            }
        }
        self.free.flush(outlet)
    }
}

/// The first page without the file's header: with it, it would seem to be a database of its own.
fn beyond_header(number: u64, page: &[u8]) -> &[u8] {
    if number == 1 { page.get(HEADER_BYTES..).unwrap_or_default() } else { page }
}

#[cfg(test)]
mod tests;
