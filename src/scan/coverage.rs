//! What was read, what was left out on purpose, and what could not be read. Every item of a source is in exactly one of
//! these, so they add up to what was in scope.

use crate::source::{SkipReason, SourceError};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;

/// Names that are kept of what was skipped, and gaps that are kept.
const MOST_NAMES: usize = 1_000;

/// How many there were, and the first of them in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed<T: Ord> {
    /// How many in all.
    pub count: u64,
    /// The first of them.
    pub first: BTreeSet<T>,
}

impl<T: Ord> Default for Listed<T> {
    fn default() -> Self {
        Self { count: 0, first: BTreeSet::new() }
    }
}

impl<T: Ord> Listed<T> {
    pub(super) fn add(&mut self, item: T) {
        self.count += 1;
        self.first.insert(item);
        if self.first.len() > MOST_NAMES {
            self.first.pop_last();
        }
    }
}

/// Something that should have been read and was not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Gap {
    /// What, and why not.
    pub what: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

impl Gap {
    /// From the error and its causes.
    #[must_use]
    pub fn of(error: &SourceError) -> Self {
        Self { what: error.in_words(), remedy: error.remedy().map(ToOwned::to_owned) }
    }
}

/// An item that gave nothing, in words that may be shown.
#[derive(Debug)]
pub(super) enum Unread {
    /// Left out on purpose, with its bytes.
    Skipped(SkipReason, String, u64),
    /// Not read, with its bytes as far as they are known.
    Gap(Gap, u64),
}

/// So many files, blobs and messages, and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Amount {
    /// Files, blobs and messages.
    pub items: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Amount {
    /// One item of so many bytes.
    #[must_use]
    pub fn one(bytes: u64) -> Self {
        Self { items: 1, bytes }
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        self.items = self.items.saturating_add(other.items);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

/// What was left out for one reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// How many items.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The first of their names.
    pub first: BTreeSet<String>,
}

/// Everything that was in scope, by what became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Read to the end and searched.
    pub scanned: Amount,
    /// Left out on purpose.
    pub skipped: BTreeMap<SkipReason, LeftOut>,
    /// Could not be read; the bytes are those that are known.
    pub unread: Amount,
    /// Opened and searched as they are, but not all that they hold could be read: damaged, encrypted, over the budget.
    pub undecodable: Amount,
    /// What was found in archives, documents and images, and searched as well. It is not in scope by itself.
    pub members: Amount,
    /// What was not read or not decoded, in words.
    pub gaps: Listed<Gap>,
}

impl Coverage {
    /// Everything that there was.
    #[must_use]
    pub fn in_scope(&self) -> Amount {
        let mut sum = self.scanned;
        for part in [self.skipped(), self.unread, self.undecodable] {
            sum += part;
        }
        sum
    }

    /// Everything that was left out on purpose.
    #[must_use]
    pub fn skipped(&self) -> Amount {
        let mut sum = Amount::default();
        for left_out in self.skipped.values() {
            sum += Amount { items: left_out.count, bytes: left_out.bytes };
        }
        sum
    }

    /// True when everything was read, except what was left out on purpose.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.gaps.count == 0
    }

    /// True when nothing that has content was left out either.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.is_complete() && !self.skipped.keys().any(|reason| reason.hides_content())
    }

    /// Adds something that should have been read and is not here, unless it is known already.
    pub fn miss(&mut self, gap: Gap) {
        if !self.gaps.first.contains(&gap) {
            self.add(Unread::Gap(gap, 0));
        }
    }

    pub(super) fn add(&mut self, unread: Unread) {
        match unread {
            Unread::Skipped(reason, name, bytes) => {
                let left_out = self.skipped.entry(reason).or_default();
                left_out.count += 1;
                left_out.bytes = left_out.bytes.saturating_add(bytes);
                left_out.first.insert(name);
                if left_out.first.len() > MOST_NAMES {
                    left_out.first.pop_last();
                }
            }
            Unread::Gap(gap, bytes) => {
                self.unread += Amount::one(bytes);
                self.gaps.add(gap);
            }
        }
    }

    /// An item that was handed out, with what it held and what of that could not be read.
    pub(super) fn add_read(&mut self, bytes: u64, members: Amount, undecodable: Vec<Gap>) {
        let part = if undecodable.is_empty() { &mut self.scanned } else { &mut self.undecodable };
        *part += Amount::one(bytes);
        self.members += members;
        undecodable.into_iter().for_each(|gap| self.gaps.add(gap));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Event {
        Read(u64, usize),
        Skipped(SkipReason, u64),
        Gap(u64),
    }

    fn event() -> impl Strategy<Value = Event> {
        let bytes = 0_u64..1 << 40;
        let reason = proptest::sample::select(vec![SkipReason::Excluded, SkipReason::NotAFile]);
        prop_oneof![
            (bytes.clone(), 0_usize..3).prop_map(|(bytes, gaps)| Event::Read(bytes, gaps)),
            (reason, bytes.clone()).prop_map(|(reason, bytes)| Event::Skipped(reason, bytes)),
            bytes.prop_map(Event::Gap),
        ]
    }

    fn covered(events: &[(usize, Event)]) -> Coverage {
        let mut coverage = Coverage::default();
        for (number, event) in events {
            let gap = |more| Gap { what: format!("{number} {more}"), remedy: None };
            match event {
                Event::Read(bytes, gaps) => coverage.add_read(*bytes, Amount::one(1), (0..*gaps).map(gap).collect()),
                Event::Skipped(reason, bytes) => coverage.add(Unread::Skipped(*reason, number.to_string(), *bytes)),
                Event::Gap(bytes) => coverage.add(Unread::Gap(gap(9), *bytes)),
            }
        }
        coverage
    }

    proptest! {
        #[test]
        fn the_parts_add_up_to_the_scope_in_any_order(
            events in proptest::collection::vec(event(), 0..40),
            turn in 0_usize..40,
        ) {
            let mut events: Vec<_> = events.into_iter().enumerate().collect();
            let coverage = covered(&events);
            let all: u64 = events.iter().map(|(_, event)| match event {
                Event::Read(bytes, _) | Event::Skipped(_, bytes) | Event::Gap(bytes) => *bytes,
            }).sum();
            prop_assert_eq!(coverage.in_scope(), Amount { items: events.len() as u64, bytes: all });
            let lost = events.iter().any(|(_, event)| matches!(event, Event::Gap(_) | Event::Read(_, 1..)));
            prop_assert_eq!(coverage.is_complete(), !lost);
            prop_assert_eq!(coverage.is_complete(), coverage.unread.items + coverage.undecodable.items == 0);
            let middle = turn.min(events.len());
            events.rotate_left(middle);
            prop_assert_eq!(covered(&events), coverage);
        }
    }

    #[test]
    fn many_names_are_counted_and_the_first_are_kept() {
        let mut coverage = Coverage::default();
        for number in (0..MOST_NAMES + 10).rev() {
            coverage.add(Unread::Skipped(SkipReason::Excluded, format!("{number:05}"), 1));
        }
        let left_out = &coverage.skipped[&SkipReason::Excluded];
        assert_eq!((left_out.count, left_out.bytes), (MOST_NAMES as u64 + 10, MOST_NAMES as u64 + 10));
        assert_eq!(left_out.first.len(), MOST_NAMES);
        assert_eq!(left_out.first.first().map(String::as_str), Some("00000"));
    }
}
