//! Compound files as other programs write them.

use super::super::tests::{opened, written};
use crate::archive::ArchiveError;

#[test]
fn the_streams_of_an_old_workbook_come_out() {
    let opened = opened("a.xls", &written::workbook()).whole();
    assert_eq!(opened.names(), ["Workbook"]);
    assert!(opened.holds("the text that was packed"));
    let wide: Vec<u8> = "wide text here".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(memchr::memmem::find(&opened.all(), &wide).is_some());
}

#[test]
fn what_a_password_protects_is_named() {
    for name in ["a.docx", "a.bin"] {
        let opened = opened(name, &written::encrypted_document());
        assert!(matches!(opened.end, Err(ArchiveError::Encrypted)), "{:?}", opened.end);
    }
    // A workbook of the old kind with a record about its password where the second record was.
    let mut book = written::workbook();
    let start = memchr::memmem::find(&book, &[0x09, 0x08, 0x10, 0x00]).unwrap() + 20;
    book[start..start + 2].copy_from_slice(&[0x2f, 0]);
    assert!(matches!(opened("a.xls", &book).end, Err(ArchiveError::Encrypted)));
}

#[test]
fn chains_that_go_in_a_circle_end() {
    let whole = written::encrypted_document();
    let table = 512 * (1 + u32::from_le_bytes(whole[76..80].try_into().unwrap()) as usize);
    for to in 0..4_u32 {
        let mut circle = whole.clone();
        for entry in circle[table..table + 128].chunks_exact_mut(4) {
            entry.copy_from_slice(&to.to_le_bytes());
        }
        let opened = opened("a.docx", &circle);
        assert!(opened.end.is_err() || !opened.missed.is_empty(), "{to}");
    }
}
