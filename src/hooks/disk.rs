//! Files, read with a limit and replaced whole: a file takes its name only when all of it is written.

use super::HooksError;
use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// No file that is read or changed here is longer.
const LARGEST_BYTES: u64 = 4 << 20;

/// What is there, or nothing.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, HooksError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        Err(error) => return Err(HooksError::read(path, error)),
    };
    let mut bytes = Vec::new();
    file.take(LARGEST_BYTES + 1).read_to_end(&mut bytes).map_err(|error| HooksError::read(path, error))?;
    if bytes.len() as u64 > LARGEST_BYTES {
        return Err(HooksError::refused(
            format!("{} has more than 4 MiB", path.display()),
            "a script or a configuration of that size is not read; make it shorter",
        ));
    }
    Ok(Some(bytes))
}

/// The same for text.
pub(super) fn read_text(path: &Path) -> Result<Option<String>, HooksError> {
    let Some(bytes) = read(path)? else { return Ok(None) };
    String::from_utf8(bytes).map(Some).map_err(|_| {
        HooksError::refused(format!("{} is not in UTF-8", path.display()), "only text in UTF-8 is changed here")
    })
}

/// Whether something has this name, be it a link that leads nowhere.
pub(super) fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Whether git would run it.
pub(super) fn runs(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    }
    #[cfg(not(unix))]
    path.is_file()
}

/// Writes a file that takes its name when it is whole. One that is there keeps its permissions, and a link stays one.
pub(super) fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), HooksError> {
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let draft = beside(&target, &format!(".stanch-{}", std::process::id()));
    replace_through(&target, &draft, bytes, mode)
}

/// The same, with a name for the draft: git's files of configuration are locked by theirs.
pub(super) fn replace_through(path: &Path, draft: &Path, bytes: &[u8], mode: u32) -> Result<(), HooksError> {
    let written = write_draft(path, draft, bytes, mode).and_then(|()| std::fs::rename(draft, path));
    written.map_err(|error| {
        if error.kind() == ErrorKind::AlreadyExists {
            return HooksError::refused(
                format!("{} is there: another program is changing {}", draft.display(), path.display()),
                "wait until it is done; remove the file if none is at work",
            );
        }
        // Best effort: what is left has a name that says what it is.
        let _removed = std::fs::remove_file(draft).is_ok();
        HooksError::write(path, error)
    })
}

/// The name of a file with an ending.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn write_draft(path: &Path, draft: &Path, bytes: &[u8], mode: u32) -> std::io::Result<()> {
    let mut file = File::create_new(draft)?;
    file.write_all(bytes)?;
    match path.metadata() {
        Ok(old) => file.set_permissions(old.permissions())?,
        Err(_) => set_mode(draft, mode)?,
    }
    file.sync_all()
}

/// Says who may do what with a file.
#[cfg(unix)]
pub(super) fn set_mode(path: &Path, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

/// Says who may do what with a file.
#[cfg(not(unix))]
pub(super) fn set_mode(_: &Path, _: u32) -> std::io::Result<()> {
    Ok(())
}

/// The bytes of a path, as a script is told them.
pub(super) fn bytes_of(path: &Path) -> Vec<u8> {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt as _;
        path.as_os_str().as_bytes().to_vec()
    }
    #[cfg(not(unix))]
    path.to_string_lossy().replace('\\', "/").into_bytes()
}
