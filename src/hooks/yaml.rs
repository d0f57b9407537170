//! YAML files of other programs: lines are put into the text, and the text is read before and after, so that nothing but
//! our own entry is new.

use super::HooksError;
use serde_json::Value;
use std::path::Path;

/// Reads a text; nothing at all is an empty mapping.
pub(super) fn read(path: &Path, text: &str) -> Result<Value, HooksError> {
    if text.lines().all(|line| line.trim().is_empty() || line.starts_with('#')) {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    serde_yaml::from_str(text).map_err(|error| {
        HooksError::refused(
            format!(
                "{} is no YAML that can be read: {}",
                path.display(),
                error.to_string().lines().next().unwrap_or("")
            ),
            "mend it first; nothing was changed",
        )
    })
}

/// Refuses if a changed text does not say what it should, which is what it said before and our entry.
pub(super) fn check(path: &Path, new: &str, wanted: &Value, by_hand: &str) -> Result<(), HooksError> {
    if read(path, new).is_ok_and(|value| value == *wanted) { Ok(()) } else { Err(by_hand_only(path, by_hand)) }
}

/// The file is written in a way that lines cannot be put into safely.
pub(super) fn by_hand_only(path: &Path, by_hand: &str) -> HooksError {
    HooksError::refused(
        format!("{} is written in a way that is not changed here, and was left as it is", path.display()),
        format!("add this to it by hand:\n{by_hand}"),
    )
}

/// One line of a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    /// Where it starts.
    pub(super) start: usize,
    /// Where the next one starts.
    pub(super) end: usize,
    /// Without the spaces around it.
    pub(super) text: &'a str,
    /// How many spaces stand before it.
    pub(super) indent: usize,
}

impl Line<'_> {
    /// Whether it is `key:` and opens something below it.
    pub(super) fn opens(&self, key: &str) -> bool {
        let rest = self.text.strip_prefix(key).and_then(|rest| rest.trim_start().strip_prefix(':'));
        rest.is_some_and(|rest| rest.trim().is_empty() || rest.starts_with([' ', '\t']) && rest.trim().starts_with('#'))
    }
}

/// The lines that say something: neither empty nor remarks nor the start of a document.
pub(super) fn lines(text: &str) -> Vec<Line<'_>> {
    let mut at = 0;
    let mut found = Vec::new();
    for whole in text.split_inclusive('\n') {
        let line = whole.trim_start_matches('\u{feff}');
        let bare = line.trim();
        let (start, indent) = (at + whole.len() - line.len(), line.len() - line.trim_start_matches(' ').len());
        at += whole.len();
        if !bare.is_empty() && !bare.starts_with('#') && !bare.starts_with('%') && bare != "---" {
            found.push(Line { start, end: at, text: bare, indent });
        }
    }
    found
}
