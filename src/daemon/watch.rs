//! Paths on this machine: whoever changes something there calls for a scan, and so does the time that passes, because
//! events get lost.

use super::afar::{Afar, job_of};
use super::hooks::Bell;
use super::house::House;
use super::queue::{Job, Queue};
use super::{chain_of, millis};
use crate::clock::Clock as _;
use crate::config::policy::Span;
use crate::config::service;
use crate::fetch::{FetchError, Remote};
use crate::source::git::{self, Whereabouts};
use crate::wiring::mending::MendingError;
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

/// How often what lies elsewhere is fetched where the configuration does not say.
const EVERY: Duration = Duration::from_secs(300);
/// A webhook may come so much later than the change that it tells of.
const CALLED: Duration = Duration::from_secs(60);
/// The least and the most that is waited after a list that was not whole.
const SOON: Duration = Duration::from_secs(5);
const LATEST: Duration = Duration::from_secs(3600);

/// Everything that watches; it ends when it is dropped.
pub(super) struct Watch {
    _tasks: JoinSet<()>,
}

impl Watch {
    /// Begins to watch what the configuration names.
    pub(super) fn begin(house: &Arc<House>, queue: &Arc<Queue>, afar: &Arc<Afar>, unknown: &Bell) -> Self {
        let config = house.config();
        let poll = config.operator.daemon.poll().max(Duration::from_millis(100));
        let now = house.clock.monotonic();
        house.silences.keep(|source| config.operator.sources.contains_key(source));
        let mut tasks = JoinSet::new();
        for (source, watched) in &config.operator.sources {
            let far = |every: Option<Span>| Far {
                house: Arc::clone(house),
                queue: Arc::clone(queue),
                afar: Arc::clone(afar),
                unknown: unknown.clone(),
                is_called: is_called(&watched.value),
                source: source.clone(),
                every: every.map_or(EVERY, |Span(every)| every.max(Duration::from_millis(100))),
            };
            match &watched.value {
                service::Watched::Path { path } => {
                    let (house, queue, path) = (Arc::clone(house), Arc::clone(queue), path.clone());
                    let job = Job { source: source.clone(), repository: path.display().to_string() };
                    house.silences.expect(source, poll, Some(&job.repository), now);
                    tasks.spawn(Place { house, queue, job, path, poll }.watch());
                }
                service::Watched::Git { every, .. } | service::Watched::Forge { every, .. } => {
                    let far = far(*every);
                    house.silences.expect(source, far.every, None, now);
                    tasks.spawn(far.watch());
                }
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

/// A source elsewhere: one repository, or those of an organisation.
struct Far {
    house: Arc<House>,
    queue: Arc<Queue>,
    afar: Arc<Afar>,
    unknown: Bell,
    /// Somebody calls us when something was pushed there.
    is_called: bool,
    source: String,
    every: Duration,
}

impl Far {
    async fn watch(self) {
        let (mut failures, mut rings) = (0_u32, self.unknown.rings(&self.source));
        loop {
            let wait = match self.list().await {
                Ok(remotes) => {
                    failures = 0;
                    let jobs: Vec<Job> = remotes.iter().map(job_of).collect();
                    let now = self.house.clock.monotonic();
                    self.house.silences.listed(&jobs, &self.source, now);
                    self.afar.found(&self.source, remotes);
                    if self.is_called {
                        self.missed(now);
                    }
                    for job in jobs {
                        self.call(job).await;
                    }
                    self.every
                }
                Err(error) => {
                    let patience = SOON.saturating_mul(1 << failures.min(10)).min(LATEST);
                    let wait = asked_to_wait(&error).unwrap_or_default().max(patience.min(self.every.max(SOON)));
                    failures = failures.saturating_add(1);
                    let (error, seconds) = (chain_of(&error), wait.as_secs());
                    tracing::error!(
                        source = self.source,
                        error,
                        seconds,
                        "a source cannot be looked at; it is tried again"
                    );
                    wait
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                // Not at once for every call about something foreign.
                heard = self.unknown.heard(&self.source, rings), if failures == 0 => {
                    rings = heard;
                    tokio::time::sleep(SOON).await;
                }
            }
        }
    }

    /// What a look found a while ago, and nobody has called about since.
    fn missed(&self, now: u64) {
        let patience = millis((self.every / 2).min(CALLED));
        for job in self.afar.missed(&self.source, now.saturating_sub(patience)) {
            self.house.metrics.webhook_missed();
            tracing::warn!(
                source = job.source,
                repository = job.repository,
                "what changed there was found by the poll: no webhook came"
            );
        }
    }

    async fn list(&self) -> Result<Vec<Remote>, MendingError> {
        let config = self.house.config();
        if let Some(remote) = config.remote(&self.source)? {
            return Ok(vec![remote]);
        }
        match config.organisation(&self.source)? {
            Some(organisation) => Ok(organisation.repositories().await?),
            None => Ok(Vec::new()),
        }
    }

    /// An organisation may have more repositories than may wait: then this waits too.
    async fn call(&self, job: Job) {
        while self.queue.call(job.clone(), self.house.clock.monotonic()).is_err() {
            tokio::time::sleep(SOON).await;
        }
    }
}

/// True when somebody calls us about a source.
fn is_called(watched: &service::Watched) -> bool {
    match watched {
        service::Watched::Path { .. } => false,
        service::Watched::Git { webhook, .. } => webhook.is_some(),
        service::Watched::Forge { webhook, .. } => webhook.is_some(),
    }
}

fn asked_to_wait(error: &MendingError) -> Option<Duration> {
    match error {
        MendingError::Remote(error) => FetchError::wait(error),
        _ => None,
    }
}

/// Where events come from: the path itself, and the repository of a work tree that has it elsewhere.
fn places(path: &Path) -> Vec<PathBuf> {
    let mut places = vec![path.to_owned()];
    if let Ok(common) = git::directory(&Whereabouts::Holding(path.to_owned()))
        && let (Ok(common), Ok(path)) = (common.canonicalize(), path.canonicalize())
        && !common.starts_with(path)
    {
        places.push(common);
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
    changes && (event.paths.is_empty() || !event.paths.iter().all(is_noise))
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
