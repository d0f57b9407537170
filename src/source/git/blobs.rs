//! Reads objects with several threads: one thread names them, the others open the repository for themselves.

use super::Whereabouts;
use crate::model::Place;
use crate::source::{Blob, Limits, Missed, SourceError, Visit};
use git2::{Odb, Oid, Repository};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};

/// Names that may wait for a reader.
const QUEUE: usize = 256;

/// A blob to be read.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) id: Oid,
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
    whereabouts: &Whereabouts,
    limits: &Limits,
    jobs: usize,
    visit: &Visit<'_>,
    name: impl FnOnce(&Readers<'_>) -> Result<(), SourceError>,
) -> Result<(), SourceError> {
    let stopped = AtomicBool::new(false);
    let (sender, receiver) = sync_channel(QUEUE);
    let receiver = Arc::new(Mutex::new(receiver));
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..jobs.max(1))
            .map(|_| {
                let (queue, stopped) = (Arc::clone(&receiver), &stopped);
                scope.spawn(move || read_queue(whereabouts, limits, &queue, stopped, visit))
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
    })
}

fn read_queue(
    whereabouts: &Whereabouts,
    limits: &Limits,
    queue: &Mutex<Receiver<Wanted>>,
    stopped: &AtomicBool,
    visit: &Visit<'_>,
) -> Result<(), SourceError> {
    let repository = whereabouts.open().inspect_err(|_| stopped.store(true, Ordering::Relaxed))?;
    let objects = repository.odb().map_err(|source| {
        stopped.store(true, Ordering::Relaxed);
        SourceError::Repository { source }
    })?;
    loop {
        let next = queue.lock().map_err(|_| SourceError::Reader)?.recv();
        let Ok(wanted) = next else { return Ok(()) };
        if stopped.load(Ordering::Relaxed) {
            return Ok(());
        }
        if read_one(&repository, &objects, limits, wanted, visit).is_break() {
            stopped.store(true, Ordering::Relaxed);
        }
    }
}

/// Looks at the size first, so that an oversized object is never unpacked.
fn read_one(
    repository: &Repository,
    objects: &Odb<'_>,
    limits: &Limits,
    wanted: Wanted,
    visit: &Visit<'_>,
) -> ControlFlow<()> {
    let Wanted { id, place } = wanted;
    let unread = |place: &Place, source| {
        Err(Missed::Unread(SourceError::Object { what: format!("object {id} ({place})"), source }))
    };
    let size = match objects.read_header(id) {
        Ok((size, _)) => size as u64,
        Err(source) => return visit(unread(&place, source)),
    };
    if let Some(missed) = limits.refuse(&place, place.path(), size) {
        return visit(Err(missed));
    }
    match repository.find_blob(id) {
        Err(source) => visit(unread(&place, source)),
        Ok(blob) => visit(Ok(Blob::new(place, blob.content()))),
    }
}
