//! What `xxd` and `hexdump -C` write: an offset, sixteen bytes, and how they look.

use super::hex;
use super::look;
use super::sink::Sink;
use crate::model::Encoding;
use std::ops::Range;

/// Bytes of the longest line.
const LINE: usize = 120;

pub(super) fn find(text: &[u8], fresh: Option<&[Range<usize>]>, sink: &mut Sink<'_>) {
    let mut at = 0;
    // The second line of every dump.
    while let Some(found) = memchr::memmem::find(text.get(at..).unwrap_or_default(), b"\n00000010") {
        let second = at + found + 1;
        let first =
            memchr::memrchr(b'\n', text.get(at..second - 1).unwrap_or_default()).map_or(at, |found| at + found + 1);
        at = dump(text, first, second, fresh, sink);
    }
}

/// Reads a dump; returns where it ends.
fn dump(text: &[u8], first: usize, second: usize, fresh: Option<&[Range<usize>]>, sink: &mut Sink<'_>) -> usize {
    let (mut at, mut lines) = (first, Vec::new());
    while let Some(rest) = text.get(at..) {
        let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let Some((bytes, width)) = rest.get(..length.min(LINE)).and_then(line) else { break };
        lines.push((bytes, at..at + width));
        at += length + 1;
        if length >= rest.len() {
            break;
        }
    }
    let whole = first..at.min(text.len());
    let new = fresh.is_none_or(|fresh| fresh.iter().any(|range| range.start < whole.end && range.end > whole.start));
    let head: Vec<u8> = lines.iter().take(4).flat_map(|(bytes, _)| bytes.iter().copied()).collect();
    let plain = head.iter().filter(|byte| look::is_plain(**byte)).count();
    if new
        && lines.len() > 1
        && plain * 2 >= head.len()
        && let Some(view) = sink.stretch(Encoding::Hex, plain == head.len())
    {
        for (bytes, outer) in &lines {
            view.decoded(bytes, outer.clone());
        }
    }
    at.max(second + 8).min(text.len())
}

/// The bytes of a line, and how far they go.
fn line(line: &[u8]) -> Option<(Vec<u8>, usize)> {
    let address = line.iter().take_while(|byte| hex::digit(**byte).is_some()).count();
    if !(7..=16).contains(&address) {
        return None;
    }
    let mut at = address + usize::from(line.get(address) == Some(&b':'));
    let (mut bytes, mut end) = (Vec::new(), at);
    while bytes.len() < 16 {
        let blanks = line.get(at..)?.iter().take_while(|byte| **byte == b' ').count();
        // Before what the bytes look like, there are two or more.
        let ends = blanks == 0 || (blanks > 2 && !bytes.is_empty());
        let rest = line.get(at + blanks..).unwrap_or_default();
        let digits = rest.iter().take_while(|byte| hex::digit(**byte).is_some()).count();
        let whole = matches!(digits, 2 | 4 | 8) && rest.get(digits).is_none_or(|byte| *byte == b' ');
        if ends || !whole || (blanks == 2 && bytes.len() != 8 && !bytes.is_empty()) {
            break;
        }
        bytes.extend(rest.get(..digits).unwrap_or_default().chunks_exact(2).filter_map(hex::pair));
        at += blanks + digits;
        end = at;
    }
    (!bytes.is_empty()).then_some((bytes, end))
}
