//! Archives that are read from front to back: tar, cpio, ar and what is built on them; and 7z.

use super::samples::{self, TEXT};
use super::{ROOM, opened, opened_within, sniff};
use crate::archive::{ArchiveError, Budget, Format, Input};

#[test]
fn tar_gives_its_members_with_long_names_and_pax_records() {
    let long = format!("{}end.txt", "folder/".repeat(60));
    let opened =
        opened("a.tar", &samples::tar(&[("notes.txt", TEXT.as_bytes()), (&long, b"far away"), ("empty", b"")])).whole();
    assert_eq!(opened.text("notes.txt"), TEXT);
    assert_eq!(opened.text(&long), "far away");
    assert_eq!(opened.names().len(), 2, "nothing is handed over of an empty member");

    let mut builder = tar::Builder::new(Vec::new());
    builder.append_pax_extensions([("path", &b"named/by/pax.txt"[..]), ("comment", b"a remark")]).unwrap();
    let mut header = tar::Header::new_ustar();
    header.set_size(4);
    header.set_path("short").unwrap();
    header.set_cksum();
    builder.append(&header, &b"text"[..]).unwrap();
    let opened = super::opened("a.tar", &builder.into_inner().unwrap()).whole();
    assert_eq!(opened.text("named/by/pax.txt"), "text");
    assert!(opened.holds("a remark"), "what the records say is looked at");
}

#[test]
fn a_tar_of_the_oldest_form_is_known_by_its_checksum() {
    let mut header = tar::Header::new_old();
    header.set_size(4);
    header.set_path("old.txt").unwrap();
    header.set_cksum();
    let bytes = [header.as_bytes().as_slice(), b"text", &[0; 508], &[0; 1024]].concat();
    assert_eq!(opened("a", &bytes).whole().text("old.txt"), "text");
}

#[test]
fn links_hold_nothing_whatever_their_size_says() {
    let mut link = tar::Header::new_ustar();
    link.set_entry_type(tar::EntryType::Symlink);
    link.set_path("link").unwrap();
    link.set_link_name("target").unwrap();
    link.set_size(5_000);
    link.set_cksum();
    let rest = samples::tar(&[("after.txt", b"after it")]);
    let opened = opened("a.tar", &[link.as_bytes().as_slice(), &rest].concat()).whole();
    assert_eq!(opened.text("after.txt"), "after it");
}

#[test]
fn archives_appended_to_one_another_are_all_read() {
    let both = [samples::tar(&[("a.txt", b"one")]), samples::tar(&[("b.txt", b"two")])].concat();
    let opened = opened("a.tar", &both).whole();
    assert_eq!((opened.text("a.txt"), opened.text("b.txt")), ("one", "two"));
    let followed = [samples::tar(&[("a.txt", b"one")]), [&b"plain text behind it"[..], &[b' '; 600]].concat()].concat();
    assert!(super::opened("a.tar", &followed).whole().holds("plain text behind it"));
}

#[test]
fn a_tar_cut_off_gives_what_is_there_and_says_so() {
    let text = "some line\n".repeat(200);
    let bytes = samples::tar(&[("a.txt", b"first"), ("b.txt", text.as_bytes())]);
    let opened = opened("a.tar", &bytes[..512 * 4]);
    assert_eq!(opened.text("a.txt"), "first");
    assert_eq!(opened.text("b.txt").as_bytes(), &text.as_bytes()[..512]);
    assert!(matches!(opened.end, Err(ArchiveError::Damaged { .. })));
}

#[test]
fn absurd_sizes_set_nothing_aside() {
    let mut header = tar::Header::new_gnu();
    header.set_path("huge").unwrap();
    // In binary, ten exabytes.
    header.as_mut_bytes()[124..136].copy_from_slice(&[0x80, 0, 0, 0, 0x8a, 0xc7, 0x23, 4, 0x89, 0xe8, 0, 0]);
    header.set_cksum();
    let opened = opened("a.tar", &[header.as_bytes().as_slice(), b"all that there is"].concat());
    assert_eq!(opened.text("huge"), "all that there is");
    assert!(matches!(opened.end, Err(ArchiveError::Damaged { .. })));
    for kind in [tar::EntryType::GNULongName, tar::EntryType::XHeader, tar::EntryType::XGlobalHeader] {
        header.set_entry_type(kind);
        header.set_cksum();
        let opened = super::opened("a.tar", &[header.as_bytes().as_slice(), b"short"].concat());
        assert!(matches!(opened.end, Err(ArchiveError::Damaged { .. })), "{kind:?}");
    }
}

#[test]
fn a_million_members_end_at_the_budget() {
    let one = samples::tar(&[("x", b"y")]);
    let many = one[..1024].repeat(5_000);
    let opened = opened_within(Format::Tar, "a.tar", Input::Bytes(&many), Budget { members: 100, ..ROOM });
    assert_eq!(opened.members.len(), 100);
    assert!(matches!(opened.end, Err(ArchiveError::TooMany)));
}

#[test]
fn cpio_gives_its_members_in_each_of_its_forms() {
    assert_eq!(opened("a", &samples::cpio(&[("notes.txt", TEXT.as_bytes())])).whole().text("notes.txt"), TEXT);

    let old = |name: &str, content: &str| {
        let fields = format!("{:06o}{:06o}{:06o}{:06o}{:06o}{:06o}{:06o}", 1, 2, 0o100_644, 0, 0, 1, 0);
        format!("070707{fields}{:011o}{:06o}{:011o}{name}\0{content}", 0, name.len() + 1, content.len())
    };
    let bytes = format!("{}{}", old("notes.txt", TEXT), old("TRAILER!!!", ""));
    assert_eq!(opened("a", bytes.as_bytes()).whole().text("notes.txt"), TEXT);

    let binary = |name: &str, content: &str| {
        let words = [0x71c7, 1, 2, 0o100_644, 0, 0, 1, 0, 0, 0, name.len() + 1, 0, content.len()];
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| (*word as u16).to_le_bytes()).collect();
        bytes.extend(name.bytes().chain([0]));
        bytes.resize(bytes.len().next_multiple_of(2), 0);
        bytes.extend(content.bytes());
        bytes.resize(bytes.len().next_multiple_of(2), 0);
        bytes
    };
    let bytes = [binary("notes.txt", TEXT), binary("TRAILER!!!", "")].concat();
    assert_eq!(opened("a", &bytes).whole().text("notes.txt"), TEXT);
}

#[test]
fn ar_gives_its_members_with_names_of_both_worlds() {
    let names = b"a-name-that-is-too-long-for-the-field.txt/\n";
    let bytes = samples::ar(&[
        ("//", names),
        ("/0", b"of gnu"),
        ("#1/20", b"a-name-of-bsd.txt\0\0\0of bsd"),
        ("plain/", b"odd"),
    ]);
    let opened = opened("a.a", &bytes).whole();
    assert_eq!(opened.text("a-name-that-is-too-long-for-the-field.txt"), "of gnu");
    assert_eq!(opened.text("a-name-of-bsd.txt"), "of bsd");
    assert_eq!(opened.text("plain"), "odd");
}

#[test]
fn an_rpm_gives_its_headers_and_its_files() {
    let payload = samples::cpio(&[("./etc/conf", b"setting=1")]);
    for payload in [samples::gzip(&payload), samples::bzip2(&payload), samples::zstd(&payload), payload.clone()] {
        let opened = opened("a.rpm", &samples::rpm(b"a summary\0echo script\0", &payload)).whole();
        assert_eq!(opened.text("(header)"), "a summary\necho script\n");
        assert_eq!(opened.text("./etc/conf"), "setting=1");
    }
    let lying = [&[0xed, 0xab, 0xee, 0xdb][..], &[0; 92], &[0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0], &[0xff; 8]].concat();
    assert!(matches!(opened("a.rpm", &lying).end, Err(ArchiveError::Damaged { .. })));
}

#[test]
fn a_7z_is_read_solid_or_not_and_named_where_encrypted() {
    let opened = opened("a.7z", &samples::solid_7z()).whole();
    assert_eq!(opened.text("notes.txt"), TEXT);
    assert_eq!(opened.text("other.txt"), "another text of the same block\n");
    assert_eq!(super::opened("a.7z", &samples::ppmd_7z()).whole().text("notes.txt"), TEXT);
    let encrypted = super::opened("a.7z", &samples::encrypted_7z());
    assert!(matches!(&encrypted.missed[..], [(name, ArchiveError::Encrypted)] if name == "notes.txt"));
    assert!(matches!(super::opened("a.7z", &samples::closed_7z()).end, Err(ArchiveError::Encrypted)));
}

#[test]
fn whoever_has_seen_enough_stops_the_walk() {
    for (name, bytes) in [
        ("a.tar", samples::tar(&[("a", b"1"), ("b", b"2")])),
        ("a.zip", samples::zip(&[("a", b"1"), ("b", b"2")])),
        ("a.7z", samples::solid_7z()),
    ] {
        let mut seen = 0;
        let format = sniff(&bytes, name).unwrap();
        crate::archive::open(format, name, Input::Bytes(&bytes), &mut ROOM.clone(), &mut |_| {
            seen += 1;
            std::ops::ControlFlow::Break(())
        })
        .unwrap();
        assert_eq!(seen, 1, "{name}");
    }
}

/// A 7z whose directory is packed by LZMA, and states what it unpacks to.
fn packed_directory(unpacked: u64) -> Vec<u8> {
    let size = [&[0xff_u8][..], &unpacked.to_le_bytes()].concat();
    let lzma = [0x23, 3, 1, 1, 5, 0x5d, 0, 0, 0x10, 0];
    let header = [&[0x17, 6, 0, 1, 9, 20, 0, 7, 0x0b, 1, 0, 1][..], &lzma, &[0x0c], &size, &[0, 0]].concat();
    let packed = [0; 20];
    let mut start = Vec::new();
    start.extend((packed.len() as u64).to_le_bytes());
    start.extend((header.len() as u64).to_le_bytes());
    start.extend(crc32fast::hash(&header).to_le_bytes());
    let magic = [b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c, 0, 4];
    [&magic[..], &crc32fast::hash(&start).to_le_bytes(), &start, &packed, &header].concat()
}

#[test]
fn a_directory_that_unpacks_to_more_than_is_held_is_not_unpacked() {
    let opened = opened("a.7z", &packed_directory(10 << 30));
    assert!(
        matches!(&opened.end, Err(ArchiveError::Unsupported { what }) if what.contains("directory")),
        "{:?}",
        opened.end
    );
    let small = super::opened("a.7z", &packed_directory(100));
    assert!(matches!(small.end, Err(ArchiveError::Damaged { .. })), "{:?}", small.end);
}

#[test]
fn zeros_without_end_are_passed_over_and_what_stands_behind_them_is_read() {
    let mut bytes = samples::tar(&[("a.txt", b"one")]);
    bytes.resize(bytes.len() + (3 << 20), 0);
    bytes.extend(samples::tar(&[("b.txt", b"two")]));
    let opened = opened("a.tar", &bytes).whole();
    assert_eq!((opened.text("a.txt"), opened.text("b.txt")), ("one", "two"));
    let packed = super::opened("a.tar.gz", &samples::gzip(&bytes)).whole();
    assert_eq!(packed.names(), ["a.tar"]);
}
