//! Keys in armour whose lines stand behind something: the signs of a patch, the head of a log's lines, or which are broken
//! by tags. The lines are put together without it.

use super::sink::Sink;
use crate::model::Encoding;
use std::ops::Range;

/// The longest first part of a line, the longest line, and the most of them.
const PREFIX: usize = 200;
const LINE: usize = 300;
const LINES: usize = 400;

const OPENING: &[u8] = b"-----BEGIN ";
const CLOSING: &[u8] = b"-----END ";

/// Puts together the key whose opening line has its fifth dash before `at`; returns where it ends.
pub(super) fn armour(text: &[u8], at: usize, sink: &mut Sink<'_>) -> Option<usize> {
    let start = at.checked_sub(5)?;
    let rest = text.get(start..)?.strip_prefix(OPENING)?;
    let title = rest.get(..60).unwrap_or(rest);
    let title_end = memchr::memmem::find(title, b"-----")?;
    if !title.get(..title_end)?.ends_with(b"PRIVATE KEY") {
        return None;
    }
    let lowest = start.saturating_sub(PREFIX);
    let before = text.get(lowest..start)?;
    let prefix = before.get(memchr::memrchr(b'\n', before).map_or(0, |found| found + 1)..)?;
    let head = start + OPENING.len() + title_end + 5;
    let (lines, end) = lines(text, head, prefix)?;
    if !sink.is_new(&(start..end)) {
        return Some(end);
    }
    let view = sink.stretch(Encoding::Joined, false)?;
    view.keep(text, start..head);
    let mut last = head;
    for line in lines {
        view.decoded(b"\n", last..line.start);
        last = line.end;
        view.keep(text, line);
    }
    Some(end)
}

/// The lines behind the opening one, up to the closing one; none where they are as the key itself has them.
fn lines(text: &[u8], head: usize, prefix: &[u8]) -> Option<(Vec<Range<usize>>, usize)> {
    let mut lines = Vec::new();
    let (mut at, mut dressed) = (head, prefix.iter().any(|byte| !is_usual(*byte)));
    while lines.len() < LINES {
        let rest = text.get(at..at.saturating_add(LINE).min(text.len()))?;
        let (skipped, tags) = behind(rest, prefix)?;
        dressed |= tags || rest.get(..skipped)?.iter().any(|byte| !is_usual(*byte));
        let start = at + skipped;
        let rest = rest.get(skipped..)?;
        if rest.starts_with(CLOSING) {
            let end = start + CLOSING.len() + memchr::memmem::find(rest.get(CLOSING.len()..)?, b"-----")? + 5;
            lines.push(start..end);
            return dressed.then_some((lines, end));
        }
        // What another key begins in was cut off.
        if rest.starts_with(OPENING) {
            return None;
        }
        let length = rest.iter().take_while(|byte| is_body(**byte)).count();
        let body = rest.get(..length)?.trim_ascii_end().len();
        lines.push(start..start + body);
        at = start + length;
    }
    None
}

/// True for what stands in the lines of a key and its headers.
fn is_body(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b':' | b',' | b'-' | b' ')
}

/// True for what kinds allow for themselves before a line.
fn is_usual(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || byte.is_ascii_whitespace()
        || matches!(byte, b'+' | b'#' | b'*' | b'>' | b'"' | b'\'')
}

/// How much stands between two lines, and whether tags do.
fn behind(rest: &[u8], prefix: &[u8]) -> Option<(usize, bool)> {
    let (mut at, mut tags, mut broken) = (0, false, false);
    loop {
        let here = rest.get(at..)?;
        if let Some(tag) = here.get(..3).filter(|tag| tag.eq_ignore_ascii_case(b"<br")) {
            at += tag.len() + memchr::memchr(b'>', here.get(tag.len()..tag.len() + 4)?)? + 1;
            (tags, broken) = (true, true);
        } else if here.first().is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\r')) {
            at += 1;
        } else if here.first() == Some(&b'\n') {
            let again = alike(here.get(1..)?, prefix);
            at += 1 + if tags { again.unwrap_or(0) } else { again? };
            broken = true;
        } else {
            return broken.then_some((at, tags));
        }
    }
}

/// How much of a line stands for the first part of another: numbers for numbers, signs of a patch for others, all else as
/// it is.
fn alike(line: &[u8], prefix: &[u8]) -> Option<usize> {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let sign = |byte: Option<&u8>| byte.is_some_and(|byte| matches!(byte, b'+' | b'-' | b' '));
    let (mut at, mut of) = (0, 0);
    while let Some(wanted) = prefix.get(of) {
        let number = digits(prefix.get(of..)?);
        let found = line.get(at);
        if number > 0 {
            let found = digits(line.get(at..)?);
            (at, of) = (at + found, of + number);
            if found == 0 {
                return None;
            }
        } else if found == Some(wanted) || (of == 0 && sign(found) && sign(Some(wanted))) {
            (at, of) = (at + 1, of + 1);
        } else {
            // At the end of a line blanks are often left out.
            let ends = matches!(found, None | Some(b'\r' | b'\n'));
            return (ends && prefix.get(of..)?.trim_ascii().is_empty()).then_some(at);
        }
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::super::{Budget, pieces};

    fn key() -> Vec<String> {
        let body = (0..8).map(|line| format!("{}{line}", "MIIaB3+/".repeat(7)));
        let (opening, closing) = (["-----BEG", "IN RSA PRIVATE KEY-----"], ["-----E", "ND RSA PRIVATE KEY-----"]);
        [opening.concat()].into_iter().chain(body).chain([closing.concat()]).collect()
    }

    fn joined(text: &str) -> Vec<(String, usize)> {
        let mut all = Vec::new();
        pieces(text.as_bytes(), None, &mut Budget::of(text.len()), &mut |piece, _| {
            let bytes = String::from_utf8_lossy(piece.bytes()).into_owned();
            if bytes.contains("PRIVATE KEY") {
                let end = bytes.trim_end().len();
                all.push((bytes, piece.outer(crate::model::Span { start: 0, end }).start));
            }
        });
        all
    }

    #[test]
    fn what_stands_before_the_lines_of_a_key_is_left_out() {
        let whole = key().join("\n");
        let before = |prefix: &dyn Fn(usize) -> String| {
            let lines = key().into_iter().enumerate().map(|(number, line)| format!("{}{line}\n", prefix(number)));
            format!("first\n{}last\n", lines.collect::<String>())
        };
        let forms = [
            before(&|_| "-".to_owned()),
            before(&|number| if number % 3 == 0 { " " } else { "-" }.to_owned()),
            before(&|number| format!("2026-11-22T22:10:{:02}.{number}Z [info] pod-7: ", number * 5)),
            before(&|number| format!("[{}] | ", number + 8)),
            before(&|_| "// - ".to_owned()).replace('\n', "\r\n"),
            format!("<p>{}</p>", key().join("<br>")),
            format!("<p>{}</p>", key().join("<br />\n")),
        ];
        for form in forms {
            let laid = joined(&form);
            let opening = form.find("BEGIN").unwrap() - 5;
            assert_eq!(laid, [(whole.clone(), opening)], "{form}");
        }
    }

    #[test]
    fn a_key_as_it_should_be_and_what_is_none_are_left_alone() {
        let all = key();
        let cut = all[..6].join("\n- ");
        let other = all.join("\n- ").replacen("\n- ", "\nx ", 3);
        for text in [all.join("\n"), all.join("\n    "), cut, other, all.join(" "), "-----BEGIN ".repeat(500)] {
            assert_eq!(joined(&text), [], "{text}");
        }
    }
}
