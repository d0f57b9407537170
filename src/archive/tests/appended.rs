//! Archives behind scripts and programs, known without a name.

use super::samples::{self, TEXT, gzip, tar, zip};
use super::{Opened, ROOM, opened_within};
use crate::archive::{ArchiveError, Closed, Format, Input, behind, sniff};

const SCRIPT: &[u8] = b"#!/bin/sh\ntail -n +4 \"$0\" | tar xz\nexit 0\n";
const PROGRAMS: [&[u8]; 3] = [b"\x7fELF\x02\x01\x01\0\0\0\0\0", b"MZ\x90\0\x03\0\0\0", b"\xcf\xfa\xed\xfe\x07\0\0\x01"];

fn opened(bytes: &[u8]) -> Opened {
    assert_eq!(sniff(&bytes[..bytes.len().min(1 << 16)], "program"), None);
    opened_within(behind(bytes).expect("something behind it"), "program", Input::Bytes(bytes), ROOM)
}

#[test]
fn a_zip_is_opened_behind_anything() {
    let archive = zip(&[("__main__.py", TEXT.as_bytes())]);
    for before in [SCRIPT, PROGRAMS[0], PROGRAMS[1], PROGRAMS[2], b"\xff\xd8\xff\xe0 a picture", &[7; 70_000]] {
        assert_eq!(opened(&[before, &archive].concat()).whole().text("__main__.py"), TEXT);
    }
    // A signature behind it counts as its comment where a program is expected to have one.
    let signed = [PROGRAMS[1], &archive, &[9; 4_000]].concat();
    assert_eq!(opened(&signed).whole().text("__main__.py"), TEXT);
    assert_eq!(behind(&[&b"\xff\xd8\xff\xe0"[..], &archive, &[9; 4_000]].concat()), None);
    // Nothing is in it.
    assert_eq!(behind(&[PROGRAMS[0], &zip(&[])].concat()), None);
}

#[test]
fn what_a_script_unpacks_is_handed_over() {
    let inner = tar(&[("notes.txt", TEXT.as_bytes())]);
    let packed =
        [gzip(&inner), samples::bzip2(&inner), samples::xz(), samples::real_zstd(), samples::solid_7z(), inner];
    for archive in packed {
        let opened = opened(&[SCRIPT, &archive].concat()).whole();
        let (name, bytes) = &opened.members[0];
        assert!(name == "(archive)" && *bytes == archive);
    }
}

#[test]
fn a_program_that_unpacks_itself_is_known_by_the_checksum_behind_it() {
    let archive = samples::solid_7z();
    for program in PROGRAMS {
        // The program knows how such an archive begins.
        let bytes = [program, b"7z\xbc\xaf\x27\x1c\0\x04", &[3; 900], &archive].concat();
        assert_eq!(opened(&bytes).whole().members[0].1, archive);
        assert_eq!(behind(&bytes[..bytes.len() - archive.len()]), None);
    }
}

#[test]
fn programs_that_cannot_be_opened_are_named() {
    let nsis = [&[0; 512][..], &[4, 0, 0, 0], b"\xef\xbe\xad\xdeNullsoftInst", &[5; 100]].concat();
    let mut cookie = b"MEI\x0c\x0b\x0a\x0b\x0e".to_vec();
    cookie.extend([100_u32, 12, 40, 311].iter().flat_map(|word| word.to_be_bytes()));
    cookie.resize(88, 0);
    for program in PROGRAMS {
        let start = [program, &[0; 500]].concat();
        let nsis = [program, &vec![0; 512 - program.len()], &nsis].concat();
        let named = [
            (nsis, Closed::Nsis, "NSIS"),
            ([&start[..], &cookie].concat(), Closed::PyInstaller, "PyInstaller"),
            ([&start[..], &cookie, &[8; 3_000]].concat(), Closed::PyInstaller, "PyInstaller"),
        ];
        for (bytes, closed, words) in named {
            assert_eq!(behind(&bytes), Some(Format::Closed(closed)));
            let opened = opened(&bytes);
            assert!(matches!(&opened.end, Err(ArchiveError::Unsupported { what }) if what.contains(words)), "{words}");
        }
    }
    // One that only knows the words is no such program.
    cookie[8] = 0xff;
    assert_eq!(behind(&[PROGRAMS[0], b"NullsoftInst", &cookie].concat()), None);
}

#[test]
fn scripts_and_programs_with_nothing_behind_them_are_what_they_are() {
    let long = [SCRIPT, &b"echo a line of it\n".repeat(1_000)].concat();
    let quoted = [SCRIPT, b"printf '\\037\\213'\n\x1f\x8b\x08\xff not packed\0\x01"].concat();
    for bytes in [b"", SCRIPT, &long, &quoted, PROGRAMS[0], PROGRAMS[1], b"#!", b"PK\x05\x06"] {
        assert_eq!(behind(bytes), None);
    }
}
