//! The first pass: one automaton over the literals of all kinds.

use crate::model::Span;
use crate::rules::Catalogue;
use aho_corasick::{AhoCorasick, AhoCorasickKind, BuildError};
use std::collections::BTreeMap;

/// The literals of all kinds, and whose they are.
#[derive(Debug)]
pub(super) struct Literals {
    automaton: AhoCorasick,
    /// For each literal the kinds that have it.
    owners: Vec<Vec<usize>>,
}

impl Literals {
    pub(super) fn new(catalogue: &Catalogue) -> Result<Self, BuildError> {
        let mut owners: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, kind) in catalogue.kinds().iter().enumerate() {
            for literal in kind.detect.literals() {
                let kinds = owners.entry(literal.to_ascii_lowercase()).or_default();
                if kinds.last() != Some(&index) {
                    kinds.push(index);
                }
            }
        }
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(owners.keys())?;
        Ok(Self { automaton, owners: owners.into_values().collect() })
    }

    /// Every literal in the bytes, also those that overlap, in the order of their ends, and the kinds that have it.
    pub(super) fn find<'s>(&'s self, bytes: &'s [u8]) -> impl Iterator<Item = (Span, &'s [usize])> {
        self.automaton.find_overlapping_iter(bytes).filter_map(|found| {
            let owners = self.owners.get(found.pattern().as_usize())?;
            Some((Span { start: found.start(), end: found.end() }, owners.as_slice()))
        })
    }
}
