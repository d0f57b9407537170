//! What a repository only points to: files in Git LFS, of which git keeps a pointer, and the repositories of submodules.

use super::Whereabouts;
use super::index::{Index, Sort};
use super::layout::Layout;
use super::pack::HashKind;
use crate::model::Place;
use crate::source::files::Files;
use crate::source::{Blob, Limits, Missed, SkipReason, Source, SourceError, Visit};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// A pointer has fewer bytes.
const LARGEST: usize = 1024;

/// What a pointer begins with, by the name of now and that of before.
const VERSIONS: [&str; 2] =
    ["version https://git-lfs.github.com/spec/v1\n", "version https://hawser.github.com/spec/v1\n"];

/// Submodules inside one another that are followed.
const DEEPEST: usize = 16;

/// What stands for the content behind a pointer, in places.
const NAME: &str = "Git LFS";

/// Where contents are kept that pointers lead to.
#[derive(Debug, Default)]
struct Stores {
    /// The directories, the repository's own first.
    all: Vec<PathBuf>,
    /// The directory of git.
    common: PathBuf,
}

impl Stores {
    /// Of a repository: what its settings name, or the usual place, and beside the object stores that it borrows from.
    fn of(whereabouts: &Whereabouts) -> Self {
        let Ok(repository) = whereabouts.open() else { return Self::default() };
        let common = repository.common().to_owned();
        let named = repository.config().ok().and_then(|config| config.get_path("lfs.storage").ok());
        let named = named.filter(|path| !path.as_os_str().is_empty());
        let own = common.join(named.unwrap_or_else(|| PathBuf::from("lfs"))).join("objects");
        let beside = repository.stores().iter().skip(1).filter_map(|store| Some(store.parent()?.join("lfs/objects")));
        Self { all: std::iter::once(own).chain(beside).collect(), common }
    }
}

/// A source, and besides what it hands out the content that its pointers lead to.
#[derive(Debug)]
pub struct Elsewhere {
    inner: Arc<dyn Source>,
    whereabouts: Whereabouts,
    limits: Limits,
    is_receiving: bool,
    is_counted: bool,
    roots: Vec<PathBuf>,
    stores: OnceLock<Stores>,
}

impl Elsewhere {
    /// Of this source, with the store of the repository that is meant.
    #[must_use]
    pub fn new(inner: Arc<dyn Source>, whereabouts: Whereabouts, limits: Limits) -> Self {
        let (is_receiving, is_counted) = (false, false);
        Self { inner, whereabouts, limits, is_receiving, is_counted, roots: Vec::new(), stores: OnceLock::new() }
    }

    /// Where something is received: git hands on pointers, and never what they lead to.
    #[must_use]
    pub fn receiving(self) -> Self {
        Self { is_receiving: true, ..self }
    }

    /// Where the source reads the files that git keeps besides, and among them what pointers lead to.
    #[must_use]
    pub fn counted(self) -> Self {
        Self { is_counted: true, ..self }
    }

    /// Names the submodules below these directories that are not checked out.
    #[must_use]
    pub fn with_submodules(self, roots: Vec<PathBuf>) -> Self {
        Self { roots, ..self }
    }

    fn stores(&self) -> &Stores {
        self.stores.get_or_init(|| Stores::of(&self.whereabouts))
    }

    /// The file that a pointer leads to, where it is here.
    fn kept(&self, id: &str) -> Option<PathBuf> {
        let name = Path::new(id.get(..2)?).join(id.get(2..4)?).join(id);
        self.stores().all.iter().map(|store| store.join(&name)).find(|path| path.is_file())
    }

    fn item(&self, item: Result<Blob<'_>, Missed>, visit: &Visit<'_>) -> ControlFlow<()> {
        let Some(id) = item.as_ref().ok().and_then(|blob| pointed(blob.bytes)) else { return visit(item) };
        let Ok(blob) = item else { return ControlFlow::Continue(()) };
        let (place, from_top, again) = (blob.place.clone(), blob.from_top.clone(), blob.again);
        let (is_probe, path) = (blob.is_probe(), blob.path().to_owned());
        if let Some(heard) = blob.heard.filter(|_| is_probe) {
            // It is looked at once more where it lives, in this scan and in those after it.
            heard.set_loud();
            return visit(Ok(blob));
        }
        visit(Ok(blob))?;
        if self.limits.exclusions.cover(&path) {
            return ControlFlow::Continue(());
        }
        let inner = Place::Member { of: Box::new(place.clone()), name: NAME.to_owned() };
        match self.kept(&id) {
            Some(file) => {
                let again = again || (self.is_counted && file.starts_with(&self.stores().common));
                self.content(file, &inner, from_top, again, visit)
            }
            None if again => ControlFlow::Continue(()),
            None if self.is_receiving => {
                let reason = SkipReason::Pointer;
                visit(Err(Missed::Skipped { place: inner, reason, bytes: 0 }))
            }
            None => visit(Err(Missed::Unread(SourceError::Pointer { place: place.to_string() }))),
        }
    }

    /// Reads the file behind a pointer as a file that was asked for by its name.
    fn content(
        &self,
        file: PathBuf,
        place: &Place,
        from_top: Option<String>,
        again: bool,
        visit: &Visit<'_>,
    ) -> ControlFlow<()> {
        let stopped = AtomicBool::new(false);
        let read = Files::new(vec![file], self.limits.clone(), 1).and_then(|files| {
            files.walk(&|item| {
                let item = match item {
                    Ok(blob) => Ok(Blob { place: place.clone(), from_top: from_top.clone(), again, ..blob }),
                    Err(Missed::Unread(SourceError::OverLimit { bytes, limit, .. })) => {
                        Err(Missed::Unread(SourceError::OverLimit { place: place.to_string(), bytes, limit }))
                    }
                    Err(Missed::Unread(SourceError::Read { source, .. })) => {
                        Err(Missed::Unread(SourceError::Read { place: place.to_string(), source }))
                    }
                    other => other,
                };
                let flow = visit(item);
                stopped.fetch_or(flow.is_break(), Ordering::Relaxed);
                flow
            })
        });
        match read {
            Err(error) => visit(Err(Missed::Unread(error))),
            Ok(()) if stopped.into_inner() => ControlFlow::Break(()),
            Ok(()) => ControlFlow::Continue(()),
        }
    }

    /// Names the submodules that are recorded and not checked out.
    fn submodules(&self, visit: &Visit<'_>) -> ControlFlow<()> {
        let mut next: Vec<(PathBuf, usize)> = Vec::new();
        let whole: Vec<(PathBuf, &PathBuf)> =
            self.roots.iter().filter_map(|root| Some((root.canonicalize().ok()?, root))).collect();
        if let Some(top) = Layout::of(&self.whereabouts).ok().and_then(|layout| layout.top?.canonicalize().ok()) {
            next.push((top, 0));
        }
        while let Some((top, depth)) = next.pop() {
            for path in recorded(&top) {
                let whole_path = top.join(&path);
                if whole_path.join(".git").exists() {
                    next.extend((depth < DEEPEST).then(|| (whole_path, depth + 1)));
                    continue;
                }
                let below = |(root, given): &(PathBuf, &PathBuf)| Some(given.join(whole_path.strip_prefix(root).ok()?));
                let Some(shown) = whole.iter().find_map(below) else { continue };
                let shown = shown.to_string_lossy();
                let shown = shown.strip_prefix("./").unwrap_or(&shown).to_owned();
                if !self.limits.exclusions.cover(&path.to_string_lossy()) {
                    let (place, reason) = (Place::File { path: shown }, SkipReason::Submodule);
                    visit(Err(Missed::Skipped { place, reason, bytes: 0 }))?;
                }
            }
        }
        ControlFlow::Continue(())
    }
}

impl Source for Elsewhere {
    fn walk(&self, visit: &Visit<'_>) -> Result<(), SourceError> {
        let stopped = AtomicBool::new(false);
        self.inner.walk(&|item| {
            let flow = self.item(item, visit);
            stopped.fetch_or(flow.is_break(), Ordering::Relaxed);
            flow
        })?;
        if !self.roots.is_empty() && !stopped.into_inner() {
            let _wanted = self.submodules(visit).is_continue();
        }
        Ok(())
    }

    fn progress(&self) -> Option<(u64, u64)> {
        self.inner.progress()
    }
}

/// The paths of submodules that the index of a work tree records, where there is a list of them.
fn recorded(top: &Path) -> Vec<PathBuf> {
    use std::os::unix::ffi::OsStrExt as _;
    if !top.join(".gitmodules").exists() {
        return Vec::new();
    }
    let Ok(layout) = Layout::of(&Whereabouts::Holding(top.to_owned())) else { return Vec::new() };
    let hash = if layout.sha256 { HashKind::Sha256 } else { HashKind::Sha1 };
    let Ok(index) = Index::read(&layout.own.join("index"), &layout.own, hash) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = index
        .entries
        .iter()
        .filter(|entry| entry.sort == Sort::Submodule)
        .map(|entry| PathBuf::from(std::ffi::OsStr::from_bytes(&entry.path)))
        .collect();
    paths.dedup();
    paths
}

/// True for a pointer to a file in Git LFS.
#[must_use]
pub fn is_pointer(bytes: &[u8]) -> bool {
    pointed(bytes).is_some()
}

/// The name of the file that a pointer leads to; none of what is no pointer.
fn pointed(bytes: &[u8]) -> Option<String> {
    if bytes.len() >= LARGEST || !bytes.starts_with(b"version https://") {
        return None;
    }
    let text = std::str::from_utf8(bytes).ok()?.replace("\r\n", "\n");
    let rest = VERSIONS.iter().find_map(|version| text.strip_prefix(version))?;
    let value = |key: &str| rest.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
    let id = value("oid sha256:")?;
    value("size ")?.parse::<u64>().ok()?;
    (id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| id.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pointers_are_taken_for_pointers() {
        let id = "4d".repeat(32);
        let pointer = format!("{}oid sha256:{id}\nsize 12\n", VERSIONS[0]);
        for text in [pointer.clone(), pointer.replace('\n', "\r\n"), pointer.replace("oid", "ext-0-x sha256:00\noid")] {
            assert_eq!(pointed(text.as_bytes()), Some(id.clone()), "{text}");
        }
        for wrong in [
            pointer.replace("size 12", "size many"),
            pointer.replace("4d4d", "4d"),
            pointer.replace("version", "Version"),
            pointer.replace("oid", "old"),
            format!("{pointer}{}", "x\n".repeat(500)),
            String::new(),
        ] {
            assert_eq!(pointed(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
