//! Why a text that should match does not.

use super::detect::{Detect, SECRET};
use super::filter::{entropy, placeholder, sampled};
use super::shape::Samples;
use crate::model::Span;

/// What keeps this text from being found, and what to do about it.
pub(super) fn reason(detect: &Detect, text: &[u8]) -> (String, String) {
    let of = |why: &str, remedy: &str| (why.to_owned(), remedy.to_owned());
    let lower = text.to_ascii_lowercase();
    let holds = |literal: &str| {
        let literal = literal.to_ascii_lowercase();
        lower.windows(literal.len().max(1)).any(|part| part == literal.as_bytes())
    };
    if !detect.literals.iter().any(|literal| holds(literal)) {
        return of("it holds none of the literals", "mend it, or name in `literals` what it holds");
    }
    let found = detect.pattern.compiled().and_then(|pattern| Some((pattern, pattern.find(text, 0..text.len())?)));
    let Some((pattern, whole)) = found else {
        return of(
            "the pattern finds nothing in it",
            "count the characters of the body, and look at what stands before and behind the token; mend the pattern or \
             the example",
        );
    };
    let groups = pattern.groups(text, whole);
    let at = groups.iter().find(|(name, _)| *name == SECRET).map_or(whole, |(_, span)| *span);
    let Span { start, end } = at;
    let secret = text.get(start..end).unwrap_or_default();
    if placeholder(secret, detect.public_prefix(secret)) {
        return of("what it shows is a placeholder", "make up a body of other characters, without words");
    }
    if detect.samples != Samples::Kept && sampled(secret) {
        return of("a word or a row of samples stands in it", "make up a body without words and rows");
    }
    let excluded = |number: &usize| {
        let pattern = detect.exclude.get(*number);
        pattern.and_then(|pattern| pattern.compiled()).is_some_and(|pattern| pattern.matches(secret))
    };
    if let Some(number) = (0..detect.exclude.len()).find(excluded) {
        return (
            format!("entry {} of `exclude` drops it", number + 1),
            "mend that pattern, or make up another body".to_owned(),
        );
    }
    for companion in detect.companions.iter().filter(|companion| companion.required) {
        let near = start.saturating_sub(companion.within)..end.saturating_add(companion.within).min(text.len());
        if companion.pattern.compiled().is_none_or(|pattern| pattern.find(text, near).is_none()) {
            return (
                format!("there is no companion `{}` within {} bytes", companion.name, companion.within),
                "add it to the example, as it stands in real files, or remove `required`".to_owned(),
            );
        }
    }
    if let Some(sort) = detect.require.iter().find(|sort| !sort.is_in(secret)) {
        return (
            format!("its secret has no {} character, which `require` asks for", format!("{sort:?}").to_lowercase()),
            "make up another body, or remove that from `require`".to_owned(),
        );
    }
    if detect.checksum.is_some_and(|checksum| !checksum.fits(secret)) {
        return of("its checksum is wrong", "compute it; docs/kinds.md shows how");
    }
    if detect.made.is_some_and(|maker| !maker.made(secret)) {
        return of("its secret does not look as `made` says", "make up another body, or remove `made`");
    }
    let bits = entropy(secret);
    if bits < detect.entropy {
        return (
            format!("its entropy is {bits:.2} bits per byte, and {} are asked for", detect.entropy),
            "lower `entropy`, or make up a body of more different characters".to_owned(),
        );
    }
    of(
        "its parts are not where the pattern and its companions want them, or `unless` or `structure` drops it",
        "mend the pattern or the example",
    )
}

/// What to do about a pattern that cannot be read.
pub(super) fn remedy_of(why: &str) -> &'static str {
    if why.contains("look-around") {
        "use `\\b`, or match what is around the token and put the token in the group `(?<secret>…)`"
    } else if why.contains("backreference") {
        "write the part out a second time"
    } else if why.contains("unclosed") {
        "close it, or write `\\` before a bracket that is meant as itself"
    } else if why.contains("duplicate") {
        "give every group another name"
    } else if why.contains("decimal") || why.contains("exceeds") || why.contains("too big") {
        "make the repetition smaller"
    } else if why.contains("range") {
        "write the lower character first"
    } else if why.contains("Unicode") {
        "patterns see bytes: write the class out, such as `[A-Za-z0-9]`"
    } else {
        "mend it; in YAML a pattern stands in single quotes, in which `\\` is itself"
    }
}
