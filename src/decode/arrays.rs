//! Bytes written one by one: `0x67, 0x68`, `67:68:70`, `103, 104`, `chr(103).chr(104)`.

use super::hex;
use super::look;
use super::sink::Sink;
use crate::model::Encoding;
use std::ops::Range;

/// Every so many bytes it is looked whether such a list lies there; a token takes more than twice as much.
const STEP: usize = 24;

/// Bytes in a row that must look like a list.
const GLANCE: usize = 12;

/// Values that a list has at least, and the first ones that must be text.
const LEAST: usize = 16;

/// The longest list that is read.
const LONGEST: usize = 4 << 20;

/// In lists of hex.
const HEX: u8 = 1;
/// In lists of decimal numbers.
const DECIMAL: u8 = 2;
/// Between values.
const BETWEEN: u8 = 4;

/// In which lists a byte may stand.
const SORTS: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let sort = match byte as u8 {
            b'0'..=b'9' => HEX | DECIMAL,
            b'a'..=b'f' | b'A'..=b'F' | b'x' | b'X' => HEX,
            b' ' | b',' | b'\n' | b'\r' | b'\t' => HEX | DECIMAL | BETWEEN,
            b':' | b'-' => HEX | BETWEEN,
            _ => 0,
        };
        #[expect(clippy::indexing_slicing, reason = "checked by the compiler: a constant")]
        {
            table[byte] = sort;
        }
        byte += 1;
    }
    table
};

fn sort(byte: u8) -> u8 {
    SORTS.get(usize::from(byte)).copied().unwrap_or(0)
}

pub(super) fn find(text: &[u8], window: Range<usize>, sink: &mut Sink<'_>) {
    let (mut at, mut done) = (window.start, window.start);
    while let Some(glance) = text.get(at..at + GLANCE).filter(|_| at + GLANCE <= window.end) {
        let common = glance.iter().try_fold(HEX | DECIMAL, |common, byte| match common & sort(*byte) {
            0 => None,
            common => Some(common),
        });
        let broken = glance.iter().any(|byte| sort(*byte) & BETWEEN != 0)
            && glance.iter().any(|byte| sort(*byte) & BETWEEN == 0);
        if common.is_none() || !broken {
            at += STEP;
            continue;
        }
        if sink.is_spent() {
            return;
        }
        let start = list_start(text, at, done);
        let end = [16, 10].into_iter().filter_map(|base| list(text, start, window.end, base, sink)).max();
        done = end.unwrap_or(at + GLANCE);
        at = done.max(at + STEP);
    }
    calls(text, window, sink);
}

/// The first byte of the list that `at` lies in.
fn list_start(text: &[u8], at: usize, from: usize) -> usize {
    let lowest = at.saturating_sub(LONGEST).max(from);
    let before = text.get(lowest..at).unwrap_or_default();
    let start = at - before.iter().rev().take_while(|byte| sort(**byte) & (HEX | DECIMAL) != 0).count();
    let rest = text.get(start..at).unwrap_or_default();
    start + rest.iter().take_while(|byte| sort(**byte) & BETWEEN != 0).count()
}

/// Reads a list of numbers of a base; returns where it ends if it is text.
fn list(text: &[u8], start: usize, limit: usize, base: u32, sink: &mut Sink<'_>) -> Option<usize> {
    let mut bytes = Vec::new();
    let mut at = start;
    let (mut first, mut end) = (None, start);
    while at < limit && at - start < LONGEST {
        let rest = text.get(at..limit)?;
        let skipped = rest.iter().take(64).take_while(|byte| sort(**byte) & BETWEEN != 0).count();
        let rest = rest.get(skipped..)?;
        if first.is_some() && skipped == 0 {
            break;
        }
        let Some((value, length)) = number(rest, base) else { break };
        at += skipped;
        first.get_or_insert(at);
        at += length;
        end = at;
        bytes.push(value);
        if bytes.len() == LEAST / 2 && !look::is_text(&bytes) {
            return None;
        }
    }
    if bytes.len() < LEAST || !look::is_text(&bytes) {
        return None;
    }
    sink.stretch(Encoding::Hex, false)?.decoded(&bytes, first?..end);
    Some(end)
}

/// One value: two hex digits, perhaps with their sign, or up to three decimal ones.
fn number(text: &[u8], base: u32) -> Option<(u8, usize)> {
    let ends = |at: usize| text.get(at).is_none_or(|byte| !byte.is_ascii_alphanumeric());
    if base == 16 {
        let sign = if matches!(text, [b'0', b'x' | b'X', ..]) { 2 } else { 0 };
        let value = hex::pair(text.get(sign..sign + 2)?)?;
        return ends(sign + 2).then_some((value, sign + 2));
    }
    let length = text.iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
    let digits = std::str::from_utf8(text.get(..length)?).ok()?;
    let value = digits.parse().ok()?;
    (ends(length) && length > 1).then_some((value, length))
}

/// `chr(65)` and its like, one after the other.
fn calls(text: &[u8], window: Range<usize>, sink: &mut Sink<'_>) {
    let bytes = text.get(..window.end).unwrap_or_default();
    let mut at = window.start;
    // In ordinary text this finds nothing, at the speed of a memory scan.
    let finder = memchr::memmem::Finder::new(b"hr(");
    while let Some(found) = finder.find(bytes.get(at..).unwrap_or_default()) {
        let start = (at + found).saturating_sub(1);
        let (values, end) = called(bytes, start);
        at = end.max(start + 4);
        if values.len() >= LEAST
            && look::is_text(&values)
            && let Some(view) = sink.stretch(Encoding::Hex, false)
        {
            view.decoded(&values, start..end);
        }
    }
}

fn called(text: &[u8], start: usize) -> (Vec<u8>, usize) {
    let (mut values, mut end) = (Vec::new(), start);
    let mut at = start;
    while values.len() < LONGEST {
        let Some(rest) = text.get(at..) else { break };
        let joint = rest
            .iter()
            .take(16)
            .take_while(|byte| matches!(byte, b' ' | b'.' | b'+' | b'&' | b'|' | b',' | b'\n' | b'\r' | b'_' | b'\t'))
            .count();
        let Some([b'c' | b'C', b'h' | b'H', b'r' | b'R', rest @ ..]) = rest.get(joint..) else { break };
        let skipped = rest.iter().take(3).take_while(|byte| matches!(byte, b'(' | b'W' | b'w' | b'$')).count();
        let rest = rest.get(skipped..).unwrap_or_default();
        let value = if rest.starts_with(b"0x") { number(rest, 16) } else { number(rest, 10) };
        let Some((value, length)) = value.filter(|(_, length)| rest.get(*length) == Some(&b')')) else { break };
        values.push(value);
        at += joint + 3 + skipped + length + 1;
        end = at;
    }
    (values, end)
}
