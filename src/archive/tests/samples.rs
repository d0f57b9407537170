//! Samples: those that can be written here are, the others were written once by the real tools.

use super::written;
use data_encoding::BASE64;
use std::io::{Cursor, Write};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

pub(in super::super) const TEXT: &str = "the text that was packed, the text that was packed\n";

pub(in super::super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

pub(in super::super) fn zlib(bytes: &[u8], level: u32) -> Vec<u8> {
    let mut writer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::new(level));
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

pub(in super::super) fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut writer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::default());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

pub(in super::super) fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

pub(in super::super) fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

pub(in super::super) fn zip_by(method: CompressionMethod, members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

pub(in super::super) fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    zip_by(CompressionMethod::Deflated, members)
}

pub(in super::super) fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, content) in members {
        bytes.extend(format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100_644, content.len()).bytes());
        bytes.extend(*content);
        bytes.extend(std::iter::repeat_n(b'\n', content.len() % 2));
    }
    bytes
}

pub(in super::super) fn cpio(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, content) in members.iter().copied().chain([("TRAILER!!!", &b""[..])]) {
        let fields = [1, 0o100_644, 0, 0, 1, 0, content.len(), 0, 0, 0, 0, name.len() + 1, 0];
        bytes.extend(b"070701");
        for field in fields {
            bytes.extend(format!("{field:08X}").bytes());
        }
        bytes.extend(name.bytes().chain([0]));
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes.extend(content);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    bytes
}

pub(in super::super) fn rpm(store: &[u8], payload: &[u8]) -> Vec<u8> {
    let header = |store: &[u8]| {
        let start = [0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0, 0, 0, 0, 1];
        [&start[..], &(store.len() as u32).to_be_bytes(), &[0; 16], store].concat()
    };
    let lead = [&[0xed, 0xab, 0xee, 0xdb, 3, 0][..], &[0; 90]].concat();
    let mut bytes = [lead, header(b"sum\0")].concat();
    bytes.resize((bytes.len() - 96).next_multiple_of(8) + 96, 0);
    [bytes, header(store), payload.to_vec()].concat()
}

fn base64(text: &str) -> Vec<u8> {
    BASE64.decode(text.as_bytes()).unwrap()
}

pub(in super::super) fn xz() -> Vec<u8> {
    base64(concat!(
        "/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4AAyACFdADoaCM524o/UjXsK8Gqr2n+Wn+KAdyLxg2iQB0bsT71AAAAAAABj+2KO3OwOXQABPTODnL71H7bzfQEA",
        "AAAABFla"
    ))
}

pub(in super::super) fn lzma() -> Vec<u8> {
    base64("XQAAgAD//////////wA6GgjOduKP1I17CvBqq9p/lp/igHci8YNokAdG7FIB89v//v+IAA==")
}

pub(in super::super) fn lzip() -> Vec<u8> {
    base64("TFpJUAEMADoaCM524o/UjXsK8Gqr2n+Wn+KAdyLxg2iQB0bsUgHz2//+/4gAbcqGNjMAAAAAAAAAQQAAAAAAAAA=")
}

pub(in super::super) fn lz4() -> Vec<u8> {
    base64("BCJNGGRApyUAAAD/C3RoZSB0ZXh0IHRoYXQgd2FzIHBhY2tlZCwgGgABUGNrZWQKAAAAAOr5o8o=")
}

/// By Google's library.
pub(in super::super) fn brotli() -> Vec<u8> {
    base64("GzIA+B0JNk50bySG12FodHcShGyuFUBYyqQoirCTKaBCktx3mm3nkgA=")
}

/// By the usual tool, with a checksum.
pub(in super::super) fn real_zstd() -> Vec<u8> {
    base64("KLUv/SQzDQEA2HRoZSB0ZXh0IHRoYXQgd2FzIHBhY2tlZCwgCgEANjjH2VJBXQ==")
}

/// Two members in one block.
pub(in super::super) fn solid_7z() -> Vec<u8> {
    base64(concat!(
        "N3q8ryccAAQwTPe2lAAAAAAAAAAgAAAAAAAAAK2oXYLgAFEAN10AOhoIznbij9SNewrwaqvaf5af4oB3IvGDaJAHRuxQlchXazWRIXJkBZs2bURYQWIPGTxi",
        "5toPwAAAAIEzB64P0ePZhKCQoHdexUAYlXDWqFhhGuSP0rt7bBSoP4pmUOQtdqrU7pc17Lm8UhRoc9fUc465d1CmXCdzL/n3qjaiKHrZ04J41wj3pDy4NjzR",
        "FwY/AQlVAAcLAQABIwMBAQVdABAAAAxmCgHgf6uIAAA="
    ))
}

pub(in super::super) fn ppmd_7z() -> Vec<u8> {
    base64(concat!(
        "N3q8ryccAARNr+26HQAAAAAAAABOAAAAAAAAADmaR90Ac/JvVqWklF57dcEAnLu1Vuhz99j2pwccrXKEAAEEBgABCR0ABwsBAAEjAwQBBQYAAAEADDMACAoB",
        "bcqGNgAABQEZBgAAAAAAABEVAG4AbwB0AGUAcwAuAHQAeAB0AAAAFQYBACCApIEAAA=="
    ))
}

pub(in super::super) fn encrypted_7z() -> Vec<u8> {
    base64(concat!(
        "N3q8ryccAAQm/rC/MAAAAAAAAABeAAAAAAAAAHsoqRG8RFRdwMjgrgCoMYXxgJZzDvkgjbDWiTfAMPHKOx/tV1YS915X/ojSjrpY1YB6aXABBAYAAQkwAAcL",
        "AQACJAbxBwESUw/9wnxmvYU1CwFIHxFmYP2SISEBAAEADCkzAAgKAW3KhjYAAAUBGQEAERUAbgBvAHQAZQBzAC4AdAB4AHQAAAAVBgEAIICkgQAA"
    ))
}

/// Its directory is encrypted as well.
pub(in super::super) fn closed_7z() -> Vec<u8> {
    base64(concat!(
        "N3q8ryccAASxNTqnkAAAAAAAAAAuAAAAAAAAAE2ASnCVWyO9xNwXgDQ6RQv8AJo/YPvQQRm2S45NVyao1mEB6DF1oWZ7nd44XPMobGmjkFzYSt0Uf7wqQlXy",
        "bSISpblv7KTwNh55EHCSVukEWqJVSVhEv6/KD0RCX0112ZK7kDNEWb4soUGQGxCleZ4QMSNulWTJkIA1gFBVMsTW/MESsE7EIxv+WaXtj05ePUl9lOQXBjAB",
        "CWAABwsBAAEkBvEHARJTD7/OqrLDINUKHWwXogMnI6IMXgoBcp2P1AAA"
    ))
}

/// Every sample with its name: what can be attacked.
pub(in super::super) fn every() -> Vec<(&'static str, Vec<u8>)> {
    let inner = zip(&[("inner.txt", TEXT.as_bytes()), ("more/deep.txt", b"deep text")]);
    vec![
        ("a.zip", inner.clone()),
        ("stored.zip", zip_by(CompressionMethod::Stored, &[("a", TEXT.as_bytes()), ("inner.zip", &inner)])),
        ("bzip2.zip", zip_by(CompressionMethod::Bzip2, &[("a", TEXT.as_bytes())])),
        ("a.tar", tar(&[("notes.txt", TEXT.as_bytes()), (&"long/".repeat(40), b"a long name")])),
        ("a.tar.gz", gzip(&tar(&[("notes.txt", TEXT.as_bytes())]))),
        ("two.gz", [gzip(b"one "), gzip(b"two")].concat()),
        ("a.bz2", bzip2(TEXT.as_bytes())),
        ("a.xz", xz()),
        ("a.lzma", lzma()),
        ("a.lz", lzip()),
        ("a.lz4", lz4()),
        ("a.br", brotli()),
        ("a.zst", real_zstd()),
        ("solid.7z", solid_7z()),
        ("ppmd.7z", ppmd_7z()),
        ("encrypted.7z", encrypted_7z()),
        ("closed.7z", closed_7z()),
        ("a.deb", ar(&[("debian-binary", b"2.0\n"), ("data.tar.gz", &gzip(&tar(&[("etc/conf", b"setting=1")])))])),
        ("a.db", written::sqlite()),
        ("K.class", written::java_class()),
        ("a.beam", written::beam()),
        ("a.pyc", written::python_code()),
        ("a.pdf", crate::archive::pdf::tests::sample()),
        ("a.plist", written::property_list()),
        ("a.xls", written::workbook()),
        ("locked.docx", written::encrypted_document()),
        ("document.xml", b"<w:p xmlns:w=\"http://schemas.openxmlformats.org/x\"><w:t>text</w:t></w:p>".to_vec()),
        ("a.cpio", cpio(&[("notes.txt", TEXT.as_bytes())])),
        ("a.pack", written::git_pack()),
        ("a.bundle", [&b"# v2 git bundle\n"[..], &[b'a'; 40], b" refs/heads/main\n\n", &written::git_pack()].concat()),
        ("a.rpm", rpm(b"a summary\0echo script\0", &gzip(&cpio(&[("etc/conf", b"setting=1")])))),
    ]
}
