//! Where to look when only some stretches of a text are new.

use crate::runs::is_token_byte;
use std::ops::Range;

/// Bytes looked at on either side of what is new.
const AROUND: usize = 256;

/// How far a block of encoded lines, or one long run, is followed.
const FARTHEST: usize = 16 << 20;

/// A line of an encoded block has at least so many bytes of the alphabet, one after the other.
const BLOCK_LINE: usize = 20;

/// The windows that hold all that touches the stretches, in order, none of them overlapping.
pub(super) fn around(text: &[u8], fresh: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut windows: Vec<Range<usize>> = Vec::new();
    for range in fresh {
        let end = range.end.min(text.len());
        if let Some(last) = windows.last_mut() {
            if end <= last.end {
                continue;
            }
            if range.start <= last.end {
                last.end = forward(text, end.saturating_add(AROUND));
                continue;
            }
        }
        let floor = windows.last().map_or(0, |last| last.end);
        let start = backward(text, range.start.saturating_sub(AROUND), floor);
        let end = forward(text, end.saturating_add(AROUND));
        match windows.last_mut().filter(|last| start <= last.end) {
            Some(last) => last.end = end.max(last.end),
            None => windows.push(start..end),
        }
    }
    windows
}

/// To the start of the run, and of the block of encoded lines, that `at` lies in.
fn backward(text: &[u8], at: usize, floor: usize) -> usize {
    let farthest = at.saturating_sub(FARTHEST).max(floor);
    let mut at = run_start(text, at.min(text.len()), farthest);
    loop {
        let line_start =
            memchr::memrchr(b'\n', text.get(farthest..at).unwrap_or_default()).map(|found| farthest + found);
        let Some(newline) = line_start else { return at };
        let before = text.get(farthest..newline).unwrap_or_default();
        let previous = memchr::memrchr(b'\n', before).map_or(farthest, |found| farthest + found + 1);
        if !is_block(text.get(previous..newline).unwrap_or_default()) {
            return at;
        }
        at = previous;
    }
}

/// To the end of the run, and of the block of encoded lines, that `at` lies in.
fn forward(text: &[u8], at: usize) -> usize {
    let farthest = at.saturating_add(FARTHEST).min(text.len());
    let mut at = run_end(text, at.min(text.len()), farthest);
    loop {
        let rest = text.get(at..farthest).unwrap_or_default();
        let Some(newline) = memchr::memchr(b'\n', rest).map(|found| at + found) else { return at };
        let after = text.get(newline + 1..farthest).unwrap_or_default();
        let length = memchr::memchr(b'\n', after).unwrap_or(after.len());
        if !is_block(after.get(..length).unwrap_or_default()) {
            return at;
        }
        at = newline + 1 + length;
    }
}

pub(super) fn run_start(text: &[u8], at: usize, farthest: usize) -> usize {
    let before = text.get(farthest..at).unwrap_or_default();
    at - before.iter().rev().take_while(|byte| is_token_byte(**byte)).count()
}

pub(super) fn run_end(text: &[u8], at: usize, farthest: usize) -> usize {
    let after = text.get(at..farthest).unwrap_or_default();
    at + after.iter().take_while(|byte| is_token_byte(**byte)).count()
}

/// A line most of which is one run.
fn is_block(line: &[u8]) -> bool {
    let run = line.iter().skip_while(|byte| !is_token_byte(**byte)).take_while(|byte| is_token_byte(**byte)).count();
    run >= BLOCK_LINE && run * 4 >= line.len() * 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_taken_whole() {
        let line = "Zm9vYmFyYmF6Zm9vYmFyYmF6Zm9vYmFyYmF6Zm9vYmFyYmF6\n";
        let text = format!("{}head:\n{}tail\n{}", "x y ".repeat(200), line.repeat(40), "x y ".repeat(200));
        let middle = text.find("head").unwrap() + 1_000;
        let windows = around(text.as_bytes(), std::slice::from_ref(&(middle..middle + 4)));
        assert_eq!(windows.len(), 1);
        let window = text.get(windows[0].clone()).unwrap();
        assert!(window.starts_with("Zm9v") && window.matches(line.trim_end()).count() == 40);
    }

    #[test]
    fn windows_do_not_overlap() {
        let text = "x y ".repeat(1_000);
        let windows = around(text.as_bytes(), &[10..12, 300..310, 3_000..3_001, 3_999..5_000]);
        assert_eq!(windows, [0..567, 2_744..3_257, 3_742..4_000]);
    }
}
