//! What decoded bytes look like: text, wide text, something compressed, or nothing.

/// What the first decoded bytes are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Text.
    Text,
    /// Text in UTF-16.
    Wide,
    /// Something with a name of its own: compressed, or an archive.
    Packed,
}

/// The first bytes of what is compressed or holds others.
const MAGIC: [&[u8]; 12] = [
    &[0x1f, 0x8b, 8],
    &[0x28, 0xb5, 0x2f, 0xfd],
    b"PK\x03\x04",
    b"BZh",
    &[0xfd, b'7', b'z', b'X', b'Z', 0],
    b"7z\xbc\xaf",
    &[0x78, 0x9c],
    &[0x78, 0xda],
    &[0x78, 0x01],
    &[0x78, 0x5e],
    b"SQLite format 3\0",
    b"%PDF-",
];

/// True for the printable characters of ASCII, and the blanks.
pub(super) const fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r')
}

/// What a byte may be in text: a plain character of ASCII, or the first of two, or of more, or a later one.
const PLAIN: u8 = 1;
const FIRST: u8 = 2;
const FIRST_OF_MORE: u8 = 4;
const LATER: u8 = 8;
/// What may begin a character.
const BEGINS: u8 = PLAIN | FIRST | FIRST_OF_MORE;

const ROLES: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let role = match byte as u8 {
            0x80..=0xbf => LATER,
            0xc2..=0xdf => FIRST,
            0xe0..=0xf4 => FIRST_OF_MORE,
            plain if is_plain(plain) => PLAIN,
            _ => 0,
        };
        #[expect(clippy::indexing_slicing, reason = "checked by the compiler: a constant")]
        {
            table[byte] = role;
        }
        byte += 1;
    }
    table
};

fn role(byte: u8) -> u8 {
    ROLES.get(usize::from(byte)).copied().unwrap_or(0)
}

/// A quick no, from one byte.
pub(super) fn may_begin(byte: u8) -> bool {
    role(byte) & BEGINS != 0 || matches!(byte, 0 | 0x1f | 0xfd..)
}

/// The same, from three bytes.
pub(super) fn may_be(head: [u8; 3]) -> bool {
    let [a, b, c] = head;
    let text = match role(a) {
        PLAIN => match role(b) {
            PLAIN => role(c) & BEGINS != 0,
            FIRST | FIRST_OF_MORE => role(c) == LATER,
            // In UTF-16.
            _ => b == 0,
        },
        FIRST => role(b) == LATER && role(c) & BEGINS != 0,
        FIRST_OF_MORE => role(b) == LATER && role(c) == LATER,
        _ => a == 0 && c == 0 && is_plain(b),
    };
    text || matches!((a, b), (0x1f, 0x8b) | (0x28, 0xb5) | (0xfd, b'7') | (b'7', b'z') | (b'P', b'K') | (0xff, 0xfe))
        || matches!((a, b), (0x78, 0x9c | 0xda | 0x01 | 0x5e) | (0xfe, 0xff))
}

/// What bytes are that begin so.
pub(super) fn look(head: &[u8]) -> Option<Look> {
    if MAGIC.iter().any(|magic| head.starts_with(magic)) {
        return Some(Look::Packed);
    }
    if head.len() < 4 {
        return None;
    }
    if is_text(head) {
        return Some(Look::Text);
    }
    let zeros = |odd: usize| head.iter().skip(odd).step_by(2).filter(|byte| **byte == 0).count();
    let plain = |odd: usize| head.iter().skip(odd).step_by(2).filter(|byte| is_plain(**byte)).count();
    let half = head.len() / 2;
    let marked = head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]);
    let most = if marked { half.saturating_sub(1) } else { half };
    let wide = (zeros(1) >= most && plain(0) >= most) || (zeros(0) >= most && plain(1) >= most);
    wide.then_some(Look::Wide)
}

/// True for bytes that are text throughout, perhaps cut within a character; at most a quarter of it is beyond ASCII.
pub(super) fn is_text(bytes: &[u8]) -> bool {
    let valid = match std::str::from_utf8(bytes) {
        Ok(_) => bytes.len(),
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        Err(_) => return false,
    };
    let (mut controls, mut beyond) = (0_usize, 0_usize);
    for byte in bytes.get(..valid).unwrap_or_default() {
        controls += usize::from(!is_plain(*byte) && *byte < 0x80);
        beyond += usize::from(*byte >= 0x80);
    }
    // Scripts other than the Latin one are written beyond ASCII; in the first bytes they say too little.
    controls == 0 && valid > 0 && (beyond == 0 || bytes.len() >= 64 || beyond * 4 <= bytes.len())
}

/// True for bytes that are text, however much of it is beyond ASCII.
pub(super) fn is_text_of_any_script(bytes: &[u8]) -> bool {
    let valid = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            bytes.get(..error.valid_up_to()).and_then(|valid| std::str::from_utf8(valid).ok()).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !valid.is_empty() && valid.chars().all(|sign| !sign.is_control() || matches!(sign, '\t' | '\n' | '\r'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_told_from_noise() {
        assert_eq!(look(b"{\"a\": \"b\"}\n"), Some(Look::Text));
        assert_eq!(look("sch\u{f6}ner Text".as_bytes()), Some(Look::Text));
        assert_eq!(look(b"g\0h\0p\0_\0"), Some(Look::Wide));
        assert_eq!(look(b"\0g\0h\0p\0_"), Some(Look::Wide));
        assert_eq!(look(b"\xff\xfeg\0h\0"), Some(Look::Wide));
        assert_eq!(look(&[0x1f, 0x8b, 8, 0, 0, 0]), Some(Look::Packed));
        assert_eq!(look(&[3, 200, 41, 99, 180, 12, 77, 240]), None);
        for head in [b"{\"a".as_slice(), b"g\0h", b"\0g\0", &[0x1f, 0x8b, 8], b"\xff\xfeg", &[0x78, 0x9c, 1]] {
            assert!(may_be([head[0], head[1], head[2]]), "{head:?}");
        }
        assert!(!may_be([3, 200, 41]));
    }
}
