//! What is to be done, for the threads of a walk.

use super::forest::Forest;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Entries that one task holds at least, when there are so many.
pub(super) const TASK: u32 = 128;
/// Entries of packs that are sorted out at once, unless one pack alone has more.
const AT_ONCE: u64 = 1 << 20;

/// Something to be done.
pub(super) enum Task {
    /// Sort out the entries of a pack.
    Grow(usize),
    /// Hand out entries of a pack.
    Nodes(Nodes),
    /// Hand out objects in files of their own.
    Loose {
        /// In which store.
        store: usize,
        /// The first byte of their names.
        first: u8,
    },
}

/// Entries of a pack that are made from the same base, or from none, with all that is made from them.
pub(super) struct Nodes {
    pub(super) pack: usize,
    pub(super) forest: Arc<Forest>,
    pub(super) range: Range<u32>,
    /// Whether something was found in their base.
    pub(super) whole: bool,
}

/// What is to be done.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    stopped: AtomicBool,
}

#[derive(Default)]
struct State {
    put_off: Vec<Nodes>,
    grown: VecDeque<Nodes>,
    /// Packs that are not sorted out yet, with how many entries they have.
    packs: VecDeque<(usize, u64)>,
    /// Entries that are being sorted out.
    growing: u64,
    loose: VecDeque<(usize, u8)>,
    busy: usize,
}

impl Queue {
    pub(super) fn new(packs: impl Iterator<Item = (usize, u64)>, stores: usize) -> Self {
        let loose = (0..stores).flat_map(|store| (0..=u8::MAX).map(move |first| (store, first)));
        let state = State { packs: packs.collect(), loose: loose.collect(), ..State::default() };
        Self { state: Mutex::new(state), ..Self::default() }
    }

    /// The next task. None when all is done, or nothing more shall be. Who takes one is at it until the guard is dropped.
    pub(super) fn take(&self) -> Option<(Task, AtIt<'_>)> {
        let mut state = self.lock();
        loop {
            if self.stopped() {
                return None;
            }
            if let Some(task) = state.next() {
                state.busy += 1;
                drop(state);
                return Some((task, AtIt(self)));
            }
            if state.busy == 0 {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Leaves something to be done by whoever has time.
    pub(super) fn put_off(&self, nodes: Nodes) {
        self.lock().put_off.push(nodes);
        self.changed.notify_one();
    }

    /// A pack with so many entries is sorted out.
    pub(super) fn grown(&self, pack: usize, entries: u64, forest: Forest) {
        let mut state = self.lock();
        state.growing = state.growing.saturating_sub(entries);
        let range = 0..forest.len();
        if !range.is_empty() {
            state.grown.push_back(Nodes { pack, forest: Arc::new(forest), range, whole: true });
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Ends the walk.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        drop(self.lock()); // whoever is about to wait has seen it, or waits already
        self.changed.notify_all();
    }

    pub(super) fn stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next(&mut self) -> Option<Task> {
        if let Some(nodes) = self.put_off.pop().or_else(|| self.families()) {
            return Some(Task::Nodes(nodes));
        }
        if let Some(&(pack, entries)) = self.packs.front()
            && (self.growing == 0 || self.growing + entries <= AT_ONCE)
        {
            self.packs.pop_front();
            self.growing += entries;
            return Some(Task::Grow(pack));
        }
        self.loose.pop_front().map(|(store, first)| Task::Loose { store, first })
    }

    /// Some whole families.
    fn families(&mut self) -> Option<Nodes> {
        let nodes = self.grown.front_mut()?;
        let start = nodes.range.start;
        let mut end = start;
        while end < nodes.range.end && end - start < TASK {
            end = nodes.forest.end(end);
        }
        nodes.range.start = end;
        let taken = Nodes { pack: nodes.pack, forest: Arc::clone(&nodes.forest), range: start..end, whole: true };
        if nodes.range.is_empty() {
            self.grown.pop_front();
        }
        Some(taken)
    }
}

/// Someone is at a task, and may leave others.
pub(super) struct AtIt<'a>(&'a Queue);

impl Drop for AtIt<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop();
        }
        let mut state = self.0.lock();
        state.busy -= 1;
        if state.busy == 0 {
            drop(state);
            self.0.changed.notify_all();
        }
    }
}
