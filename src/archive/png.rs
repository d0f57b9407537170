//! PNG pictures: the texts in them that are compressed. Those that are not are found as they stand, unless the checksum
//! behind one looks like more of it; and what is drawn is not read.

use super::outlet::{Outlet, Walk};
use super::{ArchiveError, names};
use std::io::Read as _;

const MAGIC: &[u8] = b"\x89PNG\r\n\x1a\n";

/// True for the start of a picture.
pub(super) fn looks_like(head: &[u8]) -> bool {
    head.starts_with(MAGIC)
}

/// Hands over every text that cannot be read as it stands.
pub(super) fn walk(bytes: &[u8], outlet: &mut Outlet<'_, '_>) -> Walk {
    let mut rest = bytes.get(MAGIC.len()..).unwrap_or_default();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let Some((kind, after)) = after.split_first_chunk::<4>() else { break };
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let whole = after.split_at_checked(length).and_then(|(data, after)| Some((data, after.split_first_chunk()?)));
        let Some((data, (checksum, after))) = whole else { break };
        if kind == b"IEND" {
            return Ok(());
        }
        if let Some((keyword, packed)) = packed_text(*kind, data) {
            text(&names::shown(keyword), packed, outlet)?;
        } else if matches!(kind, b"tEXt" | b"iTXt") && checksum.first().is_some_and(u8::is_ascii_graphic) {
            let keyword = data.split(|byte| *byte == 0).next().unwrap_or_default();
            outlet.bytes(&names::shown(keyword), data)?;
        }
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(kind);
        hasher.update(data);
        if kind != b"IDAT" && hasher.finalize() != u32::from_be_bytes(*checksum) {
            return Err(ArchiveError::damaged("the checksum of a part does not hold").into());
        }
        rest = after;
    }
    Err(ArchiveError::cut().into())
}

/// The name of a text and what it is packed into; none for any other chunk.
fn packed_text(kind: [u8; 4], data: &[u8]) -> Option<(&[u8], &[u8])> {
    let split = |bytes| memchr::memchr(0, bytes).and_then(|at| Some((bytes.get(..at)?, bytes.get(at + 1..)?)));
    let (keyword, rest): (&[u8], &[u8]) = split(data)?;
    match (&kind, rest) {
        (b"zTXt", [0, packed @ ..]) => Some((keyword, packed)),
        // Behind two marks stand the language and the keyword in it.
        (b"iTXt", [1, 0, rest @ ..]) => Some((keyword, split(split(rest)?.1)?.1)),
        _ => None,
    }
}

fn text(keyword: &str, packed: &[u8], outlet: &mut Outlet<'_, '_>) -> Walk {
    let mut reader = flate2::bufread::ZlibDecoder::new(packed);
    if let Some(error) = outlet.stream(keyword, &mut reader)? {
        return outlet.missed(keyword, ArchiveError::from_io(error));
    }
    let mut more = [0];
    if reader.read(&mut more).is_ok_and(|read| read > 0) {
        return outlet.missed(keyword, ArchiveError::OverBudget);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::opened;
    use super::*;
    use std::io::Write as _;

    fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
        let body = [&kind[..], data].concat();
        [&(data.len() as u32).to_be_bytes()[..], &body, &crc32fast::hash(&body).to_be_bytes()].concat()
    }

    fn zlib(text: &[u8]) -> Vec<u8> {
        let mut writer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        writer.write_all(text).unwrap();
        writer.finish().unwrap()
    }

    #[test]
    fn packed_texts_come_out_and_damage_is_named() {
        let picture = [
            MAGIC,
            &chunk(b"IHDR", &[0; 13]),
            &chunk(b"zTXt", &[b"Comment\0\0", zlib(b"one text").as_slice()].concat()),
            &chunk(b"iTXt", &[b"Title\0\x01\0de\0Titel\0", zlib(b"another").as_slice()].concat()),
            &chunk(b"iTXt", b"Plain\0\0\0\0\0as it stands"),
            &chunk(b"IEND", b""),
        ]
        .concat();
        let whole = opened("a.png", &picture).whole();
        assert_eq!((whole.text("Comment"), whole.text("Title")), ("one text", "another"));
        assert_eq!(whole.names().len(), 2);
        for cut in MAGIC.len()..picture.len() {
            let opened = opened("a.png", &picture[..cut]);
            assert!(opened.end.is_err(), "cut at {cut}");
        }
        // What stands plainly is handed over where the checksum would lengthen it.
        for text in (0..40).map(|number| format!("Comment\0text {number}")) {
            let packed = chunk(b"tEXt", text.as_bytes());
            let lengthened = packed[packed.len() - 4].is_ascii_graphic();
            let picture = [MAGIC, &packed, &chunk(b"IEND", b"")].concat();
            assert_eq!(opened("a.png", &picture).whole().names().len(), usize::from(lengthened), "{text}");
        }
        let at = memchr::memmem::find(&picture, b"zTXt").unwrap() + 18;
        let mut damaged = picture;
        damaged[at] ^= 0x55;
        let opened = opened("a.png", &damaged);
        assert!(opened.end.is_err() || !opened.missed.is_empty());
    }
}
