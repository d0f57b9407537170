//! Names of what is assigned in more words than a sign: with a type behind the name (`x[] =`, `As String =`), with a sign of
//! one language alone (`<-`, `||`), or with something between the sign and the value (`@"…"`, `b"…"`, `Some("…")`, `[[…]]`,
//! `!!str`, `&anchor`, a block of YAML).

use super::back::Back;
use super::is_name;
use crate::runs::is_token_byte;
use std::ops::Range;

/// The shortest name, the longest type, and the longest call.
const SHORTEST: usize = 4;
const TYPE: usize = 48;

/// Words that are types and stand between a name and the sign.
const TYPES: [&[u8]; 5] = [b"string", b"str", b"text", b"varchar", b"char"];

/// The name of the value that begins behind this place; none where nothing is between them but a plain sign, which
/// patterns read themselves.
pub(super) fn name(text: &[u8], back: &mut Back<'_>) -> Option<Range<usize>> {
    let quoted = back.skip_one(|byte| matches!(byte, b'"' | b'\'' | b'`'));
    let dress = dress(text, back, quoted)?;
    let sign = sign(back, dress)?;
    blanks(back);
    let (key, typed) = key(text, back)?;
    let odd = dress != Dress::None || sign == Sign::Odd || typed;
    let word = text.get(key.clone())?;
    (odd && key.len() >= SHORTEST && is_name(word)).then_some(key)
}

/// What stands between a sign and the value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dress {
    None,
    /// Behind a comma, too, a value is dressed so: `{name, <<"…">>}`.
    Binary,
    Other,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    Plain,
    Odd,
}

fn blanks(back: &mut Back<'_>) {
    back.skip(|byte| matches!(byte, b' ' | b'\t'));
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Goes back over it.
fn dress(text: &[u8], back: &mut Back<'_>, quoted: bool) -> Option<Dress> {
    if !quoted {
        return bare(back);
    }
    let last = back.last()?;
    if last == b'<' && back.before(1) == Some(b'<') {
        back.at -= 2;
        return Some(Dress::Binary);
    }
    let mut dress = Dress::None;
    if is_word(last) || matches!(last, b'@' | b'$' | b'#') {
        // Letters before a quote: raw, bytes, formatted, wide.
        let length = back.skip(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'@' | b'$' | b'#'));
        if length > 3 || back.last().is_some_and(is_word) {
            return None;
        }
        dress = Dress::Other;
    }
    let after = back.at;
    if back.skip_one(|byte| matches!(byte, b'(' | b'{')) {
        blanks(back);
        // A call or a type that wraps it.
        back.skip(|byte| is_word(byte) || matches!(byte, b'.' | b':'));
        if back.skip(|byte| byte == b' ') > 0 {
            let kept = back.at;
            if back.skip(|byte| byte.is_ascii_alphabetic()) != 3 || text.get(back.at..kept) != Some(b"new") {
                back.at = kept;
            }
        }
        return (back.at < after).then_some(Dress::Other);
    }
    // A tag or an anchor of YAML.
    let spaced = back.skip(|byte| matches!(byte, b' ' | b'\t')) > 0;
    Some(if spaced && marked(back) { Dress::Other } else { dress })
}

/// The same before a value without quotes: `[[`, `q{`, and what only YAML has.
fn bare(back: &mut Back<'_>) -> Option<Dress> {
    match back.last()? {
        b'[' if back.before(1) == Some(b'[') => back.at -= 2,
        b'{' | b'(' if back.before(1) == Some(b'q') => {
            back.at -= 1;
            if back.skip(|byte| byte == b'q') > 2 {
                return None;
            }
        }
        b' ' | b'\t' | b'\n' => {
            let end = back.at;
            blanks(back);
            let block = back.skip_one(|byte| byte == b'\n');
            back.skip_one(|byte| block && byte == b'\r');
            back.skip_one(|byte| block && matches!(byte, b'-' | b'+'));
            let open = block && back.skip_one(|byte| matches!(byte, b'|' | b'>'));
            let spaced = back.last() == Some(b' ') || (!block && back.at < end);
            if !(open && spaced) && (block || !marked(back)) {
                return None;
            }
        }
        _ => return None,
    }
    Some(Dress::Other)
}

/// Goes back over a tag (`!!str`) or an anchor (`&name`).
fn marked(back: &mut Back<'_>) -> bool {
    let kept = back.at;
    let length = back.skip(is_word);
    let found = length > 0 && back.skip(|byte| matches!(byte, b'!' | b'&')) > 0;
    if !found {
        back.at = kept;
    }
    found
}

/// Goes back over the sign.
fn sign(back: &mut Back<'_>, dress: Dress) -> Option<Sign> {
    blanks(back);
    let (last, before) = (back.last()?, back.before(1));
    let (length, sign) = match (before, last) {
        (Some(b'<'), b'-') | (Some(b'|'), b'|') | (Some(b'?'), b'?') => (2, Sign::Odd),
        (Some(b':' | b'='), b'=') | (Some(b'='), b'>') => (2, Sign::Plain),
        (Some(b'|' | b'?'), b'=') => (3, Sign::Odd),
        (Some(b'!' | b'<' | b'>'), b'=') => return None,
        (_, b'=' | b':') => (1, Sign::Plain),
        (_, b',') if dress == Dress::Binary => (1, Sign::Odd),
        _ => return None,
    };
    back.at = back.at.checked_sub(length).filter(|at| *at >= back.floor)?;
    Some(sign)
}

/// The name before a sign, and whether a type stands behind it.
fn key(text: &[u8], back: &mut Back<'_>) -> Option<(Range<usize>, bool)> {
    if back.last()? == b']' && !matches!(back.before(1), Some(b'"' | b'\'')) {
        // The length of an array, or what a type is made of.
        let kept = back.at;
        back.at -= 1;
        let inner = back.skip(|byte| is_word(byte) || matches!(byte, b',' | b' '));
        if back.skip_one(|byte| byte == b'[') && inner <= TYPE && back.last().is_some_and(is_word) {
            let word = word(back)?;
            return Some(annotated(back).map_or((word, true), |name| (name, true)));
        }
        back.at = kept;
    }
    back.skip_one(|byte| matches!(byte, b')' | b']'));
    back.skip(|byte| byte == b'>' || byte == b'?');
    let word = word(back)?;
    if let Some(name) = annotated(back) {
        return Some((name, true));
    }
    let is_type = text.get(word.clone()).is_some_and(|word| TYPES.iter().any(|known| word.eq_ignore_ascii_case(known)));
    if is_type && back.skip(|byte| matches!(byte, b' ' | b'\t')) > 0 {
        let before = self::word(back)?;
        if !text.get(before.clone())?.eq_ignore_ascii_case(b"as") {
            return Some((before, true));
        }
        blanks(back);
        return Some((self::word(back)?, true));
    }
    Some((word, false))
}

/// The name before the colon of a type, of which the last word has been read.
fn annotated(back: &mut Back<'_>) -> Option<Range<usize>> {
    let kept = back.at;
    let typed = |byte| is_word(byte) || matches!(byte, b' ' | b'&' | b'\'' | b'<' | b'.' | b'[');
    let length = back.skip(typed);
    if length <= TYPE && back.last() == Some(b':') && back.before(1) != Some(b':') {
        back.at -= 1;
        return word(back);
    }
    back.at = kept;
    None
}

/// A word, which may be quoted; dots are of it, colons are not.
fn word(back: &mut Back<'_>) -> Option<Range<usize>> {
    blanks(back);
    back.skip_one(|byte| matches!(byte, b'"' | b'\'' | b'`'));
    let end = back.at;
    let length = back.skip(|byte| is_token_byte(byte) && !matches!(byte, b'=' | b'+' | b'/') || byte == b'.');
    (length > 0).then_some(back.at..end)
}
