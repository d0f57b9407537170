//! The envelope keys of an installation: the one that seals, in its file, and beside it those that only open: older ones,
//! and one that is to seal next.

use super::keys::{self, FileKey, KeyError};
use super::random;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What stands between the name of the key's file and the id of a key that is kept beside it.
const KEPT: &str = ".kept-";

/// What a file is told apart by without being read.
type Stamp = (u64, u64, i64, i64);

/// The keys at hand. Another process may turn to a new key at any moment: the file is looked at before each use.
#[derive(Debug)]
pub(super) struct Ring {
    path: PathBuf,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    current: Arc<FileKey>,
    stamp: Option<Stamp>,
    others: BTreeMap<String, Arc<FileKey>>,
}

impl Ring {
    pub(super) fn of(key: FileKey) -> Self {
        let path = key.path().to_owned();
        // Whether the file is still that key's is seen at the first use.
        Self { path, held: Mutex::new(Held { current: Arc::new(key), stamp: None, others: BTreeMap::new() }) }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key that seals now. One whose file is gone seals nothing more: nobody could open it after this process.
    pub(super) fn current(&self) -> Result<Arc<FileKey>, KeyError> {
        let mut held = self.held();
        let about = fs::metadata(&self.path).map_err(|source| keys::unread(&self.path, source))?;
        let stamp = Some((about.dev(), about.ino(), about.ctime(), about.ctime_nsec()));
        if held.stamp != stamp {
            let key = Arc::new(FileKey::load(&self.path)?);
            let before = std::mem::replace(&mut held.current, key);
            held.others.insert(before.id().to_owned(), before);
            held.stamp = stamp;
        }
        Ok(Arc::clone(&held.current))
    }

    /// The id of the key that sealed when it was last looked at.
    pub(super) fn last_id(&self) -> String {
        self.held().current.id().to_owned()
    }

    /// The key of this id, if it is at hand.
    pub(super) fn find(&self, id: &str) -> Option<Arc<FileKey>> {
        let known = |held: &Held| {
            let current = Some(&held.current).filter(|key| key.id() == id);
            current.or_else(|| held.others.get(id)).map(Arc::clone)
        };
        if let Some(key) = known(&self.held()) {
            return Some(key);
        }
        if let Err(error) = self.current() {
            tracing::warn!(%error, "the envelope key cannot be read now");
        }
        let kept = kept_path(&self.path, id);
        if kept.exists() {
            match FileKey::load(&kept) {
                Ok(key) => drop(self.held().others.insert(key.id().to_owned(), Arc::new(key))),
                Err(error) => tracing::warn!(%error, "an older envelope key cannot be read"),
            }
        }
        known(&self.held())
    }
}

/// The files of the keys, for whoever changes them.
#[derive(Debug)]
pub struct Keys {
    path: PathBuf,
}

impl Keys {
    /// The keys of which the one that seals lies there.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// The id of the key that seals.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn current(&self) -> Result<String, KeyError> {
        Ok(FileKey::load(&self.path)?.id().to_owned())
    }

    /// The ids of all that are here, the one that seals first.
    ///
    /// # Errors
    /// When a file cannot be read or is no key.
    pub fn list(&self) -> Result<Vec<String>, KeyError> {
        let mut ids = vec![self.current()?];
        let unread = |source| keys::unread(&self.path, source);
        let lead = kept_path(&self.path, "");
        let lead = lead.file_name().unwrap_or_default().as_encoded_bytes();
        let mut kept = Vec::new();
        for file in fs::read_dir(folder(&self.path)).map_err(unread)? {
            let file = file.map_err(unread)?;
            if file.file_name().as_encoded_bytes().starts_with(lead) {
                kept.push(FileKey::load(&file.path())?.id().to_owned());
            }
        }
        kept.sort();
        kept.retain(|id| !ids.contains(id));
        ids.extend(kept);
        Ok(ids)
    }

    /// Makes a new key that seals nothing yet; its id.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn make(&self) -> Result<String, KeyError> {
        let unmade = |source| keys::unmade(&self.path, source);
        let draft = self.draft().map_err(unmade)?;
        keys::create(&draft)?;
        let id = FileKey::load(&draft)?.id().to_owned();
        fs::rename(&draft, kept_path(&self.path, &id)).and_then(|()| synced(&self.path)).map_err(unmade)?;
        Ok(id)
    }

    /// Has a key that is kept here seal from now on; the one before is kept. At every moment there is a key that seals, and
    /// each that was here is here.
    ///
    /// # Errors
    /// When it is not here, or cannot be written.
    pub fn turn_to(&self, id: &str) -> Result<(), KeyError> {
        let before = self.current()?;
        if before == id {
            return Ok(());
        }
        let kept = kept_path(&self.path, id);
        if FileKey::load(&kept)?.id() != id {
            return Err(keys::malformed(&kept));
        }
        let turn = || {
            match fs::hard_link(&self.path, kept_path(&self.path, &before)) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => synced(&self.path)?,
            }
            let draft = self.draft()?;
            fs::hard_link(&kept, &draft)?;
            fs::rename(&draft, &self.path)?;
            synced(&self.path)
        };
        turn().map_err(|source| keys::unmade(&self.path, source))
    }

    /// Removes a key that does not seal.
    ///
    /// # Errors
    /// When it seals, or cannot be removed.
    pub fn forget(&self, id: &str) -> Result<(), KeyError> {
        if self.current()? == id {
            return Err(KeyError::Seals { id: id.to_owned() });
        }
        match fs::remove_file(kept_path(&self.path, id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(keys::unmade(&self.path, error)),
            _ => synced(&self.path).map_err(|source| keys::unmade(&self.path, source)),
        }
    }

    /// A name that nobody else uses; what a crash leaves under it is no key of this ring.
    fn draft(&self) -> io::Result<PathBuf> {
        let tag = data_encoding::HEXLOWER.encode(&random::<8>().map_err(io::Error::other)?);
        let mut name = self.path.as_os_str().to_owned();
        name.push(format!(".draft-{tag}"));
        Ok(name.into())
    }
}

fn kept_path(path: &Path, id: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(KEPT);
    name.push(id);
    name.into()
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn synced(path: &Path) -> io::Result<()> {
    File::open(folder(path))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Secret;
    use crate::seal::{SealError, Sealer};
    use std::os::unix::fs::PermissionsExt as _;

    struct World {
        folder: tempfile::TempDir,
    }

    impl World {
        fn new() -> Self {
            Self { folder: tempfile::tempdir().unwrap() }
        }

        fn path(&self) -> PathBuf {
            self.folder.path().join("envelope.key")
        }

        fn sealer(&self) -> Sealer {
            Sealer::new(FileKey::load_or_create(&self.path()).unwrap())
        }
    }

    fn secret(text: &str) -> Secret {
        Secret::new(text.as_bytes().to_vec())
    }

    #[test]
    fn a_running_sealer_turns_with_its_file_and_opens_what_either_key_sealed() {
        let world = World::new();
        let (running, keys) = (world.sealer(), Keys::at(&world.path()));
        let old = running.seal("c", &secret("old")).unwrap();
        let next = keys.make().unwrap();
        assert_eq!(keys.list().unwrap(), [old.key.clone(), next.clone()]);
        assert_eq!(running.seal("c", &secret("x")).unwrap().key, old.key, "made is not turned to");
        keys.turn_to(&next).unwrap();
        keys.turn_to(&next).unwrap();
        let new = running.seal("c", &secret("new")).unwrap();
        assert_eq!(new.key, next);
        for sealer in [&running, &world.sealer()] {
            assert!(sealer.open("c", &old).unwrap().same_as(&secret("old")));
            assert!(sealer.open("c", &new).unwrap().same_as(&secret("new")));
            assert!(sealer.holds(&old.key) && !sealer.holds("0123456789abcdef"));
        }
        assert_eq!(keys.list().unwrap(), [next.clone(), old.key.clone()]);
        for file in fs::read_dir(world.folder.path()).unwrap() {
            assert_eq!(file.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert!(matches!(keys.forget(&next), Err(KeyError::Seals { .. })));
        keys.forget(&old.key).unwrap();
        assert!(matches!(world.sealer().open("c", &old), Err(SealError::OtherKey { .. })));
        assert_eq!(keys.list().unwrap(), [next]);
    }

    #[test]
    fn a_value_that_was_sealed_anew_has_its_old_name_and_opens_with_the_new_key_alone() {
        let world = World::new();
        let (sealer, keys) = (world.sealer(), Keys::at(&world.path()));
        let old = sealer.seal("c", &secret("value")).unwrap();
        assert_eq!(sealer.reseal(&old).unwrap(), None, "it is under the key that seals");
        keys.turn_to(&keys.make().unwrap()).unwrap();
        let new = sealer.reseal(&old).unwrap().unwrap();
        assert_eq!((&new.digest, &new.ciphertext), (&old.digest, &old.ciphertext));
        assert!(new.key != old.key && new.wrapped != old.wrapped);
        keys.forget(&old.key).unwrap();
        let restarted = world.sealer();
        assert!(restarted.open("c", &new).unwrap().same_as(&secret("value")));
        assert!(matches!(restarted.open("another", &new), Err(SealError::Refused { .. })));
        assert!(matches!(restarted.reseal(&old), Err(SealError::OtherKey { .. })));
    }

    #[test]
    fn a_key_whose_file_is_gone_seals_nothing_and_still_opens() {
        let world = World::new();
        let sealer = world.sealer();
        let sealed = sealer.seal("c", &secret("value")).unwrap();
        fs::remove_file(world.path()).unwrap();
        assert!(matches!(sealer.seal("c", &secret("x")), Err(SealError::Key(KeyError::Read { .. }))));
        assert!(sealer.open("c", &sealed).unwrap().same_as(&secret("value")));
    }

    /// A crash may come between any two steps on the disk.
    #[test]
    fn what_a_crash_left_half_turned_is_turned_the_next_time() {
        let world = World::new();
        let (sealer, keys) = (world.sealer(), Keys::at(&world.path()));
        let old = sealer.seal("c", &secret("value")).unwrap();
        let next = keys.make().unwrap();
        fs::hard_link(world.path(), kept_path(&world.path(), &old.key)).unwrap();
        fs::hard_link(kept_path(&world.path(), &next), keys.draft().unwrap()).unwrap();
        fs::write(keys.draft().unwrap(), b"half a key").unwrap();
        assert_eq!(keys.current().unwrap(), old.key);
        assert_eq!(keys.list().unwrap(), [old.key.clone(), next.clone()]);
        assert!(sealer.open("c", &old).is_ok());
        keys.turn_to(&next).unwrap();
        assert_eq!(keys.list().unwrap(), [next, old.key.clone()]);
        assert!(world.sealer().open("c", &old).is_ok());
        assert!(matches!(keys.turn_to("0123456789abcdef"), Err(KeyError::Read { .. })));
    }
}
