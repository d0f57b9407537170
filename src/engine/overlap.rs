//! Which of several matches of the same bytes counts.

use super::scratch::Candidate;
use crate::model::Span;
use crate::rules::Kind;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Takes the candidates and returns those that count, by offset. The more specific kind wins: higher confidence, then
/// longer literal, then longer secret, then the order of names. No two secrets that count overlap.
pub(super) fn resolve(kinds: &[Arc<Kind>], mut candidates: Vec<Candidate>) -> Vec<Candidate> {
    let rank = |candidate: &Candidate| {
        let Span { start, end } = candidate.found.secret;
        let kind = kinds.get(candidate.kind);
        let specific = kind.map(|kind| (kind.confidence, kind.longest_literal()));
        (Reverse(specific), Reverse(end.saturating_sub(start)), candidate.kind, start)
    };
    candidates.sort_by_cached_key(rank);
    let mut counted: BTreeMap<usize, Candidate> = BTreeMap::new();
    for candidate in candidates {
        let Span { start, end } = candidate.found.secret;
        let last_before = counted.range(..end).next_back();
        if last_before.is_none_or(|(_, other)| other.found.secret.end <= start) {
            counted.insert(start, candidate);
        }
    }
    counted.into_values().collect()
}

/// Takes out the candidates that nothing found later can overlap, when that starts at `horizon` at the earliest.
pub(super) fn settled(candidates: &mut Vec<Candidate>, horizon: usize) -> Vec<Candidate> {
    candidates.sort_by_key(|candidate| (candidate.found.secret, candidate.kind));
    let mut reach = 0;
    let mut cut = 0;
    for (index, candidate) in candidates.iter().enumerate() {
        let Span { start, end } = candidate.found.secret;
        if start >= reach {
            cut = index;
        }
        reach = reach.max(end);
        if reach > horizon {
            return candidates.drain(..cut).collect();
        }
    }
    std::mem::take(candidates)
}
