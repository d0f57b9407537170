//! What a name says that a thing is whose first bytes say nothing, or too little: cut off, or damaged at its start. It is
//! opened as what it should be, so that what is wrong with it is said. What is plain text is no more than that, whatever
//! it is called: there is nothing in it that was not read.

use super::format::{Closed, Format};

/// Suffixes, of one dot each, that are used for nothing else, what they promise, and how that begins, where it begins
/// like a text.
const PROMISES: [(&[&str], Format, &[u8]); 22] = [
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
];

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
