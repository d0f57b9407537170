//! What stands in a text and is not seen: the colours of a terminal, and characters without width.

use super::sink::Sink;
use super::windows::{run_end, run_start};
use crate::model::Encoding;
use crate::runs::is_token_byte;
use std::ops::Range;

/// Bytes kept on either side, and the longest run.
const AROUND: usize = 64;
const RUN: usize = 16 << 10;

/// A token is not shorter.
const ENOUGH: usize = 16;

/// Digits and semicolons of a colour.
const LONGEST: usize = 32;

/// How logs and scripts write the character that begins a colour.
const WRITTEN: [&[u8]; 16] = [
    b"\\u001b", b"\\u001B", b"\\x1b", b"\\x1B", b"\\033", b"\\e", b"\\E", b"\\u{1b}", b"\\u{1B}", b"\\x{1b}", b"%1B",
    b"%1b", b"&#27;", b"&#x1b;", b"&#x1B;", b"#033",
];

/// A window in which all of them are looked for.
pub(super) struct Search {
    window: Range<usize>,
    /// Where each of them was looked for up to now.
    colours: usize,
    unseen: usize,
    written: usize,
}

impl Search {
    pub(super) fn new(window: &Range<usize>) -> Self {
        Self { window: window.clone(), colours: window.start, unseen: window.start, written: window.start }
    }

    /// Looks at the colours that begin in a part of the window.
    pub(super) fn look(&mut self, text: &[u8], part: &Range<usize>, sink: &mut Sink<'_>) {
        let bytes = text.get(..self.window.end).unwrap_or_default();
        leave_out(bytes, part, &mut self.colours, |rest| memchr::memchr(0x1b, rest), coloured, sink);
    }

    /// Looks at what is written before runs of token bytes: a colour whose first character is an escape itself ends in
    /// bytes that could be of the token behind it.
    pub(super) fn look_before(&mut self, text: &[u8], runs: &[Range<usize>], sink: &mut Sink<'_>) {
        let bytes = text.get(..self.window.end).unwrap_or_default();
        for run in runs {
            let begins = bytes.get(run.start..).unwrap_or_default();
            let digits = begins.iter().take(3).take_while(|byte| byte.is_ascii_digit()).count();
            let end = run.start + digits + 1;
            if begins.get(digits) != Some(&b'm') || end + ENOUGH > run.end {
                continue;
            }
            let Some(start) = written(bytes, end).filter(|start| *start >= self.written) else { continue };
            if sink.is_spent() {
                return;
            }
            let Some(view) = sink.stretch(Encoding::Joined, true) else { return };
            let near = start.saturating_sub(AROUND).max(self.written);
            let from = run_start(bytes, near, near.saturating_sub(RUN).max(self.written));
            let reach = end.saturating_add(AROUND).min(bytes.len());
            let reach = run_end(bytes, reach, reach.saturating_add(RUN).min(bytes.len()));
            view.keep(bytes, from..start);
            view.joint();
            view.keep(bytes, end..reach);
            self.written = end;
        }
    }

    /// Looks at the characters without width that begin there.
    pub(super) fn look_for_unseen(&mut self, text: &[u8], part: &Range<usize>, sink: &mut Sink<'_>) {
        let bytes = text.get(..self.window.end).unwrap_or_default();
        leave_out(bytes, part, &mut self.unseen, |rest| memchr::memchr3(0xe2, 0xef, 0xc2, rest), unseen, sink);
    }
}

/// Leaves out what `length` measures where it stands beside a token; what stands before `done` was looked at.
fn leave_out(
    bytes: &[u8],
    part: &Range<usize>,
    done: &mut usize,
    next: impl Fn(&[u8]) -> Option<usize>,
    length: impl Fn(&[u8]) -> Option<usize>,
    sink: &mut Sink<'_>,
) {
    let mut at = part.start.max(*done);
    while let Some(found) = next(bytes.get(at..part.end).unwrap_or_default()) {
        let sign = at + found;
        at = sign + 1;
        if !beside_token(bytes, sign, *done, &length) {
            continue;
        }
        if sink.is_spent() {
            return;
        }
        let Some(view) = sink.stretch(Encoding::Joined, true) else { return };
        let near = sign.saturating_sub(AROUND).max(*done);
        let mut from = run_start(bytes, near, near.saturating_sub(RUN).max(*done));
        let mut sign = Some(sign);
        while let Some((here, skipped)) = sign.and_then(|at| Some((at, length(bytes.get(at..)?)?))) {
            view.keep(bytes, from..here);
            view.joint();
            from = here + skipped;
            let reach = from.saturating_add(AROUND).min(bytes.len());
            let reach = run_end(bytes, reach, reach.saturating_add(RUN).min(bytes.len()));
            let ahead = bytes.get(from..reach.saturating_add(1).min(bytes.len())).unwrap_or_default();
            sign = next(ahead).map(|found| from + found);
            if sign.is_none_or(|at| length(bytes.get(at..).unwrap_or_default()).is_none()) {
                view.keep(bytes, from..reach);
                from = reach;
                break;
            }
        }
        at = from.max(at);
        *done = at;
    }
}

/// True where what is left out stands between bytes that together could be a token, or before one.
fn beside_token(text: &[u8], at: usize, from: usize, length: &impl Fn(&[u8]) -> Option<usize>) -> bool {
    let Some(skipped) = length(text.get(at..).unwrap_or_default()) else { return false };
    let after = text.get(at + skipped..).unwrap_or_default();
    let ahead = after.iter().take(ENOUGH).take_while(|byte| is_token_byte(**byte) || **byte >= 0x80).count();
    let before = text.get(from.min(at)..at).unwrap_or_default();
    let back = before.iter().rev().take(ENOUGH).take_while(|byte| is_token_byte(**byte) || **byte >= 0x80).count();
    ahead >= 1 && ahead + back >= ENOUGH
}

/// The length of what sets a colour.
fn coloured(text: &[u8]) -> Option<usize> {
    let rest = text.strip_prefix(b"\x1b[")?;
    let length = rest.iter().take(LONGEST).position(u8::is_ascii_alphabetic)?;
    let numbers = rest.get(..length)?;
    numbers.iter().all(|byte| matches!(byte, b'0'..=b'9' | b';' | b':' | b'?')).then_some(length + 3)
}

/// Where the colours begin that are written in a row up to here.
fn written(text: &[u8], end: usize) -> Option<usize> {
    let mut start = None;
    while let Some(here) = text.get(..start.unwrap_or(end)).and_then(last_written) {
        start = Some(here);
    }
    start
}

/// Where the colour begins with which a text ends.
fn last_written(text: &[u8]) -> Option<usize> {
    let before = text.strip_suffix(b"m")?;
    let numbers =
        before.iter().rev().take(LONGEST).take_while(|byte| matches!(byte, b'0'..=b'9' | b';' | b':')).count();
    let before = before.get(..before.len() - numbers)?.strip_suffix(b"[")?;
    let caret = || before.strip_suffix(b"^[");
    let sign = WRITTEN.iter().find_map(|sign| before.strip_suffix(*sign)).or_else(caret)?;
    // In a string inside of a string the backslash is one of several.
    Some(sign.len() - sign.iter().rev().take(4).take_while(|byte| **byte == b'\\').count())
}

/// The length of a character that is not seen.
fn unseen(text: &[u8]) -> Option<usize> {
    match text {
        [0xe2, 0x80, 0x8b..=0x8f, ..] | [0xe2, 0x81, 0xa0..=0xa4, ..] | [0xef, 0xbb, 0xbf, ..] => Some(3),
        [0xc2, 0xad, ..] => Some(2),
        _ => None,
    }
}
