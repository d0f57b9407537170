//! The index of a pack: names in order, and where their objects lie.

use super::map::Mapped;
use super::{HashKind, ObjectId, PackFault};

const MAGIC: [u8; 4] = [0xff, b't', b'O', b'c'];
const FAN_OUT: usize = 256 * 4;

/// An index, of version 1 or 2.
#[derive(Debug)]
pub(super) struct Index {
    bytes: Mapped,
    hash: HashKind,
    count: u32,
    layout: Layout,
}

/// Where its tables begin.
#[derive(Clone, Copy, Debug)]
enum Layout {
    /// Pairs of offset and name.
    One,
    /// Tables of names, of checksums, of offsets and of large offsets.
    Two { checksums: usize, offsets: usize, large: usize, larges: usize },
}

impl Index {
    /// Looks at its form and at its length.
    pub(super) fn new(bytes: Mapped, hash: HashKind) -> Result<Self, PackFault> {
        let width = hash.width();
        let second = bytes.starts_with(&MAGIC);
        if second {
            match be32(&bytes, 4) {
                Some(2) => {}
                Some(version) => return Err(PackFault::Version(version)),
                None => return Err(PackFault::Length),
            }
        } else if hash != HashKind::Sha1 {
            return Err(PackFault::Header); // the first version knows no other
        }
        let fan = if second { 8 } else { 0 };
        let table = bytes.get(fan..).and_then(|rest| rest.get(..FAN_OUT)).ok_or(PackFault::Length)?;
        let counts = || table.chunks_exact(4).map(|four| be32(four, 0).unwrap_or_default());
        if !counts().is_sorted() {
            return Err(PackFault::Counts);
        }
        let count = counts().next_back().unwrap_or_default();
        let objects = usize::try_from(count).map_err(|_| PackFault::TooLarge)?;
        let names = fan + FAN_OUT;
        let body = bytes.len().checked_sub(names + 2 * width).ok_or(PackFault::Length)?;
        let each = if second { width + 8 } else { width + 4 };
        let rest = objects.checked_mul(each).and_then(|all| body.checked_sub(all)).ok_or(PackFault::Length)?;
        let layout = if second {
            let checksums = names + objects * width;
            let (offsets, large) = (checksums + objects * 4, checksums + objects * 8);
            Layout::Two { checksums, offsets, large, larges: rest / 8 }
        } else {
            Layout::One
        };
        let fits = if second { rest % 8 == 0 && rest / 8 <= objects } else { rest == 0 };
        if !fits {
            return Err(PackFault::Length);
        }
        Ok(Self { bytes, hash, count, layout })
    }

    /// How many objects it names.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// The checksum of the pack it belongs to.
    pub(super) fn pack_checksum(&self) -> Option<&[u8]> {
        let width = self.hash.width();
        let start = self.bytes.len().checked_sub(2 * width)?;
        self.bytes.get(start..start + width)
    }

    /// The bytes of the name at a position.
    pub(super) fn name(&self, position: u32) -> Option<&[u8]> {
        let position = position as usize;
        if position >= self.count as usize {
            return None;
        }
        let width = self.hash.width();
        let start = match self.layout {
            Layout::One => FAN_OUT + position * (width + 4) + 4,
            Layout::Two { .. } => 8 + FAN_OUT + position * width,
        };
        self.bytes.get(start..start + width)
    }

    /// The name at a position.
    pub(super) fn id(&self, position: u32) -> Option<ObjectId> {
        self.name(position).and_then(ObjectId::new)
    }

    /// Where the object at a position lies in the pack.
    pub(super) fn offset(&self, position: u32) -> Option<u64> {
        if position >= self.count {
            return None;
        }
        let position = position as usize;
        match self.layout {
            Layout::One => be32(&self.bytes, FAN_OUT + position * (self.hash.width() + 4)).map(u64::from),
            Layout::Two { offsets, large, larges, .. } => {
                let offset = be32(&self.bytes, offsets + position * 4)?;
                if offset & 0x8000_0000 == 0 {
                    return Some(u64::from(offset));
                }
                let row = (offset & 0x7fff_ffff) as usize;
                if row >= larges {
                    return None;
                }
                let bytes = self.bytes.get(large + row * 8..)?.first_chunk::<8>()?;
                Some(u64::from_be_bytes(*bytes))
            }
        }
    }

    /// The checksum of the entry at a position, header and compressed bytes; the first version has none.
    pub(super) fn checksum(&self, position: u32) -> Option<u32> {
        match self.layout {
            Layout::Two { checksums, .. } if position < self.count => {
                be32(&self.bytes, checksums + position as usize * 4)
            }
            _ => None,
        }
    }

    /// The position of a name.
    pub(super) fn find(&self, id: &ObjectId) -> Option<u32> {
        let name = id.as_bytes();
        let fan = if matches!(self.layout, Layout::One) { 0 } else { 8 };
        let first = usize::from(*name.first()?);
        let mut low = match first.checked_sub(1) {
            None => 0,
            Some(before) => be32(&self.bytes, fan + before * 4)?,
        };
        let mut high = be32(&self.bytes, fan + first * 4)?;
        while low < high {
            let middle = low + (high - low) / 2;
            match self.name(middle)?.cmp(name) {
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<4>().map(|four| u32::from_be_bytes(*four))
}
