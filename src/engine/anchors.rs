//! Finds the literals of rules in a stretch of bytes, in upper or lower case: a small table of the four-byte parts of all
//! literals lets nearly no other place through, and what it lets through is compared. It is made in microseconds.

use crate::model::Span;
use crate::rules::facts::ByteSet;
use crate::runs::{DEPTH, Packed};
use std::ops::Range;
use std::sync::OnceLock;

/// Bits of the table of parts: 8 KiB, so that it stays close to the processor.
const FILTER_BITS: u32 = 16;
/// Bits of the table from parts to literals.
const HEAD_BITS: u32 = 12;
/// Bytes that are looked at in one step.
const STEP: usize = 8;
/// For texts shorter than this no vectors are made.
const WORTH: usize = 8 << 10;
/// Marks the end of a list of literals.
const NONE: u16 = u16::MAX;
/// More literals than this cannot be told apart.
pub(super) const MOST: usize = NONE as usize;

/// Literals, and whose they are.
#[derive(Debug)]
pub(super) struct Anchors {
    literals: Vec<Literal>,
    /// The literals one after the other, as they were given.
    texts: Vec<u8>,
    owners: Vec<Owner>,
    filter: Box<[u64; 1 << (FILTER_BITS - 6)]>,
    heads: Box<[u16; 1 << HEAD_BITS]>,
    /// Finds the parts with vectors, where there are not too many; made when there is enough to be looked at.
    packed: OnceLock<Option<Packed>>,
    /// How far into its literal a part starts, at most.
    deepest: usize,
    longest: usize,
}

#[derive(Debug)]
struct Literal {
    text: Range<usize>,
    /// Where in it the part starts that it is found by.
    part: usize,
    /// The first of its owners.
    owner: u32,
    /// The next literal whose part starts alike.
    next: u16,
}

/// A kind that has a literal.
#[derive(Debug)]
struct Owner {
    kind: usize,
    /// The next one of the same literal.
    next: u32,
}

impl Anchors {
    /// Takes over the literals of kinds: each with its kind, and with what can stand right after it.
    pub(super) fn new<'l>(given: impl Iterator<Item = (&'l str, usize, &'l ByteSet)>) -> Self {
        let given: Vec<_> = given.take(MOST).collect();
        let mut anchors = Self {
            literals: Vec::with_capacity(given.len()),
            texts: Vec::with_capacity(given.iter().map(|(text, ..)| text.len()).sum()),
            owners: Vec::with_capacity(given.len()),
            filter: Box::new([0; 1 << (FILTER_BITS - 6)]),
            heads: Box::new([NONE; 1 << HEAD_BITS]),
            packed: OnceLock::new(),
            deepest: 0,
            longest: 0,
        };
        for (text, kind, after) in given {
            let text = text.as_bytes();
            anchors.add(text, rarest_part(text), kind, after);
        }
        anchors
    }

    fn add(&mut self, text: &[u8], part: usize, kind: usize, after: &ByteSet) {
        let letter = |at: usize| text.get(part + at).copied().unwrap_or(0);
        let head = u32::from_le_bytes([letter(0), letter(1), letter(2), 0]);
        match text.get(part + 3) {
            Some(last) => self.let_through(head | u32::from(*last) << 24),
            None => after.bytes().chain([0]).for_each(|last| self.let_through(head | u32::from(last) << 24)),
        }
        let owner = u32::try_from(self.owners.len()).unwrap_or(u32::MAX);
        let first = self.heads.get(head_of(head)).copied().unwrap_or(NONE);
        let mut index = first;
        while let Some(literal) = self.literals.get_mut(usize::from(index)) {
            if self.texts.get(literal.text.clone()).is_some_and(|known| known.eq_ignore_ascii_case(text)) {
                self.owners.push(Owner { kind, next: std::mem::replace(&mut literal.owner, owner) });
                return;
            }
            index = literal.next;
        }
        if let Some(slot) = self.heads.get_mut(head_of(head)) {
            *slot = u16::try_from(self.literals.len()).unwrap_or(NONE);
        }
        self.owners.push(Owner { kind, next: u32::MAX });
        let start = self.texts.len();
        self.texts.extend_from_slice(text);
        self.literals.push(Literal { text: start..self.texts.len(), part, owner, next: first });
        self.deepest = self.deepest.max(part);
        self.longest = self.longest.max(text.len());
    }

    fn let_through(&mut self, part: u32) {
        let (word, bit) = place_of(part);
        if let Some(word) = self.filter.get_mut(word) {
            *word |= 1 << bit;
        }
    }

    fn pack(&self) -> Option<Packed> {
        let head = |literal: &Literal| {
            let text = self.texts.get(literal.text.clone())?.get(literal.part..)?;
            Some(text.get(..DEPTH).unwrap_or(text))
        };
        Packed::new(self.literals.iter().filter_map(head).collect())
    }

    /// The vectors, where it is worth to have them for so many bytes.
    fn packed(&self, bytes: usize) -> Option<&Packed> {
        if bytes < WORTH { self.packed.get() } else { Some(self.packed.get_or_init(|| self.pack())) }?.as_ref()
    }

    /// The length of the longest literal.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// Hands over every literal that starts in `region`, also those that overlap, once for each kind that has it. Their
    /// starts may be out of order by less than the longest literal.
    pub(super) fn find(&self, bytes: &[u8], region: Range<usize>, found: &mut impl FnMut(Span, usize)) {
        if self.literals.is_empty() {
            return;
        }
        let end = region.end.saturating_add(self.deepest).min(bytes.len().saturating_sub(2));
        let mut at = region.start;
        if let Some(packed) = self.packed(bytes.len()) {
            at = packed.find(bytes, at..end, &mut |place| {
                let part = bytes.get(place..).and_then(|rest| rest.first_chunk());
                if part.is_none_or(|part| self.has(u32::from_le_bytes(*part)) != 0) {
                    self.compare(bytes, place, &region, found);
                }
            });
        }
        while at < end {
            let Some(window) = bytes.get(at..).and_then(|rest| rest.first_chunk::<{ STEP + 3 }>()) else { break };
            let mut through = self.through(window);
            while through != 0 {
                let place = at + through.trailing_zeros() as usize;
                through &= through - 1;
                self.compare(bytes, place, &region, found);
            }
            at += STEP;
        }
        while at < end {
            let mut window = [0; STEP + 3];
            let rest = bytes.get(at..).unwrap_or_default();
            window.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            let mut through = self.through(&window);
            while through != 0 {
                let place = at + through.trailing_zeros() as usize;
                through &= through - 1;
                self.compare(bytes, place, &region, found);
            }
            at += STEP;
        }
    }

    /// One bit for each of eight places: a part of some literal may start there.
    #[inline(always)]
    fn through(&self, window: &[u8; STEP + 3]) -> u32 {
        let mut through = 0;
        let [a, b, c, d, e, f, g, h, i, j, k] = *window;
        let low = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        let high = u64::from_le_bytes([e, f, g, h, i, j, k, 0]);
        for at in 0..4 {
            let (one, other) = ((low >> (8 * at)) as u32, (high >> (8 * at)) as u32);
            through |= self.has(one) << at | self.has(other) << (at + 4);
        }
        through
    }

    #[inline(always)]
    fn has(&self, part: u32) -> u32 {
        let (word, bit) = place_of(part);
        (self.filter.get(word).copied().unwrap_or(0) >> bit & 1) as u32
    }

    #[inline(never)]
    fn compare(&self, bytes: &[u8], place: usize, region: &Range<usize>, found: &mut impl FnMut(Span, usize)) {
        let Some([a, b, c]) = bytes.get(place..).and_then(|rest| rest.first_chunk::<3>()) else { return };
        let mut index = self.heads.get(head_of(u32::from_le_bytes([*a, *b, *c, 0]))).copied().unwrap_or(NONE);
        while let Some(literal) = self.literals.get(usize::from(index)) {
            index = literal.next;
            let Some(start) = place.checked_sub(literal.part).filter(|start| region.contains(start)) else { continue };
            let end = start + literal.text.len();
            let (Some(text), Some(known)) = (bytes.get(start..end), self.texts.get(literal.text.clone())) else {
                continue;
            };
            if text.eq_ignore_ascii_case(known) {
                let mut owner = literal.owner;
                while let Some(Owner { kind, next }) = self.owners.get(owner as usize) {
                    found(Span { start, end }, *kind);
                    owner = *next;
                }
            }
        }
    }
}

/// Letters of both cases are one; some other bytes are too, which costs nothing but a comparison.
const fn fold(part: u32) -> u32 {
    part | 0x2020_2020
}

#[inline(always)]
const fn place_of(part: u32) -> (usize, u32) {
    let hash = fold(part).wrapping_mul(0x9e37_79b1) >> (32 - FILTER_BITS);
    ((hash >> 6) as usize, hash & 63)
}

fn head_of(head: u32) -> usize {
    ((fold(head) & 0xff_ffff).wrapping_mul(0x9e37_79b1) >> (32 - HEAD_BITS)) as usize
}

/// Where the four bytes of a literal start that text holds most seldom.
fn rarest_part(text: &[u8]) -> usize {
    let cost = |[a, b, c, d]: &[u8; 4]| {
        let common: u8 =
            [a, b, c, d].iter().map(|byte| COMMONNESS.get(usize::from(**byte)).copied().unwrap_or(0)).sum();
        let (word, bit) = place_of(u32::from_le_bytes([*a, *b, *c, *d]));
        let is_common = COMMON.get(word).copied().unwrap_or(0) >> bit & 1 == 1;
        match a == b && b == c && c == d {
            // Lines are drawn with one character again and again.
            true => u8::MAX,
            false => common + if is_common { VERY } else { 0 },
        }
    };
    text.array_windows().enumerate().min_by_key(|(_, part)| cost(part)).map_or(0, |(at, _)| at)
}

/// More than the bytes of any four letters are worth.
const VERY: u8 = 40;

/// The thousand parts of words that sources hold most often, each of which other parts of its literal are better than;
/// some others have the same place, which costs nothing but a better choice. Counted in 30 MB of JavaScript, Rust, C and Python.
#[expect(clippy::indexing_slicing, reason = "the compiler evaluates this")]
static COMMON: [u64; 1 << (FILTER_BITS - 6)] = {
    let text = include_bytes!("common.txt");
    let mut table = [0; 1 << (FILTER_BITS - 6)];
    let mut at = 0;
    while at + 4 <= text.len() {
        let (word, bit) = place_of(u32::from_le_bytes([text[at], text[at + 1], text[at + 2], text[at + 3]]));
        table[word] |= 1 << bit;
        at += 5;
    }
    table
};

/// How common each byte is in source code and prose, roughly.
#[expect(clippy::indexing_slicing, reason = "a byte is always in the table, and the compiler evaluates this")]
static COMMONNESS: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = commonness(byte as u8);
        byte += 1;
    }
    table
};

const fn commonness(byte: u8) -> u8 {
    match byte.to_ascii_lowercase() {
        b'e' | b't' | b'a' | b'o' | b'i' | b'n' | b's' | b'r' => 9,
        b'l' | b'd' | b'u' | b'c' | b'm' | b'p' | b' ' => 8,
        b'f' | b'g' | b'h' | b'y' | b'b' | b'_' | b'.' => 6,
        b'k' | b'v' | b'w' | b'x' | b'0'..=b'2' | b'-' | b'/' | b'=' | b':' => 5,
        b'3'..=b'9' | b'j' => 4,
        _ => 2,
    }
}

#[cfg(test)]
mod tests;
