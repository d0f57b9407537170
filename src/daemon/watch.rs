//! Paths on this machine: whoever changes something there calls for a scan, and so does the time that passes, because
//! events get lost.

use super::house::House;
use super::queue::{Job, Queue};
use crate::clock::Clock as _;
use crate::config::service;
use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// A change is followed by others: a push moves several references.
const SETTLING: Duration = Duration::from_millis(150);

/// Everything that watches; it ends when it is dropped.
pub(super) struct Watch {
    _tasks: JoinSet<()>,
}

impl Watch {
    /// Begins to watch what the configuration names.
    pub(super) fn begin(house: &Arc<House>, queue: &Arc<Queue>) -> Self {
        let config = house.config();
        let poll = config.operator.daemon.poll().max(Duration::from_millis(100));
        let mut tasks = JoinSet::new();
        for (source, watched) in &config.operator.sources {
            if let service::Watched::Path { path } = &watched.value {
                let job = Job { source: source.clone(), repository: path.display().to_string() };
                let place = Place { house: Arc::clone(house), queue: Arc::clone(queue), job, path: path.clone(), poll };
                tasks.spawn(place.watch());
            }
        }
        Self { _tasks: tasks }
    }
}

/// What the system says of a path, from a thread of its own: that something changed, and whether events were lost.
#[derive(Debug, Default)]
struct Said {
    bell: Notify,
    lost: AtomicBool,
}

/// One path.
struct Place {
    house: Arc<House>,
    queue: Arc<Queue>,
    job: Job,
    path: PathBuf,
    poll: Duration,
}

impl Place {
    async fn watch(self) {
        let said = Arc::new(Said::default());
        let mut ears: Option<(RecommendedWatcher, u64)> = None;
        let mut complained = false;
        loop {
            let inode = std::fs::metadata(&self.path).map(|about| about.ino()).ok();
            if ears.as_ref().map(|(_, inode)| *inode) != inode || said.lost.swap(false, Ordering::SeqCst) {
                ears = self.listen(&said, inode, &mut complained);
            }
            self.call();
            tokio::select! {
                () = said.bell.notified() => tokio::time::sleep(SETTLING).await,
                () = tokio::time::sleep(self.poll) => {}
            }
        }
    }

    fn call(&self) {
        if self.queue.call(self.job.clone(), self.house.clock.monotonic()).is_err() {
            tracing::warn!(source = self.job.source, "too much waits to be scanned; this is called for again");
        }
    }

    /// Asks the system for events. Without them the path is looked at every now and then, which is said once.
    fn listen(&self, said: &Arc<Said>, inode: Option<u64>, complained: &mut bool) -> Option<(RecommendedWatcher, u64)> {
        let inode = inode?;
        let heard = Arc::clone(said);
        let outcome = notify::recommended_watcher(move |event| hear(&heard, event)).and_then(|mut watcher| {
            for place in places(&self.path) {
                watcher.watch(&place, RecursiveMode::Recursive)?;
            }
            Ok(watcher)
        });
        match outcome {
            Ok(watcher) => {
                tracing::info!(source = self.job.source, path = %self.path.display(), "watched");
                *complained = false;
                Some((watcher, inode))
            }
            Err(error) => {
                if !std::mem::replace(complained, true) {
                    let seconds = self.poll.as_secs_f64();
                    tracing::warn!(source = self.job.source, %error, seconds, "no events of this path: it is looked at every so many seconds");
                }
                None
            }
        }
    }
}

/// Where events come from: the path itself, and the repository of a work tree that has it elsewhere.
fn places(path: &Path) -> Vec<PathBuf> {
    let mut places = vec![path.to_owned()];
    if let Ok(repository) = git2::Repository::open(path) {
        let common = repository.commondir().to_owned();
        if !common.starts_with(path) {
            places.push(common);
        }
    }
    places
}

fn hear(said: &Said, event: notify::Result<notify::Event>) {
    match event {
        Ok(event) if event.need_rescan() => {
            tracing::warn!("events of a watched path were lost: it is scanned as a whole");
            said.lost.store(true, Ordering::SeqCst);
            said.bell.notify_one();
        }
        Ok(event) if counts(&event) => said.bell.notify_one(),
        Ok(_) => {}
        Err(error) => {
            tracing::warn!(%error, "the watch of a path is lost; it is set up anew");
            said.lost.store(true, Ordering::SeqCst);
            said.bell.notify_one();
        }
    }
}

/// Reading changes nothing, and git's objects are new before anything leads to them.
fn counts(event: &notify::Event) -> bool {
    let changes = match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        _ => true,
    };
    let is_noise = |path: &PathBuf| {
        let parts: Vec<_> = path.components().map(|part| part.as_os_str()).collect();
        path.extension().is_some_and(|extension| extension == "lock")
            || parts
                .windows(2)
                .any(|pair| pair.first().is_some_and(|a| *a == ".git") && pair.get(1).is_some_and(|b| *b == "objects"))
    };
    changes && !(event.paths.iter().all(is_noise) && !event.paths.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use notify::event::{CreateKind, ModifyKind};

    fn event(kind: EventKind, path: &str) -> notify::Event {
        notify::Event::new(kind).add_path(PathBuf::from(path))
    }

    #[test]
    fn what_changes_counts_and_what_is_read_or_on_its_way_does_not() {
        let made = EventKind::Create(CreateKind::File);
        assert!(counts(&event(made, "/r/refs/heads/main")));
        assert!(counts(&event(EventKind::Modify(ModifyKind::Any), "/r/a.py")));
        assert!(counts(&event(EventKind::Access(AccessKind::Close(AccessMode::Write)), "/r/a.py")));
        assert!(!counts(&event(EventKind::Access(AccessKind::Open(AccessMode::Read)), "/r/a.py")));
        assert!(!counts(&event(made, "/r/refs/heads/main.lock")));
        assert!(!counts(&event(made, "/r/.git/objects/ab/cdef")));
        assert!(counts(&notify::Event::new(EventKind::Any)), "one without a path may be anything");
    }
}
