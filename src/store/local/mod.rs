//! The sealed local store, for machines without a secrets manager: one file per path, every value sealed.
//!
//! A version waits apart until it is promoted; promoting is compare-and-set on the current version. Where a program on
//! this machine must read the value itself, an *export* is a plain file (0600) that holds the current value as it is,
//! replaced in one piece with every promotion.

mod shelf;

use super::{SecretStore, StoreError, Which, fence_label, same_value};
use crate::model::{Label, Secret, StorePath, Version};
use crate::rotation::{Staged, Staging};
use crate::seal::Sealer;
use async_trait::async_trait;
use shelf::{Directory, Shelf};
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// How many versions a path keeps, besides those in use.
const KEPT: usize = 10;

/// Where the local store keeps its files.
#[derive(Clone, Debug)]
pub struct LocalSettings {
    /// The directory, made (0700) with the first write.
    pub directory: PathBuf,
    /// The paths whose current values are also kept in plain files of their owner (0600): the way to hand a value to a
    /// program on this machine. The files are replaced with every promotion.
    pub exports: BTreeMap<StorePath, PathBuf>,
}

/// A directory (0700) of sealed files (0600).
#[derive(Clone, Debug)]
pub struct LocalStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    directory: Directory,
    sealer: Sealer,
    exports: BTreeMap<StorePath, PathBuf>,
}

impl LocalStore {
    /// A store whose values are sealed by `sealer`; touches nothing yet.
    #[must_use]
    pub fn new(settings: LocalSettings, sealer: Sealer) -> Self {
        let LocalSettings { directory, exports } = settings;
        Self { inner: Arc::new(Inner { directory: Directory::new(directory), sealer, exports }) }
    }

    /// Makes a value current whatever is there, and makes the path if there is none: a person's act, when the store is
    /// set up.
    ///
    /// # Errors
    /// A file cannot be written, or the value cannot be sealed.
    pub async fn put(&self, at: &StorePath, value: &Secret) -> Result<Version, StoreError> {
        let value = value.duplicate();
        self.change(at, "write", move |inner, at, shelf| {
            let mut shelf = shelf.unwrap_or_default();
            let number = inner.add(&mut shelf, at, None, &value)?;
            shelf.turn(number);
            inner.save(at, &shelf, "write")?;
            inner.export(at, &value)?;
            Ok(version(number))
        })
        .await
    }

    /// How many values are kept under which envelope key.
    ///
    /// # Errors
    /// A file cannot be read.
    pub async fn values_by_key(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        let counts = self.each(|_, shelf, counts: &mut BTreeMap<String, u64>| {
            shelf.sealed().for_each(|sealed| *counts.entry(sealed.key.clone()).or_insert(0) += 1);
            Ok(false)
        });
        counts.await
    }

    /// Puts every value under the envelope key that seals now, path by path; how many were under another one, and how many
    /// still are, as they do not open.
    ///
    /// # Errors
    /// A file cannot be read or written; those before it are done.
    pub async fn reseal(&self) -> Result<(u64, u64), StoreError> {
        let done = self.each(|inner, shelf, (changed, left): &mut (u64, u64)| {
            let before = *changed;
            for sealed in shelf.sealed() {
                match inner.sealer.reseal(sealed) {
                    Ok(Some(resealed)) => {
                        *sealed = resealed;
                        *changed += 1;
                    }
                    Ok(None) => {}
                    Err(error) => {
                        tracing::warn!(%error, "a value of the local store stays under its key");
                        *left += 1;
                    }
                }
            }
            Ok(*changed > before)
        });
        done.await
    }

    /// Runs `work` on what every path holds, alone among its writers; what it changes is kept.
    async fn each<T: Default + Send + 'static>(
        &self,
        work: impl Fn(&Inner, &mut Shelf, &mut T) -> io::Result<bool> + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = Arc::clone(&self.inner);
        let everything = StorePath::new(self.inner.directory.shown());
        let at = everything.clone();
        self.aside(&at, "seal", move || {
            let mut total = T::default();
            for file in inner.directory.shelves().map_err(|source| local("read", &everything, source))? {
                let of = StorePath::new(file.display().to_string());
                let outcome = inner.directory.change(&file, |bytes| {
                    let mut shelf: Shelf = serde_json::from_slice(bytes)?;
                    Ok(if work(&inner, &mut shelf, &mut total)? { Some(serde_json::to_vec(&shelf)?) } else { None })
                });
                outcome.map_err(|source| local("seal", &of, source))?;
            }
            Ok(total)
        })
        .await
    }

    /// Runs `work` on what the path holds, alone among all writers of the path.
    async fn change<T: Send + 'static>(
        &self,
        at: &StorePath,
        act: &'static str,
        work: impl FnOnce(&Inner, &StorePath, Option<Shelf>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (inner, path) = (Arc::clone(&self.inner), at.clone());
        self.aside(at, act, move || {
            inner.directory.prepare().map_err(|source| local(act, &path, source))?;
            let _held = inner.directory.lock(&path).map_err(|source| local(act, &path, source))?;
            let shelf = inner.load(&path, act)?;
            work(&inner, &path, shelf)
        })
        .await
    }

    /// Runs `work` on what the path holds at this moment.
    async fn look<T: Send + 'static>(
        &self,
        at: &StorePath,
        act: &'static str,
        work: impl FnOnce(&Inner, &StorePath, Shelf) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (inner, path) = (Arc::clone(&self.inner), at.clone());
        self.aside(at, act, move || {
            let shelf = inner.load(&path, act)?.ok_or_else(|| StoreError::Missing { at: path.clone() })?;
            work(&inner, &path, shelf)
        })
        .await
    }

    async fn aside<T: Send + 'static>(
        &self,
        at: &StorePath,
        act: &'static str,
        work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        match tokio::task::spawn_blocking(work).await {
            Ok(done) => done,
            Err(_) => Err(local(act, at, io::Error::other("the work was cut short"))),
        }
    }
}

impl Inner {
    fn load(&self, at: &StorePath, act: &'static str) -> Result<Option<Shelf>, StoreError> {
        let Some(bytes) = self.directory.load(at).map_err(|source| local(act, at, source))? else { return Ok(None) };
        let shelf: Shelf = serde_json::from_slice(&bytes).map_err(|_| StoreError::Unreadable { at: at.clone() })?;
        Ok(Some(shelf))
    }

    fn save(&self, at: &StorePath, shelf: &Shelf, act: &'static str) -> Result<(), StoreError> {
        let bytes = serde_json::to_vec(shelf).map_err(|error| local(act, at, error.into()))?;
        self.directory.save(at, &bytes).map_err(|source| local(act, at, source))
    }

    fn add(&self, shelf: &mut Shelf, at: &StorePath, label: Option<&Label>, value: &Secret) -> Result<u64, StoreError> {
        let number = shelf.last.saturating_add(1);
        let sealed = self
            .sealer
            .seal(&context(at, number), value)
            .map_err(|_| local("seal", at, io::Error::other("the value could not be sealed")))?;
        shelf.add(number, label, sealed, KEPT);
        Ok(number)
    }

    fn open(&self, shelf: &Shelf, at: &StorePath, number: u64) -> Result<Secret, StoreError> {
        let kept = shelf.version(number).ok_or_else(|| StoreError::Missing { at: at.clone() })?;
        self.sealer.open(&context(at, number), &kept.sealed).map_err(|_| StoreError::Unreadable { at: at.clone() })
    }

    #[expect(clippy::disallowed_methods, reason = "the export is the operator's order to write the value to a file")]
    fn export(&self, at: &StorePath, value: &Secret) -> Result<(), StoreError> {
        let Some(to) = self.exports.get(at) else { return Ok(()) };
        shelf::replace(to, value.expose()).map_err(|source| local("export", at, source))
    }
}

#[async_trait]
impl SecretStore for LocalStore {
    fn staging(&self) -> Staging {
        Staging::Native
    }

    async fn ready(&self, at: &StorePath) -> Result<Version, StoreError> {
        // A path that is not there leaves no lock file behind.
        self.look(at, "check", |_, _, _| Ok(())).await?;
        self.change(at, "check", |inner, at, shelf| {
            let shelf = shelf.ok_or_else(|| StoreError::Missing { at: at.clone() })?;
            inner.open(&shelf, at, shelf.current)?;
            inner.directory.try_write(at).map_err(|source| local("write", at, source))?;
            Ok(version(shelf.current))
        })
        .await
    }

    async fn read(&self, at: &StorePath, which: &Which) -> Result<(Version, Secret), StoreError> {
        let which = which.clone();
        self.look(at, "read", move |inner, at, shelf| {
            let number = match &which {
                Which::Current => shelf.current,
                Which::Exactly(version) => number(version).ok_or_else(|| StoreError::Missing { at: at.clone() })?,
            };
            Ok((version(number), inner.open(&shelf, at, number)?))
        })
        .await
    }

    async fn stage(&self, at: &StorePath, value: &Secret, label: &Label) -> Result<Staged, StoreError> {
        let (value, label) = (value.duplicate(), label.clone());
        self.change(at, "stage", move |inner, at, shelf| {
            let mut shelf = shelf.ok_or_else(|| StoreError::Missing { at: at.clone() })?;
            let number = match shelf.labelled(&label) {
                Some(number) if same_value(&inner.open(&shelf, at, number)?, &value) => number,
                Some(_) => return Err(StoreError::Conflict { at: at.clone() }),
                None => {
                    let number = inner.add(&mut shelf, at, Some(&label), &value)?;
                    inner.save(at, &shelf, "stage")?;
                    number
                }
            };
            Ok(Staged { version: Some(version(number)), previous: version(shelf.left_by(number)) })
        })
        .await
    }

    async fn promote(&self, at: &StorePath, staged: &Staged, value: &Secret) -> Result<Version, StoreError> {
        let (value, staged) = (value.duplicate(), staged.clone());
        self.change(at, "promote", move |inner, at, shelf| {
            let mut shelf = shelf.ok_or_else(|| StoreError::Missing { at: at.clone() })?;
            // Opened only where it is needed: a current value that cannot be opened must not stand in the way.
            let already = inner.open(&shelf, at, shelf.current).is_ok_and(|current| same_value(&current, &value));
            if !already {
                if version(shelf.current) != staged.previous {
                    return Err(StoreError::Conflict { at: at.clone() });
                }
                let waiting = staged.version.as_ref().and_then(number);
                let to = waiting.ok_or_else(|| StoreError::Missing { at: at.clone() })?;
                if !same_value(&inner.open(&shelf, at, to)?, &value) {
                    return Err(StoreError::Conflict { at: at.clone() });
                }
                shelf.turn(to);
                inner.save(at, &shelf, "promote")?;
            }
            // Written again with a repeated promotion: the one before may have stopped between the two files.
            inner.export(at, &value)?;
            Ok(version(shelf.current))
        })
        .await
    }

    async fn fence(
        &self,
        at: &StorePath,
        staged: &Staged,
        value: &Secret,
        label: &Label,
    ) -> Result<Version, StoreError> {
        let (value, staged, label) = (value.duplicate(), staged.clone(), fence_label(label));
        self.change(at, "fence", move |inner, at, shelf| {
            let mut shelf = shelf.ok_or_else(|| StoreError::Missing { at: at.clone() })?;
            if !same_value(&inner.open(&shelf, at, shelf.current)?, &value) {
                return Err(StoreError::Conflict { at: at.clone() });
            }
            if version(shelf.current) == staged.previous {
                let fresh = inner.add(&mut shelf, at, Some(&label), &value)?;
                shelf.turn(fresh);
                inner.save(at, &shelf, "fence")?;
            }
            inner.export(at, &value)?;
            Ok(version(shelf.current))
        })
        .await
    }

    async fn discard(&self, at: &StorePath, label: &Label) -> Result<(), StoreError> {
        let label = label.clone();
        self.change(at, "discard", move |inner, at, shelf| {
            let Some(mut shelf) = shelf else { return Ok(()) };
            match shelf.labelled(&label) {
                Some(number) if number != shelf.current => {
                    shelf.drop_version(number);
                    inner.save(at, &shelf, "discard")
                }
                _ => Ok(()),
            }
        })
        .await
    }
}

/// What a sealed value is bound to: it opens as this version of this path and as nothing else.
fn context(at: &StorePath, number: u64) -> String {
    format!("store/local/{number}/{at}")
}

fn version(number: u64) -> Version {
    Version::new(number.to_string())
}

fn number(version: &Version) -> Option<u64> {
    version.as_str().parse().ok()
}

fn local(act: &'static str, at: &StorePath, source: io::Error) -> StoreError {
    StoreError::Local { act, at: at.clone(), source }
}

#[cfg(test)]
mod tests;
