//! What a thing is, by its first bytes; its name decides only where they say nothing.

use super::names::ends_with;
use super::outlet::{Outlet, Walk};
use super::region::Feed;
use super::{
    ArchiveError, ar, beam, behind, class, compound, compressed, cpio, git_pack, notebook, office, pdf, plist, png,
    promise, python, rpm, seven, sqlite, tar, zip,
};

/// What holds others, and can be opened or named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// Zip and everything built on it: jar, war, apk, whl, nupkg, xpi, vsix, ipa, epub, and office documents.
    Zip,
    /// Tar, old and new.
    Tar,
    /// Gzip, one member or several.
    Gzip,
    /// Zlib: a deflated stream with its checksum and no name, such as a loose object of git.
    Zlib,
    /// Bzip2.
    Bzip2,
    /// Xz.
    Xz,
    /// What came before xz.
    Lzma,
    /// Lzip.
    Lzip,
    /// Zstandard, one frame or several.
    Zstd,
    /// LZ4.
    Lz4,
    /// Brotli, which only its name tells.
    Brotli,
    /// 7z.
    SevenZip,
    /// Ar: Debian packages and static libraries.
    Ar,
    /// RPM packages.
    Rpm,
    /// Cpio.
    Cpio,
    /// A part of an office document, itself a zip's member.
    OfficePart,
    /// A notebook.
    Notebook,
    /// A SQLite database.
    Sqlite,
    /// Compiled Java.
    JavaClass,
    /// Compiled Erlang or Elixir.
    BeamCode,
    /// Compiled Python.
    PythonCode,
    /// A binary property list.
    PropertyList,
    /// PDF.
    Pdf,
    /// A PNG picture, for the texts in it.
    Png,
    /// Compound files: office documents of the old kinds, messages, installers, and what newer documents are encrypted into.
    Compound,
    /// A pack of a git repository that is no repository here.
    GitPack,
    /// A git bundle: references and a pack.
    GitBundle,
    /// A script or a program with an archive behind it.
    Behind,
    /// Something that is known and cannot be opened here.
    Closed(Closed),
}

/// What is known by its first bytes and cannot be opened here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Closed {
    /// RAR.
    Rar,
    /// What compress writes.
    Compress,
    /// A cabinet.
    Cabinet,
    /// A compressed file system.
    Squashfs,
    /// An archive of macOS, such as its installers.
    Xar,
    /// An image of Windows.
    Wim,
    /// A program with a file system behind it.
    AppImage,
    /// An installer made by NSIS.
    Nsis,
    /// A program made by PyInstaller.
    PyInstaller,
    /// LHA.
    Lha,
    /// What lzop, lrzip, zpaq, bzip3 and the framed form of Snappy write.
    Compressed,
    /// A disk with a file system on it.
    Disk,
    /// Columns of a table, packed.
    Columns,
}

impl Closed {
    fn words(self) -> &'static str {
        match self {
            Self::Rar => "a RAR archive",
            Self::Compress => "the output of compress (.Z)",
            Self::Cabinet => "a cabinet (.cab)",
            Self::Squashfs => "a squashfs image",
            Self::Xar => "a xar archive (.pkg)",
            Self::Wim => "a Windows image (.wim)",
            Self::AppImage => "an AppImage",
            Self::Nsis => "an installer made by NSIS",
            Self::PyInstaller => "a program made by PyInstaller",
            Self::Lha => "an LHA archive",
            Self::Compressed => "the output of lzop, lrzip, zpaq, bzip3 or Snappy",
            Self::Disk => "a disk image",
            Self::Columns => "a table in columns (Parquet, ORC)",
        }
    }
}

/// Where an ISO 9660 image says that it is one.
const ISO_9660: std::ops::Range<usize> = 0x8001..0x8006;

impl Closed {
    fn by_magic(head: &[u8]) -> Option<Self> {
        Some(match head {
            [b'R', b'a', b'r', b'!', 0x1a, 7, ..] => Self::Rar,
            [0x1f, 0x9d, ..] => Self::Compress,
            [b'M', b'S', b'C', b'F', 0, 0, 0, 0, ..] => Self::Cabinet,
            [b'h', b's', b'q', b's', ..] => Self::Squashfs,
            [b'x', b'a', b'r', b'!', 0, ..] => Self::Xar,
            [b'M', b'S', b'W', b'I', b'M', 0, 0, 0, ..] | [b'W', b'L', b'P', b'W', b'M', 0, 0, 0, ..] => Self::Wim,
            [0x7f, b'E', b'L', b'F', _, _, _, _, b'A', b'I', 1 | 2, ..] => Self::AppImage,
            [_, 0..=0x1f | 0x7f..=0xff, b'-', b'l', b'h' | b'z', _, b'-', ..] => Self::Lha,
            [0x89, b'L', b'Z', b'O', 0, b'\r', b'\n', ..]
            | [b'L', b'R', b'Z', b'I', 0, ..]
            | [b'7', b'k', b'S', b't', 0xa0, ..]
            | [b'z', b'P', b'Q', 1 | 2, ..]
            | [b'B', b'Z', b'3', b'v', b'1', ..]
            | [0xff, 6, 0, 0, b's', b'N', b'a', b'P', b'p', b'Y', ..] => Self::Compressed,
            [b'Q', b'F', b'I', 0xfb, ..] | [b'K', b'D', b'M', b'V', 1..=3, 0, 0, 0, ..] => Self::Disk,
            _ if head.starts_with(b"vhdxfile") || head.get(ISO_9660) == Some(b"CD001") => Self::Disk,
            [b'P', b'A', b'R', b'1', 0x15, ..] | [b'O', b'R', b'C', 0..=0x1f | 0x7f..=0xff, ..] => Self::Columns,
            _ => return None,
        })
    }
}

impl Format {
    /// What these first bytes are the start of.
    pub(super) fn of(head: &[u8], name: &str) -> Option<Self> {
        Self::by_magic(head)
            .or_else(|| tar::looks_like(head).then_some(Self::Tar))
            .or_else(|| Self::by_name(head, name))
    }

    /// Where the first bytes alone say too little.
    fn by_name(head: &[u8], name: &str) -> Option<Self> {
        if python::looks_like(head) && (ends_with(name, ".pyc") || ends_with(name, ".pyo")) {
            return Some(Self::PythonCode);
        }
        let json = matches!(head.trim_ascii_start(), [b'{', ..]);
        if json && ends_with(name, ".ipynb") {
            return Some(Self::Notebook);
        }
        promise::of(head, name)
    }

    /// True for what the name decides on: the first bytes allow for it, and so do some behind them.
    pub(super) fn name_matters(bytes: &[u8]) -> bool {
        let holds = |word: &[u8]| memchr::memmem::find(bytes, word).is_some();
        if python::looks_like(bytes) {
            return memchr::memchr(0, bytes.get(..64).unwrap_or(bytes)).is_some();
        }
        matches!(bytes.trim_ascii_start(), [b'{', ..]) && (holds(b"\"cells\"") || holds(b"\"worksheets\""))
    }

    pub(super) fn by_magic(head: &[u8]) -> Option<Self> {
        let format = match head {
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] | [b'P', b'K', 7, 8, b'P', b'K', 3, 4, ..] => Self::Zip,
            [0x1f, 0x8b, 8, ..] => Self::Gzip,
            [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] if compressed::looks_like_zlib(head) => Self::Zlib,
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..]
            | [b'B', b'Z', b'h', b'1'..=b'9', 0x17, 0x72, 0x45, 0x38, 0x50, 0x90, ..] => Self::Bzip2,
            [0xfd, b'7', b'z', b'X', b'Z', ..] => Self::Xz,
            [b'L', b'Z', b'I', b'P', 1, ..] => Self::Lzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] if compressed::skippable_before_zstd(head) => Self::Zstd,
            [b'7', b'z', 0xbc, 0xaf, ..] => Self::SevenZip,
            [0xd0, 0xcf, 0x11, 0xe0, ..] => Self::Compound,
            [0xed, 0xab, 0xee, 0xdb, ..] => Self::Rpm,
            [0x5d, ..] if compressed::looks_like_lzma(head) => Self::Lzma,
            [0x04, 0x22, 0x4d, 0x18, ..] => Self::Lz4,
            [b'P', b'A', b'C', b'K', 0, 0, 0, 2 | 3, ..] => Self::GitPack,
            [b'F', b'O', b'R', b'1', ..] if beam::looks_like(head) => Self::BeamCode,
            [0xca, 0xfe, 0xba, 0xbe, ..] if class::looks_like(head) => Self::JavaClass,
            _ if head.starts_with(sqlite::MAGIC) => Self::Sqlite,
            _ if png::looks_like(head) => Self::Png,
            _ if is_pdf(head) => Self::Pdf,
            _ if head.starts_with(b"bplist00") => Self::PropertyList,
            _ if office::looks_like(head) => Self::OfficePart,
            _ if head.starts_with(b"!<arch>\n") => Self::Ar,
            _ if cpio::looks_like(head) => Self::Cpio,
            _ if head.starts_with(b"# v2 git bundle\n") || head.starts_with(b"# v3 git bundle\n") => Self::GitBundle,
            _ => return Closed::by_magic(head).map(Self::Closed),
        };
        Some(format)
    }

    /// True where everything in it is handed over by [`super::open`], so that its own bytes need no look of their own
    /// unless that failed.
    #[must_use]
    pub fn hands_over_all(self) -> bool {
        !matches!(
            self,
            Self::Zlib | Self::OfficePart | Self::Notebook | Self::Pdf | Self::Compound | Self::BeamCode | Self::Behind
        )
    }

    /// True where it is read from front to back, so that it need not be held in memory.
    #[must_use]
    pub fn streams(self) -> bool {
        matches!(
            self,
            Self::Tar
                | Self::Gzip
                | Self::Zlib
                | Self::Bzip2
                | Self::Xz
                | Self::Lzma
                | Self::Lzip
                | Self::Zstd
                | Self::Lz4
                | Self::Brotli
                | Self::Ar
                | Self::Rpm
                | Self::Cpio
        )
    }

    /// Hands over what is in it.
    pub(super) fn walk(self, name: &str, feed: Feed<'_>, outlet: &mut Outlet<'_, '_>) -> Walk {
        match self {
            Self::Tar => tar::walk(feed, outlet),
            Self::Cpio => cpio::walk(feed, outlet),
            Self::Ar => ar::walk(name, feed, outlet),
            Self::Rpm => rpm::walk(feed, outlet),
            Self::Gzip
            | Self::Zlib
            | Self::Bzip2
            | Self::Xz
            | Self::Lzma
            | Self::Lzip
            | Self::Zstd
            | Self::Lz4
            | Self::Brotli => compressed::walk(self, name, feed, outlet),
            Self::Zip => outlet.by_region(feed, |region, outlet| zip::walk(&region, outlet)),
            Self::SevenZip => outlet.by_region(feed, seven::walk),
            Self::Sqlite => outlet.by_region(feed, sqlite::walk),
            Self::Compound => outlet.by_region(feed, |region, outlet| compound::walk(&region, outlet)),
            Self::OfficePart => office::walk(&outlet.whole_of(feed)?, outlet),
            Self::Notebook => notebook::walk(&outlet.whole_of(feed)?, outlet),
            Self::JavaClass => class::walk(&outlet.whole_of(feed)?, outlet),
            Self::BeamCode => beam::walk(&outlet.whole_of(feed)?, outlet),
            Self::Behind => behind::walk(&outlet.whole_of(feed)?, outlet),
            Self::PythonCode => python::walk(&outlet.whole_of(feed)?, outlet),
            Self::Pdf => pdf::walk(&outlet.whole_of(feed)?, outlet),
            Self::Png => png::walk(&outlet.whole_of(feed)?, outlet),
            Self::PropertyList => plist::walk(&outlet.whole_of(feed)?, outlet),
            Self::GitPack => git_pack::walk(feed, outlet),
            Self::GitBundle => git_pack::walk_bundle(feed, outlet),
            Self::Closed(what) => Err(ArchiveError::unsupported(what.words()).into()),
        }
    }
}

/// Its mark may stand behind some bytes that a server or a printer put there.
fn is_pdf(head: &[u8]) -> bool {
    matches!(head, [b'%' | b'\n' | b'\r' | b' ' | 0xef | 0x1b, ..])
        && memchr::memmem::find(head.get(..1024).unwrap_or(head), b"%PDF-").is_some()
}
