//! Finding one kind in a stretch of bytes: the pattern, what must be near it, and the filters.

use super::facts::Facts;
use super::filter::{entropy, placeholder};
use super::pattern::{Compiled, Pattern, parse};
use super::shape::{Checksum, CompanionSpec, DetectSpec, Sort};
use crate::model::Span;
use regex_syntax::hir::Hir;
use std::borrow::Cow;
use std::ops::Range;

/// The group of a pattern, and the name of a companion, that is the secret.
pub(super) const SECRET: &str = "secret";
/// The group of a companion's pattern that is its value.
pub(super) const VALUE: &str = "value";
/// Bytes either side of a literal that a pattern may need, where the rule does not say.
pub(super) const WINDOW: usize = 256;

/// What tokens of one kind look like.
#[derive(Debug)]
pub struct Detect {
    pub(super) literals: Vec<Cow<'static, str>>,
    pub(super) pattern: Pattern,
    pub(super) facts: Facts,
    pub(super) prefix: Option<Cow<'static, str>>,
    pub(super) entropy: f64,
    pub(super) checksum: Option<Checksum>,
    pub(super) require: Vec<Sort>,
    pub(super) exclude: Vec<Pattern>,
    pub(super) companions: Vec<Companion>,
    pub(super) costly: Option<Cow<'static, str>>,
}

#[derive(Debug)]
pub(super) struct Companion {
    pub(super) name: Cow<'static, str>,
    pub(super) pattern: Pattern,
    pub(super) within: usize,
    pub(super) required: bool,
}

/// A match that passed the filters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// The secret.
    pub secret: Span,
    /// All that the pattern matched.
    pub whole: Span,
    /// The other parts of the credential, by name.
    pub companions: Vec<(String, Span)>,
}

/// What one search of a kind hands to the next in the same bytes, which lie further on.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// How many bytes were given to patterns.
    pub searched: u64,
    /// Where the last companion that was taken as a secret ends.
    taken: usize,
    /// For each companion, bytes in which there is none.
    barren: Vec<Range<usize>>,
}

impl Detect {
    /// Takes over what was typed.
    #[must_use]
    pub(super) fn new(spec: DetectSpec) -> Self {
        let facts = Facts::of(&parse(&spec.pattern).unwrap_or_else(|_| Hir::fail()), &spec);
        let companion = |CompanionSpec { name, pattern, within, required }| Companion {
            name: name.into(),
            pattern: Pattern::new(pattern),
            within,
            required,
        };
        Self {
            literals: spec.literals.into_iter().map(Cow::Owned).collect(),
            pattern: Pattern::new(spec.pattern),
            facts,
            prefix: spec.prefix.map(Cow::Owned),
            entropy: spec.entropy.unwrap_or(0.0),
            checksum: spec.checksum,
            require: spec.require,
            exclude: spec.exclude.into_iter().map(Pattern::new).collect(),
            companions: spec.companions.into_iter().map(companion).collect(),
            costly: spec.costly.map(Cow::Owned),
        }
    }

    /// Parts of which every match holds at least one, in upper or lower case.
    #[must_use]
    pub fn literals(&self) -> &[Cow<'static, str>] {
        &self.literals
    }

    /// The pattern as typed.
    #[must_use]
    pub fn pattern(&self) -> &str {
        self.pattern.text()
    }

    /// Why it may cost more than others, where it does.
    #[must_use]
    pub fn costly(&self) -> Option<&str> {
        self.costly.as_deref()
    }

    /// Lets go of what was compiled; it is compiled again when it is needed.
    pub(super) fn forget(&mut self) {
        self.pattern.forget();
        self.exclude.iter_mut().for_each(Pattern::forget);
        self.companions.iter_mut().for_each(|companion| companion.pattern.forget());
    }

    /// What is true of every match.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// What belongs to a match is at most so many bytes away from it.
    #[must_use]
    pub fn within(&self) -> usize {
        self.companions.iter().map(|companion| companion.within).max().unwrap_or(0)
    }

    /// How many bytes at the start of this secret are public.
    #[must_use]
    pub fn public_prefix(&self, secret: &[u8]) -> usize {
        let prefix = self.prefix.as_deref().unwrap_or_default().as_bytes();
        if secret.starts_with(prefix) { prefix.len() } else { 0 }
    }

    /// The named groups inside a secret that stands alone, with what they hold.
    pub(super) fn parts<'d>(&'d self, secret: &'d [u8]) -> Vec<(&'d str, &'d [u8])> {
        let all = Span { start: 0, end: secret.len() };
        let Some(pattern) = self.pattern.compiled() else { return Vec::new() };
        let Some(whole) = pattern.find(secret, 0..secret.len()).filter(|found| *found == all) else {
            return Vec::new();
        };
        let groups = pattern.groups(secret, whole);
        if groups.iter().any(|(name, span)| *name == SECRET && *span != all) {
            return Vec::new();
        }
        groups.into_iter().filter(|(name, _)| *name != SECRET).map(|(name, at)| (name, bytes(secret, at))).collect()
    }

    /// Finds every match that lies in `region` of `haystack`, in order. What is around the region is seen by
    /// look-around and by companions.
    pub fn search(&self, haystack: &[u8], region: Range<usize>, progress: &mut Progress, found: &mut dyn FnMut(Match)) {
        let end = region.end;
        self.advance(haystack, region, end, progress, found);
    }

    /// Finds those of them that start before `sure`. Returns where to go on for the others.
    pub fn advance(
        &self,
        haystack: &[u8],
        region: Range<usize>,
        sure: usize,
        progress: &mut Progress,
        found: &mut dyn FnMut(Match),
    ) -> usize {
        let Some(pattern) = self.pattern.compiled() else { return region.end };
        let mut at = region.start;
        while at < sure {
            let whole = pattern.find(haystack, at..region.end).filter(|whole| whole.start < sure);
            let next = whole.map_or(sure, |whole| whole.end.max(whole.start + 1));
            progress.searched += count(next.saturating_sub(at));
            at = next;
            if let Some(whole) = whole
                && let Some(hit) = self.judge(haystack, whole, pattern, progress)
            {
                found(hit);
            }
        }
        at
    }

    /// Makes a match of what the pattern found, or drops it.
    fn judge(&self, haystack: &[u8], whole: Span, pattern: &Compiled, progress: &mut Progress) -> Option<Match> {
        progress.barren.resize(self.companions.len(), 0..0);
        for (companion, barren) in self.companions.iter().zip(&mut progress.barren) {
            if companion.required && !companion.is_near(haystack, whole, barren, &mut progress.searched) {
                return None;
            }
        }
        let groups = pattern.groups(haystack, whole);
        let mut secret = groups.iter().find(|(name, _)| *name == SECRET).map_or(whole, |(_, span)| *span);
        self.plausible(bytes(haystack, secret)).then_some(())?;
        let mut companions: Vec<(String, Span)> =
            groups.into_iter().filter(|(name, _)| *name != SECRET).map(|(name, at)| (name.to_owned(), at)).collect();
        let named = secret;
        for (companion, barren) in self.companions.iter().zip(&mut progress.barren) {
            let is_secret = companion.name == SECRET;
            let fits = |at: Span| {
                let apart = at.end <= named.start || at.start >= named.end;
                apart && (!is_secret || (self.plausible(bytes(haystack, at)) && self.fits(bytes(haystack, at))))
            };
            let after = if is_secret { progress.taken } else { 0 };
            if !companion.required && !companion.is_near(haystack, whole, barren, &mut progress.searched) {
                continue;
            }
            match companion.nearest(haystack, whole, after, &fits, &mut progress.searched) {
                Some(at) if is_secret => secret = at,
                Some(at) => companions.push((companion.name.to_string(), at)),
                None if companion.required => return None,
                None => {}
            }
        }
        if secret != named {
            progress.taken = progress.taken.max(secret.end);
        } else if !self.fits(bytes(haystack, secret)) {
            return None;
        }
        Some(Match { secret, whole, companions })
    }

    /// False for nothing at all, samples and placeholders.
    fn plausible(&self, secret: &[u8]) -> bool {
        let excluded = |pattern: &Pattern| pattern.compiled().is_some_and(|pattern| pattern.matches(secret));
        !secret.is_empty() && !placeholder(secret, self.public_prefix(secret)) && !self.exclude.iter().any(excluded)
    }

    /// True when the secret has the structure that its kind promises.
    fn fits(&self, secret: &[u8]) -> bool {
        self.require.iter().all(|sort| sort.is_in(secret))
            && self.checksum.is_none_or(|checksum| checksum.fits(secret))
            && (self.entropy <= 0.0 || entropy(secret) >= self.entropy)
    }
}

impl Companion {
    /// Where a value that belongs to this match can be.
    fn near(&self, haystack: &[u8], whole: Span) -> Range<usize> {
        whole.start.saturating_sub(self.within)..whole.end.saturating_add(self.within).min(haystack.len())
    }

    /// False if there is no value at all near the match. Bytes that are known to be barren are not searched again.
    fn is_near(&self, haystack: &[u8], whole: Span, barren: &mut Range<usize>, searched: &mut u64) -> bool {
        let Some(pattern) = self.pattern.compiled() else { return false };
        let Range { start, end } = self.near(haystack, whole);
        let known = barren.start <= start && start <= barren.end;
        let fresh = barren.end.saturating_sub(pattern.longest().saturating_sub(1));
        let from = if known { start.max(fresh).min(end) } else { start };
        *searched += count(end - from);
        let there = pattern.find(haystack, from..end).is_some();
        if !there {
            *barren = if known { barren.start..end.max(barren.end) } else { start..end };
        }
        there
    }

    /// The fitting value that is nearest to the match; the earlier one if two are equally near. Values that end at or
    /// before `after` belong to an earlier match and are taken only where there is no other.
    fn nearest(
        &self,
        haystack: &[u8],
        whole: Span,
        after: usize,
        fits: &dyn Fn(Span) -> bool,
        searched: &mut u64,
    ) -> Option<Span> {
        let pattern = self.pattern.compiled()?;
        let range = self.near(haystack, whole);
        *searched += count(range.len());
        let mut at = range.start;
        let mut best: Option<((bool, usize), Span)> = None;
        while at < range.end {
            let Some(found) = pattern.find(haystack, at..range.end) else { break };
            at = found.end.max(found.start + 1);
            let groups = pattern.groups(haystack, found);
            let value = groups.iter().find(|(name, _)| *name == VALUE).map_or(found, |(_, span)| *span);
            if !fits(value) {
                continue;
            }
            let gap = value.start.saturating_sub(whole.end).max(whole.start.saturating_sub(value.end));
            let rank = (value.end <= after, gap);
            if best.is_none_or(|(least, _)| rank < least) {
                best = Some((rank, value));
            }
        }
        best.map(|(_, value)| value)
    }
}

fn bytes(haystack: &[u8], span: Span) -> &[u8] {
    haystack.get(span.start..span.end).unwrap_or_default()
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
