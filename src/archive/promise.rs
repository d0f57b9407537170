//! What a name says that a thing is whose first bytes say nothing, or too little: cut off, or damaged at its start. It is
//! opened as what it should be, so that what is wrong with it is said. What is plain text is no more than that, whatever
//! it is called: there is nothing in it that was not read.

use super::format::{Closed, Format};
use std::sync::OnceLock;

/// Suffixes, of one dot each, that are used for nothing else, what they promise, and how that begins, where it begins
/// like a text.
const PROMISES: [(&[&str], Format, &[u8]); 28] = [
    (
        &[
            ".zip", ".jar", ".war", ".ear", ".whl", ".apk", ".aar", ".nupkg", ".vsix", ".xpi", ".crx", ".ipa", ".epub",
            ".docx", ".docm", ".dotx", ".xlsx", ".xlsm", ".xltx", ".pptx", ".pptm", ".potx", ".odt", ".ods", ".odp",
            ".odg",
        ],
        Format::Zip,
        b"PK\x03\x04",
    ),
    (&[".tar"], Format::Tar, b""),
    (&[".gz", ".tgz", ".taz", ".svgz", ".gzip"], Format::Gzip, b""),
    (&[".bz2", ".tbz", ".tbz2"], Format::Bzip2, b"BZh"),
    (&[".xz", ".txz"], Format::Xz, b""),
    (&[".lzma", ".tlz"], Format::Lzma, b"]"),
    (&[".lz"], Format::Lzip, b"LZIP"),
    (&[".zst", ".tzst", ".zstd"], Format::Zstd, b""),
    (&[".lz4"], Format::Lz4, b""),
    (&[".7z"], Format::SevenZip, b"7z"),
    (&[".deb", ".udeb"], Format::Ar, b"!<arch>\n"),
    (&[".rpm"], Format::Rpm, b""),
    (&[".cpio"], Format::Cpio, b"0707"),
    (&[".pdf"], Format::Pdf, b"%PDF-"),
    (&[".sqlite", ".sqlite3", ".db3"], Format::Sqlite, b"SQLite format 3"),
    (&[".doc", ".xls", ".ppt", ".msg", ".msi"], Format::Compound, b""),
    (&[".pyc", ".pyo"], Format::PythonCode, b""),
    (&[".class"], Format::JavaClass, b""),
    (&[".plist"], Format::PropertyList, b"bplist"),
    (&[".rar"], Format::Closed(Closed::Rar), b"Rar!"),
    (&[".cab"], Format::Closed(Closed::Cabinet), b"MSCF"),
    (&[".squashfs"], Format::Closed(Closed::Squashfs), b"hsqs"),
    (&[".xar"], Format::Closed(Closed::Xar), b"xar!"),
    (&[".wim"], Format::Closed(Closed::Wim), b"MSWIM"),
    (&[".lha", ".lzh"], Format::Closed(Closed::Lha), b""),
    (&[".br"], Format::Brotli, b""),
    (&[".dmg", ".iso", ".qcow2", ".vhdx"], Format::Closed(Closed::Disk), b""),
    (&[".parquet", ".orc"], Format::Closed(Closed::Columns), b""),
];

/// Bytes at either end by which it is seen that something is no plain text.
const ENDS: usize = 64;

/// The last part of a name in one word; none where that is too long to be a suffix that is known.
fn suffix(name: &[u8]) -> Option<u64> {
    let end = name.get(name.len().saturating_sub(9)..)?;
    let at = memchr::memrchr(b'.', end)?;
    Some(end.get(at + 1..)?.iter().fold(0, |word, byte| word << 8 | u64::from(byte.to_ascii_lowercase())))
}

/// True for a name that promises something. It is asked of every name in a history.
pub(super) fn is_made(name: &[u8]) -> bool {
    static SUFFIXES: OnceLock<Vec<u64>> = OnceLock::new();
    let known = SUFFIXES.get_or_init(|| {
        let all = PROMISES.iter().flat_map(|(suffixes, ..)| suffixes.iter());
        let mut known: Vec<u64> = all.filter_map(|known| suffix(known.as_bytes())).collect();
        known.sort_unstable();
        known
    });
    suffix(name).is_some_and(|suffix| known.binary_search(&suffix).is_ok())
}

/// True for what may be something else than text by its name: it begins or ends with other bytes than text has, or begins
/// as one of those that begin like a text.
pub(super) fn is_odd(bytes: &[u8]) -> bool {
    let (head, tail) = (bytes.get(..ENDS).unwrap_or(bytes), bytes.get(bytes.len().saturating_sub(ENDS)..));
    let begins = |start: &[u8]| !start.is_empty() && (head.starts_with(start) || start.starts_with(head));
    let starts = || PROMISES.iter().any(|(.., start)| begins(start));
    !bytes.is_empty() && (!is_plain(head) || tail.is_some_and(|tail| !is_plain(tail)) || starts())
}

/// What a name promises of bytes that are not known by themselves.
pub(super) fn of(head: &[u8], name: &str) -> Option<Format> {
    let ending = name.get(name.rfind('.')?..)?;
    let is_ending = |suffix: &&str| suffix.eq_ignore_ascii_case(ending);
    let (_, format, start) = PROMISES.iter().find(|(suffixes, ..)| suffixes.iter().any(is_ending))?;
    let begins = !start.is_empty() && (head.starts_with(start) || start.starts_with(head));
    (!head.is_empty() && (begins || !is_plain(head))).then_some(*format)
}

/// True for text throughout, which may be cut within a character, and for what says that it is text in wide characters.
fn is_plain(head: &[u8]) -> bool {
    if matches!(head, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) {
        return true;
    }
    let whole = match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none() && error.valid_up_to() > 0,
    };
    whole && head.iter().all(|byte| *byte >= b' ' || matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_damaged_at_its_start_is_what_its_name_says() {
        assert_eq!(of(b"\x00Zh91AY&SY", "a.bz2"), Some(Format::Bzip2));
        assert_eq!(of(b"BZ", "a.BZ2"), Some(Format::Bzip2));
        assert_eq!(of(b"]\0", "a.lzma"), Some(Format::Lzma));
        assert_eq!(of(b"070701000", "a.cpio"), Some(Format::Cpio));
        assert_eq!(of(b"notes.txt\0\0", "a.tar"), Some(Format::Tar));
        assert_eq!(of(b"#!/bin/sh\nexec java -jar $0\n\x13\x37", "run.jar"), Some(Format::Zip));
    }

    #[test]
    fn names_that_promise_are_known_and_so_are_odd_bytes() {
        for name in ["a.bz2", "deep/A.TAR", ".gz", "x.squashfs", "lib.sqlite3", "a.tar.gz", "b.7z"] {
            assert!(is_made(name.as_bytes()), "{name}");
        }
        for name in ["a.rs", "gz", "a.gzz", "", ".", "a.", "a.squashfss", "bz2.txt", "a.xsquashfs"] {
            assert!(!is_made(name.as_bytes()), "{name}");
        }
        for (suffixes, ..) in &PROMISES {
            assert!(suffixes.iter().all(|suffix| is_made(format!("a{suffix}").as_bytes())));
        }
        let long = "a text ".repeat(100);
        for odd in [&b"\0Zh91AY&SY"[..], b"BZ", b"070701000", format!("{long}\0").as_bytes()] {
            assert!(is_odd(odd), "{odd:?}");
        }
        assert!(!is_odd(b"") && !is_odd(long.as_bytes()) && !is_odd(b"<plist/>\n"));
    }

    #[test]
    fn text_is_text_whatever_it_is_called() {
        for (head, name) in [
            (&b""[..], "a.gz"),
            (b"version https://git-lfs.github.com/spec/v1\n", "a.zip"),
            (b"a fixture\r\n", "a.tar"),
            ("ein Schl\u{fc}ssel".as_bytes(), "a.pdf"),
            (b"\xff\xfea\0", "a.xls"),
            (b"<plist/>", "a.plist"),
            (b"\x13\x37", "a.bin"),
        ] {
            assert_eq!(of(head, name), None, "{name}");
        }
    }
}
