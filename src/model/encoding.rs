//! The clothes a text may wear.

use serde::Serialize;
use std::fmt;

/// How a text was encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// UTF-16 in either byte order, with or without its mark.
    Utf16,
    /// UTF-32 in either byte order, with or without its mark.
    Utf32,
    /// A character set from before Unicode.
    CodePage,
    /// Base 64 in any of its alphabets, wrapped or not.
    Base64,
    /// Base 32.
    Base32,
    /// Base 85, as git's patches of binaries and Ascii85 have it.
    Base85,
    /// What `uuencode` writes.
    Uuencode,
    /// Pairs of hex digits.
    Hex,
    /// `%41`, as in URLs.
    Percent,
    /// `\u0041`, `\x41` and their like, as in source text and JSON.
    Escapes,
    /// `&#65;`, as in HTML.
    Entities,
    /// `=41`, as in mail.
    QuotedPrintable,
    /// Pieces that the program joins.
    Joined,
    /// Compressed with gzip.
    Gzip,
    /// Compressed with zlib.
    Zlib,
    /// Compressed with Zstandard.
    Zstd,
    /// A name and its value, each in a field of its own.
    Fields,
}

impl Encoding {
    /// As reports say it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Utf16 => "UTF-16",
            Self::Utf32 => "UTF-32",
            Self::CodePage => "legacy code page",
            Self::Base64 => "base64",
            Self::Base32 => "base32",
            Self::Base85 => "base85",
            Self::Uuencode => "uuencode",
            Self::Hex => "hex",
            Self::Percent => "percent-encoding",
            Self::Escapes => "escapes",
            Self::Entities => "HTML entities",
            Self::QuotedPrintable => "quoted-printable",
            Self::Joined => "joined strings",
            Self::Gzip => "gzip",
            Self::Zlib => "zlib",
            Self::Zstd => "zstd",
            Self::Fields => "name and value apart",
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}
