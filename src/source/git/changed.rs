//! The files of a work tree that are not as the last commit has them: staged, changed, or new to git and not ignored.

use super::Whereabouts;
use super::index::{Entry, Index, Sort};
use super::layout::is_repository;
use super::pack::{HashKind, ObjectId};
use super::staged;
use crate::source::SourceError;
use git2::{ObjectType, Oid};
use ignore::{DirEntry, WalkBuilder};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

/// Bytes of a file that are read at once.
const PART: usize = 64 << 10;

/// The plain files of a work tree that are not as the last commit has them, and that git does not ignore. A file that git
/// changes on its way in or out may be among them although it is as it was. So are directories that cannot be read.
///
/// # Errors
/// When there is no repository, or its index or head cannot be read.
pub fn changed_files(whereabouts: &Whereabouts) -> Result<Vec<PathBuf>, SourceError> {
    let repository = whereabouts.open()?;
    let Some(top) = repository.work_tree() else { return Ok(Vec::new()) };
    // Before it is read: what is changed after that is read itself.
    let written = std::fs::metadata(repository.index()).ok().map(|about| (about.mtime(), about.mtime_nsec()));
    let index = staged::index_of(&repository)?;
    let tree = WorkTree { top, hash: repository.hash(), written };
    let mut changed = tree.changed(&index);
    changed.extend(staged::differing(&repository, &index)?.into_iter().map(|(_, path)| path));
    let mut paths: BTreeSet<PathBuf> = changed.iter().filter_map(|path| tree.plain(path)).collect();
    paths.extend(tree.unknown(&index));
    Ok(paths.into_iter().collect())
}

/// The files of a repository, with what its index says of them.
struct WorkTree<'a> {
    top: &'a Path,
    hash: HashKind,
    /// When the index was written.
    written: Option<(i64, i64)>,
}

impl WorkTree<'_> {
    /// The entries of the index that are not what stands in the work tree.
    fn changed(&self, index: &Index) -> BTreeSet<Vec<u8>> {
        let content = index.entries.iter().filter(|entry| entry.sort == Sort::Content);
        content.filter(|entry| self.differs(entry)).map(|entry| entry.path.clone()).collect()
    }

    fn differs(&self, entry: &Entry) -> bool {
        if entry.side != 0 || entry.is_intended {
            return true;
        }
        let Ok(about) = std::fs::symlink_metadata(self.top.join(OsStr::from_bytes(&entry.path))) else { return false };
        if !about.is_file() || self.is_as_recorded(entry, &about) {
            return false;
        }
        // A size of zero is also written for files of which git is not sure.
        let recorded = u64::from(entry.stamp.size);
        let other_size = recorded != 0 && recorded != about.size() & u64::from(u32::MAX);
        other_size || self.plain(&entry.path).is_some_and(|path| content_id(&path, self.hash).ok() != Some(entry.id))
    }

    /// True when neither size nor times are others than git wrote down, and it was written down later than the file was.
    fn is_as_recorded(&self, entry: &Entry, about: &Metadata) -> bool {
        let stamp = &entry.stamp;
        let low = |number: i64| number & i64::from(u32::MAX);
        let same = |(seconds, nanos): (u32, u32), now: (i64, i64)| {
            i64::from(seconds) == low(now.0) && (nanos == 0 || i64::from(nanos) == now.1)
        };
        let modified = (about.mtime(), about.mtime_nsec());
        u64::from(stamp.size) == about.size() & u64::from(u32::MAX)
            && same(stamp.modified, modified)
            && same(stamp.changed, (about.ctime(), about.ctime_nsec()))
            && self.written.is_some_and(|written| modified < written)
    }

    /// Where a plain file of this name is; none where there is none, or where a link leads out of the work tree.
    fn plain(&self, name: &[u8]) -> Option<PathBuf> {
        let name = Path::new(OsStr::from_bytes(name));
        let mut path = self.top.to_owned();
        let mut parts = name.components().peekable();
        while let Some(part) = parts.next() {
            let Component::Normal(part) = part else { return None };
            path.push(part);
            let about = std::fs::symlink_metadata(&path).ok()?;
            if !(if parts.peek().is_some() { about.is_dir() } else { about.is_file() }) {
                return None;
            }
        }
        (path != self.top).then_some(path)
    }

    /// The plain files that the index does not name and no rule ignores, and the directories that cannot be read.
    fn unknown(&self, index: &Index) -> Vec<PathBuf> {
        let known: HashSet<&[u8]> = index.entries.iter().map(|entry| entry.path.as_slice()).collect();
        let mut walk = WalkBuilder::new(self.top);
        walk.standard_filters(false).git_ignore(true).git_exclude(true).git_global(true).require_git(false);
        walk.follow_links(false).filter_entry(|entry| entry.depth() == 0 || !is_foreign(entry));
        let found = walk.build().filter_map(|entry| match entry {
            Ok(entry) if entry.file_type().is_some_and(|sort| sort.is_file()) => {
                let name = entry.path().strip_prefix(self.top).ok()?;
                (!known.contains(name.as_os_str().as_bytes())).then(|| entry.path().to_owned())
            }
            Ok(_) => None,
            Err(error) => closed(&error),
        });
        found.collect()
    }
}

/// True for what belongs to git, or to another repository.
fn is_foreign(entry: &DirEntry) -> bool {
    let inner = entry.path().join(".git");
    entry.file_name() == ".git"
        || (entry.file_type().is_some_and(|sort| sort.is_dir()) && (inner.is_file() || is_repository(&inner)))
}

/// The directory that could not be read; none of one that went away.
fn closed(error: &ignore::Error) -> Option<PathBuf> {
    match error {
        ignore::Error::WithPath { path, err } if err.is_io() => {
            std::fs::symlink_metadata(path).is_ok_and(|about| about.is_dir()).then(|| path.clone())
        }
        ignore::Error::WithDepth { err, .. } => closed(err),
        _ => None,
    }
}

/// The name that git has for the content of a file.
fn content_id(path: &Path, hash: HashKind) -> io::Result<ObjectId> {
    let id = match hash {
        HashKind::Sha1 => Oid::hash_file(ObjectType::Blob, path).ok().and_then(|id| ObjectId::new(id.as_bytes())),
        HashKind::Sha256 => {
            let file = File::open(path)?;
            let size = file.metadata()?.len();
            let mut sum = Sha256::new_with_prefix(format!("blob {size}\0"));
            let (mut file, mut read, mut part) = (file.take(size), 0, vec![0; PART]);
            loop {
                let count = file.read(&mut part)?;
                sum.update(part.get(..count).unwrap_or_default());
                read += count as u64;
                if count == 0 {
                    break ObjectId::new(&sum.finalize()).filter(|_| read == size);
                }
            }
        }
    };
    id.ok_or_else(|| io::Error::other("it changed while it was read"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    struct World(tempfile::TempDir);

    impl World {
        fn new(form: &str) -> Self {
            let world = Self(tempfile::tempdir().unwrap());
            world.git(&["init", "-q", "-b", "main", "--object-format", form]);
            world
        }

        fn git(&self, arguments: &[&str]) {
            let who = ["-c", "user.name=kim", "-c", "user.email=kim@example.invalid"];
            let ran = Command::new("git").args(who).args(arguments).current_dir(self.0.path()).output().unwrap();
            assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        }

        fn put(&self, name: &str, text: &str) {
            let path = self.0.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }

        fn commit(&self) {
            self.git(&["add", "-A"]);
            self.git(&["commit", "-qm", "words"]);
        }

        fn changed(&self) -> Vec<String> {
            let top = self.0.path().canonicalize().unwrap();
            let changed = changed_files(&Whereabouts::Holding(self.0.path().to_owned())).unwrap();
            changed.iter().map(|path| path.strip_prefix(&top).unwrap().to_str().unwrap().to_owned()).collect()
        }
    }

    #[test]
    fn files_that_are_not_committed_count_and_ignored_ones_do_not() {
        for form in ["sha1", "sha256"] {
            let world = World::new(form);
            world.put("first", "x");
            assert_eq!(world.changed(), ["first"], "on a branch without commits");
            world.put(".gitignore", "hidden\n/deep/*.log\n!keep.log\n");
            world.put("gone", "x");
            world.put("same", "x");
            world.put("deep/hidden/kept", "x");
            world.git(&["add", "-f", "deep/hidden/kept"]);
            world.commit();
            assert!(world.changed().is_empty(), "{form}");
            for name in ["hidden", "fresh", "deep/fresh", "deep/a.log", "deep/keep.log", "deep/hidden/kept"] {
                world.put(name, "new");
            }
            world.put(".git/info/exclude", "/here\n");
            world.put("here", "new");
            std::fs::remove_file(world.0.path().join("gone")).unwrap();
            std::os::unix::fs::symlink("/etc/hostname", world.0.path().join("link")).unwrap();
            let expected = ["deep/fresh", "deep/hidden/kept", "deep/keep.log", "fresh"];
            assert_eq!(world.changed(), expected, "{form}");
            world.git(&["add", "fresh"]);
            world.git(&["add", "-N", "deep/fresh"]);
            assert_eq!(world.changed(), expected, "staged, and meant to be ({form})");
            world.git(&["rm", "-q", "--cached", "same"]);
            assert!(world.changed().contains(&"same".to_owned()), "{form}");
        }
    }

    #[test]
    fn a_change_of_the_same_size_and_moment_is_seen_and_a_touch_is_none() {
        for form in ["sha1", "sha256"] {
            let world = World::new(form);
            world.put("a", "one");
            world.commit();
            world.put("a", "two");
            assert_eq!(world.changed(), ["a"], "{form}");
            world.put("a", "one");
            assert!(world.changed().is_empty(), "{form}");
            let times = std::fs::metadata(world.0.path().join("a")).unwrap().modified().unwrap();
            world.put("a", "two");
            File::options().append(true).open(world.0.path().join("a")).unwrap().set_modified(times).unwrap();
            assert_eq!(world.changed(), ["a"], "whatever its times were set to ({form})");
        }
    }

    #[test]
    fn other_repositories_and_what_lies_behind_links_do_not_count() {
        let world = World::new("sha256");
        world.put("part/file", "x");
        world.put("outer/file", "x");
        world.commit();
        world.put("inner/.git/words", "no repository");
        world.put("inner/file", "x");
        assert_eq!(world.changed(), ["inner/file"]);
        world.git(&["init", "-q", "inner"]);
        assert!(world.changed().is_empty());
        let elsewhere = tempfile::tempdir().unwrap();
        std::fs::write(elsewhere.path().join("file"), "other").unwrap();
        std::fs::remove_dir_all(world.0.path().join("outer")).unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), world.0.path().join("outer")).unwrap();
        assert!(world.changed().is_empty());
    }

    #[test]
    fn a_sparse_and_a_split_index_and_a_linked_work_tree_are_read() {
        let world = World::new("sha256");
        for name in ["a/one", "b/two", "top"] {
            world.put(name, name);
        }
        world.commit();
        world.git(&["sparse-checkout", "set", "--cone", "--sparse-index", "a"]);
        assert!(world.changed().is_empty());
        world.put("b/two", "other");
        world.put("a/one", "other");
        assert_eq!(world.changed(), ["a/one", "b/two"]);
        world.git(&["sparse-checkout", "disable"]);
        world.git(&["checkout", "-q", "--force", "main"]);
        world.git(&["update-index", "--split-index"]);
        world.put("new", "x");
        world.git(&["add", "new"]);
        assert_eq!(world.changed(), ["new"]);
        world.git(&["worktree", "add", "-q", "-b", "side", "linked"]);
        world.put("linked/top", "other");
        world.put("linked/new", "x");
        assert_eq!(world.changed(), ["new"], "what is linked is another work tree");
        let linked = Whereabouts::Holding(world.0.path().join("linked"));
        assert_eq!(changed_files(&linked).unwrap().len(), 2);
    }
}
