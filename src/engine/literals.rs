//! The first pass: one automaton over the literals of all kinds.

use crate::model::Span;
use crate::rules::Catalogue;
use aho_corasick::{AhoCorasick, AhoCorasickKind, BuildError};
use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// After this many bytes the faster automaton has earned what it costs to build.
const WORTHWHILE: usize = 1 << 20;
/// With more bytes of literals than this the faster automaton would not stay in the processor's cache.
const COMPACT: usize = 16 << 10;

/// The literals of all kinds, and whose they are.
#[derive(Debug)]
pub(super) struct Literals {
    texts: Vec<String>,
    /// For each literal the kinds that have it.
    owners: Vec<Vec<usize>>,
    /// Built at once: quick to build, and enough for a commit.
    quick: AhoCorasick,
    /// Built when much is to be scanned: more than twice as fast, and finds the same.
    fast: OnceLock<Option<AhoCorasick>>,
    scanned: AtomicUsize,
}

impl Literals {
    pub(super) fn new(catalogue: &Catalogue) -> Result<Self, BuildError> {
        let mut literals: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, kind) in catalogue.kinds().iter().enumerate() {
            for literal in kind.detect.literals() {
                let kinds = literals.entry(literal.to_ascii_lowercase()).or_default();
                if kinds.last() != Some(&index) {
                    kinds.push(index);
                }
            }
        }
        let (texts, owners): (Vec<String>, Vec<Vec<usize>>) = literals.into_iter().unzip();
        let quick = automaton(AhoCorasickKind::ContiguousNFA, &texts)?;
        Ok(Self { texts, owners, quick, fast: OnceLock::new(), scanned: AtomicUsize::new(0) })
    }

    /// Every literal in the bytes, also those that overlap, in the order of their ends, and the kinds that have it.
    pub(super) fn find<'s>(&'s self, bytes: &'s [u8]) -> impl Iterator<Item = (Span, &'s [usize])> {
        self.automaton(bytes.len()).find_overlapping_iter(bytes).filter_map(|found| {
            let owners = self.owners.get(found.pattern().as_usize())?;
            Some((Span { start: found.start(), end: found.end() }, owners.as_slice()))
        })
    }

    fn automaton(&self, length: usize) -> &AhoCorasick {
        let before = self.scanned.fetch_add(length, Ordering::Relaxed);
        if before.saturating_add(length) < WORTHWHILE && self.fast.get().is_none() {
            return &self.quick;
        }
        let build = || {
            let compact = self.texts.iter().map(String::len).sum::<usize>() <= COMPACT;
            compact.then(|| automaton(AhoCorasickKind::DFA, &self.texts).ok()).flatten()
        };
        self.fast.get_or_init(build).as_ref().unwrap_or(&self.quick)
    }
}

fn automaton(kind: AhoCorasickKind, texts: &[String]) -> Result<AhoCorasick, BuildError> {
    AhoCorasick::builder().ascii_case_insensitive(true).kind(Some(kind)).build(texts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::builtin;

    #[test]
    fn both_automata_find_the_same() {
        let literals = Literals::new(&builtin()).expect("automata");
        let text = literals.texts.join(" x").to_ascii_uppercase();
        let quick: Vec<Span> = literals.find(text.as_bytes()).map(|(span, _)| span).collect();
        assert!(literals.fast.get().is_none(), "a short text is not worth the faster one");
        assert!(quick.len() >= literals.texts.len());
        literals.scanned.store(WORTHWHILE, Ordering::Relaxed);
        let fast: Vec<Span> = literals.find(text.as_bytes()).map(|(span, _)| span).collect();
        assert!(matches!(literals.fast.get(), Some(Some(_))));
        assert_eq!(quick, fast);
    }
}
