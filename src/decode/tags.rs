//! Words that a page cuts into pieces to colour them, or so that they can be broken there: `abc</span><span>def`; and those
//! that two sections of raw text have together, or two lines of a batch file.

use super::sink::Sink;
use super::windows::{run_end, run_start};
use crate::model::Encoding;
use crate::runs::is_token_byte;
use std::ops::Range;

/// Tags within words.
const INLINE: [&[u8]; 16] = [
    b"span", b"wbr", b"b", b"i", b"em", b"strong", b"font", b"code", b"mark", b"kbd", b"tt", b"samp", b"var", b"bdi",
    b"small", b"u",
];

/// The longest tag, the longest piece, and the most pieces of one word.
const TAG: usize = 300;
const LONGEST: usize = 4 << 10;
const MOST: usize = 1_024;

/// What is kept before the first piece: a name may stand there.
const BEFORE: usize = 48;

/// What stands between two sections of raw text.
pub(super) const SECTIONS: &[u8] = b"]]><![CDATA[";

/// Joins the pieces of the word whose first piece ends before a tag; returns where the last one ends.
pub(super) fn word(text: &[u8], tag: usize, window: &Range<usize>, sink: &mut Sink<'_>) -> Option<usize> {
    join(text, tag, window, sink, behind_tags)
}

/// The same for one that ends before the end of a section.
pub(super) fn sections(text: &[u8], end: usize, window: &Range<usize>, sink: &mut Sink<'_>) -> Option<usize> {
    join(text, end, window, sink, |text, at| text.get(at..)?.starts_with(SECTIONS).then_some(at + SECTIONS.len()))
}

/// The same for one that ends before the sign by which a line of a batch file goes on.
pub(super) fn lines(text: &[u8], sign: usize, window: &Range<usize>, sink: &mut Sink<'_>) -> Option<usize> {
    join(text, sign, window, sink, |text, at| match text.get(at..)? {
        [b'^', b'\n', ..] => Some(at + 2),
        [b'^', b'\r', b'\n', ..] => Some(at + 3),
        _ => None,
    })
}

fn join(
    text: &[u8],
    tag: usize,
    window: &Range<usize>,
    sink: &mut Sink<'_>,
    behind: impl Fn(&[u8], usize) -> Option<usize>,
) -> Option<usize> {
    if !text.get(tag.checked_sub(1)?).is_some_and(|byte| is_token_byte(*byte)) {
        return None;
    }
    let start = run_start(text, tag, tag.saturating_sub(LONGEST).max(window.start));
    let first = start..tag;
    let mut pieces = vec![first];
    while let Some(next) = pieces.last().and_then(|last| behind(text, last.end)) {
        if !text.get(next).is_some_and(|byte| is_token_byte(*byte)) || pieces.len() >= MOST {
            break;
        }
        pieces.push(next..run_end(text, next, next.saturating_add(LONGEST).min(text.len())));
    }
    let end = pieces.last()?.end;
    if pieces.len() < 2 {
        return None;
    }
    let view = sink.stretch(Encoding::Joined, false)?;
    let before = text.get(start.saturating_sub(BEFORE)..start)?;
    let line = before.iter().rev().take_while(|byte| **byte != b'\n').count();
    view.join(text, start - line, &pieces);
    Some(end)
}

/// Where the text goes on behind one tag or several.
fn behind_tags(text: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    while let Some(rest) = text.get(at..).and_then(|rest| rest.strip_prefix(b"<")) {
        let name = rest.strip_prefix(b"/").unwrap_or(rest);
        let length = name.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let name = name.get(..length)?;
        if !INLINE.iter().any(|tag| name.eq_ignore_ascii_case(tag)) {
            return None;
        }
        at += memchr::memchr(b'>', rest.get(..TAG).unwrap_or(rest))? + 2;
    }
    (at > start).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::super::tests::joined;

    #[test]
    fn words_cut_by_tags_are_put_together() {
        let text = "<td>key: <span class=\"s\">ab_c</span><span class=\"m\">1234</span><span>def</span> next</td>";
        assert!(joined(text).contains("ab_c1234def<"), "{}", joined(text));
        assert!(joined("a long word: abc<wbr>def<wbr/>ghi, and more").contains("abcdefghi,"));
        assert!(joined("<b>one</b></span><span><i>two</i></span> and so on").is_empty());
        assert!(
            joined("<k><![CDATA[ab]]><![CDATA[abcdefghijklmnopqrst]]><![CDATA[gh]]></k>")
                .contains("ababcdefghijklmnopqrstgh]")
        );
        assert!(
            joined("set KEY=abcdefghijklmnopqrst^\r\nghijkl^\r\nmn\r\n").contains("KEY=abcdefghijklmnopqrstghijklmn\r")
        );
        assert!(joined("set KEY=abcd^\nabcdefghijklmnopqrst and more\n").contains("KEY=abcdabcdefghijklmnopqrst "));
        for none in ["a]]><![CDATA[ and b]]> and more", "if x ^\n y and some more of it", "abc^\n def and some more"] {
            assert_eq!(joined(none), "", "{none}");
        }
        for none in ["one</span> <span>two is not one word", "one</span><span", "one</p><p>two</span><span>", "a<wbr"] {
            assert_eq!(joined(none), "", "{none}");
        }
    }
}
