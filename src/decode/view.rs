//! A text made of stretches of another one, some of them decoded, which knows where each of its bytes came from.

use crate::model::Span;
use std::ops::Range;

/// How the bytes of a part stand to those that they came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ratio {
    /// In proportion: one for one, three for four, one for six.
    Even,
    /// Any of them may come from all of it.
    Whole,
}

/// Bytes of the view, and what they came from.
#[derive(Clone, Copy, Debug)]
struct Part {
    at: usize,
    length: usize,
    outer: usize,
    outer_length: usize,
    ratio: Ratio,
}

/// The text.
#[derive(Debug, Default)]
pub(super) struct View {
    bytes: Vec<u8>,
    parts: Vec<Part>,
    /// What was decoded, in order.
    changed: Vec<Range<usize>>,
    /// Where one stretch ends and the next, which has nothing to do with it, begins.
    breaks: Vec<usize>,
}

impl View {
    /// How much it holds, counted for what it costs to keep.
    pub(super) fn size(&self) -> usize {
        self.bytes.len().saturating_add(self.parts.len().saturating_mul(size_of::<Part>()))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn changed(&self) -> &[Range<usize>] {
        &self.changed
    }

    /// Forgets all but its room.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.parts.clear();
        self.changed.clear();
        self.breaks.clear();
    }

    /// Begins a stretch.
    pub(super) fn begin(&mut self) {
        if !self.bytes.is_empty() {
            self.breaks.push(self.bytes.len());
            self.bytes.push(b'\n');
        }
    }

    /// Bytes as they stand in `text`.
    pub(super) fn keep(&mut self, text: &[u8], range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        let bytes = text.get(range.clone()).unwrap_or_default();
        self.part(bytes.len(), range, Ratio::Even);
        self.bytes.extend_from_slice(bytes);
    }

    /// Bytes that were decoded from a range.
    pub(super) fn decoded(&mut self, bytes: &[u8], outer: Range<usize>) {
        self.change(bytes.len());
        self.part(bytes.len(), outer, Ratio::Even);
        match bytes {
            [byte] => self.bytes.push(*byte),
            bytes => self.bytes.extend_from_slice(bytes),
        }
    }

    /// Notes that something is left out here, so that what stands before and after it now stands together.
    pub(super) fn joint(&mut self) {
        self.change(0);
    }

    /// Pieces of a word as if they stood together, with what stands before the first one from `from` on, and the byte
    /// behind the last one, by which the word ends.
    pub(super) fn join(&mut self, text: &[u8], from: usize, pieces: &[Range<usize>]) {
        let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else { return };
        self.keep(text, from..first.start);
        for (number, piece) in pieces.iter().enumerate() {
            if number > 0 {
                self.joint();
            }
            self.keep(text, piece.clone());
        }
        self.keep(text, last.end..last.end.saturating_add(1).min(text.len()));
    }

    /// Takes bytes that came out of a range as a whole.
    pub(super) fn expanded(&mut self, bytes: Vec<u8>, outer: Range<usize>) {
        self.clear();
        self.change(bytes.len());
        self.part(bytes.len(), outer, Ratio::Whole);
        self.bytes = bytes;
    }

    fn change(&mut self, length: usize) {
        let at = self.bytes.len();
        match self.changed.last_mut() {
            Some(last) if last.end == at => last.end = at + length,
            _ => self.changed.push(at..at + length),
        }
    }

    fn part(&mut self, length: usize, outer: Range<usize>, ratio: Ratio) {
        let at = self.bytes.len();
        if let Some(last) = self.parts.last_mut() {
            let follows = last.at + last.length == at && last.outer + last.outer_length == outer.start;
            let even = (last.ratio, ratio) == (Ratio::Even, Ratio::Even);
            if follows
                && even
                && length > 0
                && last.length.checked_mul(outer.len()) == length.checked_mul(last.outer_length)
            {
                last.length += length;
                last.outer_length += outer.len();
                return;
            }
        }
        if length > 0 {
            self.parts.push(Part { at, length, outer: outer.start, outer_length: outer.len(), ratio });
        }
    }

    /// Where the bytes of a span came from.
    pub(super) fn outer(&self, span: Span) -> Span {
        let part_of = |at: usize| {
            let next = self.parts.partition_point(|part| part.at <= at);
            self.parts.get(next.saturating_sub(1)).copied()
        };
        let (Some(first), Some(last)) = (part_of(span.start), part_of(span.end.saturating_sub(1).max(span.start)))
        else {
            return Span { start: 0, end: 0 };
        };
        let start = match first.ratio {
            Ratio::Whole => first.outer,
            Ratio::Even => first.outer + scaled(span.start - first.at.min(span.start), first, false),
        };
        let end = match last.ratio {
            Ratio::Whole => last.outer + last.outer_length,
            Ratio::Even => last.outer + scaled(span.end - last.at.min(span.end), last, true),
        };
        Span { start, end: end.max(start) }
    }

    /// True where decoding had a part in it: what was decoded lies in the span or touches it.
    pub(super) fn touched(&self, span: Span) -> bool {
        let next = self.changed.partition_point(|range| range.end < span.start);
        self.changed.get(next).is_some_and(|range| range.start <= span.end)
    }

    /// True where the span lies in one stretch.
    pub(super) fn together(&self, span: Span) -> bool {
        let next = self.breaks.partition_point(|at| *at < span.start);
        self.breaks.get(next).is_none_or(|at| *at >= span.end)
    }
}

/// An offset into a part, as an offset into what it came from, which is never past its end.
fn scaled(offset: usize, part: Part, up: bool) -> usize {
    let offset = offset.min(part.length);
    let product = (offset as u128) * (part.outer_length as u128);
    let length = (part.length as u128).max(1);
    let scaled = if up { product.div_ceil(length) } else { product / length };
    usize::try_from(scaled).unwrap_or(part.outer_length).min(part.outer_length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: usize, end: usize) -> Span {
        Span { start, end }
    }

    #[test]
    fn every_byte_knows_where_it_came_from() {
        let text = b"key=%41%42cd;";
        let mut view = View::default();
        view.begin();
        view.keep(text, 0..4);
        view.decoded(b"A", 4..7);
        view.decoded(b"B", 7..10);
        view.keep(text, 10..13);
        assert_eq!(view.bytes(), b"key=ABcd;");
        assert_eq!(view.parts.len(), 3, "what is alike is one part");
        assert_eq!(view.outer(span(0, 3)), span(0, 3));
        assert_eq!(view.outer(span(4, 6)), span(4, 10));
        assert_eq!(view.outer(span(5, 8)), span(7, 12));
        assert!(view.touched(span(6, 8)) && !view.touched(span(7, 8)) && view.touched(span(0, 4)));
        view.begin();
        view.decoded(b"xyz", 20..24);
        assert!(view.together(span(0, 9)) && !view.together(span(8, 11)) && view.together(span(10, 13)));
        assert_eq!(view.outer(span(10, 13)), span(20, 24));
        assert_eq!(view.outer(span(11, 12)), span(21, 23));
    }

    #[test]
    fn what_was_expanded_comes_from_all_of_it() {
        let mut view = View::default();
        view.expanded(b"long text".to_vec(), 3..6);
        assert_eq!(view.outer(span(2, 4)), span(3, 6));
        assert!(view.touched(span(2, 4)));
    }
}
