use super::super::tests::{ROOM, opened, opened_within, samples};
use crate::archive::{ArchiveError, Budget, Format, Input};
use std::io::Write;

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

fn stream(table: &str, bytes: &[u8]) -> Vec<u8> {
    [format!("<< {table} /Length {} >>\nstream\n", bytes.len()).as_bytes(), bytes, b"\nendstream"].concat()
}

/// A file of these objects, numbered from 1.
fn file(objects: &[Vec<u8>], trailer: &str) -> Vec<u8> {
    let mut bytes = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".to_vec();
    for (at, object) in objects.iter().enumerate() {
        bytes.extend(format!("{} 0 obj\n", at + 1).bytes());
        bytes.extend(object);
        bytes.extend(b"\nendobj\n");
    }
    bytes.extend(format!("trailer << /Root 1 0 R {trailer} >>\nstartxref\n0\n%%EOF\n").bytes());
    bytes
}

/// One page with these instructions, packed as said, in the font of object 4.
fn page(table: &str, instructions: &[u8], font: &str, more: &[Vec<u8>]) -> Vec<u8> {
    let objects = [
        b"<< /Type /Pages /Kids [2 0 R] /Resources << /Font << /F1 4 0 R >> >> >>".to_vec(),
        b"<< /Type /Page /Parent 1 0 R /Contents 3 0 R >>".to_vec(),
        stream(table, instructions),
        font.as_bytes().to_vec(),
    ];
    file(&[&objects[..], more].concat(), "")
}

/// A page with words in a font that was cut down, and a packed object.
pub(in super::super) fn sample() -> Vec<u8> {
    let font = "<< /Type /Font /Subtype /Type0 /Encoding /Identity-H /ToUnicode 5 0 R >>";
    let map = b"1 begincodespacerange <0000> <ffff> endcodespacerange 1 beginbfrange <0010> <0019> <0030> endbfrange";
    let packed = stream("/Type /ObjStm /N 1 /First 5 /Filter /FlateDecode", &deflate(b"10 0 << /Title (a title) >>"));
    let drawn = deflate(b"BT /F1 12 Tf [<00100011> 5 <0012>] TJ ET");
    page("/Filter /FlateDecode", &drawn, font, &[stream("", map), packed])
}

const PLAIN: &str = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>";

#[test]
fn words_are_joined_across_kerning_and_parted_where_a_space_is_meant() {
    let drawn = b"BT /F1 12 Tf 72 700 Td [(se) -20 (cr) 15.5 (et) -300 (word)] TJ 0 -14 Td (next \\(line\\)) Tj T* <6865 78> Tj ET";
    for (table, packed) in [
        ("", drawn.to_vec()),
        ("/Filter /FlateDecode", deflate(drawn)),
        ("/Filter [/ASCIIHexDecode /FlateDecode]", data_encoding::HEXLOWER.encode(&deflate(drawn)).into_bytes()),
    ] {
        let opened = opened("a.pdf", &page(table, &packed, PLAIN, &[])).whole();
        assert_eq!(opened.text("page 1"), "secret word\nnext (line)\nhex\n", "{table}");
    }
}

#[test]
fn pieces_placed_one_after_another_are_handed_over_joined_and_parted() {
    let drawn = b"BT /F1 12 Tf 1 0 0 1 72 700 Tm (tok) Tj 1 0 0 1 90 700 Tm (en) Tj 1 0 0 1 72 680 Tm (below) Tj ET";
    assert_eq!(opened("a.pdf", &page("", drawn, PLAIN, &[])).whole().text("page 1"), "token\ntok en\nbelow\n");
}

#[test]
fn fonts_that_are_cut_down_are_read_by_their_maps() {
    let font = "<< /Type /Font /Subtype /Type0 /Encoding /Identity-H /ToUnicode 5 0 R >>";
    let map =
        b"1 begincodespacerange <0000> <ffff> endcodespacerange 2 beginbfchar <0001> <0068> <0002> <0069> endbfchar \
        2 beginbfrange <0010> <0019> <0030> <0020> <0021> [<0041> <0042>] endbfrange";
    let drawn = b"BT /F1 12 Tf (\\000\\001\\000\\002) Tj <0010 0019 0020 0021> Tj ET";
    let opened = opened("a.pdf", &page("", drawn, font, &[stream("/Filter /FlateDecode", &deflate(map))])).whole();
    assert_eq!(opened.text("page 1"), "hi09AB\n");
    assert_eq!(opened.names(), ["page 1"], "a font's map is no text");

    let named = "<< /Type /Font /Subtype /Type3 /Encoding << /Differences [1 /h /i /underscore 9 /seven] >> >>";
    let opened = super::super::tests::opened("a.pdf", &page("", b"BT /F1 1 Tf <01020309> Tj ET", named, &[])).whole();
    assert_eq!(opened.text("page 1"), "hi_7\n");
}

#[test]
fn a_font_that_says_nothing_of_its_letters_is_named() {
    let font = "<< /Type /Font /Subtype /Type0 /Encoding /Identity-H >>";
    let opened = opened("a.pdf", &page("", b"BT /F1 12 Tf <00010002> Tj ET", font, &[]));
    assert!(matches!(opened.end, Err(ArchiveError::Unsupported { .. })), "{:?}", opened.end);
}

#[test]
fn texts_of_objects_links_and_embedded_files_come_out() {
    let more = [
        b"<< /Type /Annot /A << /S /URI /URI (https://example.org/?a=1) >> /Contents <FEFF00680069> >>".to_vec(),
        stream("/Type /EmbeddedFile", &samples::gzip(b"embedded text")),
        stream("/Type /Metadata /Subtype /XML", b"<x:xmpmeta>who wrote it</x:xmpmeta>"),
        stream(
            "/Subtype /Form /BBox [0 0 1 1] /Resources << /Font << /F1 4 0 R >> >>",
            b"BT /F1 1 Tf [(sta) 3 (mp)] TJ ET",
        ),
        stream("/Subtype /Image /Filter /DCTDecode", b"no text"),
    ];
    let opened = opened("a.pdf", &page("", b"BT /F1 12 Tf (x) Tj ET", PLAIN, &more)).whole();
    assert_eq!(opened.text("(texts of objects)"), "https://example.org/?a=1\nhi\n");
    assert_eq!(opened.text("object 7"), "<x:xmpmeta>who wrote it</x:xmpmeta>");
    assert_eq!(opened.text("object 8"), "stamp\n");
    assert!(opened.members.iter().any(|(name, bytes)| name == "object 6" && bytes.starts_with(&[0x1f, 0x8b])));
    assert!(!opened.holds("no text"));
}

#[test]
fn objects_packed_in_streams_are_found() {
    let inner = "10 0 11 40 << /Title (packed \\164itle) >>              (alone)";
    let packed = stream("/Type /ObjStm /N 2 /First 11 /Filter /FlateDecode", &deflate(inner.as_bytes()));
    let opened = opened("a.pdf", &file(&[packed], "")).whole();
    assert_eq!(opened.text("(texts of objects)"), "packed title\nalone\n");
}

#[test]
fn earlier_versions_of_a_page_are_seen_as_well() {
    let mut bytes = page("", b"BT /F1 1 Tf [(be) 1 (fore)] TJ ET", PLAIN, &[]);
    bytes.extend(b"3 0 obj\n");
    bytes.extend(stream("", b"BT /F1 1 Tf (after) Tj ET"));
    bytes.extend(b"\nendobj\n%%EOF\n");
    let opened = opened("a.pdf", &bytes).whole();
    assert_eq!(opened.text("page 1"), "after\n");
    assert_eq!(opened.text("object 3"), "before\n");
}

#[test]
fn one_that_is_encrypted_or_cut_is_named() {
    let bytes = file(&[b"(text)".to_vec()], "/Encrypt 9 0 R");
    assert!(matches!(opened("a.pdf", &bytes).end, Err(ArchiveError::Encrypted)));
    let table = stream("/Type /XRef /Encrypt 9 0 R", b"");
    assert!(matches!(opened("a.pdf", &file(&[table], "")).end, Err(ArchiveError::Encrypted)));
    let bytes = page("/Filter /FlateDecode", &deflate(b"BT /F1 1 Tf (the words of it) Tj ET"), PLAIN, &[]);
    let font = memchr::memmem::find(&bytes, b"4 0 obj").unwrap();
    let cut = opened("a.pdf", &bytes[..font]);
    assert_eq!(cut.text("page 1"), "the words of it\n");
    assert!(matches!(cut.end, Err(ArchiveError::Damaged { .. })));
}

#[test]
fn filters_of_older_files_are_undone() {
    let undone = |filter: &[u8], bytes: &[u8]| super::filter::undo(filter, bytes, 1 << 20).unwrap().bytes;
    assert_eq!(undone(b"ASCII85Decode", b"87cURD]i,\"Ebo80~>"), b"Hello World!");
    assert_eq!(undone(b"ASCIIHexDecode", b"48 65 6c6C 6f>"), b"Hello");
    assert_eq!(undone(b"RunLengthDecode", &[2, b'a', b'b', b'c', 253, b'x', 128]), b"abcxxxx");
    // The example of the specification.
    let lzw = [0x80, 0x0b, 0x60, 0x50, 0x22, 0x0c, 0x0c, 0x85, 0x01];
    assert_eq!(undone(b"LZWDecode", &lzw), [45, 45, 45, 45, 45, 65, 45, 45, 45, 66]);
    assert_eq!(super::filter::unpredict(&[2, 1, 2, 3, 2, 1, 1, 1], 3, 1, 8), [1, 2, 3, 2, 3, 4]);
}

#[test]
fn loops_and_bombs_come_to_an_end() {
    let loops = [
        b"<< /Type /Page /Parent 1 0 R /Contents 2 0 R /Resources 3 0 R >>".to_vec(),
        b"2 0 R".to_vec(),
        b"3 0 R".to_vec(),
        format!("{}{}", "[".repeat(100_000), "<<".repeat(100_000)).into_bytes(),
    ];
    opened("a.pdf", &file(&loops[..3], "")).end.unwrap();
    assert!(opened("a.pdf", &file(&loops, "")).end.is_err(), "what is never closed may hide what follows");
    // Ten thousand pages of one large content.
    let content = stream("/Filter /FlateDecode", &deflate(&vec![b' '; 1 << 20]));
    let pages = vec![b"<< /Type /Page /Contents 1 0 R >>".to_vec(); 10_000];
    let bytes = file(&[vec![content], pages].concat(), "");
    let budget = Budget { bytes: 8 << 20, ..ROOM };
    let opened = opened_within(Format::Pdf, "a.pdf", Input::Bytes(&bytes), budget);
    assert!(matches!(opened.end, Err(ArchiveError::OverBudget)));
    // A map that gives every number a letter, and one that gives one number a text without end.
    let font = "<< /Type /Font /Subtype /Type0 /Encoding /Identity-H /ToUnicode 5 0 R >>";
    let map = b"1 beginbfrange <00000000> <ffffffff> <0041> endbfrange";
    super::super::tests::opened("a.pdf", &page("", b"BT /F1 1 Tf <0000> Tj ET", font, &[stream("", map)])).whole();
}

#[test]
fn what_is_stated_many_times_over_costs_no_more_than_the_file() {
    // Tables that are never closed, each with the mark of the next in it.
    let open = [b"%PDF-1.7\n".as_slice(), &b"trailer << ".repeat(100_000)].concat();
    assert!(opened("a.pdf", &open).end.is_err());
    // A hundred thousand codes that each stand for a long text.
    let font = "<< /Type /Font /Subtype /Type0 /Encoding /Identity-H /ToUnicode 5 0 R >>";
    let map = format!("1 beginbfchar <0000> <{}> endbfchar", "0041".repeat(10_000));
    let drawn = format!("BT /F1 1 Tf <{}> Tj ET", "0000".repeat(100_000));
    let bytes = page("", drawn.as_bytes(), font, &[stream("", map.as_bytes())]);
    let opened = opened_within(Format::Pdf, "a.pdf", Input::Bytes(&bytes), ROOM).whole();
    assert!(opened.all().len() < 4 << 20, "{}", opened.all().len());
    // The last code there is, and one after it.
    let map = b"1 beginbfrange <ffffffff> <ffffffff> [<0041> <0042>] endbfrange";
    opened_within(Format::Pdf, "a.pdf", Input::Bytes(&page("", b"", font, &[stream("", map)])), ROOM).whole();
}
