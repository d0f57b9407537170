//! Files and directories: everything below a path except `.git`, whatever ignore files say.

use super::buffer::{Buffer, Filled};
use super::{Blob, Limits, Missed, SkipReason, Source, SourceError, Visit};
use crate::model::Place;
use ignore::{DirEntry, WalkBuilder, WalkState};
use std::collections::HashSet;
use std::fs::File;
use std::io::Seek as _;
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

    /// The directories that are walked, without those that lie in others, and the things that are read by name. What was
    /// named is not read a second time on the way.
    fn parts(&self) -> Parts<'_> {
        let mut parts = Parts { roots: Vec::new(), named: Vec::new(), met: HashSet::new() };
        let mut whole: Vec<(PathBuf, &PathBuf)> = Vec::new();
        for path in &self.paths {
            // Where that cannot be had, the path is taken for one of its own.
            let canonical = std::fs::canonicalize(path).unwrap_or_else(|_| path.clone());
            match path.is_dir() {
                true if !whole.iter().any(|(other, _)| canonical.starts_with(other)) => {
                    whole.retain(|(other, _)| !other.starts_with(&canonical));
                    whole.push((canonical, path));
                }
                false if parts.met.insert(canonical) => parts.named.push(path),
                true | false => {}
            }
        }
        // As the walk will call them.
        let below = |named: &PathBuf| {
            let (top, given) = whole.iter().find(|(top, _)| named.starts_with(top))?;
            Some(given.join(named.strip_prefix(top).ok()?))
        };
        parts.met = parts.met.iter().filter_map(below).collect();
        parts.roots = whole.into_iter().map(|(_, path)| Root::new(path, self.named(path))).collect();
        parts
    }

    /// Reads an opened file and hands it out. What is too large to be read at once, but holds others, is handed out as it
    /// is, with its start.
    fn hand_out(
        &self,
        path: &Path,
        place: Place,
        from_top: Option<String>,
        buffer: &mut Buffer,
        visit: &Visit<'_>,
    ) -> ControlFlow<()> {
        let unread =
            |place: &Place, source| Err(Missed::Unread(SourceError::Read { place: place.to_string(), source }));
        let file = match File::open(path) {
            Ok(file) => file,
            Err(source) => return visit(unread(&place, source)),
        };
        match buffer.fill(&file, self.limits.largest_bytes) {
            Ok(Filled::Whole) => visit(Ok(Blob::new(place, buffer.bytes()).below(from_top))),
            Ok(Filled::Start { size }) if self.limits.can_be_streamed(buffer.bytes(), place.path()) => {
                match (&file).rewind() {
                    Ok(()) => {
                        let blob = Blob::new(place, buffer.bytes()).below(from_top);
                        visit(Ok(Blob { file: Some(&file), ..blob }))
                    }
                    Err(_) => visit(Err(self.limits.too_large(&place, size))), // a pipe
                }
            }
            Ok(Filled::Start { size }) => visit(Err(self.limits.too_large(&place, size))),
            Err(source) => visit(unread(&place, source)),
        }
    }

    /// A file met on the way.
    fn entry(&self, parts: &Parts<'_>, entry: &DirEntry, buffer: &mut Buffer, visit: &Visit<'_>) -> ControlFlow<()> {
        let (kind, path) = (entry.file_type(), entry.path());
        if kind.is_some_and(|kind| kind.is_dir()) || (!parts.met.is_empty() && parts.met.contains(path)) {
            return ControlFlow::Continue(());
        }
        let place = place_of(path);
        if !kind.is_some_and(|kind| kind.is_file()) {
            return visit(Err(Missed::Skipped { place, reason: SkipReason::NotAFile, bytes: 0 }));
        }
        let from_top = parts.path_from_top(path).filter(|from_top| from_top != place.path());
        if self.limits.exclusions.cover(from_top.as_deref().unwrap_or(place.path())) {
            let bytes = entry.metadata().map_or(0, |about| about.len());
            return visit(Err(Missed::Skipped { place, reason: SkipReason::Excluded, bytes }));
        }
        self.hand_out(path, place, from_top, buffer, visit)
    }
}

impl Files {
    /// A directory that is one thing.
    fn image(&self, parts: &Parts<'_>, path: &Path, visit: &Visit<'_>) -> ControlFlow<()> {
        // Without the slash that a directory has which was named.
        let place = place_of(path.components().as_path());
        let from_top = parts.path_from_top(path).map(|from_top| from_top.trim_end_matches('/').to_owned());
        let from_top = from_top.filter(|from_top| from_top != place.path());
        if self.limits.exclusions.cover(from_top.as_deref().unwrap_or(place.path())) {
            let bytes = super::image::size_of(path);
            return visit(Err(Missed::Skipped { place, reason: SkipReason::Excluded, bytes }));
        }
        visit(Ok(Blob { folder: Some(path), ..Blob::new(place, &[]).below(from_top) }))
    }
}

impl Source for Files {
    fn walk(&self, visit: &Visit<'_>) -> Result<(), SourceError> {
        let parts = self.parts();
        let mut buffer = Buffer::new(self.jobs);
        for path in &parts.named {
            // It was asked for: no exclusion holds, and of a pipe or device all is read.
            if self.hand_out(path, place_of(path), self.named(path), &mut buffer, visit).is_break() {
                return Ok(());
            }
        }
        let Some((first, others)) = parts.roots.split_first() else { return Ok(()) };
        let mut walk = WalkBuilder::new(&first.path);
        for other in others {
            walk.add(&other.path);
        }
        walk.standard_filters(false).follow_links(false).threads(self.jobs);
        walk.filter_entry(|entry| !is_git_directory(entry));
        let stopped = AtomicBool::new(false);
        walk.build_parallel().run(|| {
            let mut buffer = Buffer::new(self.jobs);
            let (stopped, parts) = (&stopped, &parts);
            Box::new(move |entry| {
                if stopped.load(Ordering::Relaxed) {
                    return WalkState::Quit;
                }
                let flow = match entry {
                    Ok(entry) if is_image(&entry) => match self.image(parts, entry.path(), visit) {
                        ControlFlow::Continue(()) => return WalkState::Skip,
                        ControlFlow::Break(()) => ControlFlow::Break(()),
                    },
                    Ok(entry) => self.entry(parts, &entry, &mut buffer, visit),
                    Err(error) => visit(Err(Missed::Unread(not_walked(error)))),
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

/// What is read, by the way it is come to.
struct Parts<'a> {
    roots: Vec<Root>,
    named: Vec<&'a PathBuf>,
    /// Those of the named that are met on the way as well.
    met: HashSet<PathBuf>,
}

impl Parts<'_> {
    /// The path from the top of the repository.
    fn path_from_top(&self, path: &Path) -> Option<String> {
        let shown = path.to_string_lossy();
        let (root, rest) = self.roots.iter().find_map(|root| Some((root, shown.strip_prefix(root.shown.as_str())?)))?;
        Some(format!("{}{rest}", root.from_top.as_ref()?))
    }
}

/// A directory that is walked.
struct Root {
    /// With a slash at its end: so a link to a directory is the directory.
    path: PathBuf,
    shown: String,
    /// What stands for it in paths from the top.
    from_top: Option<String>,
}

impl Root {
    fn new(path: &Path, from_top: Option<String>) -> Self {
        let path = path.join("");
        let shown = path.to_string_lossy().into_owned();
        let from_top = from_top.map(|top| if top.is_empty() { top } else { format!("{top}/") });
        Self { path, shown, from_top }
    }
}

fn is_git_directory(entry: &DirEntry) -> bool {
    entry.depth() > 0 && entry.file_name() == ".git" && entry.file_type().is_some_and(|kind| kind.is_dir())
}

fn is_image(entry: &DirEntry) -> bool {
    entry.file_type().is_some_and(|kind| kind.is_dir()) && super::image::is_image(entry.path())
}

fn place_of(path: &Path) -> Place {
    let shown = path.to_string_lossy();
    let shown = shown.strip_prefix("./").filter(|rest| !rest.is_empty()).unwrap_or(&shown);
    Place::File { path: shown.to_owned() }
}

/// What could not be walked, by its path.
fn not_walked(error: ignore::Error) -> SourceError {
    let mut place = None;
    let mut error = error;
    loop {
        error = match (error, place.take()) {
            (ignore::Error::WithDepth { err, .. }, before) => {
                place = before;
                *err
            }
            (ignore::Error::WithPath { path, err }, _) => {
                place = Some(place_of(&path).to_string());
                *err
            }
            (ignore::Error::Io(source), Some(place)) => return SourceError::Read { place, source },
            (source, _) => return SourceError::Walk { source },
        };
    }
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
                    Ok(blob) if blob.file.is_some() => format!("streamed {} {}", blob.place, blob.size()),
                    Ok(blob) => format!("read {} {}", blob.place, blob.bytes.len()),
                    Err(Missed::Skipped { place, reason, .. }) => format!("{} {place}", reason.words()),
                    Err(Missed::Unread(error)) => format!("unread {error}"),
                    Err(quiet @ Missed::Quiet { .. }) => format!("{quiet:?}"),
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
        let limits = Limits {
            largest_bytes: 100,
            exclusions: crate::source::Exclusions::new(&["*.lock".to_owned()]).unwrap(),
            streamed: |_, name| name.ends_with(".zip"),
            piped: |_, _| false,
            promises: |_| false,
        };
        std::fs::write(at("big.zip"), vec![b'z'; 300]).unwrap();
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
                "streamed big.zip 300",
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
    fn what_is_named_twice_is_read_once() {
        let world = tempfile::tempdir().unwrap();
        let at = |name: &str| world.path().join(name);
        std::fs::create_dir_all(at("a/b")).unwrap();
        std::fs::write(at("a/one"), "1").unwrap();
        std::fs::write(at("a/b/two"), "2").unwrap();
        std::os::unix::fs::symlink("a/b", at("link")).unwrap();
        let orders = [
            vec![at("a"), at("a/b"), at("a/one"), at("a/./one"), at("link")],
            vec![at("link"), at("a/b/two"), at("a/one"), at("a/b/../b"), at("a")],
            vec![at("a/b/two"), at("."), at("a")],
        ];
        for paths in orders {
            let source = Files::new(paths.clone(), Limits::default(), 2).unwrap().below(world.path());
            let read = Mutex::new(Vec::new());
            let visit = |item: Result<Blob<'_>, Missed>| {
                read.lock().unwrap().extend(item.ok().map(|blob| (blob.bytes.to_vec(), blob.path().to_owned())));
                ControlFlow::Continue(())
            };
            source.walk(&visit).unwrap();
            let mut read = read.into_inner().unwrap();
            read.sort();
            let expected = [(b"1".to_vec(), "a/one".to_owned()), (b"2".to_vec(), "a/b/two".to_owned())];
            assert_eq!(read, expected, "{paths:?}");
        }
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
