//! The second look: what was found is handed out again, at every place where it lives.

use super::index::Index;
use super::layout::Layout;
use super::located::{Located, MOST_PLACES, Spot};
use super::pack::{Kind, ObjectId, Objects, Reader};
use super::parts::{Entries, Note};
use super::probe::Found;
use super::unread;
use crate::model::Place;
use crate::source::{Blob, Heard, Held, Limits, Missed, Notes, SkipReason, SourceError, Visit};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Bytes of one object that are handed out, counted at each of its places; one place is always handed out.
const MOST_BYTES: u64 = 256 << 20;

const CONTINUE: ControlFlow<()> = ControlFlow::Continue(());

/// Hands out what was found.
pub(super) struct Handing<'a> {
    objects: &'a Objects,
    found: &'a Found,
    prefix: &'a str,
    limits: &'a Limits,
    jobs: usize,
    visit: &'a Visit<'a>,
    /// What was written down of what was handed out.
    notes: Mutex<BTreeMap<ObjectId, Vec<u8>>>,
}

impl<'a> Handing<'a> {
    pub(super) fn new(
        objects: &'a Objects,
        found: &'a Found,
        prefix: &'a str,
        limits: &'a Limits,
        jobs: usize,
        visit: &'a Visit<'a>,
    ) -> Self {
        Self { objects, found, prefix, limits, jobs, visit, notes: Mutex::default() }
    }

    /// Counts everything that is not handed out again.
    pub(super) fn quiet(&self) -> ControlFlow<()> {
        let (items, bytes) = (self.found.quiet_items(), self.found.quiet_bytes());
        (self.visit)(Err(Missed::Quiet { items, bytes, held: self.found.held() }))
    }

    /// True when nothing is found in any of the paths.
    pub(super) fn are_plain(&self, located: &Located) -> bool {
        let spots = located.spots.iter().flat_map(|(id, spots)| spots.iter().map(move |spot| (id, spot)));
        let mut paths: BTreeMap<&[u8], &ObjectId> = BTreeMap::new();
        spots.for_each(|(id, spot)| _ = paths.insert(&spot.path, id));
        let Some(id) = paths.values().next() else { return true };
        let mut text = Vec::new();
        for path in paths.keys() {
            text.extend_from_slice(path);
            text.push(b'\n');
        }
        let heard = Heard::default();
        let blob = Blob { heard: Some(&heard), ..Blob::new(Place::Object { id: id.to_string() }, &text) };
        (self.visit)(Ok(blob)).is_continue() && !heard.is_loud()
    }

    /// Hands out the rest.
    pub(super) fn loud(&self, located: &Located, layout: &Layout) -> ControlFlow<()> {
        let staged = self.staged(located, layout);
        let ids: Vec<(&ObjectId, &Kind)> = self.found.loud.iter().collect();
        let (next, stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
        std::thread::scope(|scope| {
            for _ in 0..self.jobs.min(ids.len()) {
                scope.spawn(|| {
                    let mut reader = self.objects.reader(u64::MAX);
                    while let Some((id, kind)) = ids.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let handed = match kind {
                            Kind::Blob => self.blob(&mut reader, id, located, &staged),
                            Kind::Commit | Kind::Tag => self.words(&mut reader, id),
                            Kind::Tree => self.loose_tree(&mut reader, id, located),
                        };
                        if handed.is_break() {
                            stopped.store(true, Ordering::Relaxed);
                        }
                        if stopped.load(Ordering::Relaxed) {
                            return;
                        }
                    }
                });
            }
        });
        if stopped.into_inner() {
            return ControlFlow::Break(());
        }
        self.large(located)?;
        self.names(located)
    }

    /// What was written down of what was handed out.
    pub(super) fn into_notes(self) -> BTreeMap<ObjectId, Vec<u8>> {
        self.notes.into_inner().unwrap_or_default()
    }

    fn commit(&self, spot: &Spot) -> Place {
        let path = format!("{}{}", self.prefix, String::from_utf8_lossy(&spot.path));
        Place::Commit { commit: spot.commit.to_string(), path, time: spot.time }
    }

    fn places(&self, id: &ObjectId, located: &Located, staged: &BTreeMap<ObjectId, Vec<String>>) -> Vec<Place> {
        let spots = located.spots.get(id).map(Vec::as_slice).unwrap_or_default();
        let mut places: Vec<Place> = spots.iter().map(|spot| self.commit(spot)).collect();
        if places.is_empty() {
            let paths = staged.get(id).map(Vec::as_slice).unwrap_or_default();
            places.extend(paths.iter().map(|path| Place::Staged { path: format!("{}{path}", self.prefix) }));
        }
        if places.is_empty() {
            places.push(Place::Object { id: id.to_string() });
        }
        places
    }

    fn read(&self, reader: &mut Reader<'_>, id: &ObjectId) -> Result<std::sync::Arc<Vec<u8>>, SourceError> {
        match reader.read(id) {
            Ok(Some((_, bytes))) => Ok(bytes),
            Ok(None) => Err(unread(&format!("object {id}"), git2::Error::from_str("it went away"))),
            Err(source) => Err(SourceError::Store { source }),
        }
    }

    fn blob(
        &self,
        reader: &mut Reader<'_>,
        id: &ObjectId,
        located: &Located,
        staged: &BTreeMap<ObjectId, Vec<String>>,
    ) -> ControlFlow<()> {
        let bytes = match self.read(reader, id) {
            Ok(bytes) => bytes,
            Err(error) => return self.gap(error),
        };
        let mut places = self.places(id, located, staged);
        // What cannot be read is named where it is looked at first: by a name that says what it should be.
        places.sort_by_key(|place| !(self.limits.promises)(place.path().as_bytes()));
        let (mut handed, mut total, count) = (false, 0, places.len());
        let notes = Notes::new(self.found.notes.get(id).cloned());
        for (number, place) in places.into_iter().enumerate() {
            if self.limits.exclusions.cover(place.path()) {
                if number + 1 == count && !handed {
                    let bytes = bytes.len() as u64;
                    (self.visit)(Err(Missed::Skipped { place, reason: SkipReason::Excluded, bytes }))?;
                }
                continue;
            }
            total += bytes.len() as u64;
            if handed && total > MOST_BYTES {
                return self.too_many(id, number, count);
            }
            let blob = Blob { notes: Some(&notes), ..Blob::new(place, &bytes) };
            (self.visit)(Ok(if handed { blob.again() } else { blob }))?;
            handed = true;
        }
        if located.more.contains(id) {
            return self.too_many(id, MOST_PLACES.min(count), count);
        }
        if let (Some(notes), Ok(mut all)) = (notes.into_kept(), self.notes.lock()) {
            all.insert(*id, notes);
        }
        CONTINUE
    }

    fn too_many(&self, id: &ObjectId, looked: usize, of: usize) -> ControlFlow<()> {
        let why = format!("it stands at too many places: {looked} of {} were looked at", of.max(looked + 1));
        self.gap(unread(&format!("object {id} everywhere"), git2::Error::from_str(&why)))
    }

    fn words(&self, reader: &mut Reader<'_>, id: &ObjectId) -> ControlFlow<()> {
        let bytes = match self.read(reader, id) {
            Ok(bytes) => bytes,
            Err(error) => return self.gap(error),
        };
        let note = Note::of(&bytes);
        let place = Place::Message { commit: id.to_string() };
        let head = Place::Member { of: Box::new(place.clone()), name: "header".to_owned() };
        (self.visit)(Ok(Blob::new(place, note.message)))?;
        (self.visit)(Ok(Blob::new(head, &note.head).again()))
    }

    /// A tree that nothing leads to has names and no paths.
    fn loose_tree(&self, reader: &mut Reader<'_>, id: &ObjectId, located: &Located) -> ControlFlow<()> {
        let bytes = match self.read(reader, id) {
            Ok(bytes) => bytes,
            Err(error) => return self.gap(error),
        };
        (self.visit)(Err(Missed::Quiet { items: 1, bytes: bytes.len() as u64, held: Held::default() }))?;
        if located.spots.contains_key(id) {
            return CONTINUE;
        }
        let mut names = Vec::new();
        for entry in Entries::of(&bytes, id.as_bytes().len()) {
            names.extend_from_slice(entry.name);
            names.push(b'\n');
        }
        (self.visit)(Ok(Blob::new(Place::Object { id: id.to_string() }, &names).again()))
    }

    /// What is too large to be read at once.
    fn large(&self, located: &Located) -> ControlFlow<()> {
        for (id, bytes) in &self.found.large {
            let places = self.places(id, located, &BTreeMap::new());
            let left_out = |place: &Place| self.limits.exclusions.cover(place.path());
            match places.iter().find(|place| !left_out(place)) {
                Some(place) => {
                    let (place, limit) = (place.to_string(), self.limits.largest_bytes);
                    self.gap(SourceError::OverLimit { place, bytes: *bytes, limit })?;
                }
                None => {
                    let Some(place) = places.into_iter().next() else { continue };
                    let reason = SkipReason::Excluded;
                    (self.visit)(Err(Missed::Skipped { place, reason, bytes: *bytes }))?;
                }
            }
        }
        CONTINUE
    }

    /// The paths that the names in trees make, each by the oldest commit that has it.
    fn names(&self, located: &Located) -> ControlFlow<()> {
        let mut reader = self.objects.reader(u64::MAX);
        let mut oldest: BTreeMap<Vec<u8>, (i64, ObjectId)> = BTreeMap::new();
        for (id, _) in self.found.loud.iter().filter(|(_, kind)| **kind == Kind::Tree) {
            let Some(spots) = located.spots.get(id) else { continue };
            let Ok(bytes) = self.read(&mut reader, id) else { continue }; // said before
            for entry in Entries::of(&bytes, id.as_bytes().len()) {
                for spot in spots {
                    let between: &[u8] = if spot.path.is_empty() { b"" } else { b"/" };
                    let path = [&spot.path, between, entry.name].concat();
                    let first = oldest.entry(path).or_insert((spot.time, spot.commit));
                    *first = (*first).min((spot.time, spot.commit));
                }
            }
        }
        for (path, (time, commit)) in oldest {
            let place = self.commit(&Spot { commit, time, path });
            if !self.limits.exclusions.cover(place.path()) {
                (self.visit)(Ok(Blob::new(place, &[]).again()))?;
            }
        }
        CONTINUE
    }

    /// What no commit has may be in an index.
    fn staged(&self, located: &Located, layout: &Layout) -> BTreeMap<ObjectId, Vec<String>> {
        let mut staged: BTreeMap<ObjectId, Vec<String>> = BTreeMap::new();
        let blobs = self.found.loud.iter().filter(|(_, kind)| **kind == Kind::Blob);
        let lost = |id: &ObjectId| !located.spots.contains_key(id);
        if !blobs.into_iter().any(|(id, _)| lost(id)) {
            return staged;
        }
        for home in layout.homes() {
            // An index in a form that is not read here names nothing; its objects are found all the same.
            let Ok(index) = Index::read(&home.join("index"), &home, self.objects.hash()) else { continue };
            for entry in index.entries.iter().filter(|entry| self.found.loud.contains_key(&entry.id)) {
                staged.entry(entry.id).or_default().push(String::from_utf8_lossy(&entry.path).into_owned());
            }
        }
        for paths in staged.values_mut() {
            paths.sort();
            paths.dedup();
        }
        staged
    }

    fn gap(&self, error: SourceError) -> ControlFlow<()> {
        (self.visit)(Err(Missed::Unread(error)))
    }
}
