//! Words that tell of something encoded which no sort of bytes gives away: one pass looks for all of them.

use super::sink::Sink;
use super::{appended, block, tags};
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

/// Goes through the windows of a text.
pub(super) fn find(text: &[u8], windows: &[Range<usize>], fresh: Option<&[Range<usize>]>, sink: &mut Sink<'_>) {
    let mut blocks = block::Search::new(fresh);
    for window in windows {
        let mut joined = window.start;
        let mut appends = window.start;
        let mut look = |at: usize| match text.get(at..).unwrap_or_default() {
            [b'b', b'e', b'g', b'i', b'n', b' ', ..] | [b'G', b'I', b'T', b' ', b'b', ..] => {
                blocks.look(text, at, sink)
            }
            [b'<', b'~', ..] => blocks.look(text, at, sink),
            [b'n', b'>', b'<', b's', b'p', b'a', b'n', ..] if at >= joined => {
                let tag = at.checked_sub(5).filter(|tag| text.get(*tag..at) == Some(b"</spa"));
                joined = tag.and_then(|tag| tags::word(text, tag, window, sink)).unwrap_or(joined);
            }
            [b'<', b'w', b'b', b'r', ..] if at >= joined => {
                joined = tags::word(text, at, window, sink).unwrap_or(joined);
            }
            [b'+' | b'.', b'=', ..] if at >= appends => {
                appends = appended::chain(text, at, sink).unwrap_or(appends);
            }
            _ => {}
        };
        let rest = HEADS.as_ref().map_or(window.start, |heads| heads.find(text, window.clone(), &mut look));
        (rest..window.end).for_each(look);
    }
    blocks.look_around(text, windows, sink);
}
