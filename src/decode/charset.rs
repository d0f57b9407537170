//! The character set of a whole text: UTF-16 and UTF-32 with their marks or by where their zeros are, and EBCDIC by its
//! letters. In all others tokens stand as in ASCII; only what stands before one may hide where it begins.

use super::sink::Sink;
use crate::model::Encoding;
use encoding_rs::{UTF_16BE, UTF_16LE};
use std::borrow::Cow;
use std::ops::Range;

/// Bytes that are looked at to tell a character set without a mark.
const SNIFFED: usize = 4_096;

/// The bytes as the engine reads them.
#[must_use]
pub fn text(bytes: &[u8]) -> Cow<'_, [u8]> {
    charset(bytes).map_or(Cow::Borrowed(bytes), |(_, text)| Cow::Owned(text))
}

/// The text in UTF-8, where it is in another character set throughout.
#[must_use]
pub fn charset(bytes: &[u8]) -> Option<(Encoding, Vec<u8>)> {
    match bytes {
        [0xff, 0xfe, 0, 0, rest @ ..] => Some((Encoding::Utf32, wider(rest, u32::from_le_bytes))),
        [0, 0, 0xfe, 0xff, rest @ ..] => Some((Encoding::Utf32, wider(rest, u32::from_be_bytes))),
        [0xff, 0xfe, rest @ ..] => Some((Encoding::Utf16, wide(rest, UTF_16LE))),
        [0xfe, 0xff, rest @ ..] => Some((Encoding::Utf16, wide(rest, UTF_16BE))),
        _ => unmarked(bytes),
    }
}

fn wide(bytes: &[u8], order: &'static encoding_rs::Encoding) -> Vec<u8> {
    let whole = bytes.get(..bytes.len() & !1).unwrap_or_default();
    let (text, _) = order.decode_without_bom_handling(whole);
    text.into_owned().into_bytes()
}

fn wider(bytes: &[u8], unit: fn([u8; 4]) -> u32) -> Vec<u8> {
    let mut text = String::with_capacity(bytes.len() / 3);
    for four in bytes.chunks_exact(4) {
        let code = <[u8; 4]>::try_from(four).map_or(0, unit);
        text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    text.into_bytes()
}

/// By what the first bytes look like.
fn unmarked(bytes: &[u8]) -> Option<(Encoding, Vec<u8>)> {
    let head = bytes.get(..SNIFFED).unwrap_or(bytes);
    if head.len() < 16 {
        return None;
    }
    if memchr::memchr(0, head).is_none() {
        return is_ebcdic(head).then(|| (Encoding::CodePage, bytes.iter().map(|byte| ebcdic(*byte)).collect()));
    }
    // Of two bytes one is a zero, or of four three: most of what is no text at all has fewer.
    let zeros = head.iter().filter(|byte| **byte == 0).count();
    if zeros * 10 < head.len() / 2 * 8 {
        return None;
    }
    let plain = |byte: &u8| matches!(*byte, b' '..=b'~' | b'\t' | b'\n' | b'\r');
    // Of each unit, so many hold an ASCII character in one of their bytes and zeros in the others.
    let share = |unit: usize, low: usize| {
        let units = head.chunks_exact(unit);
        let all = units.len();
        let fitting = units.filter(|unit| {
            let zeros = unit.iter().filter(|byte| **byte == 0).count();
            unit.get(low).is_some_and(plain) && zeros == unit.len() - 1
        });
        all > 0 && fitting.count() * 10 >= all * 8
    };
    match () {
        () if share(4, 0) => Some((Encoding::Utf32, wider(bytes, u32::from_le_bytes))),
        () if share(4, 3) => Some((Encoding::Utf32, wider(bytes, u32::from_be_bytes))),
        () if share(2, 0) => Some((Encoding::Utf16, wide(bytes, UTF_16LE))),
        () if share(2, 1) => Some((Encoding::Utf16, wide(bytes, UTF_16BE))),
        () => None,
    }
}

/// EBCDIC: nine tenths of it are its characters, half are its letters and digits, and there are blanks between them.
fn is_ebcdic(head: &[u8]) -> bool {
    // Nearly every text is settled by this, and nothing counts faster.
    if head.is_ascii() {
        return false;
    }
    let beyond = head.iter().filter(|byte| **byte >= 0x80).count();
    if beyond * 2 < head.len() || std::str::from_utf8(head).is_ok() {
        return false;
    }
    let (mut known, mut letters, mut blanks) = (0, 0, 0);
    for byte in head {
        let character = ebcdic(*byte);
        known += usize::from(character != UNKNOWN);
        letters += usize::from(character.is_ascii_alphanumeric());
        blanks += usize::from(matches!(character, b' ' | b'\n'));
    }
    known * 10 >= head.len() * 9 && letters * 2 >= head.len() && blanks * 50 >= head.len()
}

/// What stands for a character that ASCII does not have.
const UNKNOWN: u8 = 0x1a;

/// The characters of code pages 37 and 1047 that ASCII has too.
fn ebcdic(byte: u8) -> u8 {
    match byte {
        0x05 => b'\t',
        0x0d => b'\r',
        0x15 | 0x25 => b'\n',
        0x40 => b' ',
        0x4b..=0x50 => *b".<(+|&".get(usize::from(byte - 0x4b)).unwrap_or(&UNKNOWN),
        0x5a..=0x5e => *b"!$*);".get(usize::from(byte - 0x5a)).unwrap_or(&UNKNOWN),
        0x60 | 0x61 => *b"-/".get(usize::from(byte - 0x60)).unwrap_or(&UNKNOWN),
        0x6b..=0x6f => *b",%_>?".get(usize::from(byte - 0x6b)).unwrap_or(&UNKNOWN),
        0x79..=0x7f => *b"`:#@'=\"".get(usize::from(byte - 0x79)).unwrap_or(&UNKNOWN),
        0x81..=0x89 => byte - 0x81 + b'a',
        0x91..=0x99 => byte - 0x91 + b'j',
        0xa2..=0xa9 => byte - 0xa2 + b's',
        0xa1 => b'~',
        0xad | 0xba => b'[',
        0xbd | 0xbb => b']',
        0xb0 | 0x5f => b'^',
        0xc0 => b'{',
        0xd0 => b'}',
        0xe0 => b'\\',
        0xc1..=0xc9 => byte - 0xc1 + b'A',
        0xd1..=0xd9 => byte - 0xd1 + b'J',
        0xe2..=0xe9 => byte - 0xe2 + b'S',
        0xf0..=0xf9 => byte - 0xf0 + b'0',
        _ => UNKNOWN,
    }
}

/// In the code pages of East Asia the second byte of a character may look like a letter. Where a run begins with such a
/// one, the token begins behind it.
pub(super) fn behind(text: &[u8], run: &Range<usize>, sink: &mut Sink<'_>) {
    let Some(before) = run.start.checked_sub(1).and_then(|at| text.get(at)) else { return };
    let second = text.get(run.start).is_some_and(|byte| (0x40..0x7f).contains(byte));
    if !(0x81..=0xfe).contains(before) || !second || ends_character(text.get(..run.start).unwrap_or_default()) {
        return;
    }
    if let Some(view) = sink.stretch(Encoding::CodePage, true) {
        view.joint();
        view.keep(text, run.start + 1..run.end);
    }
}

/// True where the last byte ends a character of UTF-8.
fn ends_character(before: &[u8]) -> bool {
    (2..=4).any(|length| {
        let start = before.len().checked_sub(length);
        let last = start.and_then(|start| before.get(start..)).map(std::str::from_utf8);
        last.is_some_and(|last| last.is_ok_and(|text| text.chars().count() == 1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_orders_are_read_and_broken_text_is_no_trouble() {
        assert_eq!(text(b"\xff\xfea\0\n\0"), b"a\n".as_slice());
        assert_eq!(text(b"\xfe\xff\0a\0\n"), b"a\n".as_slice());
        assert_eq!(text(b"\xff\xfea\0\x00\xd8b"), "a\u{fffd}".as_bytes());
        assert_eq!(text(b"\xff\xfe\0\0a\0\0\0b"), b"a".as_slice());
        assert_eq!(text(b"\0\0\xfe\xff\0\0\0a\0\x11\0\0"), "a\u{fffd}".as_bytes());
        assert_eq!(text(b"\xff"), b"\xff".as_slice());
        assert_eq!(text(b"a\0"), b"a\0".as_slice());
    }

    #[test]
    fn zeros_tell_what_no_mark_does() {
        let plain = b"a line of text\nand another one";
        let spread = |before: usize, after: usize| -> Vec<u8> {
            plain.iter().flat_map(|byte| [vec![0; before], vec![*byte], vec![0; after]].concat()).collect()
        };
        for (before, after, encoding) in
            [(0, 1, Encoding::Utf16), (1, 0, Encoding::Utf16), (0, 3, Encoding::Utf32), (3, 0, Encoding::Utf32)]
        {
            assert_eq!(charset(&spread(before, after)), Some((encoding, plain.to_vec())));
        }
        assert_eq!(charset(plain), None);
        assert_eq!(charset(&[plain.as_slice(), &[0; 8]].concat()), None);
        assert_eq!(charset(&[0; 64]), None);
    }

    #[test]
    fn ebcdic_is_told_by_its_letters() {
        let text = b"KEY=abc_XYZ-019 for the test\nof all {letters} [and] signs~^";
        let back = |wanted: u8| (0..=255).find(|byte| ebcdic(*byte) == wanted).unwrap();
        let encoded: Vec<u8> = text.iter().map(|byte| back(*byte)).collect();
        assert_eq!(charset(&encoded), Some((Encoding::CodePage, text.to_vec())));
        assert_eq!(charset("d\u{e9}j\u{e0} vu, \u{fc}ber alles".as_bytes()), None);
        let noise: Vec<u8> = (0..2_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8 | 1).collect();
        assert_eq!(charset(&noise), None);
    }
}
