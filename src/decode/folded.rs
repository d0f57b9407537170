//! Words that the end of a line cuts because lines have a width: folds, after which a single blank stands (LDIF, calendars,
//! headers), plain wraps, Batch's sign; and those that the end of a section of raw text cuts.

use super::sink::Sink;
use super::tags;
use super::windows::{run_end, run_start};
use crate::model::Encoding;
use crate::runs::is_token_byte;
use std::ops::Range;

/// How wide lines are that are cut.
const WIDTHS: std::ops::RangeInclusive<usize> = 60..=80;

/// A word of more lines is a block.
const MOST: usize = 6;

/// What is kept before the word.
const BEFORE: usize = 48;

/// A window in which such words are looked for.
pub(super) struct Search {
    window: Range<usize>,
    done: usize,
}

impl Search {
    pub(super) fn new(window: &Range<usize>) -> Self {
        Self { window: window.clone(), done: window.start }
    }

    /// Looks at runs of digits that end or begin a line.
    pub(super) fn look(&mut self, text: &[u8], runs: &[Range<usize>], sink: &mut Sink<'_>) {
        for run in runs {
            if sink.is_spent() {
                return;
            }
            if run.start < self.done {
                continue;
            }
            let (before, after) = (run.start.checked_sub(1).and_then(|at| text.get(at)), text.get(run.end));
            if matches!(before, Some(b'\n' | b' ' | b'['))
                && let Some(end) = cut_before(text, run.start)
            {
                self.cut(text, end, sink);
            }
            if run.end > self.done && matches!(after, Some(b'\n' | b'\r' | b'^' | b']')) {
                self.cut(text, run.end, sink);
            }
        }
    }

    /// Looks at a word that is cut at a place.
    fn cut(&mut self, text: &[u8], end: usize, sink: &mut Sink<'_>) {
        match text.get(end) {
            Some(b'^') => self.done = tags::lines(text, end, &self.window, sink).unwrap_or(self.done),
            Some(b']') => self.done = tags::sections(text, end, &self.window, sink).unwrap_or(self.done),
            _ => self.word(text, end, sink),
        }
    }

    /// Joins the word of which a part ends at the end of a line.
    fn word(&mut self, text: &[u8], end: usize, sink: &mut Sink<'_>) {
        let start = run_start(text, end, end.saturating_sub(*WIDTHS.end()).max(self.window.start));
        let Some(line) = line_start(text, start) else { return };
        let first = start..end;
        let mut pieces = vec![first];
        let mut from = line;
        while let Some(last) = pieces.last()
            && let Some(next) = next(text, from, last.end)
        {
            from = line_start(text, next).unwrap_or(next);
            pieces.push(next..run_end(text, next, next.saturating_add(WIDTHS.end() + 1).min(self.window.end)));
        }
        let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else { return };
        // Lines of one width that hold nothing else are a block.
        let block = first.start == line && pieces.get(1).is_some_and(|second| second.len() >= first.len());
        self.done = last.end;
        if pieces.len() < 2 || pieces.len() > MOST || block || !sink.is_new(&(line..last.end)) {
            return;
        }
        let Some(view) = sink.stretch(Encoding::Joined, false) else { return };
        view.join(text, line.max(first.start.saturating_sub(BEFORE)), &pieces);
    }
}

/// The start of a line that is not too long.
fn line_start(text: &[u8], at: usize) -> Option<usize> {
    let lowest = at.saturating_sub(*WIDTHS.end() + 1);
    let found = memchr::memrchr(b'\n', text.get(lowest..at)?);
    found.map(|found| lowest + found + 1).or_else(|| (lowest == 0).then_some(0))
}

/// Where the part before ends, if this place is behind a cut.
fn cut_before(text: &[u8], at: usize) -> Option<usize> {
    let before = text.get(..at)?;
    let before = match before.strip_suffix(tags::SECTIONS) {
        Some(before) => before,
        None => {
            let before = before.strip_suffix(b" ").unwrap_or(before).strip_suffix(b"\n")?;
            let before = before.strip_suffix(b"\r").unwrap_or(before);
            before.strip_suffix(b"^").unwrap_or(before)
        }
    };
    before.last().filter(|byte| is_token_byte(**byte))?;
    Some(before.len())
}

/// Where the word goes on that ends a line which began at `line`.
fn next(text: &[u8], line: usize, end: usize) -> Option<usize> {
    let width = end.checked_sub(line).filter(|width| WIDTHS.contains(width))?;
    let rest = text.get(end..)?;
    let rest = rest.strip_prefix(b"\r").unwrap_or(rest).strip_prefix(b"\n")?;
    let rest = rest.strip_prefix(b" ").unwrap_or(rest);
    let first = rest.first().filter(|byte| width > 0 && is_token_byte(**byte))?;
    // Signs of a patch or a comment stand before each line.
    let sign = !first.is_ascii_alphanumeric() && text.get(line) == Some(first);
    (!sign).then_some(text.len() - rest.len())
}

#[cfg(test)]
mod tests {
    use super::super::tests::joined;

    fn wrapped(text: &str, width: usize, between: &str) -> String {
        let lines: Vec<_> = text.as_bytes().chunks(width).map(|line| String::from_utf8_lossy(line)).collect();
        lines.join(between)
    }

    #[test]
    fn words_that_a_line_cuts_are_put_together() {
        let word = "abcd_1234567890efghijABCDEFGHIJ0987654321";
        for before in [32, 40, 50, 60] {
            let line = format!("{}: {word} and more", "description of it ".repeat(5).get(..before).unwrap());
            for (width, between) in [(75, "\r\n "), (76, "\n "), (78, "\n "), (76, "\n"), (72, "\r\n")] {
                let text = format!("first\n{}\nlast\n", wrapped(&line, width, between));
                assert!(text.contains(word) || joined(&text).contains(word), "{text}");
            }
        }
    }

    #[test]
    fn blocks_and_lines_of_text_are_left_alone() {
        let block = "abcdefghij_klmnopqrstuvwxyz-0123456789ABCDEFGHIJ".repeat(40);
        for text in [
            wrapped(&block, 76, "\n"),
            format!("x: {}", wrapped(&block, 76, "\n ")),
            format!("{}\n  {}", "a".repeat(70), "b".repeat(30)),
            format!("short abcdefghijklmnopqrstuvwxyz\n{}", "b".repeat(30)),
            format!("{} some words, and then\n {}", "a word ".repeat(4), "b".repeat(30)),
            format!("+{}\n+{}", "a".repeat(70), "b".repeat(30)),
            format!("// {}\n// {}", "a".repeat(66), "b".repeat(30)),
            "\n ".repeat(200),
        ] {
            assert_eq!(joined(&text), "", "{text}");
        }
    }
}
