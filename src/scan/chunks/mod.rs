//! What stood in members that were looked through, so that what comes again is not looked through again. Archives of one
//! release after the other hold the same texts with little changed, and hide it from whoever compares them packed.
//!
//! A text is cut where its own bytes say so, so that it is cut in the same places wherever it stands. Of each chunk of a
//! text in which nothing was found it is kept which one of which text it was. Chunks that follow each other as they did
//! there are a copy of a part of that text, and a copy has nothing in it either: what is fresh is all the rest, with
//! every seam between two copies.
//!
//! What is kept says nothing of what chunks hold, and who writes them cannot make one look like another: digests are
//! keyed with what is drawn anew in every run.

mod digest;

use crate::decode::Budget;
use digest::{Digest, Digests, Whole};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Mutex;

/// Shorter texts are looked through at once.
const LEAST_TEXT: usize = 256;

/// No chunk but the last of a text is shorter.
const LEAST: usize = 1 << 10;

/// A cut comes so seldom, in bytes, where one may come: once in so many, as a power of two.
const SELDOM: u32 = 11;

/// No chunk is longer.
const MOST: usize = 32 << 10;

/// Bytes on either side of what is fresh that are looked through with it.
const AROUND: usize = 1 << 10;

/// Chunks of one generation: when there are so many, those of the generation before are forgotten.
const KEPT: usize = 1 << 17;

/// After so many bytes it is asked whether chunks come again often enough to be worth the trouble: one byte in so many.
const TRIED: u64 = 32 << 20;
const WORTH: u64 = 8;

/// Nothing is copied from a text whose decoding cost more than so many times its size.
const COST_TIMES: usize = 8;

/// What decoding took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cost {
    bytes: u64,
    packed: u32,
}

impl Cost {
    /// Between what was left before and what is left now.
    pub(super) fn between(before: &Budget, now: &Budget) -> Self {
        Self { bytes: before.bytes.saturating_sub(now.bytes), packed: before.packed.saturating_sub(now.packed) }
    }

    /// With another one.
    pub(super) fn and(self, more: Self) -> Self {
        Self { bytes: self.bytes.saturating_add(more.bytes), packed: self.packed.saturating_add(more.packed) }
    }

    /// Takes it from what is left; false, and nothing is taken, where it is not there.
    pub(super) fn take(self, left: &mut Budget) -> bool {
        let within = self.is_within(left);
        if within {
            (left.bytes, left.packed) = (left.bytes - self.bytes, left.packed - self.packed);
        }
        within
    }

    /// True when that is still there, and more.
    pub(super) fn is_within(self, left: &Budget) -> bool {
        self == Self::default() || (self.bytes < left.bytes && self.packed < left.packed)
    }
}

/// Where a chunk stood.
#[derive(Clone, Copy, Debug)]
struct Stood {
    text: u64,
    number: u32,
    last: bool,
    /// What decoding all of that text took.
    cost: Cost,
}

/// A text that was cut.
#[derive(Debug)]
pub(super) struct Cut {
    digests: Vec<Digest>,
    whole: Whole,
    /// What decoding the same text took, where all of it is known.
    pub(super) known: Option<Cost>,
    /// What is new in it, with what is around it; none where it is to be looked through whole.
    pub(super) fresh: Option<Vec<Range<usize>>>,
    /// What decoding the rest would take at most.
    pub(super) spared: Cost,
}

/// What was seen so far, by all threads.
#[derive(Debug)]
pub(super) struct Chunks {
    digests: Digests,
    seen: Mutex<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    now: HashMap<Digest, Stood>,
    before: HashMap<Digest, Stood>,
    /// Texts that were looked through from end to end, and what decoding took.
    whole: HashMap<Whole, Cost>,
    texts: u64,
    /// Bytes that were cut, and of those that came again.
    cut: u64,
    again: u64,
}

impl Cut {
    /// True where nothing is new in it.
    pub(super) fn is_copy(&self) -> bool {
        self.known.is_some() || self.fresh.as_ref().is_some_and(Vec::is_empty)
    }
}

impl Chunks {
    /// Nothing was seen yet. None where no key can be drawn.
    pub(super) fn new() -> Option<Self> {
        Some(Self { digests: Digests::new(MOST)?, seen: Mutex::default() })
    }

    /// Cuts a text, and says what is new in it. None where that is not worth it.
    pub(super) fn cut(&self, text: &[u8]) -> Option<Cut> {
        if text.len() < LEAST_TEXT || !self.seen.lock().ok()?.is_worth() {
            return None;
        }
        let (mut digests, mut ends) = (Vec::new(), Vec::new());
        let mut at = 0;
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            let (chunk, _) = rest.split_at_checked(next(rest))?;
            digests.push(self.digests.of(chunk)?);
            at += chunk.len();
            ends.push(at);
        }
        let whole = digest::whole(&digests);
        let mut seen = self.seen.lock().ok()?;
        if let Some(known) = seen.whole.get(&whole).copied() {
            seen.cut += text.len() as u64;
            seen.again += text.len() as u64;
            return Some(Cut { digests, whole, known: Some(known), fresh: None, spared: Cost::default() });
        }
        let stood: Vec<Option<Stood>> = digests.iter().map(|digest| seen.find(digest)).collect();
        let (fresh, spared) = fresh(&stood, &ends);
        let new: usize = fresh.iter().map(Range::len).sum();
        seen.cut += text.len() as u64;
        seen.again += text.len().saturating_sub(new) as u64;
        drop(seen);
        let wider = wider(&fresh, text.len());
        let affordable =
            usize::try_from(spared.bytes).is_ok_and(|bytes| bytes <= text.len().saturating_mul(COST_TIMES));
        let spares = affordable && !matches!(&wider[..], [all] if *all == (0..text.len()));
        let spared = if spares { spared } else { Cost::default() };
        Some(Cut { digests, whole, known: None, fresh: spares.then_some(wider), spared })
    }

    /// Keeps a text in which there is nothing. `cost` is what decoding all of it takes at most.
    pub(super) fn keep(&self, cut: Cut, cost: Cost) {
        let Ok(mut seen) = self.seen.lock() else { return };
        if cut.fresh.is_none() {
            seen.put_whole(cut.whole, cost);
        }
        seen.texts += 1;
        let (text, count) = (seen.texts, cut.digests.len());
        for (digest, number) in cut.digests.into_iter().zip(0u32..) {
            seen.put(digest, Stood { text, number, last: number as usize + 1 == count, cost });
        }
    }
}

impl Generations {
    fn is_worth(&self) -> bool {
        self.cut < TRIED || self.again.saturating_mul(WORTH) > self.cut
    }

    fn find(&self, digest: &Digest) -> Option<Stood> {
        self.now.get(digest).or_else(|| self.before.get(digest)).copied()
    }

    fn put_whole(&mut self, whole: Whole, cost: Cost) {
        if self.whole.len() >= KEPT {
            self.whole.clear();
        }
        self.whole.insert(whole, cost);
    }

    fn put(&mut self, digest: Digest, stood: Stood) {
        if self.now.len() >= KEPT && !self.now.contains_key(&digest) {
            self.before = std::mem::take(&mut self.now);
        }
        self.now.insert(digest, stood);
    }
}

/// The length of the first chunk: to the first place behind its least length whose bytes are of a certain kind.
fn next(text: &[u8]) -> usize {
    let most = text.len().min(MOST);
    let Some(stretch) = text.get(LEAST..most) else { return most };
    let cut = |window: &[u8]| {
        let word = <[u8; 8]>::try_from(window).map_or(0, u64::from_le_bytes);
        word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - SELDOM) == 0
    };
    stretch.windows(8).position(cut).map_or(most, |at| LEAST + at)
}

/// What is new in a text whose chunks end at `ends` and stood there before, and what decoding took in all the texts that
/// the rest is copied from. Between two that did not follow each other there is an empty stretch, and so there is at a
/// start or an end that was none.
fn fresh(stood: &[Option<Stood>], ends: &[usize]) -> (Vec<Range<usize>>, Cost) {
    let (mut fresh, mut cost): (Vec<Range<usize>>, _) = (Vec::new(), Cost::default());
    let mut add = |new: Range<usize>| match fresh.last_mut() {
        Some(last) if last.end == new.start => last.end = new.end,
        _ => fresh.push(new),
    };
    let (mut start, mut before) = (0, None::<Stood>);
    for (here, end) in stood.iter().zip(ends) {
        match (here, before) {
            (None, _) => add(start..*end),
            (Some(here), Some(before)) if follows(&before, here) => {}
            (Some(here), before) => {
                cost = cost.and(here.cost);
                if before.is_some() || start > 0 || here.number > 0 {
                    add(start..start);
                }
            }
        }
        (start, before) = (*end, *here);
    }
    if before.is_some_and(|last| !last.last) {
        add(start..start);
    }
    (fresh, cost)
}

fn follows(before: &Stood, here: &Stood) -> bool {
    before.text == here.text && before.number.checked_add(1) == Some(here.number)
}

/// The same with what is around them.
fn wider(fresh: &[Range<usize>], length: usize) -> Vec<Range<usize>> {
    let mut wider: Vec<Range<usize>> = Vec::with_capacity(fresh.len());
    for range in fresh {
        let (start, end) = (range.start.saturating_sub(AROUND), range.end.saturating_add(AROUND).min(length));
        match wider.last_mut() {
            Some(last) if start <= last.end => last.end = end,
            _ => wider.push(start..end),
        }
    }
    wider
}

#[cfg(test)]
mod tests;
