//! Encoded text that is broken into lines.

use super::view::View;
use std::ops::Range;

/// The lines of a wrapped stretch: of one length, but for the last, and with the same around them.
pub(super) fn lines(text: &[u8], first: Range<usize>, limit: usize, is_digit: fn(u8) -> bool) -> Vec<Range<usize>> {
    let mut width = first.len();
    let mut lines = vec![first];
    while let Some(last) = lines.last() {
        // What is padded, or shorter than the others, was the last.
        if last.len() < width || text.get(last.end) == Some(&b'=') {
            break;
        }
        let Some(next) = next_line(text, last.end, limit, is_digit) else { break };
        if next.len() > width {
            if lines.len() > 1 || !width.is_multiple_of(4) {
                break;
            }
            width = next.len();
        }
        lines.push(next);
    }
    lines
}

/// The digits of the next line, where it holds nothing else but what quotes, indents or comments it.
fn next_line(text: &[u8], end: usize, limit: usize, is_digit: fn(u8) -> bool) -> Option<Range<usize>> {
    let rest = text.get(end..limit)?;
    let blank = |bytes: &[u8]| bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let mut at = blank(rest);
    at += usize::from(rest.get(at) == Some(&b'\r'));
    at += usize::from(rest.get(at) == Some(&b'\n'));
    if !rest.get(..at)?.ends_with(b"\n") {
        return None;
    }
    at += blank(rest.get(at..)?);
    let marks: &[&[u8]] = &[b"> ", b"# ", b"// ", b"* ", b"; ", b"-- ", b"| ", b">"];
    while let Some(mark) = marks.iter().find(|mark| rest.get(at..).is_some_and(|rest| rest.starts_with(mark))) {
        at += mark.len();
        at += blank(rest.get(at..)?);
    }
    let line = rest.get(at..)?;
    let length = line.iter().take_while(|byte| is_digit(**byte)).count();
    let after = line.get(length..)?;
    let padding = after.iter().take(2).take_while(|byte| **byte == b'=').count();
    let after = after.get(padding..)?;
    let ends = after.get(blank(after)..)?.first().is_none_or(|byte| !byte.is_ascii_alphanumeric());
    (length > 0 && ends).then_some(end + at..end + at + length)
}

/// Lays decoded lines into a view: `marks` says where in the decoded bytes each of them ends.
pub(super) fn lay(view: &mut View, decoded: &[u8], marks: &[usize], lines: &[Range<usize>]) {
    let mut from = 0;
    for (line, mark) in lines.iter().zip(marks) {
        view.decoded(decoded.get(from..*mark).unwrap_or_default(), line.clone());
        from = *mark;
    }
}
