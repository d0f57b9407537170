//! Lines and columns, counted once from the start of a blob to its end.

use crate::model::{LineColumn, Span};
use serde::Serialize;

/// Where a secret begins and ends, as SARIF counts: lines and columns from 1, columns in UTF-16 units, the end
/// exclusive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Region {
    /// First line.
    pub start_line: u64,
    /// Column of the first character.
    pub start_column: u64,
    /// Last line.
    pub end_line: u64,
    /// Column after the last character.
    pub end_column: u64,
    /// The hash of the first line as GitHub's upload action computes it; none where the secret is too short to have
    /// anything derived from it published.
    pub line_hash: Option<String>,
}

/// A place in a text that only moves forward, so that all of a blob's hits cost one pass.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
    line: u64,
    line_start: usize,
    previous_start: usize,
    units: u64,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0, line: 1, line_start: 0, previous_start: 0, units: 0 }
    }

    /// Moves to an offset at or after the present one.
    pub(super) fn advance(&mut self, to: usize) {
        for &byte in self.text.get(self.at..to).unwrap_or_default() {
            self.at += 1;
            match byte {
                b'\n' => {
                    self.line += 1;
                    self.previous_start = self.line_start;
                    self.line_start = self.at;
                    self.units = 0;
                }
                // A byte that begins a character: one unit, or two above the basic plane.
                0xf0.. => self.units += 2,
                byte if byte & 0xc0 != 0x80 => self.units += 1,
                _ => {}
            }
        }
    }

    pub(super) fn at(&self) -> LineColumn {
        LineColumn { line: self.line, column: (self.at - self.line_start) as u64 + 1 }
    }

    /// The region of a span that begins here.
    pub(super) fn region(&self, span: Span) -> Region {
        let mut end = self.clone();
        end.advance(span.end);
        Region {
            start_line: self.line,
            start_column: self.units + 1,
            end_line: end.line,
            end_column: end.units + 1,
            line_hash: None,
        }
    }

    /// Where the present line begins.
    pub(super) fn line_start(&self) -> usize {
        self.line_start
    }

    /// The line before the present one, without its end, if it is at most `most` bytes long.
    pub(super) fn line_before(&self, most: usize) -> &'a [u8] {
        let line = self.text.get(self.previous_start..self.line_start.saturating_sub(1)).unwrap_or_default();
        if self.line > 1 && line.len() <= most { line } else { &[] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_bytes_for_people_and_units_for_sarif() {
        let text = "first\nä😀x = secret\r\n".as_bytes();
        let start = text.windows(6).position(|part| part == b"secret").unwrap();
        let mut cursor = Cursor::new(text);
        cursor.advance(start);
        assert_eq!(cursor.at(), LineColumn { line: 2, column: 11 });
        let region = cursor.region(Span { start, end: start + 6 });
        assert_eq!((region.start_line, region.start_column, region.end_line, region.end_column), (2, 8, 2, 14));
        assert_eq!(cursor.line_before(100), b"first");
        assert_eq!(cursor.line_before(3), b"");
    }

    #[test]
    fn a_region_may_span_lines() {
        let text = b"a\nbb\nccc";
        let mut cursor = Cursor::new(text);
        cursor.advance(2);
        let region = cursor.region(Span { start: 2, end: 7 });
        assert_eq!((region.start_line, region.start_column, region.end_line, region.end_column), (2, 1, 3, 3));
    }
}
