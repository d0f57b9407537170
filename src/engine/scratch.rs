//! What a scan keeps while it runs, kept between scans so that nothing is allocated anew.

use crate::model::Span;
use crate::rules::{Match, Progress};
use std::ops::Range;

/// Working memory of a scan; one per thread, used for one blob after the other.
#[derive(Debug, Default)]
pub struct Scratch {
    /// One for each kind.
    pub(super) windows: Vec<Windows>,
    /// The kinds whose windows are in use.
    pub(super) touched: Vec<usize>,
    /// What was found, and by which kind.
    pub(super) candidates: Vec<Candidate>,
    /// Literals that may belong to the next run.
    pub(super) rich: Recent,
    pub(super) plain: Recent,
    searched: u64,
    /// What each kind's pattern was given in all scans so far.
    spent: Vec<u64>,
    /// Working memory for texts that are scanned in between.
    inner: Option<Box<Scratch>>,
}

impl Scratch {
    /// Fresh working memory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many bytes the last scan gave to patterns; the first pass over runs and literals is not counted.
    #[must_use]
    pub fn searched(&self) -> u64 {
        self.searched
    }

    /// How many bytes the pattern of a kind was given in all scans so far, by its place in the catalogue.
    #[must_use]
    pub fn spent(&self, kind: usize) -> u64 {
        let own = self.spent.get(kind).copied().unwrap_or(0);
        self.inner.as_ref().map_or(own, |inner| own + inner.spent(kind))
    }

    /// Working memory for other texts, as long as a scan in parts has this one; it is given back by `rejoin`.
    #[must_use]
    pub fn part(&mut self) -> Box<Self> {
        self.inner.take().unwrap_or_default()
    }

    /// Takes back what was parted with, and what it has learnt.
    pub fn rejoin(&mut self, inner: Box<Self>) {
        self.inner = Some(inner);
    }

    /// Makes room for this many kinds and forgets the last scan, at the cost of what that one touched.
    pub(super) fn begin(&mut self, kinds: usize) {
        for kind in self.touched.drain(..) {
            if let Some(window) = self.windows.get_mut(kind) {
                window.clear();
            }
        }
        self.windows.resize_with(kinds, Windows::default);
        self.candidates.clear();
        self.rich.clear();
        self.plain.clear();
        self.searched = 0;
    }

    /// Adds up what all kinds searched.
    pub(super) fn finish(&mut self) {
        self.spent.resize(self.windows.len(), 0);
        for kind in &self.touched {
            if let (Some(windows), Some(spent)) = (self.windows.get(*kind), self.spent.get_mut(*kind)) {
                self.searched += windows.progress.searched;
                *spent += windows.progress.searched;
            }
        }
    }
}

/// The stretches of bytes that a kind's pattern is due to search.
#[derive(Debug, Default)]
pub(super) struct Windows {
    /// As they came; they may overlap.
    pub(super) due: Vec<Range<usize>>,
    pub(super) touched: bool,
    /// Everything before this was searched.
    pub(super) done: usize,
    /// There is no second text in these bytes.
    pub(super) barren: Range<usize>,
    pub(super) progress: Progress,
}

impl Windows {
    fn clear(&mut self) {
        self.due.clear();
        (self.touched, self.done, self.barren) = (false, 0, 0..0);
        self.progress = Progress::default();
    }

    /// Puts those that overlap together, in order.
    pub(super) fn merge(&mut self) {
        self.due.sort_unstable_by_key(|range| range.start);
        self.due.dedup_by(|next, last| {
            let joined = next.start <= last.end;
            if joined {
                last.end = last.end.max(next.end);
            }
            joined
        });
    }
}

/// Literals that were found of late, with the kinds that have them.
#[derive(Debug, Default)]
pub(super) struct Recent {
    pub(super) literals: Vec<(Span, usize)>,
    /// Everything before this was searched for literals.
    pub(super) covered: usize,
}

impl Recent {
    fn clear(&mut self) {
        self.literals.clear();
        self.covered = 0;
    }
}

/// A match of a kind.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) kind: usize,
    pub(super) found: Match,
}
