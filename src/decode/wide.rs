//! Strings in UTF-16 inside of something else: programs for Windows, exports of its registry, databases, mixed logs.

use super::sink::Sink;
use crate::model::Encoding;
use std::ops::Range;

/// Shorter ones hold no token.
const LEAST: usize = 16;

/// Every so many bytes it is looked whether such a string lies there: half of the shortest one.
const STEP: usize = LEAST;

fn is_character(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t')
}

pub(super) fn find(text: &[u8], window: Range<usize>, sink: &mut Sink<'_>) {
    let Some(zero) = memchr::memchr(0, text.get(window.clone()).unwrap_or_default()) else { return };
    let mut at = (window.start + zero).saturating_sub(STEP).max(window.start);
    let mut done = window.start;
    while at + 8 <= window.end && !sink.is_spent() {
        let Some(string) = phase(text, at).and_then(|first| string(text, first, done, window.end)) else {
            at += STEP;
            continue;
        };
        done = string.end;
        if string.len() >= LEAST * 2
            && let Some(view) = sink.stretch(Encoding::Utf16, true)
        {
            let narrow: Vec<u8> = text.get(string.clone()).unwrap_or_default().iter().step_by(2).copied().collect();
            view.decoded(&narrow, string.clone());
        }
        at = string.end.max(at) + 1;
    }
}

/// Where the first character at or after `at` stands, if four in a row do.
fn phase(text: &[u8], at: usize) -> Option<usize> {
    let eight = text.get(at..at + 8)?;
    let zeros = |odd: usize| eight.iter().skip(odd).step_by(2).all(|byte| *byte == 0);
    let characters = |odd: usize| eight.iter().skip(odd).step_by(2).all(|byte| is_character(*byte));
    match (zeros(0), zeros(1)) {
        (false, true) if characters(0) => Some(at),
        (true, false) if characters(1) => Some(at + 1),
        _ => None,
    }
}

/// The whole string that a character is in: every second byte is one, and the others are zero.
fn string(text: &[u8], at: usize, from: usize, to: usize) -> Option<Range<usize>> {
    let one = |at: usize| text.get(at).is_some_and(|byte| is_character(*byte));
    let zero = |at: usize| text.get(at) == Some(&0);
    let mut start = at;
    while start >= from + 2 && one(start - 2) && zero(start - 1) {
        start -= 2;
    }
    let mut end = at + 1;
    while end + 1 < to && zero(end) && one(end + 1) {
        end += 2;
    }
    // The zero after the last character is its own where the low byte comes first.
    (end > start).then_some(start..(end + 1).min(to))
}
