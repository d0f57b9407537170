//! Object stores: that of a repository, and those it borrows from.

use super::map::open_file;
use super::packfile::Pack;
use super::reader::Reader;
use super::{HashKind, ObjectId, PackError, loose};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How deep git follows stores that name stores.
const DEEPEST: usize = 5;
/// Bytes of a list of stores that are read at most.
const LONGEST_LIST: u64 = 1 << 20;
/// How often a directory is looked at in which something is amiss or moves, and how long to wait before: git puts a pack
/// there before its index, and takes them away one after the other.
const LOOKS: u32 = 4;
const BETWEEN_LOOKS: Duration = Duration::from_millis(30);

/// All objects of a repository.
#[derive(Debug)]
pub struct Objects {
    hash: HashKind,
    pub(super) stores: Vec<PathBuf>,
    packs: Vec<Pack>,
    troubles: Vec<PackError>,
}

/// The object stores that the environment names for the repository it names: `GIT_OBJECT_DIRECTORY`, the place where what
/// is received stands until it is accepted, and `GIT_ALTERNATE_OBJECT_DIRECTORIES`.
#[must_use]
pub fn stores_of_environment() -> Vec<PathBuf> {
    let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let mut stores: Vec<PathBuf> =
        ["GIT_OBJECT_DIRECTORY", "GIT_QUARANTINE_PATH"].into_iter().filter_map(named).map(PathBuf::from).collect();
    if let Some(list) = named("GIT_ALTERNATE_OBJECT_DIRECTORIES") {
        stores.extend(split_list(list.as_encoded_bytes()).iter().map(|path| as_path(path)));
    }
    stores
}

impl Objects {
    /// Opens the stores of a repository: its own, those it names, and `more`. What cannot be read of them is among the
    /// [troubles](Self::take_troubles).
    ///
    /// # Errors
    /// When its own store is not there or cannot be read.
    pub fn open(common: &Path, hash: HashKind, more: &[PathBuf]) -> Result<Self, PackError> {
        let own = common.join("objects");
        std::fs::read_dir(&own).map_err(|source| PackError::Read { path: own.clone(), source })?;
        let mut found = Self { hash, stores: Vec::new(), packs: Vec::new(), troubles: Vec::new() };
        let mut seen = BTreeSet::new();
        found.follow(own, 0, &mut seen);
        more.iter().for_each(|store| found.follow(store.clone(), 0, &mut seen));
        for store in found.stores.clone() {
            let directory = store.join("pack");
            let (mut packs, mut troubles, mut moving) = open_packs(&directory, hash);
            for _ in 1..LOOKS {
                if troubles.is_empty() && !moving {
                    break;
                }
                std::thread::sleep(BETWEEN_LOOKS);
                (packs, troubles, moving) = open_packs(&directory, hash);
            }
            found.packs.append(&mut packs);
            found.troubles.append(&mut troubles);
        }
        Ok(found)
    }

    /// One pack and its index, from memory: for tests of what is damaged.
    ///
    /// # Errors
    /// When one of them is damaged as a whole, or they do not belong together.
    pub fn held(pack: Vec<u8>, index: Vec<u8>, hash: HashKind) -> Result<Self, PackError> {
        use super::map::Mapped::Held;
        let pack = Pack::of(PathBuf::from("held.pack"), Held(pack), Path::new("held.idx"), Held(index), hash)?;
        Ok(Self { hash, stores: Vec::new(), packs: vec![pack], troubles: Vec::new() })
    }

    /// The hash that names its objects.
    #[must_use]
    pub fn hash(&self) -> HashKind {
        self.hash
    }

    /// The packs, in the order of their stores and names.
    #[must_use]
    pub fn packs(&self) -> &[Pack] {
        &self.packs
    }

    /// Where the stores are, its own first.
    #[must_use]
    pub fn stores(&self) -> &[PathBuf] {
        &self.stores
    }

    /// What could not be read when the stores were opened; a walk does not say it again.
    #[must_use]
    pub fn take_troubles(&mut self) -> Vec<PackError> {
        std::mem::take(&mut self.troubles)
    }

    /// How many objects are in packs; those in several count as often.
    #[must_use]
    pub fn packed(&self) -> u64 {
        self.packs.iter().map(|pack| u64::from(pack.count())).sum()
    }

    /// True when there is an object of this name.
    #[must_use]
    pub fn contains(&self, id: &ObjectId) -> bool {
        self.packs.iter().any(|pack| pack.contains(id)) || self.loose(id).next().is_some()
    }

    /// Reads objects in any order, for one thread.
    #[must_use]
    pub fn reader(&self, limit: u64) -> Reader<'_> {
        Reader::new(self, limit)
    }

    /// The names of the objects in files of their own, store by store, in order.
    ///
    /// # Errors
    /// When a directory cannot be read.
    pub fn loose_ids(&self) -> Result<Vec<ObjectId>, PackError> {
        let mut all = Vec::new();
        for store in &self.stores {
            for first in 0..=u8::MAX {
                let names = loose::names(store, first, self.hash)
                    .map_err(|source| PackError::Read { path: store.join(format!("{first:02x}")), source })?;
                all.extend(names);
            }
        }
        all.sort_unstable();
        all.dedup();
        Ok(all)
    }

    /// The files in which it stands alone.
    pub(super) fn loose(&self, id: &ObjectId) -> impl Iterator<Item = PathBuf> {
        self.stores.iter().map(|store| loose::path_of(store, id)).filter(|path| path.is_file())
    }

    /// Adds a store and those it names.
    fn follow(&mut self, store: PathBuf, depth: usize, seen: &mut BTreeSet<PathBuf>) {
        if !seen.insert(store.canonicalize().unwrap_or_else(|_| store.clone())) {
            return;
        }
        let list = store.join("info").join("alternates");
        self.stores.push(store.clone());
        let text = match read_list(&list) {
            Ok(text) => text,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return,
            Err(source) => return self.troubles.push(PackError::Read { path: list, source }),
        };
        for line in text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end) {
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let named = store.join(as_path(&unquoted(line).map_or_else(|| line.to_vec(), |(path, _)| path)));
            if depth >= DEEPEST {
                return self.troubles.push(PackError::Alternates { list });
            }
            match std::fs::read_dir(&named) {
                Ok(_) => self.follow(named, depth + 1, seen),
                Err(source) => {
                    self.troubles.push(PackError::Alternate { path: named, list: list.clone(), source });
                }
            }
        }
    }
}

/// The packs of a directory, what is amiss there, and whether packs came or went meanwhile.
fn open_packs(directory: &Path, hash: HashKind) -> (Vec<Pack>, Vec<PackError>, bool) {
    let (mut packs, mut troubles) = (Vec::new(), Vec::new());
    let names = match listed(directory) {
        Ok(names) => names,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return (packs, troubles, false),
        Err(source) => {
            return (packs, vec![PackError::Read { path: directory.to_owned(), source }], false);
        }
    };
    for path in &names {
        let extension = path.extension().and_then(OsStr::to_str);
        let beside = |extension| names.contains(&path.with_extension(extension));
        // Other names are those of files that git is still writing.
        let named = path.file_name().and_then(OsStr::to_str).is_some_and(|name| name.starts_with("pack-"));
        match extension {
            Some("pack") if beside("idx") => match Pack::open(path.clone(), hash) {
                Ok(pack) => packs.push(pack),
                Err(trouble) => troubles.push(trouble),
            },
            Some("pack") if named => troubles.push(PackError::NoIndex { path: path.clone() }),
            Some("idx") if !beside("pack") => troubles.push(PackError::NoPack { path: path.clone() }),
            _ => {}
        }
    }
    // A list that was read while one pack took the place of another may hold neither.
    let moving = listed(directory).is_ok_and(|now| now != names);
    (packs, troubles, moving)
}

fn read_list(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    open_file(path)?.take(LONGEST_LIST + 1).read_to_end(&mut text)?;
    if text.len() as u64 > LONGEST_LIST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is too long for a list of object stores"));
    }
    Ok(text)
}

fn listed(directory: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let paths = std::fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.path()));
    let ours = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "pack" || extension == "idx");
    paths.filter(|path| path.as_ref().map_or(true, ours)).collect()
}

/// A list with colons between its paths, of which some may stand in quotation marks.
fn split_list(mut list: &[u8]) -> Vec<Vec<u8>> {
    let mut paths = Vec::new();
    while !list.is_empty() {
        let (path, rest) = unquoted(list).unwrap_or_else(|| {
            let end = list.iter().position(|byte| *byte == b':').unwrap_or(list.len());
            let (path, rest) = list.split_at_checked(end).unwrap_or((list, &[]));
            (path.to_vec(), rest)
        });
        if !path.is_empty() {
            paths.push(path);
        }
        list = rest.strip_prefix(b":").unwrap_or(rest.get(1..).unwrap_or_default());
    }
    paths
}

/// A path in quotation marks as git writes it, with what follows.
fn unquoted(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut rest = text.strip_prefix(b"\"")?;
    let mut path = Vec::new();
    loop {
        let (&byte, after) = rest.split_first()?;
        rest = after;
        match byte {
            b'"' => return Some((path, rest)),
            b'\\' => {
                let (&escape, after) = rest.split_first()?;
                rest = after;
                path.push(match escape {
                    b'a' => 7,
                    b'b' => 8,
                    b't' => b'\t',
                    b'n' => b'\n',
                    b'v' => 11,
                    b'f' => 12,
                    b'r' => b'\r',
                    b'0'..=b'3' => {
                        let (digits, after) = rest.split_first_chunk::<2>()?;
                        rest = after;
                        let value = |digit: u8| (b'0'..=b'7').contains(&digit).then(|| digit - b'0');
                        let [second, third] = *digits;
                        (escape - b'0') << 6 | value(second)? << 3 | value(third)?
                    }
                    other => other,
                });
            }
            other => path.push(other),
        }
    }
}

#[cfg(unix)]
fn as_path(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(OsStr::from_bytes(bytes))
}

#[cfg(not(unix))]
fn as_path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_stores_are_read_as_git_writes_them() {
        let paths: Vec<Vec<u8>> = vec![b"/a b".to_vec(), b"c:\n\x01\"".to_vec(), b"d".to_vec()];
        assert_eq!(split_list(br#"/a b:"c:\n\001\""::d"#), paths);
        assert_eq!(split_list(b"\"open"), [b"\"open"]);
        assert!(split_list(b"").is_empty());
    }
}
