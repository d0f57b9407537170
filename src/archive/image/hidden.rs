//! What the layers above do to the files below: the highest layer is read first, so that it is known by then.

use crate::archive::tar::{Entry, Kind};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// Paths that are remembered of one image; of more it is not said what becomes of them.
const MOST_PATHS: usize = 2_000_000;

/// What a layer does to what is below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// A whiteout.
    Deleted,
    /// Something else stands there.
    Overwritten,
    /// A directory stands there: it hides what is no directory, and nothing that lies below it.
    Entered,
    /// A directory that hides what was in it.
    Emptied,
}

/// One path that a layer changes.
#[derive(Debug)]
pub(super) struct Change(u64, Fate);

impl Change {
    pub(super) fn of(entry: &Entry) -> Option<Self> {
        let path = entry.path();
        let (above, last) = path.rsplit_once('/').unwrap_or(("", &path));
        if last == ".wh..wh..opq" {
            return Some(Self(key(above), Fate::Emptied));
        }
        match last.strip_prefix(".wh.") {
            // Names of the file system that made the layer.
            Some(rest) if rest.starts_with(".wh.") => None,
            Some(rest) if above.is_empty() => Some(Self(key(rest), Fate::Deleted)),
            Some(rest) => Some(Self(key(&format!("{above}/{rest}")), Fate::Deleted)),
            None if entry.kind == Kind::Directory => Some(Self(key(&path), Fate::Entered)),
            None => Some(Self(key(&path), Fate::Overwritten)),
        }
    }
}

/// What the layers that were read so far do, the nearest one above first.
#[derive(Debug, Default)]
pub(super) struct Hidden {
    paths: HashMap<u64, (usize, Fate)>,
}

impl Hidden {
    /// Adds a layer that is below all that were added before.
    pub(super) fn add(&mut self, layer: usize, changes: Vec<Change>) {
        for Change(path, fate) in changes {
            if self.paths.len() >= MOST_PATHS && !self.paths.contains_key(&path) {
                continue;
            }
            match (fate, self.paths.get(&path)) {
                // A directory that is only passed through, or that this very layer empties, says less than that.
                (Fate::Entered, Some((_, Fate::Deleted | Fate::Overwritten | Fate::Emptied))) => {}
                (_, Some((at, Fate::Emptied))) if *at == layer => {}
                _ => {
                    self.paths.insert(path, (layer, fate));
                }
            }
        }
    }

    /// What becomes of a file of the layer that comes next.
    pub(super) fn fate(&self, path: &str) -> Option<String> {
        let own = self.paths.get(&key(path)).map(|(layer, fate)| match fate {
            Fate::Deleted => (*layer, "deleted"),
            Fate::Overwritten | Fate::Entered | Fate::Emptied => (*layer, "overwritten"),
        });
        let above = path.match_indices('/').map(|(at, _)| path.get(..at).unwrap_or_default());
        let above = above.chain(std::iter::once("").filter(|_| !path.is_empty()));
        let above = above.filter_map(|directory| match self.paths.get(&key(directory))? {
            (_, Fate::Entered) => None,
            (layer, _) => Some((*layer, "deleted")),
        });
        let (layer, word) = own.into_iter().chain(above).min()?;
        Some(format!("{word} in layer {layer}"))
    }
}

/// Paths are only compared, and two of the same key would make a wrong remark, no missed file.
fn key(path: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(name: &str, kind: Kind) -> Change {
        Change::of(&Entry { name: name.into(), target: Vec::new(), kind, size: 0, at: 0 }).unwrap()
    }

    #[test]
    fn the_nearest_layer_above_decides() {
        let mut hidden = Hidden::default();
        hidden.add(5, vec![change("etc/.wh.app.conf", Kind::File), change("srv/.wh..wh..opq", Kind::File)]);
        hidden.add(4, vec![change("etc", Kind::Directory), change("etc/app.conf", Kind::File)]);
        hidden.add(3, vec![change(".wh.opt", Kind::File)]);
        assert_eq!(hidden.fate("etc/app.conf").as_deref(), Some("overwritten in layer 4"));
        assert_eq!(hidden.fate("srv/deep/down").as_deref(), Some("deleted in layer 5"));
        assert_eq!(hidden.fate("opt/a/b").as_deref(), Some("deleted in layer 3"));
        assert_eq!(hidden.fate("etc/other"), None);
        assert_eq!(hidden.fate("optional"), None);
    }
}
