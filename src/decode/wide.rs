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

/// A window in which such strings are looked for.
pub(super) struct Search {
    window: Range<usize>,
    /// Where it is looked next, once there was a zero, and where the last string ends.
    at: Option<usize>,
    done: usize,
}

impl Search {
    pub(super) fn new(window: &Range<usize>) -> Self {
        Self { window: window.clone(), at: None, done: window.start }
    }

    /// Looks at strings that begin in a part of the window. Parts without a zero may be left out.
    pub(super) fn look(&mut self, text: &[u8], part: &Range<usize>, sink: &mut Sink<'_>) {
        let near = part.start.saturating_sub(STEP).max(self.window.start);
        let at = match self.at {
            Some(at) => Some(at + near.saturating_sub(at).next_multiple_of(STEP)),
            None => memchr::memchr(0, text.get(part.clone()).unwrap_or_default())
                .map(|zero| (part.start + zero).saturating_sub(STEP).max(self.window.start)),
        };
        let Some(mut at) = at else { return };
        while at < part.end && at + 8 <= self.window.end && !sink.is_spent() {
            let Some(string) = phase(text, at).and_then(|first| string(text, first, self.done, self.window.end)) else {
                at += STEP;
                continue;
            };
            self.done = string.end;
            if string.len() >= LEAST * 2
                && let Some(view) = sink.stretch(Encoding::Utf16, true)
            {
                let narrow: Vec<u8> = text.get(string.clone()).unwrap_or_default().iter().step_by(2).copied().collect();
                view.decoded(&narrow, string.clone());
            }
            at = string.end.max(at) + 1;
        }
        self.at = Some(at);
    }
}

/// Where the first character at or after `at` stands, if four in a row do.
fn phase(text: &[u8], at: usize) -> Option<usize> {
    let eight = text.get(at..)?.first_chunk::<8>()?;
    let word = u64::from_le_bytes(*eight);
    // Nearly everywhere this is all that is asked.
    let zeros = (word & 0x00ff_00ff_00ff_00ff == 0, word & 0xff00_ff00_ff00_ff00 == 0);
    let characters = |odd: usize| eight.iter().skip(odd).step_by(2).all(|byte| is_character(*byte));
    match zeros {
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
