//! A scan as people and machines read it. Built from sightings, so there is nothing in it to hide.

mod json;
mod lines;
mod sarif;
mod text;
#[cfg(feature = "rotate")]
pub mod timeline;

use crate::model::{Fingerprint, LineColumn, Place, Severity};
use crate::scan::{Outcome, harmless};
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

/// The form of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One line a finding, for `grep`.
    Lines,
    /// One JSON object.
    Json,
    /// SARIF 2.1.0.
    Sarif,
}

/// What was scanned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Files and directories.
    Files,
    /// Standard input.
    Stdin,
    /// The index.
    Staged,
    /// The commits of a range.
    Range(String),
    /// All commits.
    History,
    /// Another scanner's report.
    Imported(String),
    /// The message of a commit that is being made.
    Message,
    /// The commits that a push brings.
    Push,
}

impl Scope {
    /// One word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Stdin => "stdin",
            Self::Staged => "staged",
            Self::Range(_) => "range",
            Self::History => "history",
            Self::Imported(_) => "import",
            Self::Message => "message",
            Self::Push => "push",
        }
    }
}

/// How text is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Whether severity, marks and carets are coloured.
    pub colour: bool,
    /// Whether the reader's locale shows more than ASCII.
    pub unicode: bool,
}

/// A scan with what is said about it. All but the text report depend on the content alone, so that two runs on the
/// same bytes give the same bytes.
#[derive(Debug)]
pub struct Report<'a> {
    /// What came out.
    pub outcome: &'a Outcome,
    /// What was scanned.
    pub scope: Scope,
    /// Findings from here on stop the run.
    pub gate: Severity,
    /// The exit code.
    pub exit_code: u8,
    /// Whether the run stands before a commit or a push.
    pub stops_commit: bool,
    /// Why the fingerprints hold for this run alone, if they do.
    pub passing_key: Option<String>,
    /// The last day of an exception that a person might make, for the hint.
    pub suggested_until: String,
    /// How long it took.
    pub elapsed: Duration,
    /// The top of the work tree, if there is one: paths for machines start there.
    pub top: Option<PathBuf>,
    /// The working directory: relative paths start there.
    pub working_directory: PathBuf,
}

impl Report<'_> {
    /// Writes it.
    ///
    /// # Errors
    /// When `out` fails.
    pub fn write(&self, format: Format, style: Style, out: &mut dyn Write) -> io::Result<()> {
        match format {
            Format::Text => text::write(self, style, out),
            Format::Lines => lines::write(self, style, out),
            Format::Json => json::write(self, out),
            Format::Sarif => sarif::write(self, out),
        }
    }

    /// The other spots of the same secret.
    fn elsewhere(&self, print: &Fingerprint) -> &[(Place, LineColumn)] {
        self.outcome.elsewhere.get(print).map_or(&[], Vec::as_slice)
    }

    fn note(&self, print: &Fingerprint) -> Option<&str> {
        self.outcome.notes.get(print).map(String::as_str)
    }
}

/// A place as one line without anything a terminal obeys; unusual characters are written as escapes.
fn shown_place(place: &Place, style: Style) -> String {
    escaped(&place.to_string(), style)
}

fn escaped(text: &str, style: Style) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if harmless(character) != character || (!style.unicode && !character.is_ascii()) {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    out
}

/// Text that may have lost its unusual characters, as an excerpt.
fn plain(text: &str, style: Style) -> String {
    if style.unicode {
        return text.to_owned();
    }
    let text = text.replace('\u{2026}', "...");
    text.chars().map(|character| if character.is_ascii() { character } else { '?' }).collect()
}

/// `1 leak`, `2 leaks`.
fn counted(count: u64, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

#[cfg(test)]
mod tests;
