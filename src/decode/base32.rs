//! Base 32 of RFC 4648, in capitals or small letters.

use super::look;
use super::sink::Sink;
use crate::model::Encoding;
use std::ops::Range;

/// Digits in which a token has room.
const LEAST: usize = 32;

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a'),
        b'2'..=b'7' => Some(byte - b'2' + 26),
        _ => None,
    }
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

/// Decodes what begins at the start of a run, if that is base 32 of text; returns where it ends.
pub(super) fn stretch(text: &[u8], run: Range<usize>, sink: &mut Sink<'_>) -> Option<usize> {
    let bytes = text.get(run.clone())?;
    for eight in [0..8, 8..16] {
        if !group(bytes.get(eight)?)?.iter().all(|byte| look::is_plain(*byte)) {
            return None;
        }
    }
    let length = bytes.iter().position(|byte| digit(*byte).is_none()).unwrap_or(bytes.len());
    let end = run.start + length;
    if length < LEAST || !sink.affords(length) {
        return (length >= LEAST).then_some(end);
    }
    let digits = bytes.get(..length)?;
    let mut decoded = Vec::with_capacity(length);
    for eight in digits.chunks_exact(8) {
        decoded.extend(group(eight).into_iter().flatten());
    }
    let rest = digits.chunks_exact(8).remainder();
    let bits = rest.iter().filter_map(|byte| digit(*byte)).fold(0_u64, |bits, value| bits << 5 | u64::from(value));
    let shifted = bits << (5 * (8 - rest.len()).min(8));
    decoded.extend(shifted.to_be_bytes().iter().skip(3).take(rest.len() * 5 / 8));
    let view = sink.stretch(Encoding::Base32, false)?;
    view.decoded(&decoded, run.start..end);
    Some(end)
}
