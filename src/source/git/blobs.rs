//! Reads objects with several threads: one thread names them, the others read.

use super::pack::{Kind, ObjectId, Reader};
use super::repository::Repository;
use super::unread;
use crate::model::Place;
use crate::source::{Blob, Limits, Missed, SkipReason, SourceError, Visit};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};

/// Names that may wait for a reader.
const QUEUE: usize = 256;

/// A blob to be read.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) id: ObjectId,
    pub(super) place: Place,
}

/// What the naming thread hands to the readers.
pub(super) struct Readers<'a> {
    sender: SyncSender<Wanted>,
    stopped: &'a AtomicBool,
    limits: &'a Limits,
    visit: &'a Visit<'a>,
}

impl Readers<'_> {
    /// Queues a blob.
    pub(super) fn want(&self, wanted: Wanted) -> ControlFlow<()> {
        if self.stopped.load(Ordering::Relaxed) || self.sender.send(wanted).is_err() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    /// True when the configuration leaves this path out.
    pub(super) fn excludes(&self, path: &str) -> bool {
        self.limits.exclusions.cover(path)
    }

    /// True when the configuration leaves anything out.
    pub(super) fn excludes_any(&self) -> bool {
        !self.limits.exclusions.is_empty()
    }

    /// Hands out an item that needs no reading.
    pub(super) fn visit(&self, item: Result<Blob<'_>, Missed>) -> ControlFlow<()> {
        let flow = (self.visit)(item);
        if flow.is_break() {
            self.stopped.store(true, Ordering::Relaxed);
        }
        flow
    }

    /// Reports a gap.
    pub(super) fn gap(&self, error: SourceError) -> ControlFlow<()> {
        self.visit(Err(Missed::Unread(error)))
    }
}

/// Runs `name` on this thread, and `jobs` readers beside it, until all that was named is read.
pub(super) fn read_all(
    repository: &Repository,
    limits: &Limits,
    jobs: usize,
    visit: &Visit<'_>,
    name: impl FnOnce(&Readers<'_>) -> Result<(), SourceError>,
) -> Result<(), SourceError> {
    let (stopped, absent) = (AtomicBool::new(false), AtomicU64::new(0));
    let (sender, receiver) = sync_channel(QUEUE);
    let receiver = Arc::new(Mutex::new(receiver));
    let outcome = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..jobs.max(1))
            .map(|_| {
                let one = One { repository, limits, stopped: &stopped, absent: &absent, visit };
                let queue = Arc::clone(&receiver);
                scope.spawn(move || one.read_queue(&queue))
            })
            .collect();
        drop(receiver); // the readers alone hold it: when all are gone, naming ends too
        let readers_end = Readers { sender, stopped: &stopped, limits, visit };
        let named = name(&readers_end);
        drop(readers_end);
        let mut outcome = named;
        for reader in readers {
            let read = reader.join().unwrap_or(Err(SourceError::Reader));
            outcome = outcome.and(read);
        }
        outcome
    });
    // A clone that leaves content with its remote lacks so much of it that it is counted, not named.
    let objects = absent.into_inner();
    let promised = (objects > 0).then_some(SourceError::Promised { objects, more: false });
    let troubles = repository.take_troubles().into_iter().map(|source| SourceError::Store { source });
    for error in promised.into_iter().chain(troubles) {
        if stopped.load(Ordering::Relaxed) || visit(Err(Missed::Unread(error))).is_break() {
            break;
        }
    }
    outcome
}

/// What one thread has.
#[derive(Clone, Copy)]
struct One<'a> {
    repository: &'a Repository,
    limits: &'a Limits,
    stopped: &'a AtomicBool,
    absent: &'a AtomicU64,
    visit: &'a Visit<'a>,
}

impl One<'_> {
    fn read_queue(&self, queue: &Mutex<Receiver<Wanted>>) -> Result<(), SourceError> {
        let mut reader = self.repository.reader_up_to(self.limits.largest_bytes);
        loop {
            let next = queue.lock().map_err(|_| SourceError::Reader)?.recv();
            let Ok(wanted) = next else { return Ok(()) };
            if self.stopped.load(Ordering::Relaxed) {
                return Ok(());
            }
            if self.read(&mut reader, wanted).is_break() {
                self.stopped.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Looks at the size first, so that an oversized object is never unpacked.
    fn read(&self, reader: &mut Reader<'_>, wanted: Wanted) -> ControlFlow<()> {
        let Wanted { id, place } = wanted;
        let what = || format!("object {id} ({place})");
        let failed = |error| (self.visit)(Err(Missed::Unread(error)));
        let header = match reader.header(&id) {
            Ok(header) => header,
            Err(source) => return failed(SourceError::Store { source }),
        };
        match header {
            Some((Kind::Blob, size)) => {
                if let Some(missed) = self.limits.refuse(&place, place.path(), size) {
                    return (self.visit)(Err(missed));
                }
            }
            Some((kind, _)) => {
                let why = format!("it is a {} and no blob", kind.name());
                return failed(unread(&what(), git2::Error::from_str(&why)));
            }
            None if self.limits.exclusions.cover(place.path()) => {
                let reason = SkipReason::Excluded;
                return (self.visit)(Err(Missed::Skipped { place, reason, bytes: 0 }));
            }
            None if self.repository.is_partial() => {
                self.absent.fetch_add(1, Ordering::Relaxed);
                return ControlFlow::Continue(());
            }
            None => return failed(self.repository.absent(&what())),
        }
        match self.repository.object(reader, &id, Kind::Blob, &what()) {
            Err(error) => failed(error),
            Ok(bytes) => (self.visit)(Ok(Blob::new(place, &bytes))),
        }
    }
}
