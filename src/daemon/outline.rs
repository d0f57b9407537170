//! The operator's file in outline: what it names, so that a reload can say what differs without showing what stands there.

use serde_json::Value;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// The operator's file could not be read as what it is.
#[derive(Debug, thiserror::Error)]
pub(super) enum OutlineError {
    #[error("could not read {path}")]
    Read { path: String, source: std::io::Error },
    #[error("{path} is no YAML")]
    Parse { path: String },
}

/// What a file is told apart by without being read: its own number, its size and when it was changed.
type Stamp = (u64, u64, i64, i64);

/// Every entry by its name, and the file that it was read from.
#[derive(Debug, Default)]
pub(super) struct Outline {
    entries: BTreeMap<String, Value>,
    stamp: Option<Stamp>,
}

impl Outline {
    pub(super) fn read(path: &Path) -> Result<Self, OutlineError> {
        let shown = || path.display().to_string();
        let stamp = stamp_of(path);
        let text = crate::config::read_small(path).map_err(|source| OutlineError::Read { path: shown(), source })?;
        let whole: Value = serde_yaml::from_str(&text).map_err(|_| OutlineError::Parse { path: shown() })?;
        Ok(Self { entries: entries_of(&whole), stamp })
    }

    /// True when the file is another one than what was last looked at. One that is away for a moment is not.
    pub(super) fn is_outdated(&self, path: &Path) -> bool {
        stamp_of(path).is_some_and(|stamp| self.stamp != Some(stamp))
    }

    /// The file was looked at and refused: it is looked at again when it changes.
    pub(super) fn looked_at(&mut self, path: &Path) {
        self.stamp = stamp_of(path);
    }

    /// `credentials.shop-api added`, and so on.
    pub(super) fn changes_since(&self, before: &Self) -> Vec<String> {
        let names: std::collections::BTreeSet<_> = self.entries.keys().chain(before.entries.keys()).collect();
        let change = |name: &String| match (before.entries.get(name), self.entries.get(name)) {
            (None, Some(_)) => Some(format!("{name} added")),
            (Some(_), None) => Some(format!("{name} removed")),
            (Some(before), Some(now)) if before != now => Some(format!("{name} changed")),
            _ => None,
        };
        names.into_iter().filter_map(change).collect()
    }
}

/// Two levels deep: a section's own entries, where it has any.
fn entries_of(whole: &Value) -> BTreeMap<String, Value> {
    let mut entries = BTreeMap::new();
    for (section, value) in whole.as_object().into_iter().flatten() {
        match value {
            Value::Object(named) => {
                entries.extend(named.iter().map(|(name, value)| (format!("{section}.{name}"), value.clone())));
            }
            value => {
                entries.insert(section.clone(), value.clone());
            }
        }
    }
    entries
}

fn stamp_of(path: &Path) -> Option<Stamp> {
    let about = std::fs::metadata(path).ok()?;
    Some((about.ino(), about.size(), about.mtime(), about.mtime_nsec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_named_and_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stanch.yaml");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Outline::read(&path).unwrap()
        };
        let before = read("journal: a.db\nstores: { one: { driver: local }, two: { driver: vault } }\n");
        assert!(!before.is_outdated(&path));
        let after = read("# moved\n\njournal: b.db\nstores: { two: { driver: aws }, three: { token: hush } }\n");
        assert!(before.is_outdated(&path) && !after.is_outdated(&path));
        let changes = after.changes_since(&before);
        assert_eq!(changes, ["journal changed", "stores.one removed", "stores.three added", "stores.two changed"]);
        assert!(after.changes_since(&after).is_empty());
        std::fs::remove_file(&path).unwrap();
        assert!(!after.is_outdated(&path), "it is away for a moment while an editor writes it");
    }
}
