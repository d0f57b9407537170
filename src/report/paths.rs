//! Paths as machines read them: from the top of the repository.

use super::Report;
use crate::model::Place;
use std::path::{Component, Path, PathBuf};

/// The path of a place from the top of the repository, without a leading slash; none for what is not in it.
pub(super) fn in_repository(report: &Report<'_>, place: &Place) -> Option<String> {
    match place {
        Place::Staged { path } | Place::Commit { path, .. } => Some(path.clone()),
        Place::Message { .. } | Place::Stdin | Place::Object { .. } | Place::Reference { .. } | Place::Image { .. } => {
            None
        }
        Place::Member { of, .. } => in_repository(report, of),
        Place::File { path } => {
            let top = report.top.as_deref().unwrap_or(&report.working_directory);
            let whole = without_dots(&report.working_directory.join(path));
            whole.strip_prefix(top).ok().map(|below| below.to_string_lossy().into_owned())
        }
    }
}

/// Resolves links where the path still exists, and `.` and `..` in any case.
pub(super) fn without_dots(path: &Path) -> PathBuf {
    if let Ok(path) = path.canonicalize() {
        return path;
    }
    let mut whole = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                whole.pop();
            }
            part => whole.push(part),
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_are_resolved_where_nothing_is_there() {
        assert_eq!(without_dots(Path::new("/nowhere/a/./b/../c")), Path::new("/nowhere/a/c"));
    }
}
