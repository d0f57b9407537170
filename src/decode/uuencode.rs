//! What `uuencode` writes: a mode and a name, lines that say how many bytes they hold, and an end.

use super::block::{self, Line};

/// Reads the block that begins at a place.
pub(super) fn read(text: &[u8], at: usize) -> Option<(Vec<Line>, usize)> {
    let (first, next) = block::line(text, at)?;
    let [b'b', b'e', b'g', b'i', b'n', b' ', mode @ ..] = first else { return None };
    let digits = mode.iter().take_while(|byte| matches!(byte, b'0'..=b'7')).count();
    if !(3..=4).contains(&digits) || mode.get(digits) != Some(&b' ') {
        return None;
    }
    block::lines(text, next, decode)
}

/// The bytes of a line; none for the one that says that there are no more, and for what is none.
fn decode(line: &[u8]) -> Option<Vec<u8>> {
    let value = |byte: &u8| byte.checked_sub(b' ').filter(|value| *value <= 64).map(|value| value & 63);
    let (length, digits) = line.split_first()?;
    let length = usize::from(value(length)?);
    // Blanks at the end may be lost on the way, and something may be added to check a line by.
    let needed = (length * 8).div_ceil(6);
    if length == 0 || digits.len() > length.div_ceil(3) * 4 + 2 || digits.len() + 8 < needed {
        return None;
    }
    let mut bytes = Vec::with_capacity(length + 2);
    for four in digits.chunks(4) {
        let mut group = 0_u32;
        for at in 0..4 {
            group = group << 6 | u32::from(four.get(at).map_or(Some(0), value)?);
        }
        bytes.extend(group.to_be_bytes().iter().skip(1));
    }
    bytes.resize(length, 0);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_give_as_many_bytes_as_they_say() {
        assert_eq!(decode(b"#0V%T").as_deref(), Some(&b"Cat"[..]));
        assert_eq!(decode(b"\"86$`").as_deref(), Some(&b"aa"[..]));
        assert_eq!(decode(b"\"86$").as_deref(), Some(&b"aa"[..]), "a blank was lost");
        for none in [&b"`"[..], b"", b" ", b"end", b"M86$", b"#0V%T0V%T0V%T", b"#0v%t"] {
            assert_eq!(decode(none), None, "{}", String::from_utf8_lossy(none));
        }
    }

    #[test]
    fn a_block_ends_where_it_says() {
        let text = b"begin 0644 cat.txt\r\n#0V%T\r\n#0V%T\r\n`\r\nend\r\nmore";
        let (lines, end) = read(text, 0).unwrap();
        assert_eq!(lines.iter().map(|(bytes, _)| bytes.as_slice()).collect::<Vec<_>>(), [b"Cat", b"Cat"]);
        assert_eq!(&text[lines[1].1.clone()], b"#0V%T");
        assert!(text[end..].starts_with(b"`"));
        assert!(read(b"begin the day\n#0V%T\n", 0).is_none());
    }
}
