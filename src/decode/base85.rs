//! Base 85: the patches that git makes of binaries, and Ascii85 between its marks.

use super::block::{self, Line};

/// The digits that git uses, in order.
const DIGITS: &[u8; 85] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";

/// Ascii85 that is shorter holds no token.
const LEAST: usize = 20;

/// Reads the next block of a patch behind the line that leads to it: what a file holds, or what changed in it.
pub(super) fn read_patch(text: &[u8], at: usize) -> Option<(Vec<Line>, usize)> {
    let (_, next) = block::line(text, at)?;
    let (head, after) = block::line(text, next)?;
    let size = head.strip_prefix(b"literal ").or_else(|| head.strip_prefix(b"delta "))?;
    if size.is_empty() || !size.iter().all(u8::is_ascii_digit) {
        return None;
    }
    block::lines(text, after, decode)
}

/// The bytes of a line, which says first how many they are.
fn decode(line: &[u8]) -> Option<Vec<u8>> {
    let (length, digits) = line.split_first()?;
    let length = match length {
        b'A'..=b'Z' => usize::from(length - b'A') + 1,
        b'a'..=b'z' => usize::from(length - b'a') + 27,
        _ => return None,
    };
    if digits.len() != length.div_ceil(4) * 5 {
        return None;
    }
    let mut bytes = Vec::with_capacity(length + 3);
    for five in digits.chunks_exact(5) {
        let group = five.iter().try_fold(0_u64, |group, digit| {
            let value = DIGITS.iter().position(|known| known == digit)?;
            Some(group * 85 + value as u64)
        })?;
        bytes.extend(u32::try_from(group).ok()?.to_be_bytes());
    }
    bytes.truncate(length);
    Some(bytes)
}

/// Reads Ascii85 from its mark to its end.
pub(super) fn read_marked(text: &[u8], at: usize) -> Option<(Vec<Line>, usize)> {
    let rest = text.get(at..)?.strip_prefix(b"<~")?;
    let start = text.len() - rest.len();
    let end = rest.iter().position(|byte| *byte == b'~')?;
    let digits = rest.get(..end)?;
    if rest.get(end + 1) != Some(&b'>') || end < LEAST {
        return None;
    }
    let bytes = from_ascii85(digits)?;
    Some((vec![(bytes, start..start + end)], start + end + 2))
}

/// Groups of five digits, and `z` for four zeros; none where there is anything else.
fn from_ascii85(digits: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(digits.len() / 5 * 4 + 4);
    let (mut group, mut count) = (0_u64, 0);
    for digit in digits.iter().filter(|digit| !digit.is_ascii_whitespace()) {
        match digit {
            b'z' if count == 0 => bytes.extend([0; 4]),
            b'!'..=b'u' => {
                group = group * 85 + u64::from(digit - b'!');
                count += 1;
                if count == 5 {
                    bytes.extend(u32::try_from(group).ok()?.to_be_bytes());
                    (group, count) = (0, 0);
                }
            }
            _ => return None,
        }
    }
    if count > 1 {
        let filled = (count..5).fold(group, |group, _| group * 85 + 84);
        bytes.extend(u32::try_from(filled).ok()?.to_be_bytes().iter().take(count - 1));
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_become_bytes() {
        assert_eq!(from_ascii85(b"87cURD]i,\"Ebo80").as_deref(), Some(&b"Hello World!"[..]));
        assert_eq!(from_ascii85(b"87cUR\nD]i,\"Ebo7").as_deref(), Some(&b"Hello World"[..]));
        assert_eq!(from_ascii85(b"z!!").as_deref(), Some(&[0, 0, 0, 0, 0][..]));
        for none in [&b"v"[..], b"!z", b"uuuuu"] {
            assert_eq!(from_ascii85(none), None);
        }
        assert_eq!(decode(b"LNM&qnZ!92pZ*pv8").as_deref(), Some(&b"Hello, world"[..]));
        for none in [&b""[..], b"L", b"LNM&qnZ!92pZ*pv", b"4NM&qn", b"D~~~~~", b"DNM\"qn"] {
            assert_eq!(decode(none), None);
        }
    }

    #[test]
    fn marks_without_what_belongs_to_them_are_no_blocks() {
        assert!(read_marked(b"a <~ b ~> c", 2).is_none());
        assert!(read_marked(b"<~87cURD]i,\"Ebo80 and no end", 0).is_none());
        assert!(read_patch(b"GIT binary patch\nliteral x\nLNM&qnZ!92pZ*pv8\n", 0).is_none());
        let (lines, _) = read_patch(b"GIT binary patch\nliteral 12\nLNM&qnZ!92pZ*pv8\n\n", 0).unwrap();
        assert_eq!(lines[0].0, b"Hello, world");
    }
}
