//! Keys: 32 random bytes each, in a file that only its owner can read.

use super::random;
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Bytes of a key: AES-256.
pub(super) const KEY_BYTES: usize = 32;

/// What the key is called that seals.
const ENVELOPE: &str = "envelope key";

/// Bytes of the hash that name a key.
const ID_BYTES: usize = 8;

/// The envelope key in a 0600 file. It is wiped when dropped and never shown.
pub struct FileKey {
    path: PathBuf,
    id: String,
    bytes: Zeroizing<[u8; KEY_BYTES]>,
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The file could not be read.
    #[error("could not read the {what} {}", path.display())]
    Read {
        /// Which key.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file could not be made.
    #[error("could not make the {what} {}", path.display())]
    Make {
        /// Which key.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others may read or write the file.
    #[error("the {what} {} is open to other users (mode {mode:04o}): run chmod 600 on it", path.display())]
    Exposed {
        /// Which key.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is the one that seals.
    #[error("the envelope key {id} is the one that seals: stanch key rotate makes another one first")]
    Seals {
        /// Its id.
        id: String,
    },
    /// The file is no key.
    #[error(
        "{} is no {what}: it must be a file of exactly {KEY_BYTES} bytes; restore it from a backup, as no other key does \
         what it did",
        path.display()
    )]
    Malformed {
        /// Which key.
        what: &'static str,
        /// Where.
        path: PathBuf,
    },
}

impl FileKey {
    /// Reads the key, or makes a new one (0600) where there is none. Of several processes that make one at the same
    /// time all get the same one, and a file that is seen is whole and durable.
    ///
    /// # Errors
    /// When the file cannot be read or made, is open to other users, or is not a key.
    pub fn load_or_create(path: &Path) -> Result<Self, KeyError> {
        Ok(Self::named(load_or_create(path, ENVELOPE)?, path))
    }

    /// Reads the key that lies there.
    ///
    /// # Errors
    /// When there is none, or as [`FileKey::load_or_create`].
    pub(super) fn load(path: &Path) -> Result<Self, KeyError> {
        Ok(Self::named(load(path, ENVELOPE)?, path))
    }

    fn named(bytes: Zeroizing<[u8; KEY_BYTES]>, path: &Path) -> Self {
        let hash = Sha256::new().chain_update(b"stanch envelope key").chain_update(*bytes).finalize();
        let id = data_encoding::HEXLOWER.encode(hash.get(..ID_BYTES).unwrap_or(&hash));
        Self { id, bytes, path: path.to_owned() }
    }

    /// The public name of the key: the beginning of its hash, in hex.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.bytes
    }

    /// The file that it was read from.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl fmt::Debug for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileKey({})", self.id)
    }
}

pub(super) fn unread(path: &Path, source: io::Error) -> KeyError {
    KeyError::Read { what: ENVELOPE, path: path.to_owned(), source }
}

pub(super) fn unmade(path: &Path, source: io::Error) -> KeyError {
    KeyError::Make { what: ENVELOPE, path: path.to_owned(), source }
}

pub(super) fn malformed(path: &Path) -> KeyError {
    KeyError::Malformed { what: ENVELOPE, path: path.to_owned() }
}

/// The bytes of a key, which is made where there is none.
pub(super) fn load_or_create(path: &Path, what: &'static str) -> Result<Zeroizing<[u8; KEY_BYTES]>, KeyError> {
    match load(path, what) {
        Err(KeyError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            make(path).map_err(|source| KeyError::Make { what, path: path.to_owned(), source })?;
            load(path, what)
        }
        outcome => outcome,
    }
}

/// The bytes of a key.
fn load(path: &Path, what: &'static str) -> Result<Zeroizing<[u8; KEY_BYTES]>, KeyError> {
    let failed = |source| KeyError::Read { what, path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let about = file.metadata().map_err(failed)?;
    if !about.is_file() {
        return Err(KeyError::Malformed { what, path: path.to_owned() });
    }
    if let Some(mode) = exposed(&about) {
        return Err(KeyError::Exposed { what, path: path.to_owned(), mode });
    }
    // One byte more than a key, so that a longer file is told apart; the buffer never grows and leaves no copy.
    let mut content = Zeroizing::new([0; KEY_BYTES + 1]);
    let mut filled = 0;
    let mut file = file.take(KEY_BYTES as u64 + 1);
    while let Some(rest) = content.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    match content.get(..KEY_BYTES) {
        Some(key) if filled == KEY_BYTES => bytes.copy_from_slice(key),
        _ => return Err(KeyError::Malformed { what, path: path.to_owned() }),
    }
    Ok(bytes)
}

/// Makes a new key there.
pub(super) fn create(path: &Path) -> Result<(), KeyError> {
    make(path).map_err(|source| unmade(path, source))
}

/// Writes a new key beside `path` and links it there once it is durable: nobody ever sees half a key, and whoever comes
/// second keeps the first one's.
fn make(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    private_folder(folder)?;
    let tag = data_encoding::HEXLOWER.encode(&random::<8>().map_err(io::Error::other)?);
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{tag}"));
    let draft = PathBuf::from(draft);
    let linked = write_new(&draft).and_then(|()| match fs::hard_link(&draft, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    });
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => linked.and(Err(error)),
        _ => linked,
    }?;
    File::open(folder)?.sync_all()
}

fn write_new(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(&*Zeroizing::new(random::<KEY_BYTES>().map_err(io::Error::other)?))?;
    file.sync_all()
}

fn private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// The permission bits, if they let others in.
fn exposed(about: &fs::Metadata) -> Option<u32> {
    #[cfg(unix)]
    let mode = std::os::unix::fs::PermissionsExt::mode(&about.permissions()) & 0o7777;
    #[cfg(not(unix))]
    let mode = 0;
    (mode & 0o077 != 0).then_some(mode)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_key_is_made_once_private_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/envelope.key");
        let made = FileKey::load_or_create(&path).unwrap();
        let read = FileKey::load_or_create(&path).unwrap();
        assert_eq!((made.id(), made.bytes()), (read.id(), read.bytes()));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "the draft is gone");
        assert!(!format!("{made:?}").contains(&data_encoding::HEXLOWER.encode(made.bytes())));
        let other = FileKey::load_or_create(&folder.path().join("other.key")).unwrap();
        assert_ne!(made.id(), other.id());
    }

    #[test]
    fn racing_processes_get_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("envelope.key");
        let ids: Vec<String> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..8).map(|_| scope.spawn(|| FileKey::load_or_create(&path).unwrap())).collect();
            workers.into_iter().map(|worker| worker.join().unwrap().id().to_owned()).collect()
        });
        assert!(ids.iter().all(|id| Some(id) == ids.first()), "{ids:?}");
    }

    #[test]
    fn a_file_open_to_others_is_refused_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("envelope.key");
        FileKey::load_or_create(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = FileKey::load_or_create(&path).unwrap_err();
        assert!(matches!(error, KeyError::Exposed { mode: 0o640, .. }));
        assert!(error.to_string().contains("(mode 0640): run chmod 600"), "{error}");
    }

    #[test]
    fn what_is_no_key_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        for length in [0, 31, 33, 4096] {
            let path = folder.path().join(format!("{length}.key"));
            fs::write(&path, vec![7; length]).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            assert!(matches!(FileKey::load_or_create(&path), Err(KeyError::Malformed { .. })), "{length}");
            assert_eq!(fs::read(&path).unwrap().len(), length);
        }
        assert!(matches!(FileKey::load_or_create(folder.path()), Err(KeyError::Malformed { .. })));
    }
}
