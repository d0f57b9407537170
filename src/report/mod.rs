//! A scan as people and machines read it. Built from sightings, so there is nothing in it to hide.

mod annotations;
mod bitbucket;
#[cfg(feature = "rotate")]
pub mod case;
mod coverage;
#[cfg(feature = "rotate")]
pub mod exposure;
mod gitlab;
mod json;
mod junit;
mod lines;
mod paths;
mod sarif;
mod summary;
mod text;
#[cfg(feature = "rotate")]
pub mod timeline;

pub use coverage::size;

use crate::model::{Fingerprint, LineColumn, Place, Severity, Sighting, Timestamp, Verdict};
use crate::scan::{Outcome, harmless};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

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
    /// GitLab's secret-detection report.
    Gitlab,
    /// JUnit's XML.
    Junit,
    /// Commands by which GitHub annotates lines.
    Github,
    /// Markdown for the page of a run.
    Summary,
    /// The report of Bitbucket's Code Insights.
    BitbucketReport,
    /// The annotations of Bitbucket's Code Insights.
    BitbucketAnnotations,
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
    /// The message of a commit that is being made.
    Message,
    /// The commits that a push brings.
    Push,
    /// Another scanner's report.
    Imported(String),
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
            Self::Message => "message",
            Self::Push => "push",
            Self::Imported(_) => "import",
        }
    }

    /// What one thing that is read is called.
    #[must_use]
    pub fn item(&self) -> &'static str {
        match self {
            Self::Files | Self::Staged => "file",
            Self::Stdin => "stream",
            Self::Message => "message",
            Self::Range(_) | Self::History | Self::Push => "object",
            Self::Imported(_) => "place",
        }
    }
}

/// How text is drawn for machines.
const PLAIN: Style = Style { colour: false, unicode: true };

/// The exit code of a run that is incomplete.
const INCOMPLETE: u8 = 3;

/// How text is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Whether severity, marks and carets are coloured.
    pub colour: bool,
    /// Whether the reader's locale shows more than ASCII.
    pub unicode: bool,
}

/// What a run in continuous integration knows besides what it found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// What was chosen and why.
    pub words: Option<String>,
    /// What a reviewer should know: a policy that is changed, a finding that is excused.
    pub notices: Vec<String>,
    /// The commit that was judged.
    pub commit: Option<String>,
}

/// A scan with what is said about it. All reports without times in them depend on the content alone, so that two runs on
/// the same bytes give the same bytes.
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
    /// When it began.
    pub began: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// What else is known.
    pub about: About,
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
            Format::Gitlab => gitlab::write(self, out),
            Format::Junit => junit::write(self, out),
            Format::Github => annotations::write(self, out),
            Format::Summary => summary::write(self, out),
            Format::BitbucketReport => bitbucket::write_report(self, out),
            Format::BitbucketAnnotations => bitbucket::write_annotations(self, out),
        }
    }

    /// True when the run's answer is whole: nothing went unread, nor was anything left out that must not be.
    fn is_whole(&self) -> bool {
        self.outcome.coverage.is_complete() && self.exit_code != INCOMPLETE
    }

    /// What was not read, with what to do about it, each in one line; the last says how many more there are.
    fn gaps(&self, style: Style) -> Vec<String> {
        let coverage = &self.outcome.coverage;
        let mut lines: Vec<String> = (coverage.gaps.first.iter())
            .map(|gap| match &gap.remedy {
                Some(remedy) => format!("{}: {remedy}", escaped(&gap.what, style)),
                None => escaped(&gap.what, style),
            })
            .collect();
        if let Some(more) = coverage.gaps.count.checked_sub(lines.len() as u64).filter(|more| *more > 0) {
            lines.push(format!("and {}", counted(more, "more gap")));
        }
        if lines.is_empty() && !self.is_whole() {
            lines.extend(coverage.skipped.iter().filter(|(reason, _)| reason.hides_content()).map(
                |(reason, left_out)| {
                    let names: Vec<_> = left_out.first.iter().take(3).map(|name| escaped(name, style)).collect();
                    format!("{} left out as {}: {}", counted(left_out.count, "item"), reason.words(), names.join(", "))
                },
            ));
        }
        lines
    }

    /// The other spots of the same secret.
    fn elsewhere(&self, print: &Fingerprint) -> &[(Place, LineColumn)] {
        self.outcome.elsewhere.get(print).map_or(&[], Vec::as_slice)
    }

    /// What its provider said and how, or why nobody was asked; `silent` where nobody was to be.
    fn said(&self, sighting: &Sighting, silent: &str) -> String {
        let answer = self.outcome.answers.get(&sighting.fingerprint);
        match (&sighting.verdict, answer) {
            (Some(verdict), Some(words)) => format!("{}: {words}", verdict.word()),
            (Some(verdict), None) => verdict.word().to_owned(),
            (None, Some(words)) => format!("not asked: {words}"),
            (None, None) => silent.to_owned(),
        }
    }

    /// How many live, are dead or unknown; none where nobody was to be asked.
    fn verdicts(&self) -> Option<String> {
        let asked = !self.outcome.answers.is_empty();
        let mut counts = BTreeMap::new();
        for sighting in &self.outcome.sightings {
            *counts.entry(sighting.verdict.as_ref().map_or("not asked", Verdict::word)).or_insert(0_u64) += 1;
        }
        let words = ["live", "restricted", "dead", "wrong-place", "unknown", "not asked"];
        let parts = words.iter().filter_map(|word| Some(format!("{} {word}", counts.get(word)?)));
        asked.then(|| parts.collect::<Vec<_>>().join(", "))
    }

    fn note(&self, print: &Fingerprint) -> Option<&str> {
        self.outcome.notes.get(print).map(String::as_str)
    }
}

/// A place as one line without anything a terminal obeys; unusual characters are written as escapes.
fn shown_place(place: &Place, style: Style) -> String {
    escaped(&place.to_string(), style)
}

/// How the text of a finding was encoded, from the outside in: `base64, gzip`; none where it stands plainly.
fn clothes(sighting: &Sighting) -> Option<String> {
    let all: Vec<&str> = sighting.decoded.iter().map(|encoding| encoding.words()).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

/// What is public of a finding: `account 123456789012, user deploy`; none where nothing is known.
fn facts(sighting: &Sighting) -> Option<String> {
    let all: Vec<String> = sighting.facts.iter().map(|(name, value)| format!("{name} {value}")).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

/// What takes some of a finding's weight, in brackets behind something else; nothing where nothing does.
fn remarked(sighting: &Sighting) -> String {
    if sighting.remarks.is_empty() { String::new() } else { format!(" ({})", sighting.remarks.join("; ")) }
}

/// What the place alone does not say of where it stands: in what encoding, in which member of an archive.
fn hidden(sighting: &Sighting) -> String {
    let how = clothes(sighting).map(|how| format!(" in {how}")).unwrap_or_default();
    match &sighting.place {
        Place::Member { .. } => {
            let LineColumn { line, column } = sighting.at;
            format!("{how} in {}:{line}:{column}", escaped(&sighting.place.to_string(), PLAIN))
        }
        _ => how,
    }
}

/// The line of the outermost file that is marked. Of what lies in an archive none is known, so that is the first.
fn line_marked(place: &Place, at: LineColumn) -> LineColumn {
    match place {
        Place::Member { .. } => LineColumn { line: 1, column: 1 },
        _ => at,
    }
}

fn escaped(text: &str, style: Style) -> String {
    let mut out = String::with_capacity(text.len());
    // Services obey what begins with two colons at the start of a line, and two number signs with a bracket anywhere.
    let mut before = if text.starts_with("::") { ':' } else { ' ' };
    for character in text.chars() {
        let command = before == character && (out.is_empty() || character == '#');
        if harmless(character) != character || (!style.unicode && !character.is_ascii()) {
            out.extend(character.escape_default());
        } else if command {
            out.extend(character.escape_unicode());
        } else {
            out.push(character);
        }
        before = character;
    }
    out
}

/// Text that may have lost its unusual characters, as an excerpt.
fn plain(text: &str, style: Style) -> String {
    let text = text.replace("##[", "## [");
    if style.unicode {
        return text;
    }
    let text = text.replace('\u{2026}', "...");
    text.chars().map(|character| if character.is_ascii() { character } else { '?' }).collect()
}

/// `1 leak`, `2 leaks`.
#[must_use]
pub fn counted(count: u64, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

#[cfg(test)]
mod tests;
