//! The ignore file: one exception a line, `st1:… kind path until=YYYY-MM-DD reason="…" by=…`.

use super::{fields, unclosed};
use crate::model::{Fingerprint, FingerprintPrefix, KindId};
use ::ignore::gitignore::{Gitignore, GitignoreBuilder};
use jiff::civil::Date;
use std::fmt;

/// Where exceptions are kept, at the top of a repository.
pub const FILE_NAME: &str = ".stanchignore";

/// A line that is no exception. A mistake must not silently end one, nor silently make one.
#[derive(Debug, thiserror::Error)]
#[error("{file}:{line}: {what}")]
pub struct IgnoreError {
    file: String,
    line: usize,
    what: String,
}

impl IgnoreError {
    /// What is wrong, without the place.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }
}

/// One exception.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The line it stands in, from 1.
    pub line: usize,
    /// Its last day.
    pub until: Date,
    /// Why.
    pub reason: String,
    /// Who said so.
    pub by: String,
    print: FingerprintPrefix,
    kind: String,
    path: Option<Gitignore>,
}

impl Entry {
    fn covers(&self, print: &Fingerprint, kind: &KindId, path: &str) -> bool {
        let kind_fits = match self.kind.strip_suffix('*') {
            Some(family) => kind.as_str().starts_with(family),
            None => kind.as_str() == self.kind,
        };
        let below = path.trim_start_matches("./").trim_start_matches('/');
        let path_fits =
            self.path.as_ref().is_none_or(|glob| glob.matched_path_or_any_parents(below, false).is_ignore());
        kind_fits && path_fits && print.starts_with(&self.print)
    }
}

/// A line to be written.
#[derive(Clone, Debug)]
pub struct NewEntry<'a> {
    /// The fingerprint as typed.
    pub print: &'a str,
    /// A kind, or `*`.
    pub kind: &'a str,
    /// A glob, or `*`.
    pub path: &'a str,
    /// Its last day.
    pub until: Date,
    /// Why.
    pub reason: &'a str,
    /// Who says so.
    pub by: &'a str,
}

impl fmt::Display for NewEntry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |text: &str| {
            let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            format!("\"{}\"", plain.replace('\\', "\\\\").replace('"', "\\\""))
        };
        let field = |text: &str| if text.contains([' ', '"']) { quoted(text) } else { text.to_owned() };
        let (print, kind, path) = (self.print.trim().to_ascii_lowercase(), field(self.kind), field(self.path));
        write!(f, "{print} {kind} {path} until={} reason={} by={}", self.until, quoted(self.reason), quoted(self.by))
    }
}

/// All exceptions of a file.
#[derive(Clone, Debug, Default)]
pub struct IgnoreFile {
    entries: Vec<Entry>,
}

impl IgnoreFile {
    /// Reads the text; `file` is its name for messages.
    ///
    /// # Errors
    /// At the first line that is neither empty, a comment, nor a whole exception.
    pub fn parse(text: &str, file: &str) -> Result<Self, IgnoreError> {
        let mut entries = Vec::new();
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            entries.push(parse_line(line, text).map_err(|what| IgnoreError { file: file.to_owned(), line, what })?);
        }
        Ok(Self { entries })
    }

    /// The exceptions for one hit.
    pub(super) fn covering<'a>(
        &'a self,
        print: &'a Fingerprint,
        kind: &'a KindId,
        path: &'a str,
    ) -> impl Iterator<Item = &'a Entry> {
        self.entries.iter().filter(move |entry| entry.covers(print, kind, path))
    }

    /// All of them.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

fn parse_line(line: usize, text: &str) -> Result<Entry, String> {
    if unclosed(text) {
        return Err("a quotation mark is not closed: write reason=\"…\"".to_owned());
    }
    let mut words = Vec::new();
    let (mut until, mut reason, mut by) = (None, None, String::new());
    for field in fields(text) {
        match field.split_once('=') {
            Some(("until", date)) => {
                until = Some(date.parse().map_err(|_| format!("until={date} is no date: write YYYY-MM-DD"))?);
            }
            Some(("reason", text)) => reason = Some(text.to_owned()),
            Some(("by", text)) => text.clone_into(&mut by),
            _ => words.push(field),
        }
    }
    let [print, rest @ ..] = words.as_slice() else {
        return Err("an entry begins with a fingerprint".to_owned());
    };
    let print: FingerprintPrefix = print.parse().map_err(|error: crate::model::NotAFingerprint| error.to_string())?;
    let (kind, path) = match rest {
        [] => ("*", "*"),
        [kind] => (kind.as_str(), "*"),
        [kind, path] => (kind.as_str(), path.as_str()),
        [_, _, unknown, ..] => {
            return Err(format!("'{unknown}' is not understood: after the path come until=, reason=, by="));
        }
    };
    let path = if path == "*" {
        None
    } else {
        let mut builder = GitignoreBuilder::new("");
        let built = builder.add_line(None, path).and_then(|builder| builder.build());
        Some(built.map_err(|error| format!("'{path}' is no path or glob: {error}"))?)
    };
    Ok(Entry {
        line,
        until: until.ok_or("an exception has an end: add until=YYYY-MM-DD")?,
        reason: reason.filter(|text| !text.trim().is_empty()).ok_or("an exception has a reason: add reason=\"…\"")?,
        by,
        print,
        kind: kind.to_owned(),
        path,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_named_with_its_line() {
        let error = |text: &str| IgnoreFile::parse(text, "f").unwrap_err().to_string();
        assert_eq!(
            error("# note\n\nst1:abcd2345 * * until=soon reason=x"),
            "f:3: until=soon is no date: write YYYY-MM-DD"
        );
        assert_eq!(error("st1:abcd2345 * * reason=x"), "f:1: an exception has an end: add until=YYYY-MM-DD");
        assert_eq!(error("st1:abcd2345 until=2030-01-01"), "f:1: an exception has a reason: add reason=\"…\"");
        assert!(error("path/to/file until=2030-01-01 reason=x").contains("is not a fingerprint"));
        assert!(error("st1:abcd2345 * * extra until=2030-01-01 reason=x").contains("'extra' is not understood"));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let new = NewEntry {
            print: "st1:ABCD-2345",
            kind: "acme.key",
            path: "a b/*.py",
            until: "2030-01-01".parse().unwrap(),
            reason: "a \"sample\" \\ no\nmore",
            by: "kim",
        };
        let file = IgnoreFile::parse(&new.to_string(), "f").unwrap();
        let [entry] = file.entries() else { panic!() };
        assert_eq!(entry.reason, "a \"sample\" \\ no more");
        assert_eq!((entry.by.as_str(), entry.until), ("kim", "2030-01-01".parse().unwrap()));
    }
}
