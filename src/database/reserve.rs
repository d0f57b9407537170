//! Room on the disk that is kept for what must be written.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// A file that takes up room beside the database, given up when an outcome must be recorded and the disk is full.
#[derive(Clone, Debug)]
pub struct Reserve {
    path: PathBuf,
    bytes: u64,
}

impl Reserve {
    /// A reserve of so many bytes beside `database`; nothing is made yet.
    #[must_use]
    pub fn beside(database: &Path, bytes: u64) -> Self {
        let mut path = database.as_os_str().to_owned();
        path.push("-reserve");
        Self { path: path.into(), bytes }
    }

    /// How large it is when it stands.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Sees that it stands, and makes it where it does not.
    ///
    /// # Errors
    /// When there is no room for it.
    pub fn keep(&self) -> io::Result<()> {
        if fs::metadata(&self.path).is_ok_and(|about| about.len() >= self.bytes) {
            return Ok(());
        }
        let made = self.fill();
        if made.is_err() {
            self.spend()?;
        }
        made
    }

    /// Gives the room up.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn spend(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Bytes that are free for us on its disk.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn free(&self) -> io::Result<u64> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let disk = rustix::fs::statvfs(folder)?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    fn fill(&self) -> io::Result<()> {
        static BLOCK: [u8; 65_536] = [0; 65_536];
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&self.path)?;
        let mut left = self.bytes;
        while left > 0 {
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(BLOCK.len());
            file.write_all(BLOCK.get(..count).unwrap_or(&BLOCK))?;
            left -= count as u64;
        }
        file.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_up_room_until_it_is_spent() {
        let folder = tempfile::tempdir().unwrap();
        let reserve = Reserve::beside(&folder.path().join("journal.db"), 100_000);
        reserve.keep().unwrap();
        assert_eq!(fs::metadata(folder.path().join("journal.db-reserve")).unwrap().len(), 100_000);
        reserve.keep().unwrap();
        reserve.spend().unwrap();
        reserve.spend().unwrap();
        assert!(!folder.path().join("journal.db-reserve").exists());
        assert!(reserve.free().unwrap() > 0);
    }
}
