//! Pairs of hex digits, one after the other or with something between them.

use super::look::{self, Look};
use super::sink::Sink;
use super::view::View;
use super::wrapped;
use crate::model::Encoding;
use std::ops::Range;

/// Digits in which a token has room.
const LEAST: usize = 32;

/// Bytes that are decoded to see what they are the start of.
const HEAD: usize = 8;

/// The value of a hex digit.
pub(super) fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// The byte that two digits mean.
pub(super) fn pair(two: &[u8]) -> Option<u8> {
    let [high, low] = *two else { return None };
    Some(digit(high)? << 4 | digit(low)?)
}

/// False where no hex begins with these bytes.
pub(super) fn may_begin(four: &[u8; 4]) -> bool {
    let hex = |byte: u8| byte.is_ascii_hexdigit();
    let [a, b, c, d] = *four;
    match (a, b) {
        (b'0', b'x' | b'X') => hex(c) && hex(d),
        (b'x' | b'X', _) => hex(b) && hex(c),
        _ => hex(a) && hex(b),
    }
}

/// Decodes what begins at the start of a run, if that is hex of something; returns where it ends.
pub(super) fn stretch(text: &[u8], run: Range<usize>, limit: usize, sink: &mut Sink<'_>) -> Option<usize> {
    let bytes = text.get(run.clone())?;
    let skipped = match bytes {
        [b'0', b'x' | b'X', ..] => 2,
        [b'x' | b'X', ..] => 1,
        _ => 0,
    };
    let bytes = bytes.get(skipped..)?;
    let start = run.start + skipped;
    let mut head = [0; HEAD];
    for (byte, two) in head.iter_mut().zip(bytes.chunks_exact(2)) {
        *byte = pair(two)?;
    }
    let seen = look::look(&head)?;
    let length = bytes.iter().position(|byte| digit(*byte).is_none()).unwrap_or(bytes.len());
    if length < LEAST {
        return None;
    }
    let lines = wrapped::lines(text, start..start + length, limit, |byte| digit(byte).is_some());
    let end = lines.last()?.end;
    if !sink.affords(end.saturating_sub(start)) {
        return Some(end);
    }
    let (decoded, marks) = decode(text, &lines);
    let sure = seen == Look::Text && look::is_text(&decoded);
    if seen == Look::Text && decoded.len() < 1_024 {
        wrapped::lay(sink.stretch(Encoding::Hex, sure)?, &decoded, &marks, &lines);
        if lines.len() > 1 {
            // Lines that are text each may be values of their own.
            for line in lines.iter().filter(|line| line.len().is_multiple_of(2)) {
                let own = [line.clone()];
                let (decoded, marks) = decode(text, &own);
                if look::look(decoded.get(..HEAD).unwrap_or(&decoded)) == Some(Look::Text) {
                    wrapped::lay(sink.stretch(Encoding::Hex, sure)?, &decoded, &marks, &own);
                }
            }
        }
    } else {
        let mut view = View::default();
        wrapped::lay(&mut view, &decoded, &marks, &lines);
        sink.alone(view, Encoding::Hex, sure);
    }
    Some(end)
}

/// The decoded bytes, and how many there are at the end of each line. A digit without a second one is left out.
fn decode(text: &[u8], lines: &[Range<usize>]) -> (Vec<u8>, Vec<usize>) {
    let (mut decoded, mut marks) = (Vec::new(), Vec::new());
    let mut first = None;
    for line in lines {
        for value in text.get(line.clone()).unwrap_or_default().iter().copied().filter_map(digit) {
            match first.take() {
                Some(high) => decoded.push(high << 4 | value),
                None => first = Some(value),
            }
        }
        marks.push(decoded.len());
    }
    (decoded, marks)
}
