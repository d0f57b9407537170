//! Backslashes, as source text and JSON have them.

use super::hex;
use super::strings::{Escape, Meaning};
use crate::runs::is_token_byte;

pub(super) fn read(text: &[u8]) -> Option<Escape> {
    let [b'\\', kind, rest @ ..] = text else { return None };
    let byte = |byte: u8| Some(Escape { length: 2, meaning: Meaning::Byte(byte) });
    match kind {
        b'\'' if let Some(code) = rich(rest) => Some(Escape { length: 4, meaning: Meaning::Byte(code) }),
        b'0' if let Some(code) = styled(rest) => Some(Escape { length: 7, meaning: Meaning::Byte(code) }),
        b'2'..=b'7' if let Some(code) = styled_short(*kind, rest) => {
            Some(Escape { length: 3, meaning: Meaning::Byte(code) })
        }
        b'n' => byte(b'\n'),
        b'r' => byte(b'\r'),
        b't' => byte(b'\t'),
        b'f' => byte(0x0c),
        b'v' => byte(0x0b),
        b'b' => byte(0x08),
        b'a' => byte(0x07),
        b'e' => byte(0x1b),
        b'/' | b'"' | b'\'' | b'\\' | b'`' | b'-' | b'_' | b'.' | b'=' | b'+' | b'~' | b':' | b'@' | b'$' => {
            byte(*kind)
        }
        b'u' | b'x' if rest.first() == Some(&b'{') => braced(rest),
        b'u' => {
            fixed(rest, 4).or_else(|| fixed(rest.strip_prefix(b"u")?, 4).map(|e| Escape { length: e.length + 1, ..e }))
        }
        b'U' => fixed(rest, 8),
        b'x' => fixed(rest, 2),
        b'0'..=b'7' => octal(text),
        _ => None,
    }
}

/// As rich text has it: two hex digits behind the quote. An escaped quote before text goes on with more of it.
fn rich(text: &[u8]) -> Option<u8> {
    let (two, after) = text.split_at_checked(2)?;
    after.first().is_none_or(|next| !is_token_byte(*next)).then(|| hex::pair(two)).flatten()
}

/// As style sheets have it: six hex digits, of which the first has been read.
fn styled(text: &[u8]) -> Option<u8> {
    hex::pair(text.strip_prefix(b"000")?.get(..2)?).filter(u8::is_ascii_graphic)
}

/// The same with two digits, where a third one could not be meant.
fn styled_short(first: u8, text: &[u8]) -> Option<u8> {
    let (second, after) = text.split_first()?;
    let code = hex::pair(&[first, *second]).filter(u8::is_ascii_graphic)?;
    after.first().is_none_or(|next| !is_token_byte(*next)).then_some(code)
}

/// So many hex digits.
fn fixed(text: &[u8], digits: usize) -> Option<Escape> {
    let code = value(text.get(..digits)?)?;
    let meaning = match (digits, u8::try_from(code)) {
        (2, Ok(byte)) => Meaning::Byte(byte),
        // Half of a character: what it is half of is no part of a token.
        _ => Meaning::Character(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)),
    };
    Some(Escape { length: 2 + digits, meaning })
}

/// As many hex digits as the braces hold.
fn braced(text: &[u8]) -> Option<Escape> {
    let digits = text.iter().skip(1).take(9).position(|byte| *byte == b'}')?;
    let code = value(text.get(1..=digits)?)?;
    let length = digits + 4;
    Some(Escape { length, meaning: Meaning::Character(char::from_u32(code)?) })
}

/// Three octal digits.
fn octal(text: &[u8]) -> Option<Escape> {
    let digits = text.get(1..4)?;
    let code = digits.iter().try_fold(0_u32, |code, byte| {
        let value = byte.checked_sub(b'0').filter(|value| *value < 8)?;
        Some(code << 3 | u32::from(value))
    })?;
    Some(Escape { length: 4, meaning: Meaning::Byte(u8::try_from(code).ok()?) })
}

fn value(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u32, |code, byte| Some(code.checked_mul(16)? | u32::from(hex::digit(*byte)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        let read = |text: &str| read(text.as_bytes()).map(|escape| (escape.length, escape.meaning));
        assert_eq!(read(r"\u0041b"), Some((6, Meaning::Character('A'))));
        assert_eq!(read(r"\uu0041b"), Some((7, Meaning::Character('A'))));
        assert_eq!(read(r"\u{41}b"), Some((6, Meaning::Character('A'))));
        assert_eq!(read(r"\x{41}b"), Some((6, Meaning::Character('A'))));
        assert_eq!(read(r"\U00000041b"), Some((10, Meaning::Character('A'))));
        assert_eq!(read(r"\x41b"), Some((4, Meaning::Byte(b'A'))));
        assert_eq!(read(r"\101b"), Some((4, Meaning::Byte(b'A'))));
        assert_eq!(read(r"\/b"), Some((2, Meaning::Byte(b'/'))));
        assert_eq!(read(r"\ud83d"), Some((6, Meaning::Character('\u{fffd}'))));
        assert_eq!(read(r"\'5f\'41"), Some((4, Meaning::Byte(b'_'))));
        assert_eq!(read(r"\'5fab\'"), Some((2, Meaning::Byte(b'\''))));
        assert_eq!(read(r"\5f\41"), Some((3, Meaning::Byte(b'_'))));
        assert_eq!(read(r"\00005f00"), Some((7, Meaning::Byte(b'_'))));
        assert_eq!(read(r"\000000"), Some((4, Meaning::Byte(0))));
        for none in [r"\", r"\q", r"\x4", r"\u004", r"\u{}", r"\u{110000}", r"\18", r"\777", r"\u{0000000041}"] {
            assert_eq!(read(none), None, "{none}");
        }
    }
}
