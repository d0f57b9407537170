//! Which of several matches of the same bytes counts.

use super::scratch::Candidate;
use crate::model::Span;
use crate::rules::Kind;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Takes the candidates and returns those that count, by offset. The more specific kind wins: higher confidence, then
/// longer literal, then longer secret, then the order of names. No two secrets that count overlap.
pub(super) fn resolve(kinds: &[Arc<Kind>], candidates: &mut Vec<Candidate>) -> Vec<Candidate> {
    let rank = |candidate: &Candidate| {
        let Span { start, end } = candidate.found.secret;
        let kind = kinds.get(candidate.kind);
        let specific = kind.map(|kind| (kind.confidence, kind.longest_literal()));
        (Reverse(specific), Reverse(end.saturating_sub(start)), candidate.kind, start)
    };
    candidates.sort_by_cached_key(rank);
    let mut counted: BTreeMap<usize, Candidate> = BTreeMap::new();
    for candidate in candidates.drain(..) {
        let Span { start, end } = candidate.found.secret;
        let last_before = counted.range(..end).next_back();
        if last_before.is_none_or(|(_, other)| other.found.secret.end <= start) {
            counted.insert(start, candidate);
        }
    }
    counted.into_values().collect()
}
