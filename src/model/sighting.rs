//! A finding without its secret: what reports, logs and alerts are built from.

use super::{Encoding, Fingerprint, KindId, Place, Secret, Span, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// How bad a leak of this kind is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth a note.
    Low,
    /// Worth a change.
    Medium,
    /// Production is at risk.
    High,
    /// Money or all data is at risk.
    Critical,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        })
    }
}

/// How sure the rule is that this is a token and not a look-alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// A shape that other things have too.
    Low,
    /// A shape and a word near it.
    Medium,
    /// A prefix, a checksum or a structure of its own.
    High,
}

/// A line and a column, both from 1; the column counts bytes of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LineColumn {
    /// Line.
    pub line: u64,
    /// Column.
    pub column: u64,
}

/// Text in which every secret is masked.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Masked(String);

impl Masked {
    /// Masks one secret: the public prefix, an ellipsis, and the last four characters if at least 16 more stay
    /// hidden; else the prefix and the length only. Bytes that are no printable ASCII are never shown.
    #[must_use]
    pub fn of(secret: &Secret, public_prefix: usize) -> Self {
        #[expect(clippy::disallowed_methods, reason = "the public prefix and the last four characters are shown")]
        let bytes = secret.expose();
        let printable = |part: Option<&[u8]>| {
            part.filter(|part| part.iter().all(u8::is_ascii_graphic))
                .map(|part| String::from_utf8_lossy(part).into_owned())
        };
        let prefix_length = public_prefix.min(bytes.len() / 2);
        let prefix = printable(bytes.get(..prefix_length)).unwrap_or_default();
        let hidden = bytes.len() - prefix_length;
        let tail = if hidden >= 20 { printable(bytes.get(bytes.len() - 4..)) } else { None };
        Self(match tail {
            Some(tail) => format!("{prefix}\u{2026}{tail}"),
            None => format!("{prefix}\u{2026}({} characters)", bytes.len()),
        })
    }

    /// Takes text that was masked already, for instance an excerpt with every secret in it replaced.
    #[must_use]
    pub fn already(text: String) -> Self {
        Self(text)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Masked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A finding as the world may see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sighting {
    /// Its kind.
    pub kind: KindId,
    /// What the kind is called.
    pub title: String,
    /// How bad.
    pub severity: Severity,
    /// How sure.
    pub confidence: Confidence,
    /// Where.
    pub place: Place,
    /// At which line and column.
    pub at: LineColumn,
    /// Which bytes.
    pub span: Span,
    /// Its name.
    pub fingerprint: Fingerprint,
    /// The masked secret.
    pub shown: Masked,
    /// The masked line around it.
    pub excerpt: Masked,
    /// Length of the secret in bytes.
    pub length: usize,
    /// What the provider said, if it was asked.
    pub verdict: Option<Verdict>,
    /// The other places where the same secret was found.
    pub also: Vec<Place>,
    /// What is public of it: an account, a user, a host, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, String>,
    /// Why it weighs less than others of its kind.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// True when it may well be no token at all; a remark says why.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub doubtful: bool,
    /// How its text was encoded, from the outside in; line, column and span are those of the encoded text.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub decoded: Vec<Encoding>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_characters_stay_hidden() {
        let shown = |text: &str, prefix| Masked::of(&Secret::new(text.as_bytes().to_vec()), prefix).to_string();
        assert_eq!(shown("abc_0123456789012345wxyz", 4), "abc_\u{2026}wxyz");
        assert_eq!(shown("abc_012345678901234wxyz", 4), "abc_\u{2026}(23 characters)");
        assert_eq!(shown("hunter2", 0), "\u{2026}(7 characters)");
        assert_eq!(shown("ab", 4), "a\u{2026}(2 characters)");
        assert_eq!(shown("", 4), "\u{2026}(0 characters)");
    }
}
