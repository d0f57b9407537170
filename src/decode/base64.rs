//! Base 64, in both alphabets, padded or not, in one line or wrapped.

use super::inflate;
use super::look::{self, Look};
use super::sink::Sink;
use super::view::View;
use super::wrapped;
use crate::model::Encoding;
use std::ops::Range;

/// No digit.
const NONE: u8 = 0xff;

/// The value of each digit, in both alphabets.
const DIGITS: [u8; 256] = {
    let mut table = [NONE; 256];
    let mut byte = 0;
    while byte < 256 {
        let value = match byte as u8 {
            letter @ b'A'..=b'Z' => letter - b'A',
            letter @ b'a'..=b'z' => letter - b'a' + 26,
            digit @ b'0'..=b'9' => digit - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => NONE,
        };
        #[expect(clippy::indexing_slicing, reason = "checked by the compiler: a constant")]
        {
            table[byte] = value;
        }
        byte += 1;
    }
    table
};

/// Digits that are decoded to see what they are the start of.
const HEAD: usize = 16;

/// Digits that tell whether something is text of another script, and the bytes that these give at least.
const FOREIGN: usize = 128;
const FOREIGN_LEAST: usize = 24;

/// What is shorter is a value in a line of text, and is read with what stands before it.
const VALUE: usize = 1_024;

/// Bytes of the line that are kept before and after a value.
const BEFORE: usize = 64;
const AFTER: usize = 16;

/// What is compressed without a name of its own is looked for in so many digits at least.
const DEFLATED: usize = 64;

fn digit(byte: u8) -> Option<u8> {
    DIGITS.get(usize::from(byte)).copied().filter(|value| *value != NONE)
}

/// False where no base 64 of anything begins with these digits, and so many are in a row at most.
pub(super) fn may_begin(four: &[u8; 4], most: usize) -> bool {
    let [a, b, _, _] = *four;
    let [a, b] = [a, b].map(|byte| DIGITS.get(usize::from(byte)).copied().unwrap_or(NONE));
    let first = a << 2 | b >> 4;
    let packed = most >= DEFLATED && inflate::may_begin_raw(first);
    (packed || look::may_begin(first)) && group(four).is_some_and(|three| packed || look::may_be(three))
}

/// Decodes what begins at the start of a run, if that is base 64 of something; returns where it ends.
pub(super) fn stretch(text: &[u8], run: Range<usize>, limit: usize, sink: &mut Sink<'_>) -> Option<usize> {
    let bytes = text.get(run.clone())?;
    let seen = glance(bytes).or_else(|| deflated(bytes, sink).then_some(Look::Packed))?;
    let length = bytes.iter().position(|byte| digit(*byte).is_none()).unwrap_or(bytes.len());
    if length < super::stretches::LEAST {
        return None;
    }
    let lines = wrapped::lines(text, run.start..run.start + length, limit, |byte| digit(byte).is_some());
    let end = lines.last()?.end;
    if !sink.affords(end.saturating_sub(run.start)) {
        return Some(end);
    }
    let (decoded, marks) = decode(text, &lines);
    let sure = seen == Look::Wide || (seen == Look::Text && look::is_text(&decoded));
    if seen == Look::Text && decoded.len() < VALUE {
        value(text, &decoded, &marks, &lines, sure, sink);
    } else {
        let mut view = View::default();
        wrapped::lay(&mut view, &decoded, &marks, &lines);
        sink.alone(view, Encoding::Base64, sure);
    }
    Some(end)
}

/// What the first digits say; nothing for almost all that is not base 64.
fn glance(bytes: &[u8]) -> Option<Look> {
    let mut groups = bytes.chunks_exact(4).take(HEAD / 4);
    let first = group(groups.next()?)?;
    if !look::may_be(first) {
        return None;
    }
    let mut head = [0; HEAD / 4 * 3];
    let mut length = 0;
    for (into, three) in head.chunks_exact_mut(3).zip(std::iter::once(Some(first)).chain(groups.map(group))) {
        let Some(three) = three else { break };
        into.copy_from_slice(&three);
        length += 3;
    }
    let head = head.get(..length)?;
    look::look(head).or_else(|| if look::is_text_of_any_script(head) { foreign(bytes) } else { None })
}

/// Text of a script other than the Latin one is told by more of it.
fn foreign(bytes: &[u8]) -> Option<Look> {
    let digits = bytes.iter().take(FOREIGN).take_while(|byte| digit(**byte).is_some()).count();
    let groups = bytes.get(..digits)?.chunks_exact(4);
    let start: Vec<u8> = groups.map_while(group).flatten().collect();
    (start.len() >= FOREIGN_LEAST && look::is_text_of_any_script(&start)).then_some(Look::Text)
}

fn group(four: &[u8]) -> Option<[u8; 3]> {
    let [a, b, c, d] = *four else { return None };
    let [a, b, c, d] = [a, b, c, d].map(|byte| DIGITS.get(usize::from(byte)).copied().unwrap_or(NONE));
    if (a | b | c | d) & 0x80 != 0 {
        return None;
    }
    Some([a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d])
}

/// What is compressed without a name of its own can be told by expanding its start alone.
fn deflated(bytes: &[u8], sink: &mut Sink<'_>) -> bool {
    let mut groups = bytes.get(..DEFLATED).unwrap_or_default().chunks_exact(4).map_while(group);
    let Some(first) = groups.next().filter(|[first, ..]| inflate::may_begin_raw(*first)) else { return false };
    let mut head = [0; 12];
    for (into, three) in head.chunks_exact_mut(3).zip(std::iter::once(first).chain(groups)) {
        into.copy_from_slice(&three);
    }
    if !inflate::may_be_raw(&head) {
        return false;
    }
    let Some(decompress) = sink.try_packed() else { return false };
    let digits = bytes.iter().take(4_096).take_while(|byte| digit(**byte).is_some()).count();
    let groups = bytes.get(..digits).unwrap_or_default().chunks_exact(4);
    let decoded: Vec<u8> = groups.filter_map(group).flatten().collect();
    digits >= DEFLATED && inflate::is_raw(&decoded, decompress)
}

/// The decoded bytes, and how many there are at the end of each line.
fn decode(text: &[u8], lines: &[Range<usize>]) -> (Vec<u8>, Vec<usize>) {
    let total: usize = lines.iter().map(ExactSizeIterator::len).sum();
    let mut out = Vec::with_capacity(total / 4 * 3 + 3);
    let mut marks = Vec::with_capacity(lines.len());
    let (mut bits, mut count) = (0_u32, 0_u32);
    for line in lines {
        for byte in text.get(line.clone()).unwrap_or_default() {
            let Some(value) = digit(*byte) else { continue };
            bits = bits << 6 | u32::from(value);
            count += 1;
            if count == 4 {
                let [_, a, b, c] = bits.to_be_bytes();
                out.extend_from_slice(&[a, b, c]);
                (bits, count) = (0, 0);
            }
        }
        marks.push(out.len());
    }
    let [_, a, b, _] = (bits << (6 * (4 - count))).to_be_bytes();
    match count {
        2 => out.push(a),
        3 => out.extend_from_slice(&[a, b]),
        _ => {}
    }
    if let Some(last) = marks.last_mut() {
        *last = out.len();
    }
    (out, marks)
}

/// A value in a line: what stands before it may be its name. Lines that are text each may be values of their own.
fn value(text: &[u8], decoded: &[u8], marks: &[usize], lines: &[Range<usize>], sure: bool, sink: &mut Sink<'_>) {
    let (Some(first), Some(last)) = (lines.first(), lines.last()) else { return };
    let Some(view) = sink.stretch(Encoding::Base64, sure) else { return };
    let before = text.get(first.start.saturating_sub(BEFORE)..first.start).unwrap_or_default();
    let line = before.iter().rev().take_while(|byte| **byte != b'\n').count();
    // A name that is cut in two is no name.
    let kept = before.get(before.len() - line..).unwrap_or_default();
    let cut =
        if line == BEFORE { kept.iter().take_while(|byte| crate::runs::is_token_byte(**byte)).count() } else { 0 };
    view.keep(text, first.start - (line - cut.min(line))..first.start);
    wrapped::lay(view, decoded, marks, lines);
    let padding = text.get(last.end..).unwrap_or_default().iter().take(2).take_while(|byte| **byte == b'=').count();
    let end = last.end + padding;
    let after = text.get(end..).unwrap_or_default().iter().take(AFTER).take_while(|byte| **byte != b'\n').count();
    let after = text.get(end..end + after).unwrap_or_default();
    let after = after.iter().position(u8::is_ascii_alphanumeric).unwrap_or(after.len());
    view.keep(text, end..end + after);
    if lines.len() > 1 {
        for line in lines {
            let own = [line.clone()];
            if text.get(line.clone()).and_then(glance) == Some(Look::Text) {
                let (decoded, marks) = decode(text, &own);
                let Some(view) = sink.stretch(Encoding::Base64, sure) else { return };
                wrapped::lay(view, &decoded, &marks, &own);
            }
        }
    }
}
