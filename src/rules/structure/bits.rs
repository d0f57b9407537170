//! Bytes that are written in few letters.

/// Base64 in either alphabet, with or without padding.
pub(super) fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let end = text.iter().rposition(|byte| *byte != b'=').map_or(0, |at| at + 1);
    let text = text.get(..end)?;
    if text.len() % 4 == 1 {
        return None;
    }
    packed(text, 6, |byte| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    })
}

/// Base32 in capitals, without padding.
pub(super) fn base32(text: &[u8]) -> Option<Vec<u8>> {
    packed(text, 5, |byte| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'2'..=b'7' => Some(byte - b'2' + 26),
        _ => None,
    })
}

/// Puts the bits of letters together. Those that fill no byte at the end are left out.
fn packed(text: &[u8], width: u32, value: impl Fn(u8) -> Option<u8>) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let (mut held, mut bits) = (0_u32, 0_u32);
    for letter in text {
        held = (held << width | u32::from(value(*letter)?)) & 0xffff;
        bits += width;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits & 0xff).ok()?);
        }
    }
    Some(bytes)
}

/// Takes so many bytes off the front.
pub(super) fn cut<'b>(bytes: &mut &'b [u8], length: usize) -> Option<&'b [u8]> {
    let (front, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(front)
}

/// Takes a number of so many bytes off the front, the greatest first.
pub(super) fn number(bytes: &mut &[u8], width: usize) -> Option<usize> {
    cut(bytes, width)?.iter().try_fold(0_usize, |sum, byte| sum.checked_mul(256)?.checked_add(usize::from(*byte)))
}

/// How many bits a number of these bytes has.
pub(super) fn length(number: &[u8]) -> usize {
    let first = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
    let top = number.get(first).map_or(0, |byte| byte.leading_zeros() as usize);
    (number.len() - first) * 8 - top
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_become_bytes() {
        assert_eq!(base64(b"aGk_").unwrap(), b"hi?");
        assert_eq!(base64(b"aGk/").unwrap(), b"hi?");
        assert_eq!(base64(b"aA==").unwrap(), b"h");
        assert_eq!(base64(b"aA").unwrap(), b"h");
        assert!(base64(b"aGkxa").is_none() && base64(b"a b=").is_none());
        assert_eq!(base64(b"").unwrap(), b"");
        assert_eq!(base32(b"NBUQ").unwrap(), b"hi");
        assert!(base32(b"N1").is_none());
    }

    #[test]
    fn numbers_are_measured() {
        assert_eq!(length(&[0, 0x80, 0]), 16);
        assert_eq!(length(&[1, 0, 0]), 17);
        assert_eq!((length(&[]), length(&[0])), (0, 0));
        let mut bytes = &[0, 0, 1, 2, 9][..];
        assert_eq!(number(&mut bytes, 4), Some(258));
        assert_eq!((number(&mut bytes, 2), bytes), (None, &[9][..]));
    }
}
