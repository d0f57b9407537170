//! Finding one kind in a stretch of bytes: the pattern, what must be near it, and the filters.

use super::facts::Facts;
use super::filter::{entropy, made_up, placeholder, sampled};
use super::pattern::{Compiled, Pattern, parse};
use super::shape::{Checksum, CompanionSpec, DetectSpec, Maker, Samples, Sort};
use super::structure::{LONGEST, Reading, Structure};
use crate::model::{KindId, Span};
use regex_syntax::hir::Hir;
use std::borrow::Cow;
use std::ops::Range;

/// The group of a pattern, and the name of a companion, that is the secret.
pub(super) const SECRET: &str = "secret";
/// The group of a companion's pattern that is its value.
pub(super) const VALUE: &str = "value";
/// Bytes either side of a literal that a pattern may need, where the rule does not say.
pub(super) const WINDOW: usize = 256;
/// The longest start of a name before a match that `unless` sees.
const NAME: usize = 48;

/// What tokens of one kind look like.
#[derive(Debug)]
pub struct Detect {
    pub(super) literals: Vec<Cow<'static, str>>,
    pub(super) pattern: Pattern,
    pub(super) facts: Facts,
    pub(super) prefix: Option<Cow<'static, str>>,
    pub(super) entropy: f64,
    pub(super) checksum: Option<Checksum>,
    pub(super) structure: Option<Structure>,
    pub(super) public: Vec<Cow<'static, str>>,
    pub(super) lone: bool,
    pub(super) require: Vec<Sort>,
    pub(super) exclude: Vec<Pattern>,
    pub(super) unless: Vec<Pattern>,
    pub(super) made: Option<Maker>,
    pub(super) samples: Samples,
    pub(super) before: Vec<KindId>,
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
    /// True when it may well be no token at all.
    pub doubtful: bool,
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
            structure: spec.structure,
            public: spec.public.into_iter().map(Cow::Owned).collect(),
            lone: spec.lone,
            require: spec.require,
            exclude: spec.exclude.into_iter().map(Pattern::new).collect(),
            unless: spec.unless.into_iter().map(Pattern::new).collect(),
            made: spec.made,
            samples: spec.samples,
            before: spec.before.iter().map(|id| KindId::new(id.as_str())).collect(),
            companions: spec.companions.into_iter().map(companion).collect(),
            costly: spec.costly.map(Cow::Owned),
        }
    }

    /// Parts of which every match holds at least one, in upper or lower case.
    #[must_use]
    pub fn literals(&self) -> &[Cow<'static, str>] {
        &self.literals
    }

    /// The kinds that this one is declared to win over.
    #[must_use]
    pub(super) fn before(&self) -> &[KindId] {
        &self.before
    }

    /// The pattern as typed.
    #[must_use]
    pub fn pattern(&self) -> &str {
        self.pattern.text()
    }

    /// The names of the parts of the credential that a match gives, beside the secret.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let groups = self.pattern.compiled().into_iter().flat_map(Compiled::names);
        groups.chain(self.companions.iter().map(|companion| companion.name.as_ref())).filter(|name| *name != SECRET)
    }

    /// Why it may cost more than others, where it does.
    #[must_use]
    pub fn costly(&self) -> Option<&str> {
        self.costly.as_deref()
    }

    /// Lets go of what was compiled; it is compiled again when it is needed.
    pub(super) fn forget(&mut self) {
        self.pattern.forget();
        self.exclude.iter_mut().chain(&mut self.unless).for_each(Pattern::forget);
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

    /// True when it is told only where it is no part of a token that was found.
    #[must_use]
    pub fn is_lone(&self) -> bool {
        self.lone
    }

    /// The groups and companions, and the fields of its structure, that are no secret.
    #[must_use]
    pub fn public(&self) -> &[Cow<'static, str>] {
        &self.public
    }

    /// What a secret in a text tells of itself, with its companions. None where it is no secret after all: public by
    /// design, or a sample.
    #[must_use]
    pub fn read(&self, text: &[u8], secret: Span, companions: &[(String, Span)]) -> Option<Reading> {
        let mut reading = Reading::default();
        let secret = bytes(text, secret);
        let part = |name: &str| companions.iter().find(|(key, _)| key == name).map(|(_, span)| bytes(text, *span));
        for name in &self.public {
            // What is public in one place may be what is secret in another.
            let holds = |value: &[u8]| value.windows(secret.len().max(1)).any(|window| window == secret);
            if let Some(value) = part(name).filter(|value| value.len() <= LONGEST && !holds(value)) {
                reading.tell(name, value);
            }
        }
        if let Some(checksum) = self.checksum.filter(|checksum| !checksum.fits(secret)) {
            if checksum.decides() || made_up(secret, self.public_prefix(secret)) {
                return None;
            }
            reading.doubt("its checksum does not fit: mistyped, cut, or made up");
        }
        if let Some(structure) = self.structure {
            structure.read(secret, &part, &self.public, &mut reading)?;
        }
        Some(reading)
    }

    /// How many bytes at the start of this secret are public.
    #[must_use]
    pub fn public_prefix(&self, secret: &[u8]) -> usize {
        let prefix = self.prefix.as_deref().unwrap_or_default().as_bytes();
        if secret.starts_with(prefix) { prefix.len() } else { 0 }
    }

    /// True when the secret starts with the public prefix and the pattern finds something in it, whatever the filters say.
    pub(super) fn claims(&self, text: &[u8], secret: Span) -> bool {
        let starts = self.public_prefix(bytes(text, secret)) > 0;
        let finds = |pattern: &Compiled| pattern.find(text, secret.start..secret.end).is_some();
        starts && self.pattern.compiled().is_some_and(finds)
    }

    /// True when all that is known of a secret is the name before it.
    #[must_use]
    pub fn is_guess(&self) -> bool {
        self.made.is_some()
    }

    /// The named groups inside a secret that stands alone, with what they hold; none where the pattern needs other text
    /// around it.
    pub(super) fn parts<'d>(&'d self, secret: &'d [u8]) -> Option<Vec<(&'d str, &'d [u8])>> {
        let all = Span { start: 0, end: secret.len() };
        let pattern = self.pattern.compiled()?;
        let whole = pattern.find(secret, 0..secret.len()).filter(|found| *found == all)?;
        let groups = pattern.groups(secret, whole);
        if groups.iter().any(|(name, span)| *name == SECRET && *span != all) {
            return None;
        }
        let parts = groups.into_iter().filter(|(name, _)| *name != SECRET);
        Some(parts.map(|(name, at)| (name, bytes(secret, at))).collect())
    }

    /// True of a secret that has the looks of the other one and says the same of itself.
    pub(super) fn is_twin(&self, secret: &[u8], other: &[u8]) -> bool {
        let plausible = self.plausible(other) && self.fits(other);
        plausible && self.parts(secret).is_none_or(|parts| self.parts(other).is_some_and(|others| parts == others))
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
            let Some(whole) = whole else { continue };
            match self.judge(haystack, whole, pattern, progress) {
                Some(hit) => found(hit),
                // What is no secret after all may be another name, with the secret behind it.
                None if self.is_guess() => at = whole.start + 1,
                None => {}
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
        let context = Span { start: name_start(haystack, whole.start), end: whole.end };
        let denied = |pattern: &Pattern| matches(pattern, bytes(haystack, context));
        if self.unless.iter().any(denied) {
            return None;
        }
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
        let doubtful = self.read(haystack, secret, &companions)?.doubtful;
        Some(Match { secret, whole, companions, doubtful })
    }

    /// False for nothing at all, samples and placeholders.
    fn plausible(&self, secret: &[u8]) -> bool {
        let excluded = |pattern: &Pattern| matches(pattern, secret);
        !secret.is_empty()
            && !placeholder(secret, self.public_prefix(secret))
            && (self.samples == Samples::Kept || !sampled(secret))
            && !self.exclude.iter().any(excluded)
    }

    /// True when the secret is as mixed as its kind promises.
    fn fits(&self, secret: &[u8]) -> bool {
        self.require.iter().all(|sort| sort.is_in(secret))
            && self.made.is_none_or(|maker| maker.made(secret))
            && (self.entropy <= 0.0 || entropy(secret) >= self.entropy)
    }
}

/// Where the name starts of which the match may be the end.
fn name_start(haystack: &[u8], at: usize) -> usize {
    let before = haystack.get(at.saturating_sub(NAME)..at).unwrap_or_default();
    let in_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    at - before.iter().rev().take_while(|byte| in_name(byte)).count()
}

fn matches(pattern: &Pattern, bytes: &[u8]) -> bool {
    pattern.compiled().is_some_and(|pattern| pattern.matches(bytes))
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
