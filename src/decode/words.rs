//! Words that tell of something encoded which no sort of bytes gives away: one pass looks for all of them.

use super::sink::Sink;
use super::{appended, block, keys, tags};
use crate::runs::Packed;
use std::ops::Range;
use std::sync::LazyLock;

/// How they begin; none where that cannot be looked for.
static HEADS: LazyLock<Option<Packed>> = LazyLock::new(|| {
    let blocks: [&[u8]; 3] = [b"beg", b"git", b"<~"];
    let tags: [&[u8]; 2] = [b"n><", b"<wb"];
    let appended: [&[u8]; 6] = [b"+= ", b"+=\"", b"+='", b".= ", b".=\"", b".='"];
    Packed::new(blocks.into_iter().chain(tags).chain(appended).collect())
});

/// Goes through a text.
pub(super) struct Search<'f> {
    blocks: block::Search<'f>,
    window: Range<usize>,
    /// What was joined up to here is not read again, and the same for what is appended.
    joined: usize,
    appends: usize,
    keys: usize,
}

impl<'f> Search<'f> {
    pub(super) fn new(fresh: Option<&'f [Range<usize>]>) -> Self {
        Self { blocks: block::Search::new(fresh), window: 0..0, joined: 0, appends: 0, keys: 0 }
    }

    /// Begins a window of it.
    pub(super) fn begin(&mut self, window: &Range<usize>) {
        self.window = window.clone();
        (self.joined, self.appends, self.keys) = (window.start, window.start, 0);
    }

    /// Looks at the words that begin in a part of the window.
    pub(super) fn look(&mut self, text: &[u8], part: &Range<usize>, sink: &mut Sink<'_>) {
        let mut look = |at: usize| self.word(text, at, sink);
        let rest = HEADS.as_ref().map_or(part.start, |heads| heads.find(text, part.clone(), &mut look));
        (rest..part.end).for_each(look);
    }

    #[inline]
    fn word(&mut self, text: &[u8], at: usize, sink: &mut Sink<'_>) {
        match text.get(at..).unwrap_or_default() {
            [b'B', b'E', b'G', b'I', b'N', b' ', ..] if at >= self.keys => {
                self.keys = keys::armour(text, at, sink).unwrap_or(self.keys);
            }
            [b'b', b'e', b'g', b'i', b'n', b' ', ..] | [b'G', b'I', b'T', b' ', b'b', ..] => {
                self.blocks.look(text, at, sink)
            }
            [b'<', b'~', ..] => self.blocks.look(text, at, sink),
            [b'n', b'>', b'<', b's', b'p', b'a', b'n', ..] if at >= self.joined => {
                let tag = at.checked_sub(5).filter(|tag| text.get(*tag..at) == Some(b"</spa"));
                let end = tag.and_then(|tag| tags::word(text, tag, &self.window, sink));
                self.joined = end.unwrap_or(self.joined);
            }
            [b'<', b'w', b'b', b'r', ..] if at >= self.joined => {
                self.joined = tags::word(text, at, &self.window, sink).unwrap_or(self.joined);
            }
            [b'+' | b'.', b'=', ..] if at >= self.appends => {
                self.appends = appended::chain(text, at, sink).unwrap_or(self.appends);
            }
            _ => {}
        }
    }

    /// Looks for blocks of which the midst alone lies in the windows.
    pub(super) fn look_around(mut self, text: &[u8], windows: &[Range<usize>], sink: &mut Sink<'_>) {
        self.blocks.look_around(text, windows, sink);
    }
}
