//! Patterns over bytes, without Unicode: checked when rules are checked, compiled when they are first needed.

use crate::model::Span;
use regex_automata::meta::Regex;
use regex_automata::{Anchored, Input, PatternID};
use regex_syntax::hir::{Class, Hir, HirKind};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::OnceLock;

/// A pattern that is compiled on first use.
#[derive(Debug)]
pub(super) struct Pattern {
    text: Cow<'static, str>,
    compiled: OnceLock<Option<Compiled>>,
}

impl Pattern {
    pub(super) fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Self { text: text.into(), compiled: OnceLock::new() }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Lets go of what was compiled.
    pub(super) fn forget(&mut self) {
        self.compiled = OnceLock::new();
    }

    /// The compiled pattern. Rules are checked before they are used, so there always is one.
    pub(super) fn compiled(&self) -> Option<&Compiled> {
        self.compiled.get_or_init(|| Compiled::new(&parse(&self.text).ok()?).ok()).as_ref()
    }
}

/// A compiled pattern, its longest match and the names of its groups.
#[derive(Debug)]
pub(super) struct Compiled {
    regex: Regex,
    longest: usize,
    groups: Vec<(String, usize)>,
}

impl Compiled {
    pub(super) fn new(hir: &Hir) -> Result<Self, String> {
        let config = Regex::config().utf8_empty(false).nfa_size_limit(Some(16 << 20));
        let regex = Regex::builder().configure(config).build_from_hir(hir).map_err(|error| error.to_string())?;
        let names = regex.group_info().pattern_names(PatternID::ZERO).enumerate();
        let groups = names.filter_map(|(index, name)| Some((name?.to_owned(), index))).collect();
        let longest = hir.properties().maximum_len().unwrap_or(usize::MAX);
        Ok(Self { regex, longest, groups })
    }

    /// The length in bytes of the longest text it matches.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// The first match that lies in `range`; what is around `range` is seen by look-around.
    pub(super) fn find(&self, haystack: &[u8], range: Range<usize>) -> Option<Span> {
        let found = self.regex.search(&Input::new(haystack).range(range))?;
        Some(Span { start: found.start(), end: found.end() })
    }

    /// The names of its groups.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.groups.iter().map(|(name, _)| name.as_str())
    }

    pub(super) fn matches(&self, bytes: &[u8]) -> bool {
        self.regex.is_match(bytes)
    }

    /// The named groups of a match that `find` returned.
    pub(super) fn groups(&self, haystack: &[u8], found: Span) -> Vec<(&str, Span)> {
        if self.groups.is_empty() {
            return Vec::new();
        }
        let mut captures = self.regex.create_captures();
        let input = Input::new(haystack).range(found.start..found.end).anchored(Anchored::Yes);
        self.regex.search_captures(&input, &mut captures);
        let span = |index| captures.get_group(index).map(|span| Span { start: span.start, end: span.end });
        self.groups.iter().filter_map(|(name, index)| Some((name.as_str(), span(*index)?))).collect()
    }
}

/// Reads a pattern; the error is one line without the pattern.
pub(super) fn parse(text: &str) -> Result<Hir, String> {
    let mut parser = regex_syntax::ParserBuilder::new().unicode(false).utf8(false).nest_limit(100).build();
    parser.parse(text).map_err(|error| match error {
        regex_syntax::Error::Parse(error) => {
            format!("{} (at character {} of the pattern)", error.kind(), error.span().start.column)
        }
        regex_syntax::Error::Translate(error) => {
            format!("{} (at character {} of the pattern)", error.kind(), error.span().start.column)
        }
        _ => "it cannot be read".to_owned(),
    })
}

/// More alternatives than this are not written out.
const ALTERNATIVES: usize = 512;

/// If it can be shown that every match holds one of the literals, in upper or lower case: at most how many bytes after
/// the start of the match such a literal ends.
pub(super) fn literal_within(hir: &Hir, literals: &[impl AsRef<str>]) -> Option<usize> {
    let literals: Vec<Vec<u8>> = literals.iter().map(|text| text.as_ref().to_ascii_lowercase().into_bytes()).collect();
    guarantee(hir, &literals)
}

fn guarantee(hir: &Hir, literals: &[Vec<u8>]) -> Option<usize> {
    let mut parts = Vec::new();
    flatten(hir, &mut parts);
    let mut before: usize = 0;
    let mut run = vec![Vec::new()];
    for part in parts {
        let texts = spelled(part);
        run = match texts.as_ref().and_then(|texts| product(&run, texts)) {
            Some(longer) => longer,
            None => {
                if let Some(within) = inside(part, literals) {
                    return Some(before.saturating_add(within));
                }
                texts.unwrap_or_else(|| vec![Vec::new()])
            }
        };
        before = before.saturating_add(part.properties().maximum_len().unwrap_or(usize::MAX));
        if each_holds(&run, literals) {
            return Some(before);
        }
    }
    None
}

/// The guarantee of one part that cannot be spelled out.
fn inside(part: &Hir, literals: &[Vec<u8>]) -> Option<usize> {
    match part.kind() {
        HirKind::Repetition(repetition) if repetition.min > 0 => guarantee(&repetition.sub, literals),
        HirKind::Alternation(branches) => branches
            .iter()
            .try_fold(0, |most: usize, branch| guarantee(branch, literals).map(|within| most.max(within))),
        _ => None,
    }
}

/// A sequence of parts with groups opened.
fn flatten<'h>(hir: &'h Hir, parts: &mut Vec<&'h Hir>) {
    match hir.kind() {
        HirKind::Capture(group) => flatten(&group.sub, parts),
        HirKind::Concat(sequence) => sequence.iter().for_each(|part| flatten(part, parts)),
        _ => parts.push(hir),
    }
}

/// Every text that the expression matches, in lower case, if they are few.
pub(super) fn spelled(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    let mut texts = match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => vec![Vec::new()],
        HirKind::Literal(literal) => vec![literal.0.to_ascii_lowercase()],
        HirKind::Class(Class::Bytes(class)) => {
            let bytes = class.ranges().iter().flat_map(|range| range.start()..=range.end());
            bytes.map(|byte| vec![byte.to_ascii_lowercase()]).collect()
        }
        HirKind::Class(Class::Unicode(_)) => return None,
        HirKind::Repetition(repetition) => {
            let most = repetition.max.filter(|most| *most <= 4)?;
            let once = spelled(&repetition.sub)?;
            let mut texts = Vec::new();
            let mut times = vec![Vec::new()];
            for count in 0..=most {
                if count >= repetition.min {
                    texts.extend(times.iter().cloned());
                }
                times = product(&times, &once)?;
            }
            texts
        }
        HirKind::Capture(group) => spelled(&group.sub)?,
        HirKind::Concat(parts) => {
            parts.iter().try_fold(vec![Vec::new()], |texts, part| product(&texts, &spelled(part)?))?
        }
        HirKind::Alternation(branches) => {
            let mut texts = Vec::new();
            for branch in branches {
                texts.extend(spelled(branch)?);
            }
            texts
        }
    };
    texts.sort_unstable();
    texts.dedup();
    (!texts.is_empty() && texts.len() <= 40).then_some(texts)
}

pub(super) fn product(heads: &[Vec<u8>], tails: &[Vec<u8>]) -> Option<Vec<Vec<u8>>> {
    if heads.len() * tails.len() > ALTERNATIVES {
        return None;
    }
    Some(heads.iter().flat_map(|head| tails.iter().map(move |tail| [head.as_slice(), tail].concat())).collect())
}

fn each_holds(texts: &[Vec<u8>], literals: &[Vec<u8>]) -> bool {
    let holds = |text: &[u8]| literals.iter().any(|part| text.windows(part.len().max(1)).any(|window| window == part));
    texts.iter().all(|text| holds(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(pattern: &str, literals: &[&str]) -> Option<usize> {
        let literals: Vec<String> = literals.iter().map(|text| (*text).to_owned()).collect();
        literal_within(&parse(pattern).expect("a pattern"), &literals)
    }

    fn held(pattern: &str, literals: &[&str]) -> bool {
        within(pattern, literals).is_some()
    }

    #[test]
    fn a_guarantee_says_how_far_in() {
        assert_eq!(within(r"\bacme_[0-9a-z]{8}", &["acme_"]), Some(5));
        assert_eq!(within(r"[a-z]{2,30}acme_[0-9a-z]{8}", &["acme_"]), Some(35));
        assert_eq!(within(r"(?:foo[0-9]{9}|[a-z]{40}bar)[a-z]{90}", &["foo", "bar"]), Some(43));
        assert_eq!(within(r"[a-z]*acme_", &["acme_"]), Some(usize::MAX));
    }

    #[test]
    fn a_guarantee_is_shown_or_denied() {
        assert!(held(r"\bacme_[0-9a-z]{8}", &["acme_"]));
        assert!(held(r"(?i)acme.{0,40}[0-9a-z]{8}", &["ACME"]));
        assert!(held(r"\b(?<id>acme_[0-9]{2})_[a-z]{3}", &["acme_"]));
        assert!(held(r"ac(?<x>me_[a-z]{20})", &["acme_"]));
        assert!(held(r"(?:sk|rk)_(?:live|test)_[0-9a-zA-Z]{24,99}", &["sk_live_", "rk_live_", "k_test_"]));
        assert!(held(r"x{3,9}(?:foo[0-9]{5}|bar[a-z]{7})", &["foo", "bar"]));
        assert!(held(r"(?:foo[0-9]{5}){1,3}", &["foo"]));
        assert!(held(r"customer\.?io", &["customerio", "customer.io"]));
        assert!(!held(r"(?:foo|bar)[a-z]{7}", &["foo"]));
        assert!(!held(r"(?:foo)?[a-z]{7}", &["foo"]));
        assert!(!held(r"[a-z]{12}", &["foo"]));
        assert!(!held(r"", &["foo"]));
    }

    #[test]
    fn unicode_is_off_and_look_around_sees_the_whole() {
        let compiled = Pattern::new(r"\bab\w\b");
        let compiled = compiled.compiled().expect("compiles");
        assert_eq!(compiled.find(b"xabcx", 1..4), None);
        assert_eq!(compiled.find(b"-abc-", 1..4), Some(Span { start: 1, end: 4 }));
        assert_eq!(compiled.find("ab\u{e4}".as_bytes(), 0..4), None);
        assert_eq!(compiled.find(b"\xffabc\xff", 0..5), Some(Span { start: 1, end: 4 }));
    }

    #[test]
    fn groups_are_those_of_the_match() {
        let pattern = Pattern::new(r"k=(?<id>[a-z]{2,4}?)(?:-(?<rest>[0-9]{2}))?;");
        let compiled = pattern.compiled().expect("compiles");
        let text = b"k=abc-12; k=xy;";
        let first = compiled.find(text, 0..text.len()).expect("a match");
        assert_eq!(
            compiled.groups(text, first),
            [("id", Span { start: 2, end: 5 }), ("rest", Span { start: 6, end: 8 })]
        );
        let second = compiled.find(text, first.end..text.len()).expect("a match");
        assert_eq!(compiled.groups(text, second), [("id", Span { start: 12, end: 14 })]);
    }
}
