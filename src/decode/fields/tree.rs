//! Names of what stands in elements: an attribute of the element or of the one around it, a sibling, or the element.

use super::back::Back;
use super::{NAME, NAMES, REACH, VALUES, ends_with_any, is_name, named};
use std::ops::Range;

/// How many siblings are asked for the name.
const SIBLINGS: usize = 4;

/// The shortest element that is a name by itself.
const SHORTEST: usize = 6;

/// Elements of a table or a list: the one before is the name.
const CELLS: [&[u8]; 2] = [b"td", b"dd"];

/// A tag.
struct Tag {
    /// Where it begins, with its bracket.
    start: usize,
    name: Range<usize>,
    /// What stands behind its name.
    rest: Range<usize>,
    closes: bool,
}

/// The name of the value behind the tag that ends here.
pub(super) fn name(text: &[u8], tag_end: usize, value_end: usize) -> Option<Range<usize>> {
    let floor = tag_end.saturating_sub(REACH);
    let tag = tag(text, tag_end, floor).filter(|tag| !tag.closes)?;
    let word = text.get(tag.name.clone())?;
    let cell = CELLS.iter().any(|cell| word.eq_ignore_ascii_case(cell));
    if !cell && let Some(name) = attribute(text, &tag) {
        return Some(name);
    }
    if cell || ends_with_any(word, &VALUES) {
        return beside(text, tag.start, floor, cell);
    }
    let after = text.get(value_end..)?.iter().take(NAME).find(|byte| !super::is_token_byte(**byte));
    (tag.name.len() >= SHORTEST && tag.rest.is_empty() && matches!(after, Some(b'<' | b']')) && is_name(word))
        .then_some(tag.name)
}

/// The tag that ends here.
fn tag(text: &[u8], end: usize, floor: usize) -> Option<Tag> {
    let inner_end = end.checked_sub(1).filter(|at| text.get(*at) == Some(&b'>'))?;
    let start = floor + memchr::memrchr2(b'<', b'>', text.get(floor..inner_end)?)?;
    let inner = text.get(start + 1..inner_end).filter(|_| text.get(start) == Some(&b'<'))?;
    let closes = inner.starts_with(b"/");
    let from = usize::from(closes);
    if inner.ends_with(b"/") || inner.starts_with(b"!") || inner.starts_with(b"?") {
        return None;
    }
    let length = inner.get(from..)?.iter().take_while(|byte| !byte.is_ascii_whitespace()).count();
    let name = start + 1 + from..start + 1 + from + length;
    (length > 0).then_some(Tag { start, rest: name.end..inner_end, name, closes })
}

/// What a tag calls itself by an attribute.
fn attribute(text: &[u8], tag: &Tag) -> Option<Range<usize>> {
    let rest = text.get(tag.rest.clone())?;
    memchr::memchr_iter(b'=', rest).find_map(|sign| {
        let sign = tag.rest.start + sign;
        named(text, &mut Back::new(text, sign, tag.rest.start), sign)
    })
}

/// The name that a sibling before this place holds, or that the element around it says.
fn beside(text: &[u8], start: usize, floor: usize, cell: bool) -> Option<Range<usize>> {
    let mut at = start;
    for _ in 0..SIBLINGS {
        let blanks = text.get(floor..at)?.iter().rev().take_while(|byte| byte.is_ascii_whitespace()).count();
        let last = tag(text, at - blanks, floor)?;
        if !last.closes {
            return attribute(text, &last);
        }
        let opened = floor + memchr::memrchr(b'<', text.get(floor..last.start)?)?;
        let content = opened + memchr::memchr(b'>', text.get(opened..last.start)?)? + 1..last.start;
        if cell || ends_with_any(text.get(last.name.clone())?, &NAMES) {
            return trimmed(text, content);
        }
        at = opened;
    }
    None
}

fn trimmed(text: &[u8], range: Range<usize>) -> Option<Range<usize>> {
    let inner = text.get(range.clone())?;
    let left = inner.len() - inner.trim_ascii_start().len();
    let right = inner.len() - inner.trim_ascii_end().len();
    let name = range.start + left..range.end.saturating_sub(right);
    is_name(text.get(name.clone())?).then_some(name)
}
