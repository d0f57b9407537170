//! Files and directories: everything below a path except `.git`, whatever ignore files say.

use super::{Blob, Limits, Missed, SkipReason, Source, SourceError, Visit};
use crate::model::Place;
use ignore::{DirEntry, WalkBuilder, WalkState};
use std::fs::File;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Walks paths with several threads. Links inside a directory are not followed; a link given by name is.
#[derive(Debug)]
pub struct Files {
    paths: Vec<PathBuf>,
    limits: Limits,
    jobs: usize,
    base: Option<Base>,
}

/// By which paths are counted from the top of a repository.
#[derive(Debug)]
struct Base {
    top: PathBuf,
    working_directory: PathBuf,
}

impl Base {
    /// The path from the top; none for what lies outside.
    fn named(&self, path: &Path) -> Option<String> {
        let mut whole = PathBuf::new();
        for part in self.working_directory.join(path).components() {
            match part {
                Component::CurDir => {}
                Component::ParentDir => {
                    whole.pop();
                }
                part => whole.push(part),
            }
        }
        Some(whole.strip_prefix(&self.top).ok()?.to_string_lossy().into_owned())
    }
}

impl Files {
    /// Takes the paths, all of which must exist.
    ///
    /// # Errors
    /// When one of them does not: a typing mistake must not pass for a clean scan.
    pub fn new(paths: Vec<PathBuf>, limits: Limits, jobs: usize) -> Result<Self, SourceError> {
        for path in &paths {
            match std::fs::metadata(path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    return Err(SourceError::MissingPath { path: path.clone() });
                }
                Ok(_) | Err(_) => {} // what is there but cannot be read is a gap, found by the walk
            }
        }
        Ok(Self { paths, limits, jobs: jobs.max(1), base: None })
    }

    /// Counts the paths of exclusions and exceptions from the top of a repository, in whatever directory one stands.
    #[must_use]
    pub fn below(mut self, top: &Path) -> Self {
        let working_directory = std::env::current_dir().and_then(std::fs::canonicalize);
        self.base = working_directory.ok().map(|working_directory| Base { top: top.to_owned(), working_directory });
        self
    }

    fn named(&self, path: &Path) -> Option<String> {
        self.base.as_ref()?.named(path)
    }
}

impl Files {
    /// A file, pipe or device that was named: binary or not, it is read, and what cannot be read whole is a gap.
    fn read_named(&self, path: &Path, visit: &Visit<'_>) -> ControlFlow<()> {
        let place = place_of(path);
        let limit = self.limits.largest_bytes;
        let over = |place: &Place, bytes| {
            Err(Missed::Unread(SourceError::OverLimit { place: place.to_string(), bytes, limit }))
        };
        // Of a pipe or device the size is not known before it is read.
        let size = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).map_or(0, |about| about.len());
        if size > limit {
            return visit(over(&place, size));
        }
        let mut bytes = Vec::new();
        match read_up_to(path, limit, &mut bytes) {
            Ok(()) if bytes.len() as u64 > limit => visit(over(&place, bytes.len() as u64)),
            Ok(()) => visit(Ok(Blob::new(place, &bytes).below(self.named(path)))),
            Err(source) => visit(Err(unread(&place, source))),
        }
    }

    /// A file met on the way.
    fn read_entry(&self, entry: &DirEntry, buffer: &mut Vec<u8>, visit: &Visit<'_>) -> ControlFlow<()> {
        let kind = entry.file_type();
        if kind.is_some_and(|kind| kind.is_dir()) {
            return ControlFlow::Continue(());
        }
        let place = place_of(entry.path());
        if !kind.is_some_and(|kind| kind.is_file()) {
            return visit(Err(Missed::Skipped { place, reason: SkipReason::NotAFile, bytes: 0 }));
        }
        let size = match entry.metadata() {
            Ok(metadata) => metadata.len(),
            Err(source) => return visit(Err(Missed::Unread(SourceError::Walk { source }))),
        };
        let from_top = self.named(entry.path());
        if let Some(missed) = self.limits.refuse(&place, from_top.as_deref().unwrap_or(place.path()), size) {
            return visit(Err(missed));
        }
        buffer.clear();
        // At once, instead of by growing; where that fails, so does reading, with words.
        let _room = usize::try_from(size).is_ok_and(|size| buffer.try_reserve(size.saturating_add(1)).is_ok());
        if let Err(source) = read_up_to(entry.path(), self.limits.largest_bytes, buffer) {
            return visit(Err(unread(&place, source)));
        }
        // It may have grown while it was read.
        let flow = match self.limits.refuse_size(&place, buffer.len() as u64) {
            Some(missed) => visit(Err(missed)),
            None => visit(Ok(Blob::new(place, buffer).below(from_top))),
        };
        buffer.shrink_to(KEPT_BYTES);
        flow
    }
}

impl Source for Files {
    fn walk(&self, visit: &Visit<'_>) -> Result<(), SourceError> {
        let mut directories = Vec::new();
        for path in &self.paths {
            if path.is_dir() {
                // With a slash at its end, a link to a directory is the directory.
                directories.push(path.join(""));
            } else if self.read_named(path, visit).is_break() {
                return Ok(());
            }
        }
        let Some((first, others)) = directories.split_first() else { return Ok(()) };
        let mut walk = WalkBuilder::new(first);
        for other in others {
            walk.add(other);
        }
        walk.standard_filters(false).follow_links(false).threads(self.jobs);
        walk.filter_entry(|entry| !is_git_directory(entry));
        let stopped = AtomicBool::new(false);
        walk.build_parallel().run(|| {
            let mut buffer = Vec::new();
            let stopped = &stopped;
            Box::new(move |entry| {
                if stopped.load(Ordering::Relaxed) {
                    return WalkState::Quit;
                }
                let flow = match entry {
                    Ok(entry) => self.read_entry(&entry, &mut buffer, visit),
                    Err(source) => visit(Err(Missed::Unread(SourceError::Walk { source }))),
                };
                if flow.is_break() {
                    stopped.store(true, Ordering::Relaxed);
                    return WalkState::Quit;
                }
                WalkState::Continue
            })
        });
        Ok(())
    }
}

fn is_git_directory(entry: &DirEntry) -> bool {
    entry.depth() > 0 && entry.file_name() == ".git" && entry.file_type().is_some_and(|kind| kind.is_dir())
}

fn place_of(path: &Path) -> Place {
    let shown = path.to_string_lossy();
    let shown = shown.strip_prefix("./").filter(|rest| !rest.is_empty()).unwrap_or(&shown);
    Place::File { path: shown.to_owned() }
}

/// What a thread keeps of its buffer between files.
const KEPT_BYTES: usize = 1 << 20;

fn unread(place: &Place, source: std::io::Error) -> Missed {
    Missed::Unread(SourceError::Read { place: place.to_string(), source })
}

fn read_up_to(path: &Path, limit: u64, bytes: &mut Vec<u8>) -> std::io::Result<()> {
    File::open(path)?.take(limit.saturating_add(1)).read_to_end(bytes).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::sync::Mutex;

    fn walked(source: &Files) -> BTreeSet<String> {
        let seen = Mutex::new(BTreeSet::new());
        source
            .walk(&|item| {
                let text = match item {
                    Ok(blob) => format!("read {} {}", blob.place, blob.bytes.len()),
                    Err(Missed::Skipped { place, reason, .. }) => format!("{} {place}", reason.words()),
                    Err(Missed::Unread(error)) => format!("unread {error}"),
                };
                seen.lock().unwrap().insert(text);
                ControlFlow::Continue(())
            })
            .unwrap();
        seen.into_inner().unwrap()
    }

    #[test]
    fn everything_is_read_or_named() {
        let world = tempfile::tempdir().unwrap();
        let at = |name: &str| world.path().join(name);
        std::fs::create_dir_all(at(".git/objects")).unwrap();
        std::fs::create_dir_all(at("deep/.hidden")).unwrap();
        std::fs::write(at(".git/objects/x"), "no").unwrap();
        std::fs::write(at("deep/.hidden/env"), "yes").unwrap();
        std::fs::write(at(".gitignore"), "deep\n").unwrap();
        std::fs::write(at("blob.bin"), b"\0\0").unwrap();
        std::fs::write(at("big"), vec![b'a'; 200]).unwrap();
        std::fs::write(at("notes.lock"), "x").unwrap();
        std::os::unix::fs::symlink("big", at("link")).unwrap();
        let limits =
            Limits { largest_bytes: 100, exclusions: crate::source::Exclusions::new(&["*.lock".to_owned()]).unwrap() };
        let source = Files::new(vec![world.path().to_owned()], limits, 2).unwrap();
        let root = format!("{}/", world.path().display());
        let seen: Vec<String> = walked(&source).into_iter().map(|line| line.replace(&root, "")).collect();
        assert_eq!(
            seen,
            [
                "excluded notes.lock",
                "not a file link",
                "read .gitignore 5",
                "read blob.bin 2",
                "read deep/.hidden/env 3",
                "unread big is larger than the limit of 100 bytes"
            ]
        );
    }

    #[test]
    fn what_vanishes_on_the_way_is_a_gap() {
        let world = tempfile::tempdir().unwrap();
        for number in 0..50 {
            std::fs::write(world.path().join(format!("{number}")), "x").unwrap();
        }
        let source = Files::new(vec![world.path().to_owned()], Limits::default(), 1).unwrap();
        let seen = Mutex::new((0, 0));
        let visit = |item: Result<Blob<'_>, Missed>| {
            let mut seen = seen.lock().unwrap();
            match item {
                Ok(blob) => {
                    seen.0 += 1;
                    let kept = Path::new(blob.place.path()).to_owned();
                    for entry in std::fs::read_dir(world.path()).unwrap() {
                        let path = entry.unwrap().path();
                        if path != kept {
                            std::fs::remove_file(path).unwrap();
                        }
                    }
                }
                Err(Missed::Unread(SourceError::Read { .. } | SourceError::Walk { .. })) => seen.1 += 1,
                Err(other) => panic!("{other:?}"),
            }
            ControlFlow::Continue(())
        };
        source.walk(&visit).unwrap();
        let (read, gone) = seen.into_inner().unwrap();
        assert!(read == 1 && gone > 0, "{read} read, {gone} gone");
    }

    #[test]
    fn what_is_named_is_read_or_a_gap() {
        let world = tempfile::tempdir().unwrap();
        let file = world.path().join("file");
        std::fs::write(&file, b"a\0b").unwrap();
        let limits = Limits { largest_bytes: 3, ..Limits::default() };
        let source = Files::new(vec![file.clone()], limits.clone(), 1).unwrap();
        assert!(walked(&source).iter().all(|line| line.starts_with("read ")));
        std::fs::write(&file, b"abcd").unwrap();
        assert!(walked(&source).iter().all(|line| line.contains("larger than the limit of 3 bytes")));
        let missing = Files::new(vec![file, world.path().join("nothing")], limits, 1);
        assert!(matches!(missing, Err(SourceError::MissingPath { .. })));
    }
}
