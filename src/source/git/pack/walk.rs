//! Every object once, with what is new in it.

use super::family::Worker;
use super::queue::Queue;
use super::stores::Objects;
use super::{Fault, Flow, Item, Known, Object, ObjectId, PackError, Walk};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// What every object in memory may take at least, whatever the limit: what lies under it may be made from what does not.
const LEAST_HELD: u64 = 64 << 20;

/// Called for every object, from several threads at once.
pub(super) type Visit<'a> = dyn Fn(Item<'_>) -> Flow + Sync + 'a;

impl Objects {
    /// Hands every object of the wanted kinds to `visit`, once, in no promised order, except that an object with
    /// [fresh stretches](Object::fresh) comes after the one it is made from. What cannot be read is handed out as such, and the rest
    /// goes on.
    pub fn walk(&self, walk: &Walk<'_>, visit: &(dyn Fn(Item<'_>) -> Flow + Sync)) {
        let errand = Errand::new(self, walk, visit);
        std::thread::scope(|scope| {
            for _ in 1..walk.jobs {
                scope.spawn(|| Worker::new(&errand).work());
            }
            Worker::new(&errand).work();
        });
        errand.read_again();
    }
}

/// One walk.
pub(super) struct Errand<'a> {
    pub(super) objects: &'a Objects,
    pub(super) walk: &'a Walk<'a>,
    pub(super) queue: Queue,
    /// Most bytes of an object that others are made from.
    pub(super) most_held: u64,
    visit: &'a Visit<'a>,
    /// What could not be read in one place, a pack or a file, but stands in others.
    again: Mutex<BTreeMap<ObjectId, Option<usize>>>,
}

/// What is to be done with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judged {
    /// It is handed out.
    New,
    /// It is not, and there was nothing in it.
    Quiet,
    /// It is not, or elsewhere, and there may be something in it.
    Loud,
}

impl<'a> Errand<'a> {
    fn new(objects: &'a Objects, walk: &'a Walk<'a>, visit: &'a Visit<'a>) -> Self {
        let packs = objects.packs().iter().enumerate().map(|(number, pack)| (number, u64::from(pack.count())));
        let queue = Queue::new(packs, objects.stores.len());
        let most_held = walk.limit.max(LEAST_HELD);
        Self { objects, walk, queue, most_held, visit, again: Mutex::default() }
    }

    /// What is to be done with an object of this pack, or of none.
    pub(super) fn judge(&self, own: Option<usize>, id: &ObjectId) -> Judged {
        match (self.walk.known)(id) {
            Known::Quiet => return Judged::Quiet,
            Known::Loud => return Judged::Loud,
            Known::New => {}
        }
        // Of several copies, that in the first pack is handed out.
        let mut before = self.objects.packs().iter().take(own.unwrap_or(usize::MAX));
        if before.any(|pack| pack.contains(id)) { Judged::Loud } else { Judged::New }
    }

    /// Hands something out.
    pub(super) fn hand(&self, item: Item<'_>) -> Flow {
        let flow = (self.visit)(item);
        if flow == Flow::Stop {
            self.queue.stop();
        }
        flow
    }

    /// Says that an object could not be read, unless it stands elsewhere too: then it is read there at the end.
    pub(super) fn unread(&self, own: Option<usize>, id: ObjectId, error: PackError) {
        let mut packs = self.objects.packs().iter().enumerate();
        let places = packs.any(|(number, pack)| own != Some(number) && pack.contains(&id));
        let files = self.objects.loose(&id).take(2).count();
        if places || files > usize::from(own.is_none()) {
            self.again.lock().unwrap_or_else(PoisonError::into_inner).insert(id, own);
        } else {
            self.hand(Item::Unread(error));
        }
    }

    /// Reads what could not be read in one place in the others.
    fn read_again(&self) {
        let again = std::mem::take(&mut *self.again.lock().unwrap_or_else(PoisonError::into_inner));
        let mut reader = self.objects.reader(self.most_held);
        for (id, failed) in again {
            if self.queue.stopped() {
                return;
            }
            match reader.read_apart_from(failed, &id) {
                Ok(Some((kind, _))) if !self.walk.kinds.has(kind) => {}
                Ok(Some((kind, bytes))) if bytes.len() as u64 > self.walk.limit => {
                    self.hand(Item::TooLarge { id, kind, size: bytes.len() as u64 });
                }
                Ok(Some((kind, bytes))) => {
                    self.hand(Item::Object(Object { id, kind, bytes: &bytes, fresh: None }));
                }
                Ok(None) => {
                    let within = self.objects.stores.first().cloned().unwrap_or_default();
                    self.hand(Item::Unread(PackError::Object { id, within, offset: None, fault: Fault::Unreadable }));
                }
                Err(error) => {
                    self.hand(Item::Unread(error));
                }
            }
        }
    }
}
