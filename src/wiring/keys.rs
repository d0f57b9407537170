//! The envelope keys of an installation and what is sealed under each: in the journal, and in the local stores of this
//! machine.

use super::mending::Mending;
use crate::clock::Clock as _;
use crate::config::operator;
use crate::journal::JournalError;
use crate::runner;
use crate::seal::{FileKey, KeyError, Keys, Sealer};
use crate::store::StoreError;
use crate::store::local::{LocalSettings, LocalStore};
use std::collections::BTreeMap;

/// Why the envelope key was not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// A key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A local store cannot be used.
    #[error("the store '{name}' cannot be used")]
    Store {
        /// Which.
        name: String,
        /// Why.
        source: StoreError,
    },
    /// A daemon on another machine could not open what is sealed under a key that it does not have.
    #[error(
        "{who} works on this journal from another machine, which would not have the new key: stop it first, with stanch drain there"
    )]
    Elsewhere {
        /// Who.
        who: String,
    },
    /// The key that the journal is sealed under is not here.
    #[error(
        "this journal is sealed under the envelope key {wanted}, which is not here: restore its file; where it is lost for good, \
         stanch key forget {wanted} --lost gives up what is sealed under it"
    )]
    Missing {
        /// Its id.
        wanted: String,
    },
    /// There is no such key.
    #[error("there is no envelope key {id} here: stanch key list shows those there are")]
    Unknown {
        /// What was named.
        id: String,
    },
    /// The key is here.
    #[error(
        "the envelope key {id} is here and opens what is under it: nothing is lost; stanch key rotate, then forget it without --lost"
    )]
    NotLost {
        /// Its id.
        id: String,
    },
    /// The key seals.
    #[error("the envelope key {id} is the one that seals: stanch key rotate makes another one first")]
    Seals {
        /// Its id.
        id: String,
    },
    /// Somebody else changes it.
    #[error("somebody else changes the envelope key at this moment: try again")]
    Raced,
}

/// One envelope key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyUse {
    /// Its id.
    pub id: String,
    /// It is the one that seals.
    pub seals: bool,
    /// Its file is here.
    pub here: bool,
    /// How many values are under it.
    pub values: u64,
}

/// What became of a change.
#[derive(Debug, Default)]
pub struct Rotated {
    /// The key that seals now.
    pub key: String,
    /// It is a new one; else a change that was begun before was brought to its end.
    pub is_new: bool,
    /// Values that are under it now.
    pub changed: u64,
    /// Those that could not be opened, and why, in words.
    pub left: Vec<String>,
    /// Keys that nothing is sealed under any more.
    pub spare: Vec<String>,
}

impl Mending {
    /// The envelope keys that are here or that something is sealed under, the one that seals first.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn envelope_keys(&self) -> Result<Vec<KeyUse>, ChangeError> {
        let here = Keys::at(&self.key).list()?;
        let values = self.values_by_key().await?;
        let gone = values.keys().filter(|id| !here.contains(id));
        let of = |(nth, id): (usize, &String)| KeyUse {
            id: id.clone(),
            seals: nth == 0,
            here: here.contains(id),
            values: values.get(id).copied().unwrap_or(0),
        };
        Ok(here.iter().chain(gone).enumerate().map(of).collect())
    }

    /// Makes a new envelope key and puts everything under it, or ends what an interruption left of that. A daemon on this
    /// machine goes on meanwhile.
    ///
    /// # Errors
    /// [`ChangeError`]: everything opens as it did, and the same command goes on from there.
    pub async fn rotate_key(&self) -> Result<Rotated, ChangeError> {
        self.demand_alone().await?;
        let keys = Keys::at(&self.key);
        let here = keys.current()?;
        let wanted = self.wanted_key(&keys, &here).await?;
        let mut rotated = Rotated { key: wanted.clone(), ..Rotated::default() };
        if wanted != here {
            // An interruption came between saying so and doing it.
            keys.turn_to(&wanted)?;
        } else if self.values_by_key().await?.keys().all(|id| *id == here) {
            let next = keys.make()?;
            if !self.journal.turn_key(&here, &next).await? {
                return Err(ChangeError::Raced);
            }
            keys.turn_to(&next)?;
            rotated = Rotated { key: next, is_new: true, ..rotated };
        }
        let resealed = self.journal.reseal(&self.sealer, &rotated.key).await?;
        rotated.changed = resealed.changed;
        rotated.left = resealed.left.iter().map(|(rotation, error)| format!("{rotation}: {error}")).collect();
        for (name, store) in self.local_stores()? {
            let resealed = store.reseal().await;
            let (changed, left) = resealed.map_err(|source| ChangeError::Store { name: name.clone(), source })?;
            rotated.changed += changed;
            if left > 0 {
                rotated.left.push(format!("{left} values of the store '{name}' are under a key that is not here"));
            }
        }
        let uses = self.envelope_keys().await?;
        rotated.spare = uses.into_iter().filter(|key| !key.seals && key.values == 0).map(|key| key.id).collect();
        Ok(rotated)
    }

    /// The key that is to seal, which is here. One that was made while the right file was away, and seals nothing, is
    /// passed over.
    async fn wanted_key(&self, keys: &Keys, here: &str) -> Result<String, ChangeError> {
        let wanted = self.journal.sealing_key(here).await?;
        if keys.list()?.contains(&wanted) {
            return Ok(wanted);
        }
        if self.values_by_key().await?.contains_key(&wanted) {
            return Err(ChangeError::Missing { wanted });
        }
        match self.journal.turn_key(&wanted, here).await? {
            true => Ok(here.to_owned()),
            false => Err(ChangeError::Raced),
        }
    }

    /// Removes an envelope key that nothing is sealed under. One that is lost is given up with what is under it.
    ///
    /// # Errors
    /// [`ChangeError`]: then it is still there.
    pub async fn forget_key(&self, id: &str, is_lost: bool) -> Result<(), ChangeError> {
        let uses = self.envelope_keys().await?;
        let seals = uses.iter().find(|key| key.seals).map(|key| key.id.clone()).unwrap_or_default();
        let wanted = self.journal.sealing_key(&seals).await?;
        let known = uses.into_iter().find(|key| key.id == id);
        let known = known
            .or_else(|| (wanted == id).then(|| KeyUse { id: id.to_owned(), seals: false, here: false, values: 0 }));
        let key = known.ok_or_else(|| ChangeError::Unknown { id: id.to_owned() })?;
        match (key.seals, key.here, is_lost) {
            (true, ..) => return Err(ChangeError::Seals { id: key.id }),
            (_, true, true) => return Err(ChangeError::NotLost { id: key.id }),
            (_, _, false) if wanted == id => return Err(ChangeError::Seals { id: key.id }),
            _ => {}
        }
        if key.values > 0 && !is_lost {
            return Err(JournalError::KeyInUse { key: key.id, values: key.values }.into());
        }
        self.journal.forget_key(id, is_lost, self.clock.now()).await?;
        if wanted == id {
            self.journal.turn_key(id, &seals).await?;
        }
        Ok(Keys::at(&self.key).forget(id)?)
    }

    async fn values_by_key(&self) -> Result<BTreeMap<String, u64>, ChangeError> {
        let mut values = self.journal.values_by_key().await?;
        for (name, store) in self.local_stores()? {
            let kept = store.values_by_key().await.map_err(|source| ChangeError::Store { name, source })?;
            for (id, count) in kept {
                *values.entry(id).or_insert(0) += count;
            }
        }
        Ok(values)
    }

    fn local_stores(&self) -> Result<Vec<(String, LocalStore)>, KeyError> {
        let locals = self.operator.stores.iter().filter_map(|(name, store)| match &store.value {
            operator::Store::Local { directory } => Some((name.clone(), directory.clone())),
            _ => None,
        });
        let store = |(name, directory)| {
            let sealer = Sealer::new(FileKey::load_or_create(&self.key)?);
            let settings = LocalSettings { directory, exports: BTreeMap::new() };
            Ok((name, LocalStore::new(settings, sealer)))
        };
        locals.map(store).collect()
    }

    /// Nobody on another machine works on this journal.
    async fn demand_alone(&self) -> Result<(), ChangeError> {
        if !self.journal.database().is_shared() {
            return Ok(());
        }
        let now = self.clock.now();
        let attendants = self.journal.attendants(now).await?.into_iter().map(|one| one.holder);
        let workers = self.journal.open_ones(now).await?.into_iter().filter_map(|one| one.holder);
        match attendants.chain(workers).find(|holder| !runner::is_of_this_machine(holder)) {
            Some(holder) => Err(ChangeError::Elsewhere { who: format!("process {}", runner::process_of(&holder)) }),
            None => Ok(()),
        }
    }
}
