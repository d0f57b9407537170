//! What is known of a container from what it held, so that its own bytes are not looked through for that once more: there
//! a token that a member ends with would run on into the header that follows, and be named in two lengths.

use crate::archive::Stretch;
use crate::model::{Fingerprint, FingerprintKey, Secret, Span};
use crate::scan::pipeline::Taken;
use std::collections::BTreeSet;
use std::ops::Range;

/// Parts of members that are left out of what is looked through; shorter ones are, with what is around them.
const LEAST_PLAIN: usize = 256;

/// Hits that are known by where they are.
const MOST_SPANS: usize = 100_000;

/// A secret of so many bytes does not begin with another one by chance.
const LEAST_START: usize = 16;

/// Hits.
#[derive(Debug, Default)]
struct Hits {
    /// Where they are.
    spans: Vec<Range<usize>>,
    /// What they are.
    prints: BTreeSet<Fingerprint>,
    /// How long those are.
    lengths: BTreeSet<usize>,
}

/// What is known of the thing that is being looked through.
#[derive(Debug, Default)]
pub(in crate::scan) struct Cover {
    /// What members stand in, as they are.
    plain: Vec<Range<usize>>,
    /// What was found in them.
    inner: Hits,
    /// What was found beside them.
    own: Hits,
}

impl Cover {
    /// Adds something that was found in its own bytes; `span` is where, if it stands there as it is.
    pub(in crate::scan) fn find(&mut self, print: Fingerprint, length: usize, span: Option<Span>) {
        let span = span.filter(|_| self.own.spans.len() < MOST_SPANS);
        self.own.spans.extend(span.map(|span| span.start..span.end));
        self.own.prints.insert(print);
        self.own.lengths.insert(length);
    }

    /// Adds something that was found in the name of a member.
    pub(super) fn find_name(&mut self, print: Fingerprint, length: usize) {
        self.inner.prints.insert(print);
        self.inner.lengths.insert(length);
    }

    /// Adds a member of so many bytes.
    pub(super) fn hold(&mut self, member: Self, size: usize, stretches: &[Stretch]) {
        for hits in [member.inner, member.own] {
            self.inner.prints.extend(hits.prints);
            self.inner.lengths.extend(hits.lengths);
            let spans = hits.spans.iter().flat_map(|span| stretches.iter().filter_map(|stretch| moved(span, stretch)));
            let room = MOST_SPANS.saturating_sub(self.inner.spans.len());
            self.inner.spans.extend(spans.take(room));
        }
        let long = stretches.iter().filter(|stretch| stretch.length >= LEAST_PLAIN);
        self.plain.extend(long.filter_map(|stretch| moved(&(0..size), stretch)));
    }

    /// What of so many bytes is no part of a member, with every seam between two; none where that is all of it.
    pub(super) fn gaps(&mut self, length: usize) -> Option<Vec<Range<usize>>> {
        self.plain.sort_unstable_by_key(|plain| (plain.start, plain.end));
        self.inner.spans.sort_unstable_by_key(|span| (span.start, span.end));
        self.inner.spans.dedup_by(|next, last| {
            let meets = next.start < last.end;
            last.end = if meets { last.end.max(next.end) } else { last.end };
            meets
        });
        let mut gaps = Vec::with_capacity(self.plain.len() + 1);
        let mut at = 0;
        for plain in &self.plain {
            if plain.start > at || (plain.start == at && at > 0) {
                gaps.push(at..plain.start);
            }
            at = at.max(plain.end);
        }
        if at < length {
            gaps.push(at..length);
        }
        (!self.plain.is_empty()).then_some(gaps)
    }

    /// True for what was found in a member: it is the same, or that is what it begins with, or it stands where that stands.
    /// What was in a member and is none there is none here either.
    pub(in crate::scan) fn knows(&self, taken: &Taken, print: &Fingerprint, text: &[u8], key: &FingerprintKey) -> bool {
        let inner = &self.inner;
        if inner.prints.contains(print) {
            return true;
        }
        if !taken.decoded.is_empty() {
            return false;
        }
        let span = taken.span;
        let first = inner.spans.partition_point(|known| known.end <= span.start);
        if inner.spans.get(first).is_some_and(|known| known.start < span.end) {
            return true;
        }
        let within = self.plain.partition_point(|plain| plain.start <= span.start).checked_sub(1);
        if within.and_then(|at| self.plain.get(at)).is_some_and(|plain| span.end <= plain.end) {
            return true;
        }
        let starts = inner.lengths.range(LEAST_START..span.end.saturating_sub(span.start).max(LEAST_START));
        starts.into_iter().any(|length| {
            let start = text.get(span.start..span.start + length).map(|start| Secret::new(start.to_vec()));
            start.is_some_and(|start| inner.prints.contains(&key.fingerprint(&start)))
        })
    }

    /// True where nothing is known.
    pub(in crate::scan) fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.inner.prints.is_empty()
    }
}

/// Where a part of a member stands, as far as it lies in the stretch.
fn moved(part: &Range<usize>, stretch: &Stretch) -> Option<Range<usize>> {
    let start = part.start.max(stretch.at);
    let end = part.end.min(stretch.at.checked_add(stretch.length)?);
    let to = |at: usize| stretch.stands.checked_add(at.checked_sub(stretch.at)?);
    (start < end).then_some(to(start)?..to(end)?)
}
