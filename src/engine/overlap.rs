//! Which of several matches of the same bytes counts.

use super::scratch::Candidate;
use crate::model::Span;
use crate::rules::{Kind, Match, Rank};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Takes the candidates and returns those that count, by offset. The kind of the higher rank wins: it was declared to be
/// before the other, or it is surer, or its literal is longer; then the longer secret, then the order of names. No two
/// secrets that count overlap, and what is told only when it stands alone is no part of another. What starts like a token
/// of a known kind, and is none by that kind's filters, is a sample: no guess counts there.
pub(super) fn resolve(
    kinds: &[Arc<Kind>],
    ranks: &[Rank],
    bytes: &[u8],
    mut candidates: Vec<Candidate>,
) -> Vec<Candidate> {
    candidates.retain(|Candidate { kind, found }| {
        let guess = kinds.get(*kind).is_some_and(|kind| kind.detect.is_guess());
        !guess || !kinds.iter().any(|known| known.claims(bytes, found.secret))
    });
    let rank = |candidate: &Candidate| {
        let Span { start, end } = candidate.found.secret;
        let specific =
            ranks.get(candidate.kind).map(|rank| if candidate.found.doubtful { rank.doubted() } else { *rank });
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
    let parts: BTreeSet<Span> =
        counted.values().flat_map(|one| one.found.companions.iter().map(|(_, span)| *span)).collect();
    let lone = |one: &Candidate| kinds.get(one.kind).is_some_and(|kind| kind.detect.is_lone());
    counted.into_values().filter(|one| !(lone(one) && parts.contains(&one.found.secret))).collect()
}

/// Takes out the candidates that nothing found later can overlap, when that starts at `horizon` at the earliest.
pub(super) fn settled(candidates: &mut Vec<Candidate>, horizon: usize) -> Vec<Candidate> {
    candidates.sort_by_cached_key(|candidate| (extent(candidate), candidate.kind));
    let mut reach = 0;
    let mut cut = 0;
    for (index, candidate) in candidates.iter().enumerate() {
        let Span { start, end } = extent(candidate);
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

/// From the first byte of a token and its parts to the last.
fn extent(candidate: &Candidate) -> Span {
    let Match { secret, companions, .. } = &candidate.found;
    companions
        .iter()
        .fold(*secret, |all, (_, part)| Span { start: all.start.min(part.start), end: all.end.max(part.end) })
}
