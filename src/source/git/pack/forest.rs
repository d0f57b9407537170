//! What in a pack is made of what: trees of entries, from those that stand whole to those that differ from them.

use super::packfile::Pack;
use super::reader::Reader;
use super::{Kind, Kinds, PackFault};
use crate::pack::Form;

/// No entry, or none that is known.
const NONE: u32 = u32::MAX;

/// What is known of an entry's kind while they are sorted out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Is(Kind),
    /// Its base is not known yet.
    Waits,
    /// Its base is being looked for.
    Sought,
    /// It, or what it is made from, cannot be read.
    Broken,
}

/// The entries of the wanted kinds, each after its base, with all that is made of it right behind it. Of what is made
/// from the same base, that of which most is made comes last: then no more bases have to be kept at once than the number
/// of entries has digits.
#[derive(Debug, Default)]
pub(super) struct Forest {
    /// Where in the index.
    positions: Vec<u32>,
    parents: Vec<u32>,
    /// Entries made from it, and itself.
    sizes: Vec<u32>,
    /// None when it cannot be known.
    kinds: Vec<Option<Kind>>,
}

impl Forest {
    /// Sorts out the entries of a pack.
    pub(super) fn grow(pack: &Pack, kinds: Kinds, reader: &mut Reader<'_>) -> Result<Self, PackFault> {
        let offsets = Offsets::of(pack)?;
        let (mut bases, mut found) = bases(pack, &offsets, kinds, reader);
        settle(&mut bases, &mut found);
        let wanted = |found: Found| match found {
            Found::Is(kind) => kinds.has(kind),
            _ => true,
        };
        let mut ranks = Vec::new();
        let mut rank = 0;
        ranks.extend(found.iter().map(|found| {
            let own = rank;
            rank += u32::from(wanted(*found));
            own
        }));
        let (mut positions, mut parents, mut kept) = (Vec::new(), Vec::new(), Vec::new());
        for ((entry, found), base) in (0u32..).zip(&found).zip(&bases) {
            if wanted(*found) {
                positions.push(offsets.position(entry));
                parents.push(if *base == NONE { NONE } else { at(&ranks, *base) });
                kept.push(match found {
                    Found::Is(kind) => Some(*kind),
                    _ => None,
                });
            }
        }
        drop((offsets, bases, found, ranks));
        Ok(in_order(&positions, &parents, &kept))
    }

    /// How many there are.
    pub(super) fn len(&self) -> u32 {
        self.positions.len() as u32
    }

    /// Where it stands in the index.
    pub(super) fn position(&self, node: u32) -> u32 {
        at(&self.positions, node)
    }

    /// Its base, when that is in this pack too.
    pub(super) fn parent(&self, node: u32) -> Option<u32> {
        Some(at(&self.parents, node)).filter(|parent| *parent != NONE)
    }

    /// Where what is made from it ends.
    pub(super) fn end(&self, node: u32) -> u32 {
        node.saturating_add(at(&self.sizes, node).max(1)).min(self.len())
    }

    /// What it is.
    pub(super) fn kind(&self, node: u32) -> Option<Kind> {
        self.kinds.get(node as usize).copied().flatten()
    }
}

fn at(list: &[u32], index: u32) -> u32 {
    list.get(index as usize).copied().unwrap_or(NONE)
}

fn set(list: &mut [u32], index: u32, value: u32) {
    if let Some(place) = list.get_mut(index as usize) {
        *place = value;
    }
}

/// The entries of a pack in the order in which they stand there: offset and position in the index in one number each.
struct Offsets {
    keys: Vec<u64>,
    bits: u32,
}

impl Offsets {
    fn of(pack: &Pack) -> Result<Self, PackFault> {
        let count = pack.count();
        let bits = u32::BITS - count.leading_zeros();
        if count == NONE || pack.size().leading_zeros() < bits {
            return Err(PackFault::TooLarge);
        }
        let offset = |position| pack.index.offset(position).unwrap_or(u64::MAX).min(pack.size());
        let mut keys: Vec<u64> = (0..count).map(|position| offset(position) << bits | u64::from(position)).collect();
        keys.sort_unstable();
        Ok(Self { keys, bits })
    }

    fn position(&self, entry: u32) -> u32 {
        let key = self.keys.get(entry as usize).copied().unwrap_or_default();
        (key & ((1 << self.bits) - 1)) as u32
    }

    /// True when the bytes of an entry, up to where the next one begins, are those that were indexed.
    fn unharmed(&self, pack: &Pack, entry: u32) -> bool {
        let offset = |entry: u32| self.keys.get(entry as usize).map(|key| key >> self.bits);
        offset(entry).is_some_and(|start| pack.unharmed(self.position(entry), start, offset(entry + 1)))
    }

    /// The entry at an offset. Bases mostly lie near to what is made from them, so it is looked for from there.
    fn find(&self, offset: u64, near: u32) -> Option<u32> {
        let near = (near as usize).min(self.keys.len());
        let (mut low, mut high) = (0, self.keys.len());
        let mut step = 1;
        while let Some(&key) = near.checked_sub(step).and_then(|probe| self.keys.get(probe)) {
            if key >> self.bits < offset {
                low = near - step;
                break;
            }
            high = near - step + 1;
            step *= 2;
        }
        let part = self.keys.get(low..high)?;
        let found = low + part.partition_point(|key| key >> self.bits < offset);
        let key = *self.keys.get(found)?;
        (key >> self.bits == offset).then_some(found as u32)
    }
}

/// The base of each entry, and what is known of their kinds when each was looked at once.
fn bases(pack: &Pack, offsets: &Offsets, kinds: Kinds, reader: &mut Reader<'_>) -> (Vec<u32>, Vec<Found>) {
    let count = offsets.keys.len();
    let (mut bases, mut found) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for (own, key) in (0u32..).zip(&offsets.keys) {
        let (base, kind) = match pack.entry(key >> offsets.bits).map(|entry| entry.form) {
            Ok(Form::Whole(kind)) => (NONE, Found::Is(kind)),
            Ok(Form::At(offset)) => match offsets.find(offset, own) {
                Some(base) => (base, Found::Waits),
                None => (NONE, Found::Broken),
            },
            Ok(Form::From(id)) => match pack.index.find(&id).and_then(|position| pack.index.offset(position)) {
                Some(offset) => match offsets.find(offset, own).or_else(|| offsets.find(offset, NONE)) {
                    Some(base) => (base, Found::Waits),
                    None => (NONE, Found::Broken),
                },
                None => match reader.header(&id) {
                    Ok(Some((kind, _))) => (NONE, Found::Is(kind)),
                    _ => (NONE, Found::Broken),
                },
            },
            Err(_) => (NONE, Found::Broken),
        };
        let kind = match kind {
            Found::Waits => found.get(base as usize).copied().unwrap_or(Found::Waits),
            known => known,
        };
        // What is not handed out is not unpacked, and yet a damaged header must not make it so.
        let kind = match kind {
            Found::Is(kind) if !kinds.has(kind) && !offsets.unharmed(pack, own) => Found::Broken,
            kind => kind,
        };
        bases.push(base);
        found.push(kind);
    }
    (bases, found)
}

/// Finds the kinds that waited for others, and opens rings of entries that are made from each other.
fn settle(bases: &mut [u32], found: &mut [Found]) {
    let state = |found: &[Found], entry: u32| found.get(entry as usize).copied().unwrap_or(Found::Broken);
    let mut path = Vec::new();
    for start in 0..bases.len() as u32 {
        let mut entry = start;
        while state(found, entry) == Found::Waits {
            if let Some(place) = found.get_mut(entry as usize) {
                *place = Found::Sought;
            }
            path.push(entry);
            entry = at(bases, entry);
        }
        let outcome = match state(found, entry) {
            Found::Sought | Found::Waits => Found::Broken,
            known => known,
        };
        if state(found, entry) == Found::Sought {
            // A ring: it is opened wherever a base does not come before what is made from it.
            for member in path.iter().rev() {
                if at(bases, *member) >= *member {
                    set(bases, *member, NONE);
                }
                if *member == entry {
                    break;
                }
            }
        }
        for entry in path.drain(..) {
            if let Some(place) = found.get_mut(entry as usize) {
                *place = outcome;
            }
        }
    }
}

/// Puts each entry after its base, with all that is made of it behind it.
fn in_order(positions: &[u32], parents: &[u32], kinds: &[Option<Kind>]) -> Forest {
    let count = parents.len();
    let (starts, children) = children(parents);
    let of = |node: u32| {
        let (from, to) = (at(&starts, node) as usize, at(&starts, node + 1) as usize);
        children.get(from..to).unwrap_or_default()
    };
    // Bases before what is made from them.
    let mut row: Vec<u32> = Vec::with_capacity(count);
    row.extend((0u32..).zip(parents).filter(|(_, parent)| **parent == NONE).map(|(node, _)| node));
    let mut next = 0;
    while let Some(&node) = row.get(next) {
        row.extend_from_slice(of(node));
        next += 1;
    }
    let mut sizes = vec![1u32; count];
    for &node in row.iter().rev() {
        let (own, parent) = (at(&sizes, node), at(parents, node));
        if parent != NONE {
            let sum = at(&sizes, parent) + own;
            set(&mut sizes, parent, sum);
        }
    }
    let mut places = vec![NONE; count];
    let mut root = 0;
    for &node in &row {
        if at(parents, node) == NONE {
            set(&mut places, node, root);
            root += at(&sizes, node);
        }
        let mut place = at(&places, node) + 1;
        let last = of(node).iter().copied().max_by_key(|child| at(&sizes, *child));
        for child in of(node).iter().copied().filter(|child| Some(*child) != last).chain(last) {
            set(&mut places, child, place);
            place += at(&sizes, child);
        }
    }
    let mut forest = Forest {
        positions: vec![0; count],
        parents: vec![NONE; count],
        sizes: vec![1; count],
        kinds: vec![None; count],
    };
    for node in 0..count as u32 {
        let place = at(&places, node);
        set(&mut forest.positions, place, at(positions, node));
        set(&mut forest.parents, place, at(&places, at(parents, node)));
        set(&mut forest.sizes, place, at(&sizes, node));
        if let Some(kind) = forest.kinds.get_mut(place as usize) {
            *kind = kinds.get(node as usize).copied().flatten();
        }
    }
    forest
}

/// What is made from each, in one list, with where each one's part begins.
fn children(parents: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let mut starts = vec![0u32; parents.len() + 2];
    for &parent in parents.iter().filter(|parent| **parent != NONE) {
        let count = at(&starts, parent + 2) + 1;
        set(&mut starts, parent + 2, count);
    }
    let mut sum = 0;
    for start in &mut starts {
        sum += *start;
        *start = sum;
    }
    let mut children = vec![0; sum as usize];
    for (node, &parent) in (0u32..).zip(parents) {
        if parent != NONE {
            let place = at(&starts, parent + 1);
            set(&mut children, place, node);
            set(&mut starts, parent + 1, place + 1);
        }
    }
    (starts, children)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_entry_stands_once_behind_its_base(
            links in prop::collection::vec(prop::option::weighted(0.8, any::<prop::sample::Index>()), 1..200),
        ) {
            let count = links.len();
            let mut bases: Vec<u32> = links.iter().map(|link| link.map_or(NONE, |link| link.index(count) as u32)).collect();
            let mut found: Vec<Found> = bases
                .iter()
                .map(|base| if *base == NONE { Found::Is(Kind::Blob) } else { Found::Waits })
                .collect();
            settle(&mut bases, &mut found);
            prop_assert!(found.iter().all(|found| matches!(found, Found::Is(Kind::Blob) | Found::Broken)));
            let positions: Vec<u32> = (0..count as u32).collect();
            let forest = in_order(&positions, &bases, &vec![Some(Kind::Blob); count]);
            let mut seen: Vec<u32> = (0..forest.len()).map(|node| forest.position(node)).collect();
            seen.sort_unstable();
            prop_assert_eq!(seen, positions);
            let mut most_open = 0;
            for node in 0..forest.len() {
                let base = forest.parent(node).map(|parent| forest.position(parent));
                prop_assert_eq!(base, Some(at(&bases, forest.position(node))).filter(|base| *base != NONE));
                if let Some(parent) = forest.parent(node) {
                    prop_assert!(parent < node && forest.end(node) <= forest.end(parent));
                }
                let (mut open, mut child) = (0, node);
                while let Some(parent) = forest.parent(child) {
                    open += u32::from(forest.end(child) < forest.end(parent));
                    child = parent;
                }
                most_open = most_open.max(open);
            }
            prop_assert!(1 << most_open <= count.next_power_of_two(), "{} of {}", most_open, count);
        }
    }
}
