//! Base 32 of RFC 4648, in capitals or small letters.

use super::look;
use super::sink::Sink;
use super::wrapped;
use crate::model::Encoding;
use std::ops::Range;

/// Digits in which a token has room.
const LEAST: usize = 32;

/// No digit.
const NONE: u8 = 0xff;

/// The value of each digit.
const DIGITS: [u8; 256] = {
    let mut table = [NONE; 256];
    let mut byte = 0;
    while byte < 256 {
        let value = match byte as u8 {
            letter @ b'A'..=b'Z' => letter - b'A',
            letter @ b'a'..=b'z' => letter - b'a',
            digit @ b'2'..=b'7' => digit - b'2' + 26,
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

fn digit(byte: u8) -> Option<u8> {
    DIGITS.get(usize::from(byte)).copied().filter(|value| *value != NONE)
}

/// Five bytes of eight digits.
fn group(eight: &[u8]) -> Option<[u8; 5]> {
    if eight.len() != 8 {
        return None;
    }
    let bits = eight.iter().try_fold(0_u64, |bits, byte| Some(bits << 5 | u64::from(digit(*byte)?)))?;
    let [_, _, _, a, b, c, d, e] = bits.to_be_bytes();
    Some([a, b, c, d, e])
}

/// False where no base 32 of text begins with these digits.
pub(super) fn may_begin(four: &[u8; 4]) -> bool {
    let [a, b, c, d] = four.map(|byte| DIGITS.get(usize::from(byte)).copied().unwrap_or(NONE));
    (a | b | c | d) < 32 && look::is_plain(a << 3 | b >> 2) && look::is_plain(b << 6 | c << 1 | d >> 4)
}

/// Decodes what begins at the start of a run, if that is base 32 of text; returns where it ends.
pub(super) fn stretch(text: &[u8], run: Range<usize>, limit: usize, sink: &mut Sink<'_>) -> Option<usize> {
    let bytes = text.get(run.clone())?;
    for eight in [0..8, 8..16] {
        if !group(bytes.get(eight)?)?.iter().all(|byte| look::is_plain(*byte)) {
            return None;
        }
    }
    let length = bytes.iter().position(|byte| digit(*byte).is_none()).unwrap_or(bytes.len());
    if length < LEAST {
        return None;
    }
    let lines = wrapped::lines(text, run.start..run.start + length, limit, |byte| digit(byte).is_some());
    let end = lines.last()?.end;
    if !sink.affords(end.saturating_sub(run.start)) {
        return Some(end);
    }
    let (decoded, marks) = decode(text, &lines);
    let sure = look::is_text(&decoded);
    wrapped::lay(sink.stretch(Encoding::Base32, sure)?, &decoded, &marks, &lines);
    Some(end)
}

/// The decoded bytes, and how many there are at the end of each line. Bits that fill no byte are left out.
fn decode(text: &[u8], lines: &[Range<usize>]) -> (Vec<u8>, Vec<usize>) {
    let (mut decoded, mut marks) = (Vec::new(), Vec::new());
    let (mut bits, mut count) = (0_u16, 0_u32);
    for line in lines {
        for value in text.get(line.clone()).unwrap_or_default().iter().copied().filter_map(digit) {
            bits = bits << 5 | u16::from(value);
            count += 5;
            if count >= 8 {
                count -= 8;
                let [_, byte] = (bits >> count).to_be_bytes();
                decoded.push(byte);
            }
        }
        marks.push(decoded.len());
    }
    (decoded, marks)
}
