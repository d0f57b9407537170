//! Blocks that say where they begin and end: what `uuencode` writes, patches of binaries by git, and Ascii85.

use super::sink::Sink;
use super::view::View;
use super::{base85, look, uuencode};
use crate::model::Encoding;
use crate::runs::Packed;
use memchr::memmem;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

/// Decoded text up to this size stands with others of its sort.
const SMALL: usize = 1_024;

/// A line of a block, decoded, and where it stands.
pub(super) type Line = (Vec<u8>, Range<usize>);

/// What blocks begin with, and how lines in the midst of them do, or what they end with.
const MARKS: [(&[u8], &[u8]); 3] = [(b"begin ", b"\nM"), (b"GIT binary patch", b"\nz"), (b"<~", b"~>")];

/// What stands in their midst, to be looked for in one go; none where that cannot be.
static MIDSTS: LazyLock<Option<Packed>> =
    LazyLock::new(|| Packed::new(MARKS.iter().map(|(_, midst)| *midst).collect()));

/// Reads what begins at places in a text.
pub(super) struct Search<'f> {
    fresh: Option<&'f [Range<usize>]>,
    /// Where the last block ends that was read.
    done: usize,
    /// Where those began: what is come to in two ways is read once.
    read: BTreeSet<usize>,
}

impl<'f> Search<'f> {
    pub(super) fn new(fresh: Option<&'f [Range<usize>]>) -> Self {
        Self { fresh, done: 0, read: BTreeSet::new() }
    }

    /// Reads the block that begins at a place, if one does.
    pub(super) fn look(&mut self, text: &[u8], at: usize, sink: &mut Sink<'_>) {
        let mut start = at;
        while start >= self.done && !sink.is_spent() {
            let (read, encoding) = match text.get(start).copied() {
                Some(b'b') => (uuencode::read(text, start), Encoding::Uuencode),
                Some(b'<') => (base85::read_marked(text, start), Encoding::Base85),
                _ => (base85::read_patch(text, start), Encoding::Base85),
            };
            let Some((lines, end)) = read else { return };
            let is_new = |fresh: &[Range<usize>]| fresh.iter().any(|range| range.start < end && range.end > start);
            if self.fresh.is_none_or(is_new) && self.read.insert(start) {
                lay(&lines, encoding, sink);
            }
            // A patch has a second block behind the first: the way back.
            (start, self.done) = (end, end);
        }
    }

    /// Where something new may lie in the midst of a block, all of the text is searched for where that begins.
    pub(super) fn look_around(&mut self, text: &[u8], windows: &[Range<usize>], sink: &mut Sink<'_>) {
        if self.fresh.is_none() {
            return;
        }
        for ((mark, _), found) in MARKS.iter().zip(midst_of_any(text, windows)) {
            if found {
                self.done = 0;
                memmem::find_iter(text, mark).for_each(|at| self.look(text, at, sink));
            }
        }
    }
}

/// Which blocks may have their midst in one of the windows, in the order of `MARKS`.
fn midst_of_any(text: &[u8], windows: &[Range<usize>]) -> [bool; MARKS.len()] {
    let mut found = [false; MARKS.len()];
    for window in windows {
        let bytes = text.get(window.clone()).unwrap_or_default();
        let mut look = |at: usize| {
            let rest = bytes.get(at..).unwrap_or_default();
            found.iter_mut().zip(MARKS).for_each(|(found, (_, midst))| *found |= rest.starts_with(midst));
        };
        let rest = MIDSTS.as_ref().map_or(0, |midsts| midsts.find(bytes, 0..bytes.len(), &mut look));
        (rest..bytes.len()).for_each(look);
    }
    found
}

fn lay(lines: &[Line], encoding: Encoding, sink: &mut Sink<'_>) {
    let size: usize = lines.iter().map(|(bytes, _)| bytes.len()).sum();
    if size == 0 || !sink.affords(size) {
        return;
    }
    let text = lines.iter().all(|(bytes, _)| look::is_text(bytes));
    let mut own = View::default();
    let view = if text && size < SMALL { sink.stretch(encoding, true) } else { Some(&mut own) };
    let Some(view) = view else { return };
    for (bytes, outer) in lines {
        view.decoded(bytes, outer.clone());
    }
    sink.alone(own, encoding, true);
}

/// Reads lines as long as they are of the block, and says where it ends; none if not one is.
pub(super) fn lines(
    text: &[u8],
    mut next: usize,
    decode: impl Fn(&[u8]) -> Option<Vec<u8>>,
) -> Option<(Vec<Line>, usize)> {
    let mut lines = Vec::new();
    while let Some((line, after)) = line(text, next) {
        let Some(bytes) = decode(line) else { break };
        lines.push((bytes, next..next + line.len()));
        next = after;
    }
    (!lines.is_empty()).then_some((lines, next))
}

/// The line that begins at a place, without its end, and where the next one begins.
pub(super) fn line(text: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
    let end = memchr::memchr(b'\n', rest);
    let line = rest.get(..end.unwrap_or(rest.len()))?;
    Some((line.strip_suffix(b"\r").unwrap_or(line), at + end.map_or(rest.len(), |end| end + 1)))
}

#[cfg(test)]
mod tests {
    use super::super::{Budget, pieces};
    use super::*;

    fn decoded(text: &[u8], fresh: Option<&[Range<usize>]>) -> Vec<(Encoding, Vec<u8>)> {
        let mut all = Vec::new();
        pieces(text, fresh, &mut Budget::of(text.len()), &mut |piece, _| {
            all.push((piece.encoding, piece.bytes().to_vec()));
        });
        all.retain(|(encoding, _)| matches!(encoding, Encoding::Uuencode | Encoding::Base85));
        all
    }

    #[test]
    fn blocks_are_found_by_what_is_new_in_them() {
        // As `uuencode` writes it, in a mail.
        let text = b"hello\n\nbegin 644 a.conf\nM:V5Y(#T@(F%B8V1E9F=H:6IK;&UN;W!Q<G-T=79W>'EZ,#$R,S0U-C<X.3`Q\n$(@H*\"@``\n`\nend\nbye\n";
        let all = decoded(text, None);
        assert_eq!(all.len(), 1);
        assert!(all[0].1.starts_with(b"key = \"abcdefghijklmnopqrstuvwxyz0123456789"), "{all:?}");
        let at = memmem::find(text, b"\nM").unwrap() + 30;
        let (midst, before) = (at..at + 1, 0..3);
        assert_eq!(decoded(text, Some(std::slice::from_ref(&midst))), all, "in the midst of it");
        assert_eq!(decoded(text, Some(std::slice::from_ref(&before))), [], "before it");
        assert_eq!(decoded(b"begin 644 and nothing\nthat is encoded follows\n", None), []);
        assert_eq!(decoded(b"begin 999 x\nM", None), []);
    }

    #[test]
    fn marks_without_an_end_cost_no_more_than_the_text() {
        for text in [&b"<~ "[..], b"begin 644 x\n", b"GIT binary patch\n", b"GIT binary patch\nliteral 5\n", b"<~!!"] {
            assert_eq!(decoded(&text.repeat(20_000), None), []);
        }
    }
}
