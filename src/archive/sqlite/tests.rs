use super::super::tests::{ROOM, opened, opened_within, written};
use crate::archive::{ArchiveError, Format, Input};

fn long() -> String {
    format!("long:{}:end", (0..400).map(|at| format!("{at:05},")).collect::<String>())
}

#[test]
fn every_row_comes_out_with_values_across_pages_whole() {
    for bytes in [written::sqlite(), written::sqlite_utf16()] {
        let opened = opened("a.db", &bytes).whole();
        let notes: Vec<&str> = opened.text("notes").lines().collect();
        assert_eq!(notes.len(), 62);
        assert!(notes.contains(&"ann\tshort text"));
        assert!(notes.contains(&format!("bob\t{}", long()).as_str()), "a value on several pages is whole");
        assert!(notes.contains(&"u59\tfiller 59"));
        assert_eq!(opened.text("pairs"), "first key\tfirst value\n", "a table without row ids is read");
        assert!(opened.text("(schema)").contains("without rowid"));
    }
}

#[test]
fn packed_values_are_members_and_deleted_rows_are_still_seen() {
    let opened = opened("a.db", &written::sqlite()).whole();
    let packed = opened.members.iter().find(|(name, _)| name == "blobs (value)").unwrap();
    let inner = opened_within(Format::Gzip, "x.gz", Input::Bytes(&packed.1), ROOM).whole();
    assert_eq!(inner.text("x"), "packed in a value");
    let deleted = opened.members.iter().filter(|(name, _)| name == "(deleted and unused)");
    let deleted: Vec<u8> = deleted.flat_map(|(_, bytes)| bytes.clone()).collect();
    assert!(memchr::memmem::find(&deleted, b"soon to be deleted").is_some());
}

#[test]
fn pages_that_lead_in_circles_and_pages_that_are_gone_are_named() {
    let bytes = written::sqlite();
    let cut = opened("a.db", &bytes[..bytes.len() / 2]);
    assert!(cut.holds("without rowid"));
    assert!(matches!(cut.end, Err(ArchiveError::Damaged { .. })));
    // Every inner page's last child becomes the first page, every overflow page its own successor.
    let mut circular = bytes.clone();
    for at in (512..bytes.len()).step_by(512) {
        match circular[at] {
            2 | 5 => circular[at + 8..at + 12].copy_from_slice(&[0, 0, 0, 1]),
            0 => circular[at..at + 4].copy_from_slice(&((at / 512 + 1) as u32).to_be_bytes()),
            _ => {}
        }
    }
    let opened = opened("a.db", &circular);
    assert!(matches!(opened.end, Err(ArchiveError::Damaged { .. })));
    let all = opened.all().len();
    assert!(all < 4 * bytes.len(), "each page is read once: {all}");
}

#[test]
fn cells_that_lie_over_one_another_are_read_once() {
    let mut bytes = written::sqlite();
    // A leaf whose every cell is its first one.
    let leaf = (512..bytes.len()).step_by(512).find(|at| bytes[*at] == 13 && bytes[at + 4] > 3).unwrap();
    let first = [bytes[leaf + 8], bytes[leaf + 9]];
    let cells = 240_u16;
    bytes[leaf + 3..leaf + 5].copy_from_slice(&cells.to_be_bytes());
    for at in 0..usize::from(cells) {
        bytes[leaf + 8 + 2 * at..leaf + 10 + 2 * at].copy_from_slice(&first);
    }
    let opened = opened("a.db", &bytes);
    assert!(matches!(opened.end, Err(ArchiveError::Damaged { .. })));
    assert!(opened.all().len() < 4 * bytes.len());
}
