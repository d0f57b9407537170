//! The first look at every object of a repository: where anything is found that may have to be reported, and what is
//! named but not there. Where an object lives is not asked yet; that is worth the effort for few of them.

use super::pack::{Flow, Item, Kind, Object, ObjectId, Objects, PackError};
use super::parts::{Entries, Note, Sort, is_fresh, timeless};
use crate::model::Place;
use crate::source::{Blob, Heard, Held, Visit};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// Names with fewer bytes hold no token.
const LEAST_NAME: usize = 8;

/// Names that are remembered as harmless; those beyond are looked at each time they are met.
const MOST_NAMES: usize = 1 << 20;

/// Objects that are remembered as missing; those beyond are counted.
pub(super) const MOST_MISSING: usize = 100_000;

/// Sets of names, so that threads seldom wait for each other.
const SHARES: usize = 16;

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Objects in which there is something.
    pub(super) loud: BTreeMap<ObjectId, Kind>,
    /// What was written down of them before.
    pub(super) notes: BTreeMap<ObjectId, Vec<u8>>,
    /// Objects over the limit, with their sizes.
    pub(super) large: BTreeMap<ObjectId, u64>,
    /// Objects without anything, with their kinds and sizes.
    pub(super) quiet: Vec<(ObjectId, Kind, u64)>,
    /// What those of them held that were opened.
    pub(super) held: BTreeMap<ObjectId, Held>,
    /// Those of them that are no text, and nothing else that is known without a name.
    pub(super) odd_blobs: BTreeSet<ObjectId>,
    /// Objects that have a name which promises something.
    pub(super) promised: HashSet<ObjectId>,
    /// Objects that others name and that are not there.
    pub(super) missing: BTreeSet<ObjectId>,
    /// Trees that are not of the form.
    pub(super) odd: BTreeSet<ObjectId>,
    /// What could not be read.
    pub(super) troubles: Vec<PackError>,
    /// How many more objects without anything there are, and their bytes.
    pub(super) earlier: (u64, u64),
    /// What those held.
    pub(super) earlier_held: Held,
}

impl Found {
    /// How many objects have nothing in them.
    pub(super) fn quiet_items(&self) -> u64 {
        self.quiet.len() as u64 + self.earlier.0
    }

    /// Their bytes.
    pub(super) fn quiet_bytes(&self) -> u64 {
        self.quiet.iter().map(|(_, _, size)| size).sum::<u64>() + self.earlier.1
    }

    /// What is odd, and has a name that says what it should be, must be looked at by that name.
    pub(super) fn held_to_names(mut self) -> Self {
        let promised = std::mem::take(&mut self.promised);
        let raised: HashSet<ObjectId> = self.odd_blobs.iter().filter(|id| promised.contains(id)).copied().collect();
        if !raised.is_empty() {
            self.quiet.retain(|(id, ..)| !raised.contains(id));
            self.held.retain(|id, _| !raised.contains(id));
            self.odd_blobs.retain(|id| !raised.contains(id));
            self.loud.extend(raised.into_iter().map(|id| (id, Kind::Blob)));
        }
        self
    }

    /// What they held.
    pub(super) fn held(&self) -> Held {
        self.held.values().fold(self.earlier_held, |sum, held| sum.and(*held))
    }
}

/// Looks at objects, from several threads.
pub(super) struct Probe<'a> {
    objects: &'a Objects,
    /// Commits whose parents were cut off.
    boundary: &'a BTreeSet<ObjectId>,
    /// True for a name that says what something should be.
    promises: fn(&[u8]) -> bool,
    visit: &'a Visit<'a>,
    hasher: RandomState,
    names: Vec<Mutex<HashSet<u64>>>,
    found: Mutex<Found>,
    pub(super) stopped: AtomicBool,
}

impl<'a> Probe<'a> {
    pub(super) fn new(
        objects: &'a Objects,
        boundary: &'a BTreeSet<ObjectId>,
        promises: fn(&[u8]) -> bool,
        visit: &'a Visit<'a>,
    ) -> Self {
        let names = (0..SHARES).map(|_| Mutex::default()).collect();
        let (hasher, found, stopped) = (RandomState::new(), Mutex::default(), AtomicBool::new(false));
        Self { objects, boundary, promises, visit, hasher, names, found, stopped }
    }

    /// What was found; none when a thread failed.
    pub(super) fn finish(self) -> Option<Found> {
        self.found.into_inner().ok()
    }

    /// Looks at one.
    pub(super) fn item(&self, item: Item<'_>) -> Flow {
        match item {
            Item::Object(object) => self.object(&object),
            Item::TooLarge { id, size, .. } => self.note(|found| {
                found.large.insert(id, size);
                Flow::Loud
            }),
            Item::Unread(trouble) => self.note(|found| {
                found.troubles.push(trouble);
                Flow::Loud
            }),
        }
    }

    fn note(&self, what: impl FnOnce(&mut Found) -> Flow) -> Flow {
        if self.stopped.load(Ordering::Relaxed) {
            return Flow::Stop;
        }
        self.found.lock().map_or(Flow::Stop, |mut found| what(&mut found))
    }

    fn object(&self, object: &Object<'_>) -> Flow {
        let heard = Heard::default();
        let whole = match object.kind {
            Kind::Blob => {
                self.look(object, object.bytes, object.fresh, &heard);
                true
            }
            Kind::Tree => self.tree(object, &heard),
            Kind::Commit | Kind::Tag => self.words(object, &heard),
        };
        let (id, kind) = (object.id, object.kind);
        self.note(|found| {
            if !whole {
                found.odd.insert(id);
            }
            if heard.is_loud() {
                found.loud.insert(id, kind);
                return Flow::Loud;
            }
            found.quiet.push((id, kind, object.bytes.len() as u64));
            if heard.is_opened() {
                found.held.insert(id, heard.held());
            } else if heard.is_odd() && kind == Kind::Blob {
                found.odd_blobs.insert(id);
            }
            // What is copied from a damaged tree is not read by its entries, and what was opened was not by its bytes.
            if whole && !heard.is_opened() { Flow::Quiet } else { Flow::Loud }
        })
    }

    fn look(&self, object: &Object<'_>, bytes: &[u8], fresh: Option<&[Range<usize>]>, heard: &Heard) {
        let place = Place::Object { id: object.id.to_string() };
        let blob = Blob { fresh, heard: Some(heard), ..Blob::new(place, bytes) };
        if (self.visit)(Ok(blob)).is_break() {
            self.stopped.store(true, Ordering::Relaxed);
        }
    }

    /// False when it is not of the form.
    fn tree(&self, object: &Object<'_>, heard: &Heard) -> bool {
        let mut entries = Entries::of(object.bytes, object.id.as_bytes().len());
        let (mut names, mut hashes) = (Vec::new(), Vec::new());
        for entry in entries.by_ref().filter(|entry| is_fresh(&entry.at, object.fresh)) {
            if entry.sort != Sort::Submodule {
                self.named(&entry.id);
            }
            if entry.sort == Sort::Content && (self.promises)(entry.name) {
                let _noted = self.note(|found| {
                    found.promised.insert(entry.id);
                    Flow::Quiet
                });
            }
            self.name(entry.name, &mut names, &mut hashes);
        }
        self.harmless(object, &names, &hashes, heard);
        if entries.is_whole() {
            return true;
        }
        self.look(object, object.bytes, None, heard);
        false
    }

    /// Adds a name that was not met yet.
    fn name(&self, name: &[u8], names: &mut Vec<u8>, hashes: &mut Vec<u64>) {
        if name.len() < LEAST_NAME {
            return;
        }
        let hash = self.hasher.hash_one(name);
        let known = self.share(hash).and_then(|share| Some(share.lock().ok()?.contains(&hash)));
        if known != Some(true) {
            names.extend_from_slice(name);
            names.push(b'\n');
            hashes.push(hash);
        }
    }

    /// Looks at names, and remembers them when nothing is in them.
    fn harmless(&self, object: &Object<'_>, names: &[u8], hashes: &[u64], heard: &Heard) {
        if names.is_empty() {
            return;
        }
        self.look(object, names, None, heard);
        if heard.is_loud() {
            return;
        }
        for hash in hashes {
            if let Some(mut share) = self.share(*hash).and_then(|share| share.lock().ok())
                && share.len() < MOST_NAMES / SHARES
            {
                share.insert(*hash);
            }
        }
    }

    fn share(&self, hash: u64) -> Option<&Mutex<HashSet<u64>>> {
        self.names.get((hash >> 32) as usize % SHARES)
    }

    fn words(&self, object: &Object<'_>, heard: &Heard) -> bool {
        let note = Note::of(object.bytes);
        note.about.iter().for_each(|id| self.named(id));
        if !self.boundary.contains(&object.id) {
            note.parents.iter().for_each(|id| self.named(id));
        }
        self.look(object, note.message, None, heard);
        let (mut names, mut hashes) = (Vec::new(), Vec::new());
        for line in note.head.split(|&byte| byte == b'\n') {
            let person = [&b"author "[..], b"committer ", b"tagger "].iter().find_map(|word| line.strip_prefix(*word));
            match person {
                Some(person) => self.name(timeless(person), &mut names, &mut hashes),
                None if line.is_empty() => {}
                None => {
                    names.extend_from_slice(line);
                    names.push(b'\n');
                }
            }
        }
        self.harmless(object, &names, &hashes, heard);
        note.about.is_some()
    }

    /// Something names this object.
    fn named(&self, id: &ObjectId) {
        if !self.objects.contains(id) {
            let _noted = self.note(|found| {
                if found.missing.len() < MOST_MISSING {
                    found.missing.insert(*id);
                }
                Flow::Quiet
            });
        }
    }
}
