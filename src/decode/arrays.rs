//! Bytes written one by one: `0x67, 0x68`, `67:68:70`, `103, 104`, `chr(103).chr(104)`.

use super::hex;
use super::look::{self, Look};
use super::marks::GLANCE;
use super::sink::Sink;
use super::view::View;
use crate::model::Encoding;
use std::ops::Range;

/// Every so many bytes it is looked whether such a list lies there: the shortest takes so many and a glance.
const STEP: usize = 32;

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
/// In calls that make characters of numbers.
const CALLS: u8 = 8;

/// In which lists a byte may stand.
const SORTS: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let sort = match byte as u8 {
            b'0'..=b'9' => HEX | DECIMAL | CALLS,
            b'c' | b'C' => HEX | CALLS,
            b'a'..=b'f' | b'A'..=b'F' | b'x' | b'X' => HEX,
            b'h' | b'H' | b'r' | b'R' | b'w' | b'W' | b'$' | b'(' | b')' | b'.' | b'+' | b'&' | b'|' | b'_' => CALLS,
            b' ' | b',' | b'\n' | b'\r' | b'\t' => HEX | DECIMAL | BETWEEN | CALLS,
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

/// A window in which lists are looked for.
pub(super) struct Search {
    window: Range<usize>,
    at: usize,
    /// What was looked at up to here is not looked at again.
    done: usize,
    /// The values of one list.
    values: Vec<u8>,
}

impl Search {
    pub(super) fn new(window: &Range<usize>) -> Self {
        Self { window: window.clone(), at: window.start, done: window.start, values: Vec::new() }
    }

    /// Looks at every so many bytes where enough in a row may be of a list; `lists` has a bit for each byte that is the
    /// first of so many.
    pub(super) fn look(&mut self, text: &[u8], lists: &[(usize, u64)], sink: &mut Sink<'_>) {
        let bytes = text.get(..self.window.end).unwrap_or_default();
        for (from, bits) in lists.iter().copied() {
            self.at += from.saturating_sub(self.at).next_multiple_of(STEP);
            while let Some(offset) = self.at.checked_sub(from).filter(|offset| *offset < 64) {
                let glance = bytes.get(self.at..).and_then(|rest| rest.first_chunk::<GLANCE>());
                let sort = glance.filter(|_| bits >> offset & 1 == 1).map_or(0, listed);
                if sort == 0 {
                    self.at += STEP;
                    continue;
                }
                if sink.is_spent() {
                    return;
                }
                self.list(text, sort, sink);
            }
        }
    }

    fn list(&mut self, text: &[u8], sort: u8, sink: &mut Sink<'_>) {
        let (at, limit) = (self.at, self.window.end);
        let end = if sort == CALLS {
            called(text, at, limit, self.done, sink)
        } else {
            let within = list_start(text, at, self.done)..limit;
            let values = &mut self.values;
            [16, 10].into_iter().filter_map(|base| list(text, &within, base, values, sink)).max()
        };
        // What was looked at in vain is not looked at again.
        self.done = end.unwrap_or(at + GLANCE);
        self.at = self.done.max(at + STEP);
    }
}

/// True for a byte that may stand in a list of some sort.
pub(super) const fn is_listed(byte: u8) -> bool {
    #[expect(clippy::indexing_slicing, reason = "a byte is always in the table")]
    {
        SORTS[byte as usize] != 0
    }
}

/// In what sort of list all of these bytes could be; zero for nearly all that are in none.
fn listed(glance: &[u8; GLANCE]) -> u8 {
    let (mut common, mut between, mut digits, mut opens) = (HEX | DECIMAL | CALLS, 0_usize, false, false);
    for byte in glance {
        let sort = sort(*byte);
        common &= sort;
        between += usize::from(sort & BETWEEN != 0);
        digits |= byte.is_ascii_digit();
        opens |= *byte == b'(';
    }
    if common & (HEX | DECIMAL) != 0 && (1..GLANCE).contains(&between) {
        return common & (HEX | DECIMAL);
    }
    if common & CALLS != 0 && digits && opens { CALLS } else { 0 }
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
fn list(text: &[u8], within: &Range<usize>, base: u32, bytes: &mut Vec<u8>, sink: &mut Sink<'_>) -> Option<usize> {
    let Range { start, end: limit } = *within;
    bytes.clear();
    let mut at = start;
    let (mut first, mut end) = (None, start);
    while at < limit && at - start < LONGEST {
        let rest = text.get(at..limit)?;
        let skipped = rest.iter().take(64).take_while(|byte| sort(**byte) & BETWEEN != 0).count();
        let rest = rest.get(skipped..)?;
        if first.is_some() && skipped == 0 {
            break;
        }
        let Some((value, length)) = number(rest, base) else {
            // What ends like a value may be the end of a word before the list.
            let word = rest.iter().take(GLANCE).take_while(|byte| byte.is_ascii_alphanumeric()).count();
            if first.is_some() || at > start + GLANCE || word == 0 {
                break;
            }
            at += skipped + word;
            continue;
        };
        at += skipped;
        first.get_or_insert(at);
        at += length;
        end = at;
        bytes.push(value);
        let text = match bytes.as_slice() {
            [a] => look::may_begin(*a),
            [a, b, c] => look::may_be([*a, *b, *c]),
            bytes if bytes.len() == LEAST / 2 => matches!(look::look(bytes), Some(Look::Text | Look::Wide)),
            _ => true,
        };
        if !text {
            return None;
        }
    }
    if bytes.len() < LEAST {
        return None;
    }
    if look::look(bytes.get(..LEAST)?) == Some(Look::Wide) {
        let mut view = View::default();
        view.decoded(bytes, first?..end);
        sink.alone(view, Encoding::Hex, false);
    } else if look::is_text(bytes) {
        sink.stretch(Encoding::Hex, false)?.decoded(bytes, first?..end);
    } else {
        return None;
    }
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
    let digits = text.get(..length)?.iter();
    let value = digits.fold(0_u16, |value, digit| value * 10 + u16::from(digit - b'0'));
    Some((u8::try_from(value).ok()?, length)).filter(|_| ends(length) && length > 1)
}

/// `chr(65)` and its like, one after the other, around `at`; returns where they end.
fn called(text: &[u8], at: usize, limit: usize, from: usize, sink: &mut Sink<'_>) -> Option<usize> {
    let before = text.get(at.saturating_sub(LONGEST).max(from)..at)?;
    let start = at - before.iter().rev().take_while(|byte| sort(**byte) & CALLS != 0).count();
    let rest = text.get(start..limit)?;
    let first = rest.iter().take(GLANCE * 4).position(|byte| matches!(byte, b'c' | b'C')).map(|found| start + found)?;
    let (values, end) = calls(text.get(..limit)?, first);
    if values.len() >= LEAST && look::is_text(&values) {
        sink.stretch(Encoding::Hex, false)?.decoded(&values, first..end);
    }
    Some(end.max(at))
}

fn calls(text: &[u8], start: usize) -> (Vec<u8>, usize) {
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
