//! What this installation keeps for itself: a directory and a key in it.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Bytes of the key.
const KEY_BYTES: usize = 32;

/// The file of the key.
const KEY_FILE: &str = "installation.key";

/// Where a key is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// In this file: the next run has the same.
    OnDisk(PathBuf),
    /// Nowhere: it ends with this run.
    ThisRunOnly {
        /// Why.
        why: String,
    },
}

/// There is no key.
#[derive(Debug, thiserror::Error)]
#[error("the system gives no random bytes for a key")]
pub struct InstallationError {
    source: io::Error,
}

/// `$XDG_STATE_HOME/stanch`, else `~/.local/state/stanch`; none when neither variable holds an absolute path.
#[must_use]
pub fn state_directory() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/state")))?;
    Some(state.join("stanch"))
}

/// The key of the installation: 32 random bytes, readable by their owner alone, made on first use. Where it cannot be
/// kept there is one for this run, and [`Kept`] says why.
///
/// # Errors
/// When the system gives no random bytes.
pub fn key(directory: Option<&Path>) -> Result<(Vec<u8>, Kept), InstallationError> {
    let attempt = match directory {
        Some(directory) => {
            kept_key(directory).map_err(|error| format!("cannot keep a key in {}: {error}", directory.display()))
        }
        None => Err("neither XDG_STATE_HOME nor HOME names a directory to keep a key in".to_owned()),
    };
    match attempt {
        Ok((key, path)) => Ok((key, Kept::OnDisk(path))),
        Err(why) => Ok((random_key().map_err(|source| InstallationError { source })?, Kept::ThisRunOnly { why })),
    }
}

fn kept_key(directory: &Path) -> io::Result<(Vec<u8>, PathBuf)> {
    let path = directory.join(KEY_FILE);
    match read_key(&path) {
        Ok(key) => return Ok((key, path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)?;
    // Written whole under another name and then linked, which fails if another process was first.
    let fresh = directory.join(format!("{KEY_FILE}.{}", std::process::id()));
    let written = write_key(&fresh).and_then(|()| std::fs::hard_link(&fresh, &path));
    let removed = std::fs::remove_file(&fresh);
    match written {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => removed?,
    }
    Ok((read_key(&path)?, path))
}

fn read_key(path: &Path) -> io::Result<Vec<u8>> {
    let mut key = Vec::new();
    let file = File::open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = file.metadata()?.permissions().mode();
        if mode & 0o077 != 0 {
            let what = format!("{} can be read by others (mode {:o}): chmod 600 it", path.display(), mode & 0o777);
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, what));
        }
    }
    file.take(KEY_BYTES as u64 + 1).read_to_end(&mut key)?;
    if key.len() == KEY_BYTES {
        return Ok(key);
    }
    let what = format!("{} does not hold {KEY_BYTES} bytes", path.display());
    Err(io::Error::new(io::ErrorKind::InvalidData, what))
}

fn write_key(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(&random_key()?)?;
    file.sync_all()
}

fn random_key() -> io::Result<Vec<u8>> {
    let mut key = vec![0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn the_key_stays_and_is_private() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("a/stanch");
        let (first, kept) = key(Some(&directory)).unwrap();
        let Kept::OnDisk(path) = kept else { panic!("{kept:?}") };
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(key(Some(&directory)).unwrap().0, first);
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 1);
    }

    #[test]
    fn a_key_that_others_read_or_that_is_cut_is_not_used() {
        let home = tempfile::tempdir().unwrap();
        let (first, Kept::OnDisk(path)) = key(Some(home.path())).unwrap() else { panic!() };
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let (second, Kept::ThisRunOnly { why }) = key(Some(home.path())).unwrap() else { panic!() };
        assert!(why.contains("chmod 600") && first != second, "{why}");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, "short").unwrap();
        assert!(matches!(key(Some(home.path())).unwrap().1, Kept::ThisRunOnly { .. }));
    }

    #[test]
    fn without_a_directory_there_is_a_key_for_the_run() {
        let (first, kept) = key(None).unwrap();
        assert!(matches!(kept, Kept::ThisRunOnly { .. }));
        assert_eq!(first.len(), 32);
        assert_ne!(first, key(Some(Path::new("/proc/nowhere"))).unwrap().0);
    }
}
