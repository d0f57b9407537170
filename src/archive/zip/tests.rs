use super::super::tests::samples::{self, TEXT};
use super::super::tests::{ROOM, opened, opened_deep, opened_within};
use crate::archive::{ArchiveError, Budget, Format, Input};
use std::io::{Cursor, Write};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

#[test]
fn members_of_each_method_are_read() {
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated, CompressionMethod::Bzip2] {
        let opened =
            opened("a.zip", &samples::zip_by(method, &[("dir/notes.txt", TEXT.as_bytes()), ("b", b"two")])).whole();
        assert_eq!(opened.text("dir/notes.txt"), TEXT);
        assert_eq!(opened.names(), ["dir/notes.txt", "b"]);
    }
}

#[test]
fn comments_are_handed_over() {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("a", SimpleFileOptions::default()).unwrap();
    writer.write_all(b"one").unwrap();
    writer.set_comment("a remark on it all").unwrap();
    let bytes = writer.finish().unwrap().into_inner();
    assert_eq!(opened("a.zip", &bytes).whole().text("(comment)"), "a remark on it all");
}

#[test]
fn sizes_behind_the_content_and_large_sizes_are_understood() {
    let mut writer = ZipWriter::new_stream(Vec::new());
    let large = SimpleFileOptions::default().large_file(true);
    writer.start_file("streamed", SimpleFileOptions::default()).unwrap();
    writer.write_all(TEXT.as_bytes()).unwrap();
    writer.start_file("large", large).unwrap();
    writer.write_all(b"said in 64 bits").unwrap();
    let bytes = writer.finish().unwrap().into_inner();
    let opened = opened("a.zip", &bytes).whole();
    assert_eq!((opened.text("streamed"), opened.text("large")), (TEXT, "said in 64 bits"));
    assert_eq!(opened.names(), ["streamed", "large"], "what describes the content is no content");
}

#[test]
fn what_stands_before_the_first_member_is_no_hindrance_and_read() {
    let script = b"#!/bin/sh\nexec unzip \"$0\" # a stub that unpacks itself\n";
    let bytes = [script.as_slice(), &samples::zip(&[("a", TEXT.as_bytes())])].concat();
    let opened = opened_within(Format::Zip, "a.zip", Input::Bytes(&bytes), ROOM).whole();
    assert_eq!(opened.text("a"), TEXT);
    assert!(opened.holds("a stub that unpacks itself"));
}

#[test]
fn a_member_the_directory_leaves_out_is_found() {
    let hidden = samples::zip(&[("hidden.txt", TEXT.as_bytes())]);
    let directory = memchr::memmem::find(&hidden, b"PK\x01\x02").unwrap();
    let bytes = [&hidden[..directory], &samples::zip(&[("shown.txt", b"shown")])].concat();
    let opened = opened("a.zip", &bytes).whole();
    assert_eq!((opened.text("shown.txt"), opened.text("hidden.txt")), ("shown", TEXT));
}

#[test]
fn one_that_is_cut_off_gives_every_member_that_is_there() {
    for bytes in [samples::zip(&[("a.txt", TEXT.as_bytes()), ("b.txt", b"the second"), ("c.txt", b"the third")]), {
        let mut writer = ZipWriter::new_stream(Vec::new());
        for (name, text) in [("a.txt", TEXT), ("b.txt", "the second"), ("c.txt", "the third")] {
            writer.start_file(name, SimpleFileOptions::default()).unwrap();
            writer.write_all(text.as_bytes()).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }] {
        let third = memchr::memmem::rfind(&bytes, b"PK\x03\x04").unwrap();
        let opened = opened("a.zip", &bytes[..third + 34]);
        assert_eq!((opened.text("a.txt"), opened.text("b.txt")), (TEXT, "the second"));
        assert!(matches!(opened.end, Err(ArchiveError::Damaged { .. })));
    }
}

#[test]
fn damage_to_one_member_is_named_and_the_others_are_read() {
    let mut bytes = samples::zip_by(CompressionMethod::Stored, &[("a", b"1st"), ("b", b"2nd"), ("c", b"3rd")]);
    let at = memchr::memmem::find(&bytes, b"2nd").unwrap();
    bytes[at] = b'3';
    let opened = opened("a.zip", &bytes);
    assert_eq!(opened.names(), ["a", "b", "c"]);
    assert!(matches!(&opened.missed[..], [(name, ArchiveError::Damaged { .. })] if name == "b"));
}

#[test]
fn encrypted_members_and_unknown_methods_are_named() {
    let mut bytes = samples::zip(&[("a", TEXT.as_bytes()), ("b", b"two")]);
    let entry = memchr::memmem::find(&bytes, b"PK\x01\x02").unwrap();
    bytes[entry + 8] |= 1;
    let encrypted = opened("a.zip", &bytes);
    assert!(matches!(&encrypted.missed[..], [(name, ArchiveError::Encrypted)] if name == "a"));
    assert_eq!(encrypted.text("b"), "two");
    bytes[entry + 8] &= !1;
    bytes[entry + 10] = 97;
    let unknown = opened("a.zip", &bytes);
    assert!(matches!(&unknown.missed[..], [(name, ArchiveError::Unsupported { .. })] if name == "a"));
}

#[test]
fn names_from_strangers_are_safe_to_show() {
    let opened = opened("a.zip", &samples::zip(&[("../../x\u{1b}[31m\n\u{202e}y", b"text")])).whole();
    assert_eq!(opened.names(), ["../../x\u{fffd}[31m\u{fffd}\u{fffd}y"]);
}

/// Entries that all point to the same content, as in the better zip bomb.
fn overlapping(entries: usize) -> Vec<u8> {
    let one = samples::zip(&[("a", &vec![0; 1 << 20])]);
    let directory = memchr::memmem::find(&one, b"PK\x01\x02").unwrap();
    let end = memchr::memmem::find(&one, b"PK\x05\x06").unwrap();
    let line = &one[directory..end];
    let mut record = one[end..].to_vec();
    record[8..10].copy_from_slice(&(entries as u16).to_le_bytes());
    record[10..12].copy_from_slice(&(entries as u16).to_le_bytes());
    record[12..16].copy_from_slice(&((line.len() * entries) as u32).to_le_bytes());
    [&one[..directory], &line.repeat(entries), &record].concat()
}

#[test]
fn bombs_end_at_the_budget() {
    let bytes = overlapping(10_000);
    let opened = opened_within(Format::Zip, "a.zip", Input::Bytes(&bytes), Budget { bytes: 8 << 20, ..ROOM });
    assert!(matches!(opened.end, Err(ArchiveError::OverBudget)));
    let few = Budget { members: 3, ..ROOM };
    let opened = opened_within(Format::Zip, "a.zip", Input::Bytes(&bytes), few);
    assert!(matches!(opened.end, Err(ArchiveError::TooMany)));
    assert_eq!(opened.members.len(), 3);
}

#[test]
fn zips_in_zips_share_one_budget() {
    let mut bomb = samples::zip(&[("0", &vec![0; 1 << 20])]);
    for _ in 0..3 {
        let members: Vec<(String, Vec<u8>)> = (0..16).map(|at| (format!("{at}.zip"), bomb.clone())).collect();
        let members: Vec<(&str, &[u8])> =
            members.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
        bomb = samples::zip(&members);
    }
    let mut budget = Budget { bytes: 16 << 20, ..ROOM };
    let (all, gaps) = opened_deep("bomb.zip", &bomb, &mut budget, 8);
    assert!(all.len() <= 16 << 20);
    assert!(gaps > 0);
    assert_eq!(budget.bytes, 0);
}

#[test]
fn a_declared_size_is_not_believed() {
    let mut bytes = samples::zip(&[("a", TEXT.as_bytes())]);
    let entry = memchr::memmem::find(&bytes, b"PK\x01\x02").unwrap();
    bytes[entry + 20..entry + 28].copy_from_slice(&[0xfe; 8]);
    let opened = opened("a.zip", &bytes);
    assert_eq!(opened.text("a"), TEXT, "it is read all the same");
    assert!(opened.missed.iter().any(|(_, error)| matches!(error, ArchiveError::Damaged { .. })));
}
