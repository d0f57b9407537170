//! The files that a repository keeps besides its objects and references: configuration, logs, messages under way, hooks,
//! the index, and whatever else was put there. All of them are read.

use super::index;
use super::layout::{Layout, is_repository};
use super::pack::Objects;
use super::refs::plain;
use crate::model::Place;
use crate::source::{Blob, Limits, Missed, SkipReason, SourceError, Visit};
use std::fs::FileType;
use std::io::Read as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Directories at its top that are read in other ways.
const APART: [&str; 2] = ["refs", "reftable"];

/// What git makes of packs, and what says which commits there are: names of objects, and no words.
const DERIVED: [&str; 8] = ["pack", "idx", "rev", "bitmap", "mtimes", "midx", "graph", "lock"];
const CHAINED: [&str; 4] = ["multi-pack-index", "multi-pack-index.d", "commit-graph", "commit-graphs"];

/// Directories below one another that are followed.
const DEEPEST: usize = 256;

/// Hands out all of them.
pub(super) fn read(
    layout: &Layout,
    objects: &Objects,
    prefix: &str,
    limits: &Limits,
    visit: &Visit<'_>,
) -> ControlFlow<()> {
    let reading = Belongings { layout, objects, prefix, limits, visit };
    reading.directory(&layout.common, 0)
}

/// True for what is read as objects, or is not here to stay.
fn is_stored(below: &Path, is_directory: bool) -> bool {
    let name = below.file_name().unwrap_or_default().to_string_lossy();
    let of_objects = name.len() == 2 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let extension = below.extension().unwrap_or_default().to_string_lossy();
    CHAINED.contains(&&*name)
        || name.starts_with("tmp_")
        || name.starts_with(".tmp-")
        || match is_directory {
            true => of_objects || name.starts_with("incoming-"),
            false => DERIVED.contains(&&*extension),
        }
}

struct Belongings<'a> {
    layout: &'a Layout,
    objects: &'a Objects,
    prefix: &'a str,
    limits: &'a Limits,
    visit: &'a Visit<'a>,
}

impl Belongings<'_> {
    fn directory(&self, directory: &Path, depth: usize) -> ControlFlow<()> {
        let unread = |source| SourceError::Read { place: self.name(directory), source };
        if depth > DEEPEST {
            return self.gap(unread(std::io::Error::other("directories nested too deep")));
        }
        let entries = match std::fs::read_dir(directory).and_then(Iterator::collect::<Result<Vec<_>, _>>) {
            Ok(entries) => entries,
            Err(source) => return self.gap(unread(source)),
        };
        for entry in entries {
            if depth == 0 && entry.file_name().to_str().is_some_and(|name| APART.contains(&name)) {
                continue;
            }
            match entry.file_type() {
                Ok(sort) if self.is_apart(&entry.path(), sort.is_dir()) => {}
                Ok(sort) if sort.is_dir() => self.directory(&entry.path(), depth + 1)?,
                Ok(sort) => self.file(&entry.path(), sort)?,
                Err(source) => self.gap(SourceError::Read { place: self.name(&entry.path()), source })?,
            }
        }
        ControlFlow::Continue(())
    }

    /// True for a part of the object store, and for another repository.
    fn is_apart(&self, path: &Path, is_directory: bool) -> bool {
        let Ok(below) = path.strip_prefix(&self.layout.common) else { return false };
        match below.strip_prefix("objects") {
            Ok(below) => is_stored(below, is_directory),
            Err(_) => is_directory && below.starts_with("modules") && is_repository(path),
        }
    }

    fn file(&self, path: &PathBuf, sort: FileType) -> ControlFlow<()> {
        let place = Place::File { path: self.name(path) };
        if sort.is_symlink() {
            // Where it leads may be a name that holds a token; git keeps references that way too.
            let target = std::fs::read_link(path).unwrap_or_default();
            return (self.visit)(Ok(Blob::new(place, target.to_string_lossy().as_bytes())));
        }
        if !sort.is_file() {
            return (self.visit)(Err(Missed::Skipped { place, reason: SkipReason::NotAFile, bytes: 0 }));
        }
        if self.limits.exclusions.cover(place.path()) {
            let bytes = std::fs::symlink_metadata(path).map_or(0, |about| about.len());
            return (self.visit)(Err(Missed::Skipped { place, reason: SkipReason::Excluded, bytes }));
        }
        let mut bytes = Vec::new();
        let limit = self.limits.largest_bytes;
        let read = plain(path).and_then(|file| file.take(limit.saturating_add(1)).read_to_end(&mut bytes));
        match read {
            Ok(_) if bytes.len() as u64 > limit => {
                self.gap(SourceError::OverLimit { place: place.to_string(), bytes: bytes.len() as u64, limit })
            }
            Ok(_) => {
                (self.visit)(Ok(Blob::new(place.clone(), &bytes)))?;
                // Its bytes hold names only in pieces, or with a length right before them.
                let paths = bytes
                    .starts_with(b"DIRC")
                    .then(|| index::paths(&bytes, self.objects.hash(), |tree| self.objects.contains(tree)));
                match paths.flatten() {
                    Some(paths) => (self.visit)(Ok(Blob::new(place, &paths).again())),
                    None => ControlFlow::Continue(()),
                }
            }
            // Git takes files of its own away at any time.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => ControlFlow::Continue(()),
            Err(source) => self.gap(SourceError::Read { place: place.to_string(), source }),
        }
    }

    fn name(&self, path: &Path) -> String {
        format!("{}{}", self.prefix, self.layout.name_of(path))
    }

    fn gap(&self, error: SourceError) -> ControlFlow<()> {
        (self.visit)(Err(Missed::Unread(error)))
    }
}
