//! Where decoded stretches are gathered until there are enough of them to be worth a scan.

use super::Encoding;
use super::view::View;
use crate::model::Span;
use flate2::Decompress;
use std::ops::Range;

/// A view is handed over when it is so large: it stays in the processor's cache.
const FULL: usize = 96 << 10;

/// What decoding may write for something of no size, and how often its own size comes on top of that.
const LEAST: u64 = 64 << 20;
const TIMES: u64 = 8;

/// Stretches that are tried for what is compressed without saying so.
const PACKED: u32 = 256;

/// What may still be decoded out of one outermost thing; shared by everything nested in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Bytes that decoding may still write.
    pub bytes: u64,
    /// Compressed stretches that may still be tried.
    pub packed: u32,
    /// Whether something was left undecoded.
    pub exceeded: bool,
}

impl Budget {
    /// For something of this many bytes: a few times as much again, and enough for small things.
    #[must_use]
    pub fn of(bytes: usize) -> Self {
        let mut budget = Self { bytes: LEAST, packed: PACKED, exceeded: false };
        budget.grow(bytes);
        budget
    }

    /// Allows for so many more bytes that were taken out of something.
    pub fn grow(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(TIMES));
        self.packed = self.packed.saturating_add(16).min(PACKED);
    }

    /// Takes so many bytes; false where there are no more.
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        let left = u64::try_from(bytes).ok().and_then(|bytes| self.bytes.checked_sub(bytes));
        self.exceeded |= left.is_none();
        self.bytes = left.unwrap_or(0);
        left.is_some()
    }
}

/// Stretches of a text with what was encoded in them decoded.
#[derive(Debug)]
pub struct Piece<'v> {
    /// How they were encoded.
    pub encoding: Encoding,
    /// Whether the text says itself that they are.
    pub sure: bool,
    view: &'v View,
}

impl Piece<'_> {
    /// The decoded text.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.view.bytes()
    }

    /// The parts of it that were decoded.
    #[must_use]
    pub fn changed(&self) -> &[Range<usize>] {
        self.view.changed()
    }

    /// Where the bytes of a span stood before.
    #[must_use]
    pub fn outer(&self, span: Span) -> Span {
        self.view.outer(span)
    }

    /// True for what is there by decoding alone: it lies in one stretch, and something decoded lies in it or touches it.
    #[must_use]
    pub fn shows(&self, whole: Span) -> bool {
        self.view.touched(whole) && self.view.together(whole)
    }

    /// Whether all of it came out of one stretch, so that it may be a file of its own.
    #[must_use]
    pub fn is_one(&self) -> bool {
        self.changed().first().is_some_and(|range| *range == (0..self.bytes().len()))
    }
}

/// Called for every piece, with what is left of the budget.
pub type Visit<'a> = dyn FnMut(&Piece<'_>, &mut Budget) + 'a;

/// One view for each encoding and sureness.
pub(super) struct Sink<'s> {
    budget: &'s mut Budget,
    visit: &'s mut Visit<'s>,
    views: Vec<(Encoding, bool, View)>,
    /// What the step before this one changed, where there was one. The rest was looked at by then.
    changed: Option<&'s [Range<usize>]>,
    /// Made for the first stretch that may be compressed, because it is large.
    decompress: Option<Decompress>,
}

impl<'s> Sink<'s> {
    pub(super) fn new(budget: &'s mut Budget, visit: &'s mut Visit<'s>, changed: Option<&'s [Range<usize>]>) -> Self {
        Self { budget, visit, views: Vec::new(), changed, decompress: None }
    }

    /// True where there was no step before.
    pub(super) fn all_is_new(&self) -> bool {
        self.changed.is_none()
    }

    /// False for a stretch that was looked at in the step before.
    pub(super) fn is_new(&self, stretch: &Range<usize>) -> bool {
        self.changed.is_none_or(|changed| {
            let next = changed.partition_point(|range| range.end < stretch.start);
            changed.get(next).is_some_and(|range| range.start <= stretch.end)
        })
    }

    /// Begins a stretch in the view of an encoding.
    pub(super) fn stretch(&mut self, encoding: Encoding, sure: bool) -> Option<&mut View> {
        let same = |(known, known_sure, _): &(Encoding, bool, View)| (*known, *known_sure) == (encoding, sure);
        let index = self.views.iter().position(same).unwrap_or(self.views.len());
        if index == self.views.len() {
            self.views.push((encoding, sure, View::default()));
        }
        let (_, _, view) = self.views.get_mut(index)?;
        if view.size() >= FULL {
            hand_over(view, encoding, sure, self.budget, self.visit);
        }
        if self.budget.exceeded {
            return None;
        }
        view.begin();
        Some(view)
    }

    /// Hands over a view that was made for one stretch alone.
    pub(super) fn alone(&mut self, mut view: View, encoding: Encoding, sure: bool) {
        hand_over(&mut view, encoding, sure, self.budget, self.visit);
    }

    /// True once nothing more may be decoded.
    pub(super) fn is_spent(&self) -> bool {
        self.budget.exceeded
    }

    /// May so many bytes be written? They are paid for when they are handed over.
    pub(super) fn affords(&mut self, bytes: usize) -> bool {
        let affords = u64::try_from(bytes).is_ok_and(|bytes| bytes <= self.budget.bytes);
        self.budget.exceeded |= !affords;
        affords
    }

    /// One more compressed stretch is tried, with what this gives, if it may be.
    pub(super) fn try_packed(&mut self) -> Option<&mut Decompress> {
        self.budget.packed = self.budget.packed.checked_sub(1)?;
        Some(self.decompress.get_or_insert_with(|| Decompress::new(false)))
    }

    /// Hands over what is left.
    pub(super) fn finish(mut self) {
        for (encoding, sure, view) in &mut self.views {
            hand_over(view, *encoding, *sure, self.budget, self.visit);
        }
    }
}

fn hand_over(view: &mut View, encoding: Encoding, sure: bool, budget: &mut Budget, visit: &mut Visit<'_>) {
    if !view.bytes().is_empty() && budget.take(view.bytes().len()) {
        visit(&Piece { encoding, sure, view }, budget);
    }
    view.clear();
}

/// Hands over bytes that came out of a range as a whole.
pub(super) fn whole(
    bytes: Vec<u8>,
    outer: Range<usize>,
    encoding: Encoding,
    budget: &mut Budget,
    visit: &mut Visit<'_>,
) {
    let mut view = View::default();
    view.expanded(bytes, outer);
    hand_over(&mut view, encoding, true, budget, visit);
}

/// Hands over the text that a range means in a character set of its own.
pub(super) fn recoded(
    text: &[u8],
    outer: Range<usize>,
    encoding: Encoding,
    budget: &mut Budget,
    visit: &mut Visit<'_>,
) {
    let mut view = View::default();
    view.decoded(text, outer);
    hand_over(&mut view, encoding, true, budget, visit);
}
