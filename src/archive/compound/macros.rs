//! The source of macros, which documents hold packed in a way of their own.

/// Every module begins with a word that, packed, stands there as it is but for its last letter.
const START: &[u8] = b"\0Attribut";
/// What one chunk expands to.
const CHUNK: usize = 4096;

/// The source in a stream, if there is any.
pub(super) fn source(stream: &[u8], largest: u64) -> Option<Vec<u8>> {
    let largest = usize::try_from(largest).unwrap_or(usize::MAX);
    let at = memchr::memmem::find(stream, START)?.checked_sub(3)?;
    let [1, packed @ ..] = stream.get(at..)? else { return None };
    let mut source = Vec::new();
    let mut rest = packed;
    while let [low, high, after @ ..] = rest
        && source.len() < largest
    {
        let header = u16::from_le_bytes([*low, *high]);
        if header >> 12 & 7 != 3 {
            break;
        }
        let length = usize::from(header & 0x0fff) + 1;
        let chunk = after.get(..length).unwrap_or(after);
        if header & 0x8000 == 0 {
            source.extend_from_slice(chunk);
        } else {
            expand(chunk, &mut source);
        }
        rest = after.get(length..).unwrap_or_default();
    }
    (!source.is_empty()).then_some(source)
}

/// Expands one chunk: letters, and references to what came before in it.
fn expand(chunk: &[u8], source: &mut Vec<u8>) -> Option<()> {
    let start = source.len();
    let mut rest = chunk.iter().copied();
    while let Some(flags) = rest.next() {
        for bit in 0..8 {
            let first = rest.next()?;
            if flags >> bit & 1 == 0 {
                source.push(first);
                continue;
            }
            let token = u16::from_le_bytes([first, rest.next()?]);
            let so_far = source.len() - start;
            let bits = so_far.checked_sub(1).map_or(0, |last| usize::BITS - last.leading_zeros()).clamp(4, 12);
            let length = usize::from(token & (0xffff >> bits)) + 3;
            let back = usize::from(token >> (16 - bits)) + 1;
            for _ in 0..length {
                let from = source.len().checked_sub(back).filter(|from| *from >= start)?;
                source.push(*source.get(from)?);
            }
            if source.len() - start > 2 * CHUNK {
                return None;
            }
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn references_repeat_what_came_before() {
        // The sample of the format's own description: "#aaabcdefaaaaghijaaaaaklaaamnopqaaaaaaaaaaaarstuvwxyzaaa".
        let packed = [
            0x00, 0x23, 0x61, 0x61, 0x61, 0x62, 0x63, 0x64, 0x65, 0x82, 0x66, 0x00, 0x70, 0x61, 0x67, 0x68, 0x69, 0x6a,
            0x01, 0x38, 0x08, 0x61, 0x6b, 0x6c, 0x00, 0x30, 0x6d, 0x6e, 0x6f, 0x70, 0x06, 0x71, 0x02, 0x70, 0x04, 0x10,
            0x72, 0x73, 0x74, 0x75, 0x76, 0x10, 0x77, 0x78, 0x79, 0x7a, 0x00, 0x3c,
        ];
        let mut source = Vec::new();
        super::expand(&packed, &mut source);
        assert_eq!(source, b"#aaabcdefaaaaghijaaaaaklaaamnopqaaaaaaaaaaaarstuvwxyzaaa");
    }

    #[test]
    fn a_module_is_found_behind_what_was_compiled() {
        let chunk = [&b"\0Attribut\0e VB_Nam\0e = \"M\"\r"[..]].concat();
        let header = (0xb000_u16 | (chunk.len() as u16 - 1)).to_le_bytes();
        let stream = [&b"compiled"[..], &[1], &header, &chunk].concat();
        assert_eq!(super::source(&stream, 1 << 20).unwrap(), b"Attribute VB_Name = \"M\"\r");
        assert_eq!(super::source(b"\0Attribut", 10), None);
        assert_eq!(super::source(b"nothing", 10), None);
    }
}
