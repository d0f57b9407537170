//! A store in memory, with either kind of staging: the rehearsal's, and the one whose faults can be ordered.

use super::{SecretStore, StoreError, Which, same_value};
use crate::model::{Happened, Label, Secret, StorePath, Version};
use crate::rotation::{Staged, Staging};
use async_trait::async_trait;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Which call a fault is ordered for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// [`SecretStore::ready`].
    Ready,
    /// [`SecretStore::read`].
    Read,
    /// [`SecretStore::stage`].
    Stage,
    /// [`SecretStore::promote`].
    Promote,
    /// [`SecretStore::discard`].
    Discard,
}

impl Act {
    fn verb(self) -> &'static str {
        match self {
            Self::Ready => "check",
            Self::Read => "read",
            Self::Stage => "stage",
            Self::Promote => "promote",
            Self::Discard => "discard",
        }
    }
}

/// What goes wrong with one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The store refuses; nothing happens.
    Refuse,
    /// The request is lost: nothing happens, but the caller cannot tell.
    LoseRequest,
    /// The reply is lost: it happens, but the caller cannot tell.
    LoseReply,
}

/// A store in memory.
#[derive(Debug)]
pub struct MemoryStore {
    staging: Staging,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    shelves: BTreeMap<StorePath, Shelf>,
    faults: VecDeque<(Act, Fault)>,
}

#[derive(Debug, Default)]
struct Shelf {
    versions: BTreeMap<u64, Entry>,
    current: u64,
    previous: u64,
    last: u64,
}

#[derive(Debug)]
struct Entry {
    label: Option<Label>,
    value: Arc<Secret>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new(staging: Staging) -> Self {
        Self { staging, inner: Mutex::new(Inner::default()) }
    }

    /// Makes a value current whatever is there, as a foreign writer would; makes the path if there is none.
    pub fn put(&self, at: &StorePath, value: &Secret) -> Version {
        let mut inner = self.lock();
        let shelf = inner.shelves.entry(at.clone()).or_default();
        let number = shelf.add(None, value);
        shelf.turn(number);
        version(number)
    }

    /// Orders a fault for the next call of `act`; faults for the same act come in the order given.
    pub fn order(&self, act: Act, fault: Fault) {
        self.lock().faults.push_back((act, fault));
    }

    /// What is current, faults aside.
    #[cfg(test)]
    pub(crate) fn given_out(&self, at: &StorePath) -> Option<Arc<Secret>> {
        let inner = self.lock();
        let shelf = inner.shelves.get(at)?;
        shelf.versions.get(&shelf.current).map(|entry| Arc::clone(&entry.value))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` under the fault that is ordered for `act`, if any.
    fn perform<T>(
        &self,
        act: Act,
        at: &StorePath,
        work: impl FnOnce(&mut Inner) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut inner = self.lock();
        let due = inner.faults.iter().position(|(for_act, _)| *for_act == act);
        let fault = due.and_then(|index| inner.faults.remove(index)).map(|(_, fault)| fault);
        let lost = || StoreError::NoAnswer { act: act.verb(), at: at.clone(), happened: Happened::Perhaps };
        match fault {
            None => work(&mut inner),
            Some(Fault::Refuse) => {
                Err(StoreError::Refused { act: act.verb(), at: at.clone(), code: "ordered".to_owned() })
            }
            Some(Fault::LoseRequest) => Err(lost()),
            Some(Fault::LoseReply) => work(&mut inner).and_then(|_| Err(lost())),
        }
    }
}

impl Inner {
    fn shelf(&mut self, at: &StorePath) -> Result<&mut Shelf, StoreError> {
        self.shelves.get_mut(at).ok_or_else(|| StoreError::Missing { at: at.clone() })
    }
}

impl Shelf {
    fn add(&mut self, label: Option<Label>, value: &Secret) -> u64 {
        self.last += 1;
        self.versions.insert(self.last, Entry { label, value: Arc::new(value.duplicate()) });
        self.last
    }

    fn turn(&mut self, to: u64) {
        if self.current != to {
            self.previous = self.current;
            self.current = to;
        }
    }

    fn labelled(&self, label: &Label) -> Option<u64> {
        self.versions.iter().find(|(_, entry)| entry.label.as_ref() == Some(label)).map(|(number, _)| *number)
    }

    fn holds(&self, number: u64, value: &Secret) -> bool {
        self.versions.get(&number).is_some_and(|entry| same_value(&entry.value, value))
    }

    /// The version that leaving `staged` aside makes current.
    fn left_by(&self, staged: u64) -> Version {
        version(if self.current == staged { self.previous } else { self.current })
    }
}

#[async_trait]
impl SecretStore for MemoryStore {
    fn staging(&self) -> Staging {
        self.staging
    }

    async fn ready(&self, at: &StorePath) -> Result<Version, StoreError> {
        self.perform(Act::Ready, at, |inner| Ok(version(inner.shelf(at)?.current)))
    }

    async fn read(&self, at: &StorePath, which: &Which) -> Result<(Version, Secret), StoreError> {
        self.perform(Act::Read, at, |inner| {
            let shelf = inner.shelf(at)?;
            let number = match which {
                Which::Current => Some(shelf.current),
                Which::Exactly(version) => number(version),
            };
            let entry = number.and_then(|number| Some((number, shelf.versions.get(&number)?)));
            let (number, entry) = entry.ok_or_else(|| StoreError::Missing { at: at.clone() })?;
            Ok((version(number), entry.value.duplicate()))
        })
    }

    async fn stage(&self, at: &StorePath, value: &Secret, label: &Label) -> Result<Staged, StoreError> {
        self.perform(Act::Stage, at, |inner| {
            let shelf = inner.shelf(at)?;
            if self.staging == Staging::None {
                return Ok(Staged { version: None, previous: version(shelf.current) });
            }
            let number = match shelf.labelled(label) {
                Some(number) if shelf.holds(number, value) => number,
                Some(_) => return Err(StoreError::Conflict { at: at.clone() }),
                None => shelf.add(Some(label.clone()), value),
            };
            Ok(Staged { version: Some(version(number)), previous: shelf.left_by(number) })
        })
    }

    async fn promote(&self, at: &StorePath, staged: &Staged, value: &Secret) -> Result<Version, StoreError> {
        self.perform(Act::Promote, at, |inner| {
            let shelf = inner.shelf(at)?;
            if shelf.holds(shelf.current, value) {
                return Ok(version(shelf.current));
            }
            if version(shelf.current) != staged.previous {
                return Err(StoreError::Conflict { at: at.clone() });
            }
            let to = match (self.staging, &staged.version) {
                (Staging::None, _) => shelf.add(None, value),
                (Staging::Native, Some(waiting)) => match number(waiting) {
                    Some(number) if shelf.holds(number, value) => number,
                    Some(number) if shelf.versions.contains_key(&number) => {
                        return Err(StoreError::Conflict { at: at.clone() });
                    }
                    _ => return Err(StoreError::Missing { at: at.clone() }),
                },
                (Staging::Native, None) => return Err(StoreError::Missing { at: at.clone() }),
            };
            shelf.turn(to);
            Ok(version(to))
        })
    }

    async fn fence(&self, at: &StorePath, staged: &Staged, value: &Secret, _: &Label) -> Result<Version, StoreError> {
        self.perform(Act::Promote, at, |inner| {
            let shelf = inner.shelf(at)?;
            if !shelf.holds(shelf.current, value) {
                return Err(StoreError::Conflict { at: at.clone() });
            }
            if version(shelf.current) == staged.previous {
                let fresh = shelf.add(None, value);
                shelf.turn(fresh);
            }
            Ok(version(shelf.current))
        })
    }

    async fn discard(&self, at: &StorePath, label: &Label) -> Result<(), StoreError> {
        self.perform(Act::Discard, at, |inner| {
            if let Some(shelf) = inner.shelves.get_mut(at)
                && let Some(number) = shelf.labelled(label)
                && number != shelf.current
            {
                shelf.versions.remove(&number);
            }
            Ok(())
        })
    }
}

fn version(number: u64) -> Version {
    Version::new(number.to_string())
}

fn number(version: &Version) -> Option<u64> {
    version.as_str().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::contract;
    use super::*;
    use proptest::prelude::*;

    fn at() -> StorePath {
        StorePath::new("shop/db")
    }

    fn secret(text: &str) -> Secret {
        Secret::new(text.as_bytes().to_vec())
    }

    #[tokio::test]
    async fn both_kinds_of_staging_keep_the_contract() {
        for staging in [Staging::Native, Staging::None] {
            let store = MemoryStore::new(staging);
            store.put(&at(), &secret("old"));
            contract::check(&store, &at(), "m").await;
        }
    }

    #[tokio::test]
    async fn a_lost_reply_happened_and_a_lost_request_did_not() {
        for (fault, text) in [(Fault::LoseReply, "new"), (Fault::LoseRequest, "old"), (Fault::Refuse, "old")] {
            let store = MemoryStore::new(Staging::None);
            store.put(&at(), &secret("old"));
            let staged = store.stage(&at(), &secret("new"), &Label::new("l")).await.unwrap();
            store.order(Act::Promote, fault);
            let error = store.promote(&at(), &staged, &secret("new")).await.unwrap_err();
            assert_eq!(error.happened() == Happened::Perhaps, fault != Fault::Refuse);
            let (_, value) = store.read(&at(), &Which::Current).await.unwrap();
            assert!(value.same_as(&secret(text)), "after {fault:?}");
            // The fault is spent, and the act can be repeated.
            store.promote(&at(), &staged, &secret("new")).await.unwrap();
        }
    }

    /// What one of two writers does.
    #[derive(Clone, Debug)]
    enum Deed {
        Stage { writer: usize, value: u8 },
        Promote { writer: usize },
        Discard { writer: usize },
        Foreign { value: u8 },
    }

    fn deeds() -> impl Strategy<Value = Vec<Deed>> {
        let deed = prop_oneof![
            (0..2_usize, 0..4_u8).prop_map(|(writer, value)| Deed::Stage { writer, value }),
            (0..2_usize).prop_map(|writer| Deed::Promote { writer }),
            (0..2_usize).prop_map(|writer| Deed::Discard { writer }),
            (0..4_u8).prop_map(|value| Deed::Foreign { value }),
        ];
        prop::collection::vec(deed, 1..40)
    }

    /// Does the deeds and checks after each that only a promotion that names what it leaves has moved anything.
    async fn interleave(store: &MemoryStore, deeds: Vec<Deed>) {
        let text = |value: u8| secret(&format!("value-{value}"));
        let mut held: [Option<(Staged, u8, Label)>; 2] = [None, None];
        for (step, deed) in deeds.into_iter().enumerate() {
            let (before, was) = store.read(&at(), &Which::Current).await.unwrap();
            match deed {
                Deed::Stage { writer, value } => {
                    let label = Label::new(format!("stanch-{writer}-{step}"));
                    let staged = store.stage(&at(), &text(value), &label).await.unwrap();
                    assert_eq!(staged.previous, before);
                    held[writer] = Some((staged, value, label));
                }
                Deed::Promote { writer } => {
                    let Some((staged, value, _)) = &held[writer] else { continue };
                    let done = store.promote(&at(), staged, &text(*value)).await;
                    let (after, is) = store.read(&at(), &Which::Current).await.unwrap();
                    match done {
                        Ok(version) => {
                            assert!(version == after && is.same_as(&text(*value)));
                            assert!(
                                staged.previous == before || was.same_as(&text(*value)),
                                "it moved what it had not seen"
                            );
                        }
                        Err(_) => assert!(after == before && is.same_as(&was), "a failed promotion moved something"),
                    }
                    continue;
                }
                Deed::Discard { writer } => {
                    let Some((_, _, label)) = held[writer].take() else { continue };
                    store.discard(&at(), &label).await.unwrap();
                }
                Deed::Foreign { value } => {
                    store.put(&at(), &text(value));
                    continue;
                }
            }
            let (after, is) = store.read(&at(), &Which::Current).await.unwrap();
            assert!(after == before && is.same_as(&was), "only promotions move what is current");
        }
    }

    proptest! {
        #[test]
        fn no_interleaving_overwrites_what_a_writer_has_not_seen(deeds in deeds(), native in any::<bool>()) {
            let store = MemoryStore::new(if native { Staging::Native } else { Staging::None });
            store.put(&at(), &secret("first"));
            tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(interleave(&store, deeds));
        }
    }
}
