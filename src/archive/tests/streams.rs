//! What is compressed alone.

use super::samples::{self, TEXT};
use super::{ROOM, opened, opened_within, sniff};
use crate::archive::{ArchiveError, Budget, Format, Input};

#[test]
fn each_compression_is_undone_and_its_content_called_as_before() {
    let samples = [
        ("notes.txt.gz", samples::gzip(TEXT.as_bytes())),
        ("notes.txt.bz2", samples::bzip2(TEXT.as_bytes())),
        ("notes.txt.xz", samples::xz()),
        ("notes.txt.lzma", samples::lzma()),
        ("notes.txt.lz", samples::lzip()),
        ("notes.txt.lz4", samples::lz4()),
        ("notes.txt.br", samples::brotli()),
        ("notes.txt.zst", samples::real_zstd()),
        ("notes.txt.zst", samples::zstd(TEXT.as_bytes())),
    ];
    for (name, bytes) in samples {
        let opened = opened(name, &bytes).whole();
        assert_eq!(opened.text("notes.txt"), TEXT, "{name}");
    }
}

#[test]
fn zlib_is_known_by_what_it_expands_to_and_nothing_else_is_taken_for_it() {
    let long: String = (0..40_000).map(|number| format!("line {number} of it, and what follows\n")).collect();
    let object = format!("blob {}\0{TEXT}", TEXT.len());
    for level in [0, 1, 6, 9] {
        for (name, inner, text) in
            [("notes.txt.zlib", "notes.txt", TEXT), ("objects/1f/0c2a", "content", &object), ("long", "content", &long)]
        {
            let packed = samples::zlib(text.as_bytes(), level);
            assert_eq!(sniff(&packed, name), Some(Format::Zlib), "{name} by {level}");
            assert_eq!(opened(name, &packed).whole().text(inner), text, "{name} by {level}");
        }
    }
    let cut = samples::zlib(long.as_bytes(), 6);
    let cut = opened("long", &cut[..cut.len() / 2]);
    assert!(cut.text("content").len() > long.len() / 4 && matches!(cut.end, Err(ArchiveError::Damaged { .. })));
    let followed = [samples::zlib(TEXT.as_bytes(), 6), b"something else".to_vec()].concat();
    assert_eq!(sniff(&followed, "x"), None);
    for text in ["x^2 + y^2 = z^2, and what else there is to say of it\n", "x\u{1}", "x^", "x\u{1}\u{2}\u{3}"] {
        assert_eq!(sniff(text.repeat(40).as_bytes(), "x"), None, "{text}");
        assert_eq!(sniff(text.as_bytes(), "x"), None, "{text}");
    }
}

#[test]
fn several_pieces_one_after_another_are_one_content() {
    for (name, one, two) in [
        ("a.gz", samples::gzip(b"one "), samples::gzip(b"two")),
        ("a.bz2", samples::bzip2(b"one "), samples::bzip2(b"two")),
        ("a.zst", samples::zstd(b"one "), samples::zstd(b"two")),
    ] {
        let opened = opened(name, &[one, two].concat()).whole();
        assert_eq!(opened.text("a"), "one two", "{name}");
    }
}

#[test]
fn frames_to_be_skipped_are_skipped_and_padding_is_no_damage() {
    let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
    let bytes = [skippable.clone(), samples::real_zstd(), skippable].concat();
    assert_eq!(opened("a.zst", &bytes).whole().text("a"), TEXT);
    let padded = [samples::gzip(b"one"), vec![0; 700]].concat();
    assert_eq!(opened("a.gz", &padded).whole().text("a"), "one");
}

#[test]
fn what_follows_the_end_is_named_after_the_rest_was_read() {
    for (name, bytes) in [("a.gz", samples::gzip(b"one")), ("a.zst", samples::zstd(b"one"))] {
        let opened = opened(name, &[bytes, b"and something else".to_vec()].concat());
        assert_eq!(opened.text("a"), "one", "{name}");
        assert!(matches!(opened.end, Err(ArchiveError::Damaged { .. })), "{name}");
    }
}

#[test]
fn what_was_cut_off_is_read_up_to_there_and_named() {
    let text = "line after line of it, each another one\n".repeat(20_000);
    let gzip = samples::gzip(text.as_bytes());
    let opened = opened("a.gz", &gzip[..gzip.len() / 2]);
    assert!(opened.text("a").len() > text.len() / 4, "half of it is there");
    assert!(matches!(opened.end, Err(ArchiveError::Damaged { .. })));
}

#[test]
fn a_wrong_checksum_is_named() {
    let mut gzip = samples::gzip(TEXT.as_bytes());
    let checksum = gzip.len() - 8;
    gzip[checksum] ^= 1;
    let mut zstd = samples::real_zstd();
    *zstd.last_mut().unwrap() ^= 1;
    for (name, bytes) in [("a.gz", gzip), ("a.zst", zstd)] {
        let opened = opened(name, &bytes);
        assert!(matches!(opened.end, Err(ArchiveError::Damaged { .. })), "{name}");
        assert_eq!(opened.text("a"), TEXT, "{name}");
    }
}

#[test]
fn a_gzip_bomb_ends_at_the_budget() {
    let bomb = samples::gzip(&samples::gzip(&vec![0; 64 << 20]));
    let inner = opened("bomb.gz.gz", &bomb).whole();
    let budget = Budget { bytes: 1 << 20, members: 100, largest_bytes: 1 << 20 };
    let opened = opened_within(Format::Gzip, "bomb.gz", Input::Bytes(&inner.members[0].1), budget);
    assert!(matches!(opened.end, Err(ArchiveError::OverBudget)), "{:?}", opened.end);
    assert_eq!(opened.all().len(), (1 << 20) + 1, "what is allowed was handed over");
    assert_eq!(opened.left.bytes, 0);
}

#[test]
fn what_is_larger_than_may_be_held_is_handed_over_in_pieces() {
    let text: Vec<u8> = (0..4_000_u32).flat_map(u32::to_le_bytes).collect();
    for length in [1_001, 1_500, 1_501, 16_000] {
        let budget = Budget { largest_bytes: 1_000, ..ROOM };
        let packed = samples::gzip(&text[..length]);
        let opened = opened_within(Format::Gzip, "a.gz", Input::Bytes(&packed), budget).whole();
        let mut end = 0;
        for (name, bytes) in &opened.members {
            let start = end - usize::from(end > 0) * 500;
            end = start + bytes.len();
            assert_eq!(*name, format!("a (bytes {start} to {end})"));
            assert_eq!(*bytes, text[start..end]);
        }
        assert_eq!(end, length);
    }
    let packed = samples::gzip(&text);
    for allowed in [1_000, 1_001, 2_000, 15_999] {
        let budget = Budget { largest_bytes: 1_000, bytes: allowed, ..ROOM };
        let opened = opened_within(Format::Gzip, "a.gz", Input::Bytes(&packed), budget);
        assert!(matches!(opened.end, Err(ArchiveError::OverBudget)), "{allowed}: {:?}", opened.end);
        let handed: usize = opened.members.iter().map(|(_, bytes)| bytes.len()).sum();
        assert!(handed as u64 <= allowed, "{handed} bytes out of {allowed}");
    }
    let opened = opened_within(
        Format::Gzip,
        "a.gz",
        Input::Bytes(&packed[..packed.len() - 40]),
        Budget { largest_bytes: 1_000, ..ROOM },
    );
    assert!(opened.members.len() > 10 && matches!(opened.end, Err(ArchiveError::Damaged { .. })));
}

#[test]
fn a_tar_too_large_to_be_held_is_read_as_it_streams_by() {
    let large = vec![b'x'; 200_000];
    let tar = samples::tar(&[("first.txt", TEXT.as_bytes()), ("large.bin", &large), ("last.txt", b"the last")]);
    let budget = Budget { largest_bytes: 10_000, ..ROOM };
    for (name, bytes) in [("a.tgz", samples::gzip(&tar)), ("a.tar.bz2", samples::bzip2(&tar))] {
        let format = sniff(&bytes, name).unwrap();
        let opened = opened_within(format, name, Input::Bytes(&bytes), budget.clone());
        assert_eq!(opened.text("a.tar!first.txt"), TEXT);
        assert_eq!(opened.text("a.tar!last.txt"), "the last");
        let pieces = opened.names().iter().filter(|name| name.starts_with("a.tar!large.bin (bytes ")).count();
        assert_eq!(pieces, 39);
        opened.whole();
    }
}

#[test]
fn more_memory_than_is_allowed_is_named_as_such() {
    // A header that asks for a dictionary of 1 GiB.
    let mut lzma = samples::lzma();
    lzma[1..5].copy_from_slice(&[0, 0, 0, 0x40]);
    let opened = opened("a.lzma", &lzma);
    assert!(matches!(opened.end, Err(ArchiveError::Unsupported { .. })), "{:?}", opened.end);
    let brotli = super::opened("a.br", &[0x11, 0x1e, 0xff, 0xff, 0xff, 0xff]);
    assert!(matches!(brotli.end, Err(ArchiveError::Unsupported { .. })), "{:?}", brotli.end);
    // Frame header: no checksum, a window of 2 TiB or so.
    let zstd = [&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xf8][..], &[0; 32]].concat();
    let opened = super::opened("a.zst", &zstd);
    assert!(matches!(opened.end, Err(ArchiveError::Unsupported { .. } | ArchiveError::Damaged { .. })));
}

#[test]
fn what_is_known_and_cannot_be_opened_is_named() {
    let image = [&[0; 0x8001][..], b"CD001", &[1; 64]].concat();
    for (head, words) in [
        (&b"Rar!\x1a\x07\x01\x00rest"[..], "RAR"),
        (b"\x1f\x9d\x90rest", "compress"),
        (b"xar!\0\x1c\0\x01rest", "xar"),
        (b"MSWIM\0\0\0rest", "Windows"),
        (b"\x7fELF\x02\x01\x01\0AI\x02rest", "AppImage"),
        (b"\x24\x91-lh5-rest", "LHA"),
        (b"\x89LZO\0\r\n\x1a\nrest", "lzop"),
        (b"\xff\x06\0\0sNaPpYrest", "Snappy"),
        (b"QFI\xfbrest", "disk"),
        (&image, "disk"),
        (b"PAR1\x15\x04rest", "Parquet"),
        (b"ORC\x0arest", "ORC"),
    ] {
        let format = sniff(head, "x").unwrap();
        let opened = opened_within(format, "x", Input::Bytes(head), ROOM);
        assert!(matches!(&opened.end, Err(ArchiveError::Unsupported { what }) if what.contains(words)), "{words}");
    }
}

#[test]
fn text_and_other_files_are_nothing_that_holds_others() {
    let json = serde_json::to_vec(&vec!["text"; 100]).unwrap();
    for head in [
        &b""[..],
        b"P",
        b"PK",
        b"hello",
        b"ORCHARD",
        b"PAR1ty",
        b"xar!x",
        b"so-lho-so",
        b"BZ3v2",
        b"]\0\0",
        &[0; 600],
        &[b' '; 600],
        &[b'0'; 600],
        &json,
    ] {
        assert_eq!(sniff(head, "x.txt"), None, "{head:?}");
    }
}
