//! One page of a tree.

/// A number of up to nine bytes, and what follows it.
pub(super) fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (at, byte) in bytes.iter().take(9).enumerate() {
        let rest = bytes.get(at + 1..)?;
        if at == 8 {
            return Some((value << 8 | u64::from(*byte), rest));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, rest));
        }
    }
    None
}

fn u16_at(bytes: &[u8], at: usize) -> Option<usize> {
    Some(usize::from(u16::from_be_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?)))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?)))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    InnerIndex,
    InnerTable,
    LeafIndex,
    LeafTable,
}

/// What is stored in a cell.
#[derive(Debug)]
pub(super) struct Cell<'a> {
    /// How large all of it is.
    pub(super) size: u64,
    /// What lies on this page.
    pub(super) local: &'a [u8],
    /// The page on which it goes on.
    pub(super) overflow: Option<u64>,
}

/// A page of a tree, taken apart.
#[derive(Debug)]
pub(super) struct Page<'a> {
    bytes: &'a [u8],
    kind: Kind,
    header: usize,
    cells: usize,
    usable: usize,
}

impl<'a> Page<'a> {
    /// The first page of a file has the file's header before its own.
    pub(super) fn read(bytes: &'a [u8], first: bool, usable: usize) -> Option<Self> {
        let header = if first { 100 } else { 0 };
        let kind = match bytes.get(header)? {
            2 => Kind::InnerIndex,
            5 => Kind::InnerTable,
            10 => Kind::LeafIndex,
            13 => Kind::LeafTable,
            _ => return None,
        };
        let cells = u16_at(bytes, header + 3)?;
        let page = Self { bytes, kind, header, cells, usable };
        (page.pointers_end() <= bytes.len()).then_some(page)
    }

    fn is_inner(&self) -> bool {
        matches!(self.kind, Kind::InnerIndex | Kind::InnerTable)
    }

    fn pointers(&self) -> usize {
        self.header + if self.is_inner() { 12 } else { 8 }
    }

    fn pointers_end(&self) -> usize {
        self.pointers() + 2 * self.cells
    }

    fn offsets(&self) -> impl DoubleEndedIterator<Item = usize> + '_ {
        let pointers = self.pointers();
        (0..self.cells).filter_map(move |at| u16_at(self.bytes, pointers + 2 * at))
    }

    /// The pages below.
    pub(super) fn children(&self) -> impl DoubleEndedIterator<Item = u64> + '_ {
        let last = if self.is_inner() { u32_at(self.bytes, self.header + 8) } else { None };
        let inner = self.is_inner();
        self.offsets().filter_map(move |at| if inner { u32_at(self.bytes, at) } else { None }).chain(last)
    }

    /// What is stored here; nothing where a cell makes no sense.
    pub(super) fn cells(&self) -> impl Iterator<Item = Option<Cell<'a>>> + '_ {
        self.offsets().filter(|_| self.kind != Kind::InnerTable).map(|at| self.cell(at))
    }

    fn cell(&self, at: usize) -> Option<Cell<'a>> {
        let at = if self.kind == Kind::InnerIndex { at + 4 } else { at };
        let (size, mut rest) = varint(self.bytes.get(at..self.usable.min(self.bytes.len()))?)?;
        if self.kind == Kind::LeafTable {
            rest = varint(rest)?.1;
        }
        let here = self.local(size)?;
        let local = rest.get(..here)?;
        let overflow = if here as u64 == size { None } else { Some(u32_at(rest, here)?) };
        Some(Cell { size, local, overflow })
    }

    /// How much of so large a payload lies on its own page.
    fn local(&self, size: u64) -> Option<usize> {
        let usable = self.usable;
        let most = match self.kind {
            Kind::LeafTable => usable.checked_sub(35)?,
            _ => (usable.checked_sub(12)? * 64 / 255).checked_sub(23)?,
        };
        if size <= most as u64 {
            return usize::try_from(size).ok();
        }
        let least = (usable.checked_sub(12)? * 32 / 255).checked_sub(23)?;
        let over = (size - least as u64) % (usable as u64 - 4);
        let some = least + usize::try_from(over).ok()?;
        Some(if some <= most { some } else { least })
    }

    /// Stretches that no cell takes up.
    pub(super) fn free(&self) -> Vec<&'a [u8]> {
        let content = match u16_at(self.bytes, self.header + 5) {
            Some(0) => 65_536,
            Some(at) => at,
            None => return Vec::new(),
        };
        let mut stretches = Vec::new();
        stretches.extend(self.bytes.get(self.pointers_end()..content.min(self.bytes.len())));
        // Blocks that were freed are chained, each behind the one before.
        let mut at = u16_at(self.bytes, self.header + 1).unwrap_or(0);
        while at > 0 {
            let (Some(next), Some(length)) = (u16_at(self.bytes, at), u16_at(self.bytes, at + 2)) else { break };
            stretches.extend(self.bytes.get(at + 4..at.saturating_add(length).min(self.bytes.len())));
            if next <= at {
                break;
            }
            at = next;
        }
        stretches
    }
}
