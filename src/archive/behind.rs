//! What lies behind something else: an archive behind the script or the program that unpacks it, or behind anything.

use super::ArchiveError;
use super::format::{Closed, Format};
use super::outlet::{Outlet, Walk};
use super::{promise, seven, tar, zip};
use memchr::memmem;

/// No script that unpacks what is behind it is longer.
const LONGEST_SCRIPT: usize = 1 << 20;
/// Where the installers of NSIS keep what they install: at a multiple of so many bytes, behind a word of flags.
const NSIS_BLOCK: usize = 512;
const NSIS: &[u8; 16] = b"\xef\xbe\xad\xdeNullsoftInst";
/// How the last record of what PyInstaller makes begins. A signature may follow it.
const PYINSTALLER: &[u8; 8] = b"MEI\x0c\x0b\x0a\x0b\x0e";
const PYINSTALLER_BYTES: usize = 88;
const SIGNATURE_BYTES: usize = 64 << 10;

/// What all bytes of something say whose first bytes say nothing.
pub(super) fn of(bytes: &[u8]) -> Option<Format> {
    let program = is_program(bytes);
    if zip::ends(bytes, program || is_script(bytes)) {
        return Some(Format::Zip);
    }
    if program && is_nsis(bytes) {
        return Some(Format::Closed(Closed::Nsis));
    }
    if program && is_pyinstaller(bytes) {
        return Some(Format::Closed(Closed::PyInstaller));
    }
    start(bytes).map(|_| Format::Behind)
}

/// Hands over what is behind; what is before it is looked through as it stands.
pub(super) fn walk(bytes: &[u8], outlet: &mut Outlet<'_, '_>) -> Walk {
    match start(bytes).and_then(|at| bytes.get(at..)) {
        Some(archive) => outlet.bytes("(archive)", archive),
        None => Err(ArchiveError::damaged("nothing is behind it").into()),
    }
}

/// Where the archive begins.
fn start(bytes: &[u8]) -> Option<usize> {
    // What ends like a text is nothing but a script.
    if is_script(bytes) && promise::is_odd(bytes) {
        let script = bytes.get(..LONGEST_SCRIPT).unwrap_or(bytes);
        let ends = memchr::memchr_iter(b'\n', script);
        return ends.map(|end| end + 1).find(|at| bytes.get(*at..).is_some_and(is_packed));
    }
    if is_program(bytes) {
        let mut begins = memmem::find_iter(bytes, seven::MAGIC);
        return begins.find(|at| bytes.get(*at..).is_some_and(seven::begins));
    }
    None
}

fn is_script(bytes: &[u8]) -> bool {
    bytes.starts_with(b"#!")
}

/// Linux, Windows, macOS.
fn is_program(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [0x7f, b'E', b'L', b'F', ..]
            | [b'M', b'Z', ..]
            | [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..]
            | [0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 1..=9, ..]
    )
}

/// True for what scripts have behind them.
fn is_packed(rest: &[u8]) -> bool {
    use Format::{Bzip2, Gzip, Lzma, SevenZip, Xz, Zip, Zstd};
    // Of gzip three bits of the flags are of no use.
    let flags = !matches!(rest, [0x1f, 0x8b, 8, 0x20..=0xff, ..]);
    let packed = || {
        Format::by_magic(rest).is_some_and(|format| matches!(format, Bzip2 | Gzip | Lzma | SevenZip | Xz | Zip | Zstd))
    };
    match rest {
        [0x1f | b'B' | 0x5d | b'7' | 0xfd | b'P' | 0x28, ..] => flags && packed(),
        _ => tar::looks_like(rest),
    }
}

fn is_nsis(bytes: &[u8]) -> bool {
    bytes.chunks(NSIS_BLOCK).any(|block| block.get(4..).is_some_and(|behind| behind.starts_with(NSIS)))
}

fn is_pyinstaller(bytes: &[u8]) -> bool {
    let tail = bytes.get(bytes.len().saturating_sub(SIGNATURE_BYTES)..).unwrap_or_default();
    let whole = |record: &[u8]| {
        let word = |at: usize| Some(u32::from_be_bytes(record.get(at..at + 4)?.try_into().ok()?));
        let (length, listing) = (word(8)?, word(12)?);
        Some(usize::try_from(length).ok()? <= bytes.len() && listing < length)
    };
    memmem::rfind_iter(tail, PYINSTALLER)
        .filter_map(|at| tail.get(at..at + PYINSTALLER_BYTES))
        .any(|record| whole(record) == Some(true))
}
