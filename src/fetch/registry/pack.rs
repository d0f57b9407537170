//! The file that an image is kept in while it is read: without a name, so that nothing is left of it however we end.

use super::session::Session;
use super::{Descriptor, PATIENCE, Reference, RegistryError};
use futures_util::StreamExt as _;
use rustix::fs::{Mode, OFlags};
use sha2::{Digest as _, Sha256, Sha512};
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

/// Blobs that are fetched at once.
const AT_ONCE: usize = 3;

/// How often a blob that broke off is fetched.
const ATTEMPTS: u32 = 3;

/// A tar that grows.
#[derive(Debug)]
pub(super) struct Pack {
    file: File,
    directory: PathBuf,
    end: u64,
}

impl Pack {
    /// An empty one.
    ///
    /// # Errors
    /// When the directory for such files takes none.
    pub(super) fn new() -> Result<Self, RegistryError> {
        let directory = std::env::temp_dir();
        match nameless(&directory) {
            Ok(file) => Ok(Self { file, directory, end: 0 }),
            Err(source) => Err(RegistryError::Keep { directory, source }),
        }
    }

    fn unkept(&self, source: io::Error) -> RegistryError {
        RegistryError::Keep { directory: self.directory.clone(), source }
    }

    /// Adds what is at hand.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn document(&mut self, name: &str, bytes: &[u8]) -> Result<(), RegistryError> {
        let at = self.room(name, bytes.len() as u64)?;
        self.file.write_all_at(bytes, at).map_err(|source| self.unkept(source))
    }

    /// Makes room for what is yet to come, and says where it begins.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn room(&mut self, name: &str, size: u64) -> Result<u64, RegistryError> {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o600);
        header.set_size(size);
        // With nothing to put behind it, this writes the header alone, and what a long name takes.
        let mut tar = tar::Builder::new(Vec::new());
        tar.append_data(&mut header, name, io::empty()).map_err(|source| self.unkept(source))?;
        self.file.write_all_at(tar.get_ref(), self.end).map_err(|source| self.unkept(source))?;
        let at = self.end.saturating_add(tar.get_ref().len() as u64);
        self.end = at.saturating_add(size.checked_next_multiple_of(512).unwrap_or(u64::MAX));
        Ok(at)
    }

    /// Ends the tar; what there is room for may still come.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn end(&mut self) -> Result<(), RegistryError> {
        self.file.set_len(self.end.saturating_add(1024)).map_err(|source| self.unkept(source))
    }

    pub(super) fn into_file(self) -> File {
        self.file
    }

    /// Fetches the blobs, several at once. Those that did not come are returned.
    ///
    /// # Errors
    /// When they cannot be kept.
    pub(super) async fn fill(
        &self,
        session: &Session,
        reference: &Reference,
        places: Vec<(u64, Descriptor)>,
    ) -> Result<Vec<(String, RegistryError)>, RegistryError> {
        let fetched = futures_util::stream::iter(places)
            .map(|(at, blob)| async move {
                let came = self.blob(session, reference, at, &blob).await;
                came.err().map(|error| (blob.digest, error))
            })
            .buffer_unordered(AT_ONCE);
        let mut failed: Vec<(String, RegistryError)> = fetched.filter_map(std::future::ready).collect().await;
        if let Some(at) = failed.iter().position(|(_, error)| matches!(error, RegistryError::Keep { .. })) {
            return Err(failed.swap_remove(at).1);
        }
        failed.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(failed)
    }

    async fn blob(
        &self,
        session: &Session,
        reference: &Reference,
        at: u64,
        blob: &Descriptor,
    ) -> Result<(), RegistryError> {
        let what = format!("blob {} of {}", blob.digest, reference.path());
        let mut attempt = 1;
        loop {
            match self.once(session, reference, at, blob, &what).await {
                Err(RegistryError::Egress(_) | RegistryError::Slow { .. }) if attempt < ATTEMPTS => attempt += 1,
                done => return done,
            }
        }
    }

    async fn once(
        &self,
        session: &Session,
        reference: &Reference,
        start: u64,
        blob: &Descriptor,
        what: &str,
    ) -> Result<(), RegistryError> {
        let host = reference.registry().to_owned();
        let wrong = |why: String| RegistryError::Answer { host: host.clone(), what: what.to_owned(), why };
        let slow = |_| RegistryError::Slow { host: host.clone(), what: what.to_owned(), limit: PATIENCE };
        let mut reply = session.ask(what, &format!("blobs/{}", blob.digest), "*/*").await?;
        let (mut short, mut long, mut length) = (Sha256::new(), Sha512::new(), 0_u64);
        let is_long = blob.digest.starts_with("sha512:");
        while let Some(piece) =
            tokio::time::timeout(PATIENCE, reply.piece()).await.map_err(slow)?.map_err(RegistryError::Egress)?
        {
            let at = start.saturating_add(length);
            length = length.saturating_add(piece.len() as u64);
            if length > blob.size {
                return Err(wrong(format!("it is longer than the {} bytes that its manifest says", blob.size)));
            }
            if is_long {
                long.update(&piece)
            } else {
                short.update(&piece)
            }
            self.file.write_all_at(&piece, at).map_err(|source| self.unkept(source))?;
        }
        if length < blob.size {
            return Err(wrong(format!("it ended after {length} of {} bytes", blob.size)));
        }
        let lower = data_encoding::HEXLOWER;
        let hex = if is_long { lower.encode(&long.finalize()) } else { lower.encode(&short.finalize()) };
        if blob.digest.split_once(':').is_some_and(|(_, said)| said == hex) {
            Ok(())
        } else {
            Err(wrong("its content is not what its digest says".to_owned()))
        }
    }
}

/// A file that nobody else can open. Where the file system knows none without a name, its name is taken away at once.
fn nameless(directory: &std::path::Path) -> io::Result<File> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    if let Ok(file) = rustix::fs::open(directory, flags, Mode::RUSR | Mode::WUSR) {
        return Ok(File::from(file));
    }
    let mut drawn = [0; 12];
    getrandom::fill(&mut drawn).map_err(|error| io::Error::other(error.to_string()))?;
    let path = directory.join(format!(".stanch-image-{}", data_encoding::HEXLOWER.encode(&drawn)));
    let file = File::options().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}
