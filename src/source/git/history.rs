//! A whole repository: every object once, whether anything leads to it or not; the names of references; and the files
//! that git keeps besides. Repositories of submodules that are inside of it belong to it.

use super::belongings;
use super::handing::Handing;
use super::layout::Layout;
use super::located::{Located, Search};
use super::memory::Memory;
use super::pack::{Flow, HashKind, Kinds, Known, ObjectId, Objects, Walk, stores_of_environment};
use super::probe::{Found, MOST_MISSING, Probe};
use super::recollection::{Earlier, Recollection};
use super::refs::{Refs, modules, plain};
use super::timeline::Timeline;
use super::{Whereabouts, unread};
use crate::model::Place;
use crate::source::{Blob, Limits, Missed, Source, SourceError, Visit};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

/// Submodules inside one another that are followed.
const DEEPEST: usize = 16;

/// Bytes of the list of commits at which a clone is cut off.
const LARGEST_LIST: u64 = 64 << 20;

const CONTINUE: ControlFlow<()> = ControlFlow::Continue(());

/// Everything that a repository holds. Each object is read once, and those in which something is found once more, where
/// they live.
#[derive(Debug)]
pub struct History {
    whereabouts: Whereabouts,
    limits: Limits,
    jobs: usize,
    memory: Option<Memory>,
    steps: Steps,
}

/// How far it is, for whoever looks on.
#[derive(Debug, Default)]
struct Steps {
    done: AtomicU64,
    all: AtomicU64,
}

impl History {
    /// Of this repository, on so many threads.
    #[must_use]
    pub fn new(whereabouts: Whereabouts, limits: Limits, jobs: usize) -> Self {
        Self { whereabouts, limits, jobs, memory: None, steps: Steps::default() }
    }

    /// Looks only at what an earlier scan by the same rules has not seen.
    #[must_use]
    pub fn remembering(self, memory: Memory) -> Self {
        Self { memory: Some(memory), ..self }
    }
}

impl Source for History {
    fn walk(&self, visit: &Visit<'_>) -> Result<(), SourceError> {
        let layout = Layout::of(&self.whereabouts)?;
        let more = match self.whereabouts {
            Whereabouts::Environment => stores_of_environment(),
            Whereabouts::Holding(_) => Vec::new(),
        };
        let mut next = vec![(String::new(), layout, 0)];
        while let Some((prefix, layout, depth)) = next.pop() {
            let inner = if depth < DEEPEST { modules(&layout.common) } else { Vec::new() };
            for (name, directory) in inner {
                match Layout::in_directory(directory) {
                    Ok(layout) => next.push((format!("{prefix}{name}/"), layout, depth + 1)),
                    Err(error) => {
                        if gap(visit, error).is_break() {
                            return Ok(());
                        }
                    }
                }
            }
            let outer = depth == 0;
            let more: &[PathBuf] = if outer { &more } else { &[] };
            // What is being received is not here to stay.
            let memory = self.memory.as_ref().filter(|_| more.is_empty());
            let whole = Whole::open(prefix, layout, more, &self.limits, self.jobs.max(1), visit);
            let read = match whole {
                Ok(whole) => whole.read(outer, memory, &self.steps),
                Err(error) if outer => return Err(error),
                Err(error) => gap(visit, error),
            };
            if read.is_break() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Of the objects in packs: how many there are of the others is not known beforehand.
    fn progress(&self) -> Option<(u64, u64)> {
        let all = self.steps.all.load(Ordering::Relaxed);
        let done = self.steps.done.load(Ordering::Relaxed).min(all);
        (all > 0).then_some((done, all))
    }
}

fn gap(visit: &Visit<'_>, error: SourceError) -> ControlFlow<()> {
    visit(Err(Missed::Unread(error)))
}

/// One repository.
struct Whole<'a> {
    /// Stands before its paths.
    prefix: String,
    layout: Layout,
    refs: Refs,
    tips: BTreeMap<String, ObjectId>,
    /// Commits whose parents were cut off.
    boundary: BTreeSet<ObjectId>,
    objects: Objects,
    limits: &'a Limits,
    jobs: usize,
    visit: &'a Visit<'a>,
}

impl<'a> Whole<'a> {
    fn open(
        prefix: String,
        layout: Layout,
        more: &[PathBuf],
        limits: &'a Limits,
        jobs: usize,
        visit: &'a Visit<'a>,
    ) -> Result<Self, SourceError> {
        let hash = if layout.sha256 { HashKind::Sha256 } else { HashKind::Sha1 };
        let mut refs = Refs::of(&layout);
        let tips = refs.tips.iter().filter_map(|(name, id)| Some((name.clone(), id.parse().ok()?))).collect();
        let objects = Objects::open(&layout.common, hash, more).map_err(|source| SourceError::Store { source })?;
        let (boundary, odd) = boundary_of(&layout);
        refs.gaps.extend(odd);
        Ok(Self { prefix, layout, refs, tips, boundary, objects, limits, jobs, visit })
    }

    fn read(mut self, outer: bool, memory: Option<&Memory>, steps: &Steps) -> ControlFlow<()> {
        belongings::read(&self.layout, &self.objects, &self.prefix, self.limits, self.visit)?;
        self.names()?;
        std::mem::take(&mut self.refs.gaps).into_iter().try_for_each(|error| self.gap(error))?;
        let troubles = self.objects.take_troubles();
        // What is damaged is looked at anew every time.
        let memory = memory.filter(|_| troubles.is_empty());
        for source in troubles {
            self.gap(SourceError::Store { source })?;
        }
        if outer && self.tips.is_empty() {
            self.gap(SourceError::NoCommits { path: self.layout.common.clone() })?;
        }
        for commit in self.boundary.iter().filter(|id| self.objects.contains(id)) {
            self.gap(SourceError::Shallow { commit: commit.to_string() })?;
        }
        let mut recollection =
            memory.and_then(|memory| Recollection::of(memory, &self.layout.common, &self.objects, &self.boundary));
        let mut found = match recollection.as_mut().and_then(Recollection::take_all) {
            Some(found) => found,
            None => {
                let known = recollection.as_mut().and_then(|recollection| recollection.take_known(&self.objects));
                self.probed(known, steps)?
            }
        };
        let whole = found.troubles.is_empty();
        std::mem::take(&mut found.troubles)
            .into_iter()
            .try_for_each(|source| self.gap(SourceError::Store { source }))?;
        for tree in &found.odd {
            let why = git2::Error::from_str("it is not of the form of its kind");
            self.gap(unread(&format!("object {tree}"), why))?;
        }
        self.report(&found, recollection.filter(|_| whole))
    }

    /// Where something was found, and what is not there.
    fn report(&self, found: &Found, recollection: Option<Recollection<'_>>) -> ControlFlow<()> {
        for (name, id) in self.tips.iter().filter(|(_, id)| !self.objects.contains(id)) {
            self.gap(SourceError::Absent { what: format!("object {id}"), by: name.clone() })?;
        }
        let handing = Handing::new(&self.objects, found, &self.prefix, self.limits, self.jobs, self.visit);
        handing.quiet()?;
        let wanted: BTreeSet<ObjectId> = found.loud.keys().chain(found.large.keys()).copied().collect();
        let recalled = recollection.as_ref().and_then(|recollection| recollection.located(&self.tips));
        let (located, anew) = match recalled {
            Some(located) if found.missing.is_empty() => (located, false),
            _ if wanted.is_empty() && found.missing.is_empty() => (Located::default(), true),
            _ => {
                let timeline = Timeline::of(&self.objects, &self.tips, self.jobs);
                self.missing(found, &timeline)?;
                (Search::new(self.objects.reader(u64::MAX), &wanted).everywhere(&timeline, false), true)
            }
        };
        handing.loud(&located, &self.layout)?;
        if let Some(recollection) = recollection.filter(|_| anew) {
            let located = Some(&located).filter(|located| handing.are_plain(located));
            recollection.keep(&self.objects, &self.tips, found, located, &handing.into_notes());
        }
        CONTINUE
    }

    /// The names of references may hold tokens, and so may what is written about their changes.
    fn names(&self) -> ControlFlow<()> {
        for name in &self.refs.names {
            let place = Place::Reference { name: format!("{}{name}", self.prefix) };
            (self.visit)(Ok(Blob::new(place, &[]).again()))?;
        }
        for remark in &self.refs.remarks {
            let place = Place::File {
                path: format!("{}{}", self.prefix, self.layout.name_of(&self.layout.common.join("reftable"))),
            };
            (self.visit)(Ok(Blob::new(place, remark.as_bytes()).again()))?;
        }
        CONTINUE
    }

    /// Looks at all objects, or at those that are not known.
    fn probed(&self, earlier: Option<Earlier>, steps: &Steps) -> ControlFlow<(), Found> {
        let probe = Probe::new(&self.objects, &self.boundary, self.limits.promises, self.visit);
        let remembered = earlier.as_ref().map_or(0, Earlier::count);
        steps.all.fetch_add(self.objects.packed().saturating_sub(remembered), Ordering::Relaxed);
        let known = |id: &ObjectId| earlier.as_ref().map_or(Known::New, |earlier| earlier.known(id));
        let walk = Walk { jobs: self.jobs, kinds: Kinds::ALL, limit: self.limits.largest_bytes, known: &known };
        self.objects.walk(&walk, &|item| {
            steps.done.fetch_add(1, Ordering::Relaxed);
            let flow = probe.item(item);
            if probe.stopped.load(Ordering::Relaxed) { Flow::Stop } else { flow }
        });
        let stopped = probe.stopped.load(Ordering::Relaxed);
        match probe.finish() {
            Some(found) if !stopped => ControlFlow::Continue(match earlier {
                Some(earlier) => earlier.with(found).held_to_names(),
                None => found.held_to_names(),
            }),
            Some(_) => ControlFlow::Break(()),
            None => {
                self.gap(SourceError::Reader)?;
                ControlFlow::Break(())
            }
        }
    }

    /// What is named and not there is a gap when a reference leads to it; what only a loose end leads to is not.
    fn missing(&self, found: &Found, timeline: &Timeline) -> ControlFlow<()> {
        let missing = &found.missing;
        if missing.is_empty() {
            return CONTINUE;
        }
        if self.layout.partial {
            let (objects, more) = (missing.len() as u64, missing.len() >= MOST_MISSING);
            return self.gap(SourceError::Promised { objects, more });
        }
        let Located { spots, .. } = Search::new(self.objects.reader(u64::MAX), missing).everywhere(timeline, true);
        for id in missing {
            let by = match spots.get(id).and_then(|spots| spots.first()) {
                Some(spot) => format!("{}{}@{}", self.prefix, String::from_utf8_lossy(&spot.path), spot.commit),
                None => match timeline.names(id) {
                    Some(commit) => format!("commit {commit}"),
                    None => match timeline.lost.get(id) {
                        Some(name) => name.clone(),
                        None => continue,
                    },
                },
            };
            self.gap(SourceError::Absent { what: format!("object {id}"), by })?;
        }
        CONTINUE
    }

    fn gap(&self, error: SourceError) -> ControlFlow<()> {
        gap(self.visit, error)
    }
}

/// Where a shallow clone is cut off, and what of that could not be read.
pub(super) fn boundary_of(layout: &Layout) -> (BTreeSet<ObjectId>, Option<SourceError>) {
    let path = layout.common.join("shallow");
    let mut text = Vec::new();
    let read = plain(&path).and_then(|file| file.take(LARGEST_LIST).read_to_end(&mut text));
    let failed = |source| Some(SourceError::Read { place: layout.name_of(&path), source });
    match read {
        Ok(_) => {}
        // Only shallow clones have the file.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return (BTreeSet::new(), None),
        Err(source) => return (BTreeSet::new(), failed(source)),
    }
    let text = String::from_utf8_lossy(&text);
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    let boundary: BTreeSet<ObjectId> = lines().filter_map(|line| line.parse().ok()).collect();
    let odd = lines().any(|line| line.parse::<ObjectId>().is_err());
    (boundary, failed(std::io::Error::other("a line names no commit")).filter(|_| odd))
}
