//! Other scanners' reports, read into leads: what a finding says of a secret and where it stands, before our own engine
//! has judged it. Values stay sealed from the first byte on, and those that a scanner masked count as not told.

mod ggshield;
mod gitleaks;
mod kingfisher;
mod sarif;
mod told;
mod trufflehog;

use crate::model::Secret;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use std::fmt;
use std::str::FromStr;

/// Whose report it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scanner {
    /// Gitleaks, as JSON.
    Gitleaks,
    /// TruffleHog, as JSON: an object a line, or a list.
    Trufflehog,
    /// Kingfisher, as JSON or as JSON lines.
    Kingfisher,
    /// Betterleaks, as JSON or as JSON lines.
    Betterleaks,
    /// ggshield, as JSON.
    Ggshield,
    /// Any scanner that writes SARIF 2.1.0.
    Sarif,
}

impl Scanner {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Gitleaks, Self::Trufflehog, Self::Kingfisher, Self::Betterleaks, Self::Ggshield, Self::Sarif];

    /// As it is typed.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Gitleaks => "gitleaks",
            Self::Trufflehog => "trufflehog",
            Self::Kingfisher => "kingfisher",
            Self::Betterleaks => "betterleaks",
            Self::Ggshield => "ggshield",
            Self::Sarif => "sarif",
        }
    }
}

impl fmt::Display for Scanner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gitleaks => "Gitleaks",
            Self::Trufflehog => "TruffleHog",
            Self::Kingfisher => "Kingfisher",
            Self::Betterleaks => "Betterleaks",
            Self::Ggshield => "ggshield",
            Self::Sarif => "SARIF",
        })
    }
}

impl FromStr for Scanner {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|scanner| scanner.word() == text).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.into_iter().map(Self::word).collect();
            format!("'{text}' is none of: {}", known.join(", "))
        })
    }
}

/// A finding of another scanner.
#[derive(Debug, Default)]
pub struct Lead {
    /// Its rule, as that scanner names it.
    pub rule: String,
    /// What the rule is called.
    pub title: String,
    /// The value; none where the report masks it.
    pub secret: Option<Secret>,
    /// Text with the value in it that says more: what the pattern matched, or all parts of a credential.
    pub context: Option<Secret>,
    /// The path that it was found at.
    pub path: Option<String>,
    /// The commit that it was found in.
    pub commit: Option<String>,
    /// The first and the last line, from 1.
    pub lines: Option<(u64, u64)>,
    /// The first column and the one after the last, from 1. Scanners count differently, so it only tells which of
    /// several values of a line is meant.
    pub columns: Option<(u64, u64)>,
    /// What that scanner found out by asking the provider.
    pub live: Option<bool>,
}

/// A whole report.
#[derive(Debug)]
pub struct Report {
    /// Whose form it has.
    pub scanner: Scanner,
    /// The tool's name, as the report gives it.
    pub tool: String,
    /// Its findings.
    pub leads: Vec<Lead>,
    /// What that scanner says that it could not read.
    pub gaps: Vec<String>,
}

/// Why a report cannot be read. A message holds no text of the report, which may be a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// It is in no form that is known.
    #[error("this is no report that is known")]
    Unknown,
    /// It is not in the form that it should have.
    #[error("{line}:{column}: this is no report of {scanner}: {what}")]
    Malformed {
        /// Whose form was expected.
        scanner: Scanner,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong, in general words.
        what: &'static str,
    },
    /// It is of another version.
    #[error("this is SARIF {found}; 2.1.0 is read")]
    Version {
        /// The version that it names.
        found: String,
    },
}

/// The keys that tell the forms apart; of their values nothing is kept.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Keys {
    #[serde(rename = "RuleID")]
    gitleaks: Option<IgnoredAny>,
    #[serde(rename = "ruleID")]
    betterleaks: Option<IgnoredAny>,
    #[serde(rename = "SourceMetadata")]
    trufflehog: Option<IgnoredAny>,
    runs: Option<IgnoredAny>,
    findings: Option<IgnoredAny>,
    rule: Option<IgnoredAny>,
    entities_with_incidents: Option<IgnoredAny>,
    total_incidents: Option<IgnoredAny>,
}

impl Keys {
    fn scanner(&self) -> Option<Scanner> {
        Some(match self {
            Self { runs: Some(_), .. } => Scanner::Sarif,
            Self { trufflehog: Some(_), .. } => Scanner::Trufflehog,
            Self { gitleaks: Some(_), .. } => Scanner::Gitleaks,
            Self { betterleaks: Some(_), .. } => Scanner::Betterleaks,
            Self { findings: Some(_), .. } | Self { rule: Some(_), .. } => Scanner::Kingfisher,
            Self { entities_with_incidents: Some(_), .. } | Self { total_incidents: Some(_), .. } => Scanner::Ggshield,
            _ => return None,
        })
    }
}

/// Reads a report; whose it is can be seen from its keys.
///
/// # Errors
/// [`ImportError`] when it is in no form that is known, or not in the form that was asked for.
pub fn read(report: &Secret, from: Option<Scanner>) -> Result<Report, ImportError> {
    #[expect(clippy::disallowed_methods, reason = "the report is read into sealed values")]
    let bytes = report.expose();
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match from.map_or_else(|| recognised(bytes), Ok)? {
        Scanner::Gitleaks => gitleaks::read(bytes),
        Scanner::Betterleaks => gitleaks::read_better(bytes),
        Scanner::Trufflehog => trufflehog::read(bytes),
        Scanner::Kingfisher => kingfisher::read(bytes),
        Scanner::Ggshield => ggshield::read(bytes),
        Scanner::Sarif => sarif::read(bytes),
    }
}

/// By the keys of the first object that has any that is known.
fn recognised(bytes: &[u8]) -> Result<Scanner, ImportError> {
    let bytes = bytes.trim_ascii();
    if bytes.first() == Some(&b'[') {
        let items: Vec<Keys> = serde_json::from_slice(bytes).map_err(|_| ImportError::Unknown)?;
        // An empty list is what Gitleaks writes when it found nothing.
        return match items.first() {
            None => Ok(Scanner::Gitleaks),
            Some(first) => first.scanner().ok_or(ImportError::Unknown),
        };
    }
    let objects = serde_json::Deserializer::from_slice(bytes).into_iter::<Keys>();
    for object in objects {
        let keys = object.map_err(|_| ImportError::Unknown)?;
        if let Some(scanner) = keys.scanner() {
            return Ok(scanner);
        }
    }
    Err(ImportError::Unknown)
}

/// A list of items, or items one after the other.
fn items<T: DeserializeOwned>(bytes: &[u8], scanner: Scanner) -> Result<Vec<T>, ImportError> {
    let wrong = |error: serde_json::Error| malformed(scanner, &error);
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return serde_json::from_slice(bytes).map_err(wrong);
    }
    serde_json::Deserializer::from_slice(bytes).into_iter().collect::<Result<_, _>>().map_err(wrong)
}

fn document<T: DeserializeOwned>(bytes: &[u8], scanner: Scanner) -> Result<T, ImportError> {
    serde_json::from_slice(bytes).map_err(|error| malformed(scanner, &error))
}

/// The parser's own words may quote what it met.
fn malformed(scanner: Scanner, error: &serde_json::Error) -> ImportError {
    let what = match error.classify() {
        serde_json::error::Category::Eof => "it ends too early",
        serde_json::error::Category::Syntax => "this is no JSON",
        serde_json::error::Category::Data => "a field is missing, or has another type",
        serde_json::error::Category::Io => "it cannot be read",
    };
    ImportError::Malformed { scanner, line: error.line(), column: error.column(), what }
}

#[cfg(test)]
mod tests;
