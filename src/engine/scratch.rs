//! What a scan keeps while it runs, kept between scans so that nothing is allocated anew.

use crate::rules::{Match, Progress};
use std::ops::Range;

/// Working memory of a scan; one per thread, used for one blob after the other.
#[derive(Debug, Default)]
pub struct Scratch {
    /// One window per kind.
    pub(super) windows: Vec<Window>,
    /// The kinds whose windows are in use.
    pub(super) touched: Vec<usize>,
    /// What was found, and by which kind.
    pub(super) candidates: Vec<Candidate>,
    searched: u64,
}

impl Scratch {
    /// Fresh working memory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many bytes the last scan gave to patterns; the first pass over literals is not counted.
    #[must_use]
    pub fn searched(&self) -> u64 {
        self.searched
    }

    /// Makes room for this many kinds and forgets the last scan, at the cost of what that one touched.
    pub(super) fn begin(&mut self, kinds: usize) {
        for kind in self.touched.drain(..) {
            if let Some(window) = self.windows.get_mut(kind) {
                *window = Window::default();
            }
        }
        self.windows.resize_with(kinds, Window::default);
        self.candidates.clear();
        self.searched = 0;
    }

    /// Adds up what all kinds searched.
    pub(super) fn finish(&mut self) {
        let of_kind = |kind: &usize| self.windows.get(*kind).map_or(0, |window| window.progress.searched);
        self.searched = self.touched.iter().map(of_kind).sum();
    }
}

/// The stretch of bytes that a kind's pattern is due to search, grown as long as its literals lie close together.
#[derive(Debug, Default)]
pub(super) struct Window {
    pub(super) range: Option<Range<usize>>,
    pub(super) touched: bool,
    pub(super) progress: Progress,
}

/// A match of a kind.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) kind: usize,
    pub(super) found: Match,
}
