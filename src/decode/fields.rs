//! A name and its value in fields of their own: `name: KEY`, `value: "…"`, attributes, elements, cells of a table, words
//! of a command; or an assignment in more words than a sign. They are laid side by side, as an assignment, so that a kind
//! which asks for the name finds its value.

mod back;
mod dressed;
mod tree;

use super::sink::Sink;
use super::windows::run_end;
use crate::model::Encoding;
use crate::runs::is_token_byte;
use back::Back;
use std::ops::Range;

/// A name stands at most so many bytes from its value.
const REACH: usize = 400;

/// The longest value, and the longest name.
const LONGEST: usize = 4 << 10;
const NAME: usize = 120;

/// A value has a digit among so many of its first bytes.
const HEAD: usize = 64;

/// The shortest option that is a name by itself: `--token`.
const OPTION: usize = 5;

/// What the key of a value ends with, and what that of a name does.
const VALUES: [&[u8]; 9] = [b"value", b"val", b"default", b"string", b"data", b"content", b"body", b"text", b"secret"];
const NAMES: [&[u8]; 9] = [b"name", b"key", b"variable", b"id", b"field", b"header", b"label", b"title", b"property"];

/// A window in which values are looked for.
pub(super) struct Search {
    /// The end of the last value.
    done: usize,
}

impl Search {
    pub(super) fn new(window: &Range<usize>) -> Self {
        Self { done: window.start }
    }

    /// Looks at runs of digits that may be a value, or its longest part.
    pub(super) fn look(&mut self, text: &[u8], runs: &[Range<usize>], sink: &mut Sink<'_>) {
        for run in runs {
            if sink.is_spent() {
                return;
            }
            if run.start >= self.done
                && let Some((name, value)) = pair(text, run, self.done)
            {
                self.done = value.end;
                lay(text, &name, value, sink);
            }
        }
    }
}

fn lay(text: &[u8], name: &Range<usize>, value: Range<usize>, sink: &mut Sink<'_>) {
    let whole = name.start.min(value.start)..name.end.max(value.end);
    if !sink.is_new(&whole) {
        return;
    }
    let Some(view) = sink.stretch(Encoding::Fields, true) else { return };
    view.keep(text, name.clone());
    view.decoded(b"=\"", value.start.saturating_sub(1)..value.start);
    let end = value.end;
    view.keep(text, value);
    view.decoded(b"\"", end.saturating_sub(1)..end);
}

/// The value that a run is of, and its name.
fn pair(text: &[u8], run: &Range<usize>, floor: usize) -> Option<(Range<usize>, Range<usize>)> {
    let mut back = Back::new(text, run.start, run.start.saturating_sub(REACH).max(floor.min(run.start)));
    // Almost every run is told to be no value by the byte before it, or because it is words alone.
    if !begins_value(back.last()?) && !is_inside(back.last()?) {
        return None;
    }
    let head = text.get(run.start..run.end.min(run.start + HEAD))?;
    if !head.iter().fold(false, |any, byte| any | byte.is_ascii_digit()) {
        return None;
    }
    back.skip(|byte| is_token_byte(byte) && byte != b'=');
    let attribute = back.last().is_some_and(is_inside) && back.begins_attribute(is_inside);
    if !attribute && !begins_value(back.last()?) {
        return None;
    }
    let start = back.at;
    back.floor = start.saturating_sub(REACH);
    let name = name(text, &mut back, start, run.end)?;
    let farthest = start.saturating_add(LONGEST).min(text.len()).max(run.end);
    let mut end = run_end(text, run.end, farthest);
    if text.get(start.wrapping_sub(2)) == Some(&b'=') && text.get(end).copied().is_some_and(is_inside) {
        let rest = text.get(end..farthest)?;
        let length = rest.iter().take_while(|byte| is_token_byte(**byte) || is_inside(**byte)).count();
        let closed = rest.get(length) == text.get(start - 1);
        end += if closed { length } else { 0 };
    }
    Some((name, start..end))
}

/// True for what may stand before a value.
fn begins_value(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`' | b' ' | b'\t' | b'\n' | b'>' | b'=' | b':' | b'[' | b'|' | b'{' | b'(')
}

/// True for what may stand in the value of an attribute beside letters and digits.
fn is_inside(byte: u8) -> bool {
    matches!(byte, b'.' | b'_' | b'-' | b'~' | b':' | b'@' | b'%' | b'$' | b'!' | b'*' | b'?' | b',')
}

/// The name of the value that stands behind this, and whose end is not before `end`.
fn name(text: &[u8], back: &mut Back<'_>, start: usize, end: usize) -> Option<Range<usize>> {
    apart(text, back, start, end).or_else(|| {
        back.at = start;
        dressed::name(text, back)
    })
}

/// The same where it stands in a field of its own.
fn apart(text: &[u8], back: &mut Back<'_>, start: usize, end: usize) -> Option<Range<usize>> {
    let quoted = back.skip_one(|byte| matches!(byte, b'"' | b'\'' | b'`'));
    if !quoted {
        back.skip_text(b"<![CDATA[");
    }
    let spaced = back.skip(|byte| matches!(byte, b' ' | b'\t')) > 0;
    match back.last()? {
        b'>' if back.before(1) == Some(b'=') => {
            back.at -= 2;
            assigned(text, back, end)
        }
        b'>' => tree::name(text, back.at, end),
        b'\n' if !quoted => {
            back.skip(|byte| byte.is_ascii_whitespace());
            (back.last()? == b'>').then(|| tree::name(text, back.at, end))?
        }
        b':' | b'=' => {
            back.at -= 1;
            assigned(text, back, end)
        }
        b'|' => cell(text, back.at - 1),
        _ if spaced => command(text, back, start),
        _ => None,
    }
}

/// The name beside a value that is assigned to a key which says no more than that it is one.
fn assigned(text: &[u8], back: &mut Back<'_>, end: usize) -> Option<Range<usize>> {
    let key = back.word()?;
    if !ends_with_any(text.get(key.clone())?, &VALUES) {
        return None;
    }
    back.skip_one(|byte| matches!(byte, b'"' | b'\''));
    before(text, back).or_else(|| behind(text, end))
}

/// The nearest name before a value, in the same entry.
fn before(text: &[u8], back: &mut Back<'_>) -> Option<Range<usize>> {
    let mut line_empty = false;
    while let Some(byte) = back.last() {
        match byte {
            b'{' => {
                back.at -= 1;
                back.skip(|byte| byte == b' ');
                // A block with a label: `variable "name" {`.
                let end = back.at.checked_sub(1).filter(|_| back.last() == Some(b'"'))?;
                back.at = end;
                let length = back.skip(|byte| !matches!(byte, b'"' | b'\n'));
                return (back.last() == Some(b'"') && length > 0).then_some(end - length..end);
            }
            b'}' | b'<' => return None,
            b'\n' if line_empty => return None,
            b'-' if matches!(text.get(back.at), Some(b' ')) && back.begins_line() => return None,
            b':' | b'=' => {
                let sign = back.at - 1;
                back.at = sign;
                if let Some(name) = named(text, back, sign) {
                    return Some(name);
                }
                line_empty = false;
                continue;
            }
            _ => {}
        }
        line_empty = byte == b'\n' || (line_empty && matches!(byte, b' ' | b'\t' | b'\r'));
        back.at -= 1;
    }
    None
}

/// The name behind a value, in the same entry.
fn behind(text: &[u8], end: usize) -> Option<Range<usize>> {
    let rest = text.get(end..end.saturating_add(REACH).min(text.len()))?;
    let mut line_empty = false;
    let mut begins_line = false;
    for (index, byte) in rest.iter().enumerate() {
        match byte {
            b'>' if index > 0 && rest.get(index - 1) == Some(&b'=') => {}
            b'{' | b'}' | b'>' | b'<' => return None,
            b'\n' if line_empty => return None,
            b'-' if begins_line => return None,
            b':' | b'=' => {
                let sign = end + index;
                if let Some(name) = named(text, &mut Back::new(text, sign, end), sign) {
                    return Some(name);
                }
            }
            _ => {}
        }
        let blank = matches!(byte, b' ' | b'\t' | b'\r');
        line_empty = *byte == b'\n' || (line_empty && blank);
        begins_line = *byte == b'\n' || (begins_line && blank);
    }
    None
}

/// What is assigned at a sign, if that is to a key which says that it is a name.
fn named(text: &[u8], back: &mut Back<'_>, sign: usize) -> Option<Range<usize>> {
    let key = back.word()?;
    if !ends_with_any(text.get(key)?, &NAMES) {
        return None;
    }
    let arrow = usize::from(text.get(sign..sign + 2) == Some(b"=>"));
    let rest = text.get(sign + 1 + arrow..sign.saturating_add(NAME).min(text.len()))?;
    let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let rest = rest.get(blanks..)?;
    let quote = rest.first().copied().filter(|byte| matches!(byte, b'"' | b'\''));
    let start = sign + 1 + arrow + blanks + usize::from(quote.is_some());
    let rest = rest.get(usize::from(quote.is_some())..)?;
    let ends = |byte: &u8| match quote {
        Some(quote) => *byte == quote,
        None => byte.is_ascii_whitespace() || matches!(byte, b',' | b'}' | b'>'),
    };
    let length = rest.iter().position(ends)?;
    (length > 0 && is_name(rest.get(..length)?)).then_some(start..start + length)
}

/// The cell of a row before the one that ends here; or the first one where that is no name.
fn cell(text: &[u8], end: usize) -> Option<Range<usize>> {
    let lowest = end.saturating_sub(REACH);
    let line = text.get(lowest..end)?;
    let start = memchr::memrchr(b'\n', line).map_or(lowest, |found| lowest + found + 1);
    let line = text.get(start..end)?;
    let last = memchr::memrchr(b'|', line).map_or(0, |found| found + 1);
    let first = line.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'|')).count();
    let first_end = first + memchr::memchr(b'|', line.get(first..)?).unwrap_or(line.len() - first);
    let trimmed = |range: Range<usize>| {
        let cell = line.get(range.clone())?;
        let dressed = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'`' | b'*' | b'"' | b'\'');
        let left = cell.iter().take_while(dressed).count();
        let right = cell.get(left..)?.iter().rev().take_while(dressed).count();
        let range = start + range.start + left..start + range.end - right;
        text.get(range.clone()).is_some_and(is_name).then_some(range)
    };
    trimmed(last..line.len()).or_else(|| trimmed(first..first_end))
}

/// Words behind which a name and its value stand.
const COMMANDS: [&[u8]; 18] = [
    b"define",
    b"setx",
    b"env",
    b"arg",
    b"setenv",
    b"set",
    b"export",
    b"add",
    b"put",
    b"config",
    b"setq",
    b"def",
    b"-x",
    b"-gx",
    b"-Ux",
    b"fastcgi_param",
    b"proxy_set_header",
    b"setvar",
];

/// The name between a command and the value, or what an option before the value says.
fn command(text: &[u8], back: &mut Back<'_>, start: usize) -> Option<Range<usize>> {
    let name = back.word()?;
    let line = text.get(back.floor..name.start)?;
    let line_start = memchr::memrchr(b'\n', line).map_or(back.floor, |found| back.floor + found + 1);
    let line = text.get(line_start..name.start)?;
    let option = text.get(name.clone())?;
    if option.starts_with(b"-") {
        // One option behind another has no value.
        if text.get(start) == Some(&b'-') {
            return None;
        }
        if ends_with_any(option, &VALUES)
            && let Some(name) = optional(line, line_start)
        {
            return Some(name);
        }
        // What it is called says what it is: `--client-secret`.
        let dashes = option.iter().take_while(|byte| **byte == b'-').count();
        let word = name.start + dashes..name.end;
        return (word.len() >= OPTION && start > name.end && text.get(word.clone()).is_some_and(is_name))
            .then_some(word);
    }
    let quoted = back.skip_one(|byte| matches!(byte, b'"' | b'\''));
    let gap = back.skip(|byte| matches!(byte, b' ' | b'\t' | b'('));
    let word = back.word().filter(|_| gap > 0 || quoted)?;
    let word = text.get(word)?;
    let command = word.strip_prefix(b"#").unwrap_or(word);
    let known = COMMANDS.iter().any(|known| command.eq_ignore_ascii_case(known));
    (known && start > name.end && text.get(name.clone()).is_some_and(is_name)).then_some(name)
}

/// What the last option of a command that gives a name says: `--name X`.
fn optional(line: &[u8], line_start: usize) -> Option<Range<usize>> {
    let mut words = Vec::new();
    let mut at = 0;
    for word in line.split(u8::is_ascii_whitespace) {
        words.push(at..at + word.len());
        at += word.len() + 1;
    }
    words.retain(|word| !word.is_empty());
    let found = words.windows(2).rev().find_map(|two| {
        let [option, name] = two else { return None };
        let option = line.get(option.clone())?;
        (option.starts_with(b"-") && ends_with_any(option, &NAMES)).then(|| name.clone())
    })?;
    let quotes = |byte: &&u8| matches!(byte, b'"' | b'\'');
    let word = line.get(found.clone())?;
    let left = word.iter().take_while(quotes).count();
    let right = word.get(left..)?.iter().rev().take_while(quotes).count();
    let name = found.start + left..found.end - right;
    is_name(line.get(name.clone())?).then(|| line_start + name.start..line_start + name.end)
}

/// True for what may be the name of a variable or a setting.
fn is_name(text: &[u8]) -> bool {
    let named = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':' | b'/' | b' ');
    (3..NAME).contains(&text.len()) && text.iter().all(named) && text.iter().any(u8::is_ascii_alphabetic)
}

/// In either case of letters.
fn ends_with_any(word: &[u8], ends: &[&[u8]]) -> bool {
    ends.iter().any(|end| {
        word.len()
            .checked_sub(end.len())
            .and_then(|at| word.get(at..))
            .is_some_and(|tail| tail.eq_ignore_ascii_case(end))
    })
}

#[cfg(test)]
pub(crate) use tests::FORMS;

#[cfg(test)]
mod tests;
