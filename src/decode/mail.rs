//! Quoted-printable: `=3D`, and lines that go on after a `=` at their end.

use super::hex;
use super::sink::Sink;
use crate::model::Encoding;
use crate::runs::is_token_byte;
use std::ops::Range;

/// The least length of a line that ends softly; mail programs break lines at 76.
const SOFT: usize = 40;

/// The least one below a head that says that the body is quoted-printable, and how far above that is looked for.
const TOLD: usize = 2;
const HEAD: usize = 4 << 10;

/// The greatest one.
const LONGEST_LINE: usize = 998;

/// What the head of such a body says.
const SAYS: &[u8] = b"quoted-printable";

/// Lines of one stretch.
const LINES: usize = 4_096;

/// Decodes the lines around a run that holds, or stands between, signs of quoted-printable; returns where they end.
pub(super) fn stretch(
    text: &[u8],
    run: &Range<usize>,
    window: &Range<usize>,
    done: usize,
    sink: &mut Sink<'_>,
) -> Option<usize> {
    if run.start < done || !signs(text, run) {
        return None;
    }
    let start = first_line(text, run.start, window.start.max(done));
    let view = sink.stretch(Encoding::QuotedPrintable, told(text, run))?;
    let mut at = start;
    for _ in 0..LINES {
        let rest = text.get(at..window.end)?;
        let newline = memchr::memchr(b'\n', rest);
        let end = at + newline.unwrap_or(rest.len());
        let soft = line(text, at..end, view);
        at = end + usize::from(newline.is_some());
        if !soft || newline.is_none() {
            break;
        }
    }
    Some(at.max(run.end))
}

/// Whether a run shows that its lines are quoted-printable.
fn signs(text: &[u8], run: &Range<usize>) -> bool {
    let bytes = text.get(run.clone()).unwrap_or_default();
    let breaks = |end: usize| {
        let start = text.get(end.saturating_sub(LONGEST_LINE)..end).unwrap_or_default();
        let length = start.iter().rev().take_while(|byte| **byte != b'\n').count();
        let padded = text.get(end.saturating_sub(2)) == Some(&b'=');
        let least = if length < SOFT && length > TOLD && below_head(text, end - length) { TOLD } else { SOFT };
        (least..LONGEST_LINE).contains(&length) && !padded
    };
    let after = text.get(run.end..).unwrap_or_default();
    if bytes.ends_with(b"=") && (after.starts_with(b"\n") || after.starts_with(b"\r\n")) && breaks(run.end) {
        let next = after.iter().find(|byte| !matches!(byte, b'\r' | b'\n'));
        return next.is_some_and(|byte| is_token_byte(*byte));
    }
    let before = text.get(..run.start).unwrap_or_default();
    let before = before.strip_suffix(b"\n").map(|before| before.strip_suffix(b"\r").unwrap_or(before));
    if before.is_some_and(|before| before.ends_with(b"=") && breaks(before.len())) {
        return true;
    }
    told(text, run)
}

/// Whether a head that stands not far above says so.
fn below_head(text: &[u8], at: usize) -> bool {
    let above = text.get(at.saturating_sub(HEAD)..at).unwrap_or_default();
    let ends = memchr::memmem::find_iter(above, b"rintable").map(|found| found + b"rintable".len());
    let says =
        |end: usize| above.get(end.saturating_sub(SAYS.len())..end).is_some_and(|part| part.eq_ignore_ascii_case(SAYS));
    ends.filter(|end| says(*end)).count() > 0
}

/// Whether a run holds an escaped equals sign, underscore, or other sign that is never written plainly by chance.
fn told(text: &[u8], run: &Range<usize>) -> bool {
    let mut rest = text.get(run.clone()).unwrap_or_default();
    while let Some(found) = memchr::memchr(b'=', rest) {
        rest = rest.get(found + 1..).unwrap_or_default();
        if matches!(
            rest,
            [b'3', b'D' | b'd', ..] | [b'5', b'F' | b'f', ..] | [b'2', b'D' | b'd' | b'E' | b'e' | b'F' | b'B', ..]
        ) {
            return true;
        }
    }
    false
}

/// The start of the line, and of the lines before it that go on into it.
fn first_line(text: &[u8], at: usize, from: usize) -> usize {
    let line_start = |at: usize| {
        memchr::memrchr(b'\n', text.get(from..at).unwrap_or_default()).map_or(from, |found| from + found + 1)
    };
    let mut start = line_start(at);
    for _ in 0..LINES {
        let before = text.get(from..start.saturating_sub(1)).unwrap_or_default();
        let before = before.strip_suffix(b"\r").unwrap_or(before);
        if start <= from || !before.ends_with(b"=") {
            break;
        }
        start = line_start(start - 1);
    }
    start
}

/// Decodes a line; true where it goes on in the next one.
fn line(text: &[u8], range: Range<usize>, view: &mut super::view::View) -> bool {
    let mut at = range.start;
    while let Some(found) = memchr::memchr(b'=', text.get(at..range.end).unwrap_or_default()) {
        let sign = at + found;
        view.keep(text, at..sign);
        let rest = text.get(sign + 1..range.end).unwrap_or_default();
        if let Some(byte) = rest.get(..2).and_then(hex::pair) {
            view.decoded(&[byte], sign..sign + 3);
            at = sign + 3;
        } else if matches!(rest, [] | [b'\r']) {
            view.joint();
            return true;
        } else {
            view.keep(text, sign..sign + 1);
            at = sign + 1;
        }
    }
    view.keep(text, at..range.end);
    view.keep(text, range.end..range.end.saturating_add(1).min(text.len()));
    false
}
