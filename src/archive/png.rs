//! PNG pictures: the texts in them, packed or not, and every other part but what is drawn.

use super::outlet::{Outlet, Walk};
use super::{ArchiveError, names};
use std::io::Read as _;

const MAGIC: &[u8] = b"\x89PNG\r\n\x1a\n";

/// True for the start of a picture.
pub(super) fn looks_like(head: &[u8]) -> bool {
    head.starts_with(MAGIC)
}

/// Parts that draw, and their measures.
const DRAWN: [&[u8; 4]; 4] = [b"IHDR", b"PLTE", b"IDAT", b"fdAT"];

/// Hands over every part by itself: what stands at the end of one must not be read on into its checksum.
pub(super) fn walk(bytes: &[u8], outlet: &mut Outlet<'_, '_>) -> Walk {
    let mut rest = bytes.get(MAGIC.len()..).unwrap_or_default();
    while let Some(Part { kind, data, checksum, after }) = part(rest) {
        if kind == b"IEND" {
            return if after.is_empty() { Ok(()) } else { outlet.bytes("behind the picture", after) };
        }
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(kind);
        hasher.update(data);
        if kind != b"IDAT" && hasher.finalize() != u32::from_be_bytes(*checksum) {
            outlet.bytes("what is damaged", rest)?;
            return Err(ArchiveError::damaged("the checksum of a part does not hold").into());
        }
        match packed_text(*kind, data) {
            Some((keyword, packed)) => text(&names::shown(keyword), packed, outlet)?,
            None if data.is_empty() || DRAWN.contains(&kind) => {}
            None => outlet.bytes(&names::shown(name(kind, data)), data)?,
        }
        rest = after;
    }
    if !rest.is_empty() {
        outlet.bytes("what is cut off", rest)?;
    }
    Err(ArchiveError::cut().into())
}

/// One part, and what follows it.
struct Part<'b> {
    kind: &'b [u8; 4],
    data: &'b [u8],
    checksum: &'b [u8; 4],
    after: &'b [u8],
}

fn part(bytes: &[u8]) -> Option<Part<'_>> {
    let (length, after) = bytes.split_first_chunk::<4>()?;
    let (kind, after) = after.split_first_chunk::<4>()?;
    let (data, after) = after.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    let (checksum, after) = after.split_first_chunk::<4>()?;
    Some(Part { kind, data, checksum, after })
}

/// What a part is called: a text by its keyword.
fn name<'d>(kind: &'d [u8; 4], data: &'d [u8]) -> &'d [u8] {
    match kind {
        b"tEXt" | b"iTXt" => data.split(|byte| *byte == 0).next().unwrap_or_default(),
        _ => kind,
    }
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
    fn every_part_comes_out_but_what_is_drawn_and_damage_is_named() {
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
        assert_eq!(whole.text("Plain"), "Plain\0\0\0\0\0as it stands");
        assert_eq!(whole.names(), ["Comment", "Title", "Plain"]);
        let more = opened("a.png", &[&picture[..], b"more"].concat()).whole();
        assert_eq!(more.text("behind the picture"), "more");
        for cut in MAGIC.len()..picture.len() {
            let opened = opened("a.png", &picture[..cut]);
            assert!(opened.end.is_err(), "cut at {cut}");
        }
        let at = memchr::memmem::find(&picture, b"zTXt").unwrap() + 18;
        let mut damaged = picture;
        damaged[at] ^= 0x55;
        let opened = opened("a.png", &damaged);
        assert!(opened.end.is_err() || !opened.missed.is_empty());
    }
}
