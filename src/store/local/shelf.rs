//! The files of the local store: what one path holds, and how a file is replaced in one piece.

use crate::model::{Label, StorePath};
use crate::seal::Sealed;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A file of this store is never larger: a wrong path given by mistake does not fill the memory.
const LARGEST: u64 = 16 * 1024 * 1024;
/// How long a writer waits for another one, in all.
const LOCK_TRIES: u32 = 500;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// What one path holds.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shelf {
    /// The version that is read.
    pub(super) current: u64,
    /// The version that was read before.
    pub(super) previous: u64,
    /// The highest number that was ever given.
    pub(super) last: u64,
    versions: Vec<Kept>,
}

/// One version.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    number: u64,
    label: Option<Label>,
    /// The value.
    pub(super) sealed: Sealed,
}

impl Shelf {
    pub(super) fn version(&self, number: u64) -> Option<&Kept> {
        self.versions.iter().find(|kept| kept.number == number)
    }

    /// Every value, in its sealed form.
    pub(super) fn sealed(&mut self) -> impl Iterator<Item = &mut Sealed> {
        self.versions.iter_mut().map(|kept| &mut kept.sealed)
    }

    pub(super) fn labelled(&self, label: &Label) -> Option<u64> {
        self.versions.iter().find(|kept| kept.label.as_ref() == Some(label)).map(|kept| kept.number)
    }

    /// The version that promoting `staged` leaves, or left if it is current already.
    pub(super) fn left_by(&self, staged: u64) -> u64 {
        if self.current == staged { self.previous } else { self.current }
    }

    pub(super) fn turn(&mut self, to: u64) {
        if self.current != to {
            self.previous = self.current;
            self.current = to;
        }
    }

    pub(super) fn drop_version(&mut self, number: u64) {
        self.versions.retain(|kept| kept.number != number);
    }

    /// Adds a version and drops the oldest beyond `keep`, never the current, the previous or the new one.
    pub(super) fn add(&mut self, number: u64, label: Option<&Label>, sealed: Sealed, keep: usize) {
        self.last = number;
        self.versions.push(Kept { number, label: label.cloned(), sealed });
        let spare = self.versions.len().saturating_sub(keep);
        let in_use = [self.current, self.previous, number];
        let old: Vec<u64> = self
            .versions
            .iter()
            .map(|kept| kept.number)
            .filter(|number| !in_use.contains(number))
            .take(spare)
            .collect();
        self.versions.retain(|kept| !old.contains(&kept.number));
    }
}

/// The directory of a store.
#[derive(Debug)]
pub(super) struct Directory(PathBuf);

impl Directory {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Makes the directory if there is none; refuses one that others may enter.
    pub(super) fn prepare(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
        let mode = std::fs::metadata(&self.0)?.mode();
        if mode & 0o077 != 0 {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "the directory of the local store is open to others: take their rights away (chmod 700)",
            ));
        }
        Ok(())
    }

    /// Waits until no other writer of the path is at work, in this process or another; the lock ends with the file.
    pub(super) fn lock(&self, at: &StorePath) -> io::Result<File> {
        lock(&self.file(at, "lock"))
    }

    /// In words.
    pub(super) fn shown(&self) -> String {
        self.0.display().to_string()
    }

    /// The files of all paths.
    pub(super) fn shelves(&self) -> io::Result<Vec<PathBuf>> {
        let files = match std::fs::read_dir(&self.0) {
            // Nothing was put there yet.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            files => files?,
        };
        let mut paths = files.map(|file| file.map(|file| file.path())).collect::<io::Result<Vec<_>>>()?;
        paths.retain(|path| path.extension().is_some_and(|end| end == "json"));
        paths.sort();
        Ok(paths)
    }

    /// Changes one of them, alone among its writers; with nothing to change it stays as it is.
    pub(super) fn change(
        &self,
        file: &Path,
        work: impl FnOnce(&[u8]) -> io::Result<Option<Vec<u8>>>,
    ) -> io::Result<()> {
        let _held = lock(&file.with_extension("lock"))?;
        match work(&read(file)?)? {
            Some(bytes) => replace(file, &bytes),
            None => Ok(()),
        }
    }

    pub(super) fn load(&self, at: &StorePath) -> io::Result<Option<Vec<u8>>> {
        match read(&self.file(at, "json")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            outcome => outcome.map(Some),
        }
    }

    pub(super) fn save(&self, at: &StorePath, bytes: &[u8]) -> io::Result<()> {
        replace(&self.file(at, "json"), bytes)
    }

    /// Shows that a file can be written beside the path's.
    pub(super) fn try_write(&self, at: &StorePath) -> io::Result<()> {
        let file = self.file(at, "try");
        write_new(&file, b"")?;
        std::fs::remove_file(file)
    }

    /// A readable part for people, and a digest that keeps any two paths apart.
    fn file(&self, at: &StorePath, extension: &str) -> PathBuf {
        let readable: String =
            at.as_str().chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).take(80).collect();
        let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(at.as_str().as_bytes()));
        self.0.join(format!("{readable}.{}.{extension}", digest.get(..16).unwrap_or_default()))
    }
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the file is no file of this store"));
    }
    Ok(bytes)
}

/// Waits until nobody else has the file; the lock ends with what is given back.
fn lock(file: &Path) -> io::Result<File> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(file)?;
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::WouldBlock, "another writer holds the lock"))
}

/// Replaces a file (0600) in one piece: whoever reads it, and whatever fails, finds the old or the new content whole.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    name.push(".new");
    let waiting = path.with_file_name(name);
    write_new(&waiting, bytes)?;
    std::fs::rename(&waiting, path)?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}

/// Writes a file (0600) that reaches the disk before this returns; what an interrupted write left is dropped.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
