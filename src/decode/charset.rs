//! Text in UTF-16 (PowerShell's `>` and some editors write it) is scanned as UTF-8; everything else as it is.

use std::borrow::Cow;

/// The bytes as the engine reads them.
#[must_use]
pub fn text(bytes: &[u8]) -> Cow<'_, [u8]> {
    let wide = |unit: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).skip(1).filter_map(|pair| Some(unit([*pair.first()?, *pair.get(1)?])));
        let text: String = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
        Cow::Owned(text.into_bytes())
    };
    match bytes {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        _ => Cow::Borrowed(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_orders_are_read_and_broken_text_is_no_trouble() {
        assert_eq!(text(b"\xff\xfea\0\n\0"), b"a\n".as_slice());
        assert_eq!(text(b"\xfe\xff\0a\0\n"), b"a\n".as_slice());
        assert_eq!(text(b"\xff\xfea\0\x00\xd8b"), "a\u{fffd}".as_bytes());
        assert_eq!(text(b"\xff"), b"\xff".as_slice());
        assert_eq!(text(b"a\0"), b"a\0".as_slice());
    }
}
