//! Strings that the program puts together: `"abc" + "def"`, strings side by side, lines that go on, and lists that are
//! joined. A joint counts only where both sides could be one token.

use super::sink::Sink;
use super::view::View;
use super::windows::run_start;
use crate::model::Encoding;
use crate::runs::is_token_byte;
use std::ops::Range;

/// The longest string that is joined, and the most that stands between two.
const LONGEST: usize = 16 << 10;
const GAP: usize = 400;

/// Strings of one expression.
const MOST: usize = 4_096;

/// Joined text that could be a token has at least so many bytes.
const ENOUGH: usize = 16;

/// What stands between two strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Between {
    /// Blanks, an operator, comments.
    Joint,
    /// A comma: a list.
    Comma,
}

fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

/// A window in which strings are looked for that go on in others.
pub(super) struct Search {
    window: Range<usize>,
    /// What was read up to here is not read again.
    done: usize,
    /// The strings of one expression.
    literals: Vec<Literal>,
}

impl Search {
    pub(super) fn new(window: &Range<usize>) -> Self {
        Self { window: window.clone(), done: window.start, literals: Vec::new() }
    }

    /// Looks at quotes that may end such a string.
    pub(super) fn look(&mut self, text: &[u8], quotes: &[usize], sink: &mut Sink<'_>) {
        let bytes = text.get(..self.window.end).unwrap_or_default();
        for quote in quotes.iter().copied() {
            if sink.is_spent() {
                return;
            }
            // Almost every quote is told to be no joint by the bytes beside it.
            let ends =
                quote.checked_sub(1).and_then(|before| bytes.get(before)).is_some_and(|byte| is_token_byte(*byte));
            if quote >= self.done
                && ends
                && let Some(end) = expression(bytes, quote, self.window.start, &mut self.literals, sink)
            {
                self.done = end.max(self.done);
            }
        }
    }
}

/// A string without its quotes, and which quote it has.
#[derive(Clone, Debug)]
struct Literal {
    inner: Range<usize>,
    quote: u8,
}

/// Reads the strings from the one that ends at `quote` on; returns how far they go.
fn expression(
    text: &[u8],
    quote: usize,
    from: usize,
    literals: &mut Vec<Literal>,
    sink: &mut Sink<'_>,
) -> Option<usize> {
    let (between, next) = gap(text, quote + 1)?;
    let sign = *text.get(quote)?;
    let beyond = text.get(next + 1).copied()?;
    if between == Between::Joint && !is_token_byte(beyond) && !is_quote(beyond) {
        return None;
    }
    let first = opening(text, quote, sign, from)?;
    literals.clear();
    literals.push(Literal { inner: first + 1..quote, quote: sign });
    let (mut end, mut commas) = (quote + 1, false);
    let mut upcoming = Some((between, next));
    while let Some((between, next)) = upcoming {
        let Some(literal) = literal(text, next) else { break };
        if between == Between::Comma && literals.len() == 1 {
            commas = true;
        }
        if commas != (between == Between::Comma) || literals.len() >= MOST {
            break;
        }
        end = literal.inner.end + 1;
        literals.push(literal);
        upcoming = gap(text, end);
    }
    if literals.len() < 2 {
        return None;
    }
    let format = commas && literals.first().is_some_and(|first| is_format(text, first));
    if format {
        literals.remove(0);
    }
    if !commas || format || is_joined_list(text, first, end, literals) {
        lay(text, literals, end, commas, sink);
    }
    Some(end)
}

/// Where the string that ends at a quote begins: in the same line, for all but backticks.
fn opening(text: &[u8], quote: usize, sign: u8, from: usize) -> Option<usize> {
    let lowest = quote.saturating_sub(LONGEST).max(from);
    let before = text.get(lowest..quote)?;
    let found = memchr::memrchr2(sign, b'\n', before)?;
    (before.get(found) == Some(&sign)).then_some(lowest + found)
}

/// The string that begins at a quote, in one line.
fn literal(text: &[u8], start: usize) -> Option<Literal> {
    let quote = *text.get(start)?;
    let longest = start.saturating_add(LONGEST).min(text.len());
    let mut at = start + 1;
    loop {
        let found = memchr::memchr3(quote, b'\n', b'\\', text.get(at..longest)?)?;
        at += found;
        match text.get(at) {
            Some(b'\\') => at = (at + 2).min(longest),
            Some(byte) if *byte == quote => return Some(Literal { inner: start + 1..at, quote }),
            _ => return None,
        }
    }
}

/// What stands from the end of a string to the quote that begins the next one.
fn gap(text: &[u8], start: usize) -> Option<(Between, usize)> {
    let rest = text.get(start..start.saturating_add(GAP).min(text.len()))?;
    let (mut at, mut between, mut operators) = (0, Between::Joint, 0);
    loop {
        let here = rest.get(at..)?;
        let (byte, after) = here.split_first()?;
        at += match byte {
            // PowerShell goes on after a backtick.
            b'`' if matches!(after, [b'\n', ..] | [b'\r', b'\n', ..]) => 1,
            b'"' | b'\'' | b'`' => return Some((between, start + at)),
            b' ' | b'\t' | b'\r' | b'\n' => {
                1 + after.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count()
            }
            b'/' if after.starts_with(b"*") => memchr::memmem::find(here, b"*/")? + 2,
            b'/' | b'-' if after.first() == Some(byte) => memchr::memchr(b'\n', here)?,
            b'#' => memchr::memchr(b'\n', here)?,
            // Visual Basic goes on after an underscore.
            b'\\' | b'_' if matches!(after.first(), Some(b'\n' | b'\r')) => 1,
            b',' if operators == 0 => {
                (between, operators) = (Between::Comma, 1);
                1
            }
            b'+' if after.starts_with(b"=") => return None,
            b'.' if operators == 0 && (after.starts_with(b"concat(") || after.starts_with(b"append(")) => {
                operators = 1;
                8
            }
            b'+' | b'.' | b'&' | b'|' | b'<' | b'>' | b'~' | b'^' if operators < 2 => {
                operators += 1;
                1
            }
            b'(' | b')' if operators > 0 || between == Between::Joint => 1,
            _ if is_named(here) => 1,
            _ => return None,
        };
    }
}

/// True for the letters that may stand before a string, one or two of them: raw, bytes, formatted, wide.
fn is_named(text: &[u8]) -> bool {
    match text {
        [b'r' | b'b' | b'f' | b'u' | b'L' | b'R' | b'B' | b'F' | b'@' | b'$' | b's' | b'S', next, ..]
            if is_quote(*next) =>
        {
            true
        }
        [b'r' | b'b' | b'f' | b'R' | b'B' | b'F' | b'u' | b'@' | b'$', _, next, ..] => is_quote(*next),
        _ => false,
    }
}

/// What may stand before the first string of a list that is joined, without blanks. Rust's `concat!` is not among them: so
/// samples are written that are no tokens.
const BEFORE: [&[u8]; 19] = [
    b"concat(",
    b"join([",
    b"join((",
    b"join('',[",
    b"join(\"\",",
    b"join(\"\",[",
    b"join([]string{",
    b"implode('',[",
    b"implode(\"\",[",
    b"implode('',array(",
    b"fn::join\":[\"\",[",
    b"!join['',[",
    b"!join[\"\",[",
    b"paste0(",
    b"}\".format(",
    b"}'.format(",
    b"}\",",
    b"s\"%(",
    b"s'%(",
];

/// What may stand after the last one, without blanks. Ruby's `join` needs no parentheses.
const AFTER: [&[u8]; 8] =
    [b"].join", b").join(", b"]|join", b"]-join", b")-join", b"sep=\"\")", b"sep='')", b")collapse=\"\""];

/// A list whose strings are put together: by what stands before or after it, or because each is a single character.
fn is_joined_list(text: &[u8], first: usize, end: usize, literals: &[Literal]) -> bool {
    if literals.len() >= ENOUGH && literals.iter().all(|literal| literal.inner.len() == 1) {
        return true;
    }
    let written = |byte: &&u8| !byte.is_ascii_whitespace();
    let before = text.get(first.saturating_sub(40)..first).unwrap_or_default().iter().rev().filter(written);
    let after = text.get(end..).unwrap_or_default().iter().take(40).filter(written).filter(|byte| **byte != b',');
    // Most lists are told to be none by the two bytes before them and the one behind.
    let mut two = before.clone().map(u8::to_ascii_lowercase);
    let opens = matches!(
        (two.next(), two.next()),
        (Some(b'('), Some(b't' | b'(' | b'y' | b'0' | b'%'))
            | (Some(b'['), Some(b'(' | b','))
            | (Some(b'{'), Some(b'g'))
            | (Some(b','), Some(b'"'))
    );
    let closes = matches!(after.clone().next(), Some(b']' | b')' | b's'));
    (opens && BEFORE.iter().any(|call| starts_with(before.clone(), call.iter().rev())))
        || (closes && AFTER.iter().any(|call| starts_with(after.clone(), call.iter())))
}

/// True for a string that says nothing but that others follow each other: `%s%s`.
fn is_format(text: &[u8], literal: &Literal) -> bool {
    let inner = text.get(literal.inner.clone()).unwrap_or_default();
    inner.len() >= 4 && inner.len().is_multiple_of(2) && inner.chunks(2).all(|sign| matches!(sign, b"%s" | b"%v"))
}

/// In either case of letters.
fn starts_with<'t>(mut text: impl Iterator<Item = &'t u8>, mut call: impl Iterator<Item = &'t u8>) -> bool {
    call.all(|wanted| text.next().is_some_and(|byte| byte.to_ascii_lowercase() == *wanted))
}

/// Lays the strings side by side.
fn lay(text: &[u8], literals: &[Literal], end: usize, commas: bool, sink: &mut Sink<'_>) {
    let total: usize = literals.iter().map(|literal| literal.inner.len()).sum();
    if total < ENOUGH {
        return;
    }
    // Operators say that one string is meant; commas do not.
    let Some(view) = sink.stretch(Encoding::Joined, !commas) else { return };
    let Some(first) = literals.first() else { return };
    let opening = first.inner.start.saturating_sub(1);
    view.keep(text, run_start(text, opening.saturating_sub(32), opening.saturating_sub(96))..opening + 1);
    let mut first = true;
    for literal in literals {
        // Where a list is joined with something, an empty string is what it is joined with.
        if literal.inner.is_empty() && commas {
            continue;
        }
        if !std::mem::take(&mut first) {
            view.joint();
        }
        view.keep(text, literal.inner.clone());
    }
    let sign = usize::from(literals.last().is_some_and(|last| text.get(end.saturating_sub(1)) == Some(&last.quote)));
    view.keep(text, end.saturating_sub(sign)..end.saturating_add(1).min(text.len()));
}

/// A line that ends in a backslash goes on in the next one, which may be indented.
pub(super) fn continued(text: &[u8], lead: usize, window: &Range<usize>, sink: &mut Sink<'_>) {
    let token = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(|byte| is_token_byte(*byte));
    if !token(lead.checked_sub(1)) {
        return;
    }
    let Some(after) = next_content(text, lead) else { return };
    if !token(Some(after)) || already(text, lead, window.start) {
        return;
    }
    let start = run_start(text, lead, lead.saturating_sub(LONGEST).max(window.start));
    let Some(view) = sink.stretch(Encoding::Joined, true) else { return };
    continue_lines(text, start, window.end, view);
}

/// Where the next line begins, behind what indents it.
fn next_content(text: &[u8], lead: usize) -> Option<usize> {
    let rest = text.get(lead + 1..)?;
    let rest = rest.strip_prefix(b"\r").unwrap_or(rest);
    let rest = rest.strip_prefix(b"\n")?;
    let indent = rest.iter().take(GAP).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    Some(text.len() - rest.len() + indent)
}

/// True where the run before the backslash is itself a line that was joined to the one before it.
fn already(text: &[u8], lead: usize, from: usize) -> bool {
    let start = run_start(text, lead, lead.saturating_sub(LONGEST).max(from));
    let before = text.get(from..start).unwrap_or_default();
    let unindented = before.iter().rev().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let before = before.get(..before.len() - unindented).unwrap_or_default();
    let Some(before) = before.strip_suffix(b"\n") else { return false };
    let before = before.strip_suffix(b"\r").unwrap_or(before);
    before.strip_suffix(b"\\").is_some_and(|line| line.last().is_some_and(|byte| is_token_byte(*byte)))
}

fn continue_lines(text: &[u8], start: usize, limit: usize, view: &mut View) {
    let opening = start.saturating_sub(48);
    let line = text.get(opening..start).unwrap_or_default().iter().rev().take_while(|byte| **byte != b'\n').count();
    let mut at = start - line;
    let mut run = start;
    for _ in 0..MOST {
        let end = super::windows::run_end(text, run, run.saturating_add(LONGEST).min(limit));
        view.keep(text, at..end);
        at = end;
        let goes_on = text.get(end) == Some(&b'\\');
        let Some(next) = next_content(text, end).filter(|next| goes_on && *next < limit) else { break };
        if !text.get(next).is_some_and(|byte| is_token_byte(*byte)) {
            break;
        }
        view.joint();
        (at, run) = (next, next);
    }
    view.keep(text, at..at.saturating_add(1).min(text.len()));
}

#[cfg(test)]
mod tests {
    use super::super::{Budget, pieces};
    use super::*;

    /// Whether the strings of a list are joined that stands between these.
    fn joined(before: &str, after: &str) -> bool {
        let text = format!("x = {before}\"first part\", \"_and_the_second\"{after};");
        let mut joined = false;
        pieces(text.as_bytes(), None, &mut Budget::of(text.len()), &mut |piece, _| {
            joined |= piece.bytes().windows(15).any(|bytes| bytes == b"part_and_the_se");
        });
        joined
    }

    #[test]
    fn every_list_that_is_joined_is_told_and_no_other() {
        for call in BEFORE {
            let call = String::from_utf8_lossy(call);
            assert!(joined(&call, ")"), "{call}");
            assert!(joined(&format!("{} ", call.to_uppercase()), ")"), "{call}");
        }
        for call in AFTER {
            let call = String::from_utf8_lossy(call);
            assert!(joined("[", &call) && joined("[", &format!(",\n {call}")), "{call}");
        }
        for (before, after) in [("fmt.Sprintf(\"%s%s\", ", ")"), ("string.Format(\"{0}{1}\", ", ")")] {
            assert!(joined(before, after), "{before}");
        }
        for (before, after) in [
            ("f(\"%d-%s\", ", ")"),
            ("[", "]"),
            ("concat!(", ")"),
            ("f(", ")"),
            ("{", "}"),
            ("[", "].map("),
            ("join(", ")"),
        ] {
            assert!(!joined(before, after), "{before}{after}");
        }
    }

    #[test]
    fn what_may_stand_between_strings_is_read() {
        for between in [
            "+",
            " + ",
            ".",
            " . ",
            " & ",
            " || ",
            " << ",
            " ~ ",
            "\n   ",
            " \\\n ",
            " _\n ",
            " & _\r\n",
            " + `\n ",
            " `\r\n + ",
            " // x\n",
            " /* x */ ",
            " # x\n + ",
            ".concat(",
            ".append(",
            ") + (",
            " + r",
            " + rb",
            " +\n",
            "",
        ] {
            let text = format!("\"abc\"{between}\"def\"");
            assert_eq!(gap(text.as_bytes(), 5), Some((Between::Joint, 5 + between.len())), "{between:?}");
        }
        assert_eq!(gap(b"\"abc\", \"def\"", 5), Some((Between::Comma, 7)));
        for none in [" += ", ": ", " - ", " / ", " + + + ", ",,", " _ ", "; ", " x"] {
            let text = format!("\"abc\"{none}\"def\"");
            assert_eq!(gap(text.as_bytes(), 5), None, "{none:?}");
        }
    }
}
