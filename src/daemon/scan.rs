//! One repository, scanned as far as it changed. What was scanned is noted when every finding of it was decided upon, so
//! that whatever goes wrong is done again, and nothing is forgotten.

use super::afar::Afar;
use super::decide::{DecideError, Judge, Scope, Sighted};
use super::house::House;
use super::queue::{Job, Queue};
use super::{chain_of, millis};
use crate::clock::Clock as _;
use crate::config::service;
use crate::fetch::{FetchError, Mirror, Remote};
use crate::ledger::Tips as Scanned;
use crate::model::Sighting;
use crate::scan::{Excuse, Outcome};
use crate::source::git::skips::Skips;
use crate::source::git::{self, Tips, Whereabouts};
use crate::source::{SkipReason, Source, SourceError, Visit};
use crate::wiring::mending::Mending;
use crate::wiring::scanner::ScannerError;
use crate::wiring::watched::{self, Fresh, Watched};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tracing::Instrument as _;

/// Repositories that are scanned at the same time.
const AT_ONCE: usize = 2;
/// The first wait after a scan that was not complete, and the longest, in milliseconds.
const SOON: u64 = 2_000;
const LATEST: u64 = 3_600_000;
/// How often it is looked what other daemons scanned.
const LOOK: Duration = Duration::from_secs(30);

/// What is known of a repository besides what the ledger keeps.
#[derive(Debug, Default)]
struct Memory {
    failures: u32,
    /// By the monotonic clock.
    not_before: u64,
    /// What was to be scanned when it failed.
    tried: Option<Tips>,
    /// The files of its work tree that were scanned, as they were.
    files: Stamps,
}

type Stamps = BTreeMap<PathBuf, (u64, i64, i64)>;

/// Why a repository was not scanned.
#[derive(Debug, thiserror::Error)]
enum ScanError {
    #[error(transparent)]
    Prepare(#[from] ScannerError),
    #[error("it could not be walked: {}", .0.in_words())]
    Walk(SourceError),
    #[error("what was scanned before is not known")]
    Ledger(#[from] crate::database::DatabaseError),
    #[error("a finding could not be decided upon")]
    Decide(#[from] DecideError),
    #[error("{count} parts could not be read, the first: {first}")]
    Gaps { count: u64, first: String },
    #[error("it could not be fetched")]
    Fetch(#[from] FetchError),
    #[error("the scanning thread ended without an answer")]
    Thread,
    #[error("the daemon ends")]
    Stopped,
}

/// The scans of the daemon.
pub(super) struct Scans {
    house: Arc<House>,
    queue: Arc<Queue>,
    afar: Arc<Afar>,
    judge: Judge,
    scanned: Scanned,
    memory: Mutex<BTreeMap<Job, Memory>>,
}

impl Scans {
    pub(super) fn new(house: Arc<House>, queue: Arc<Queue>, afar: Arc<Afar>, judge: Judge, scanned: Scanned) -> Self {
        Self { house, queue, afar, judge, scanned, memory: Mutex::default() }
    }

    /// Begins to take from the queue; ends when what is returned is dropped.
    pub(super) fn begin(self: Arc<Self>) -> JoinSet<()> {
        let mut workers = JoinSet::new();
        for _ in 0..AT_ONCE {
            let this = Arc::clone(&self);
            workers.spawn(async move {
                loop {
                    let job = this.queue.next().await;
                    let span = tracing::info_span!("scan", source = job.source, repository = job.repository);
                    let whole = this.queue.holding(&job, this.run(&job).instrument(span)).await;
                    this.queue.done(&job, whole).await;
                }
            });
        }
        workers.spawn(async move {
            loop {
                tokio::time::sleep(LOOK).await;
                let now = self.house.clock.monotonic();
                for (job, ago) in self.queue.whole_elsewhere().await {
                    let at = now.saturating_sub(millis(ago));
                    self.house.silences.was_whole(&job, at);
                }
            }
        });
        workers
    }

    fn memory(&self) -> MutexGuard<'_, BTreeMap<Job, Memory>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True where all of it was scanned.
    async fn run(&self, job: &Job) -> bool {
        let config = self.house.config();
        self.house.silences.begun(job);
        let outcome = match self.reach(&config, job).await {
            Ok(None) => {
                // Another daemon called for what this one has not listed yet, or lets rest.
                if self.queue.is_shared() && !self.house.stopping.load(Ordering::SeqCst) {
                    self.call_again(job, SOON);
                }
                Err(ScanError::Stopped)
            }
            Ok(Some(reached)) => self.scan(&config, job, &reached).await,
            Err(error) => Err(error),
        };
        let now = self.house.clock.monotonic();
        self.house.silences.ended(job, outcome.is_ok(), now);
        let whole = outcome.is_ok();
        let mut memory = self.memory();
        let known = memory.entry(job.clone()).or_default();
        match outcome {
            Ok(()) => (known.failures, known.not_before, known.tried) = (0, 0, None),
            Err(ScanError::Stopped) => {}
            Err(error) => {
                let wait = SOON.saturating_mul(1 << known.failures.min(20)).min(LATEST).max(asked_to_wait(&error));
                self.call_again(job, wait);
                known.failures = known.failures.saturating_add(1);
                known.not_before = now.saturating_add(wait);
                if matches!(error, ScanError::Fetch(_)) {
                    known.tried = None;
                }
                tracing::error!(error = chain_of(&error), retry_in_ms = wait, "not scanned whole: it is done again");
            }
        }
        whole
    }

    /// What failed is not left to the next event.
    fn call_again(&self, job: &Job, wait: u64) {
        let (house, queue, job) = (Arc::clone(&self.house), Arc::clone(&self.queue), job.clone());
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(wait)).await;
            // A queue that is full is full of what polls bring again.
            let _called = queue.call(job, house.clock.monotonic()).is_ok();
        });
    }

    /// Where a repository lies on this machine, brought here if it lies elsewhere; none when the configuration does not
    /// name it any more, or when it is left alone for a while.
    async fn reach(&self, config: &Mending, job: &Job) -> Result<Option<Reached>, ScanError> {
        match config.operator.sources.get(&job.source).map(|watched| &watched.value) {
            Some(service::Watched::Path { path }) => Ok(Some(Reached { path: path.clone(), mirror: None })),
            Some(service::Watched::Git { .. } | service::Watched::Forge { .. }) => {
                let now = self.house.clock.monotonic();
                let unfetched = |memory: &Memory| memory.tried.is_none() && now < memory.not_before;
                if self.memory().get(job).is_some_and(unfetched) {
                    return Ok(None);
                }
                let Some((remote, mirror)) = self.afar.refresh(job, now).await? else { return Ok(None) };
                Ok(Some(Reached { path: mirror.path.clone(), mirror: Some((remote, mirror)) }))
            }
            None => Ok(None),
        }
    }

    async fn scan(&self, config: &Arc<Mending>, job: &Job, reached: &Reached) -> Result<(), ScanError> {
        let path = reached.path.as_path();
        let known = self.scanned.of(&job.source, &job.repository).await?;
        let (tips, files) = look(path.to_owned()).await?;
        let now = self.house.clock.monotonic();
        let (waits, changed) = {
            let mut memory = self.memory();
            let memory = memory.entry(job.clone()).or_default();
            // What failed and is as it was then is left alone for a while; what is new is not.
            let waits = now < memory.not_before && memory.tried.as_ref() == Some(&tips);
            memory.tried = Some(tips.clone());
            let changed: Stamps =
                files.iter().filter(|(path, stamp)| memory.files.get(*path) != Some(stamp)).map(own).collect();
            (waits, changed)
        };
        if waits {
            return Err(ScanError::Stopped);
        }
        if tips != known {
            self.part(config, job, path, &known, Fresh::Commits(tips.clone())).await?;
            self.scanned.record(&job.source, &job.repository, &tips, self.house.clock.now()).await?;
        }
        if !changed.is_empty() {
            self.part(config, job, path, &known, Fresh::Files(changed.into_keys().collect())).await?;
        }
        self.memory().entry(job.clone()).or_default().files = files;
        if let Some((remote, mirror)) = &reached.mirror {
            self.afar.settle(remote, mirror).await?;
        }
        Ok(())
    }

    /// Scans, and decides about everything that was found.
    async fn part(
        &self,
        config: &Arc<Mending>,
        job: &Job,
        path: &Path,
        known: &Tips,
        fresh: Fresh,
    ) -> Result<(), ScanError> {
        let began = self.house.clock.monotonic();
        let mut outcome = self.find(config, path, known, fresh.clone(), true).await?;
        let took = self.house.clock.monotonic().saturating_sub(began);
        let (coverage, excused) = (&outcome.coverage, outcome.excused.values().sum::<u64>());
        let (items, bytes, gaps) = (coverage.scanned.items, coverage.scanned.bytes, coverage.gaps.count);
        let findings = outcome.findings.len();
        tracing::info!(items, bytes, gaps, findings, excused, took_ms = took, "scanned");
        if let Some(left_out) = coverage.skipped.get(&SkipReason::Pointer) {
            let (files, first) = (left_out.count, left_out.first.first());
            tracing::warn!(files, first, "files in Git LFS that are not on this machine: they are NOT SCANNED");
        }
        let reasons = BTreeMap::from([("unread", gaps)]);
        self.house.metrics.scanned(Duration::from_millis(took), bytes, &reasons, self.house.clock.now());
        let findings = std::mem::take(&mut outcome.findings);
        let bypasses = self.bypasses(config, job, path, &outcome.sightings).await;
        let seen = Sighted { sightings: &outcome.sightings, bypasses: &bypasses };
        self.judge.all(config, job, &seen, findings, Scope::All).await?;
        if outcome.excused.keys().any(|excuse| matches!(excuse, Excuse::Inline | Excuse::Foreign)) {
            // Whoever can push a token can push a remark beside it: it excuses samples, and nothing that is in use.
            let mut whole = self.find(config, path, known, fresh, false).await?;
            let findings = std::mem::take(&mut whole.findings);
            let bypasses = self.bypasses(config, job, path, &whole.sightings).await;
            let seen = Sighted { sightings: &whole.sightings, bypasses: &bypasses };
            self.judge.all(config, job, &seen, findings, Scope::Managed).await?;
        }
        match outcome.coverage.gaps.first.first() {
            Some(gap) => Err(ScanError::Gaps { count: gaps, first: gap.what.clone() }),
            None => Ok(()),
        }
    }

    /// Of each sighting, how it went past the hooks, where a person here let it pass.
    async fn bypasses(&self, config: &Mending, job: &Job, path: &Path, found: &[Sighting]) -> Vec<Option<String>> {
        let watched = config.operator.sources.get(&job.source).map(|watched| &watched.value);
        if found.is_empty() || !matches!(watched, Some(service::Watched::Path { .. })) {
            return Vec::new();
        }
        let (path, found) = (path.to_owned(), found.to_vec());
        let looking = move || bypasses_of(path, &found);
        match tokio::task::spawn_blocking(looking).await {
            Ok(Ok(bypasses)) => bypasses,
            Ok(Err(error)) => {
                tracing::warn!(error = error.in_words(), "who went past a hook is not known");
                Vec::new()
            }
            Err(_) => Vec::new(),
        }
    }

    async fn find(
        &self,
        config: &Arc<Mending>,
        path: &Path,
        known: &Tips,
        fresh: Fresh,
        remarks: bool,
    ) -> Result<Outcome, ScanError> {
        let (house, config) = (Arc::clone(&self.house), Arc::clone(config));
        let (path, known) = (path.to_owned(), known.clone());
        let scan = move || {
            let jobs = std::thread::available_parallelism().map_or(1, |many| many.get().div_ceil(AT_ONCE));
            let request = Watched { path: &path, known: &known, fresh, state: config.state(), jobs, remarks };
            let prepared = watched::prepare(request, Arc::clone(&config.catalogue), &house.clock)?;
            let source = Stoppable { source: prepared.source.as_ref(), house: &house };
            let outcome = prepared.scanner.run(&source).map_err(ScanError::Walk)?;
            if house.stopping.load(Ordering::SeqCst) { Err(ScanError::Stopped) } else { Ok(outcome) }
        };
        tokio::task::spawn_blocking(scan).await.map_err(|_| ScanError::Thread)?
    }
}

/// Where the tips stand, and the files of the work tree that git does not have.
async fn look(path: PathBuf) -> Result<(Tips, Stamps), ScanError> {
    let looking = move || {
        let whereabouts = Whereabouts::Holding(path);
        let tips = git::tips(&whereabouts).map_err(ScanError::Walk)?;
        let files = git::changed_files(&whereabouts).map_err(ScanError::Walk)?;
        let stamps = files.into_iter().filter_map(|file| {
            let about = std::fs::metadata(&file).ok()?;
            Some((file, (about.size(), about.mtime(), about.mtime_nsec())))
        });
        Ok((tips, stamps.collect()))
    };
    tokio::task::spawn_blocking(looking).await.map_err(|_| ScanError::Thread)?
}

fn bypasses_of(path: PathBuf, found: &[Sighting]) -> Result<Vec<Option<String>>, SourceError> {
    let repository = Whereabouts::Holding(path).open()?;
    let skips = Skips::of(&repository)?;
    let of = |sighting: &Sighting| {
        let mut places = std::iter::once(&sighting.place).chain(&sighting.also);
        let skip = places.find_map(|place| skips.behind(&repository, place))?;
        Some(format!("{} ({}, {})", skip.reason, skip.hook, skip.at))
    };
    Ok(found.iter().map(of).collect())
}

fn own(pair: (&PathBuf, &(u64, i64, i64))) -> (PathBuf, (u64, i64, i64)) {
    (pair.0.clone(), *pair.1)
}

/// A repository on this machine.
struct Reached {
    path: PathBuf,
    /// Whose mirror it is.
    mirror: Option<(Remote, Mirror)>,
}

/// How long the other side wants to be left alone, in milliseconds.
fn asked_to_wait(error: &ScanError) -> u64 {
    match error {
        ScanError::Fetch(error) => error.wait().map_or(0, millis),
        _ => 0,
    }
}

/// A source that gives nothing more once the daemon ends.
#[derive(Debug)]
struct Stoppable<'a> {
    source: &'a dyn Source,
    house: &'a House,
}

impl Source for Stoppable<'_> {
    fn walk(&self, visit: &Visit<'_>) -> Result<(), SourceError> {
        self.source.walk(&|item| {
            if self.house.stopping.load(Ordering::Relaxed) {
                return ControlFlow::Break(());
            }
            visit(item)
        })
    }
}
