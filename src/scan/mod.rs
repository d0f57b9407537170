//! A scan: source × engine × suppress, each secret once, and what was not covered.

mod chunks;
mod coverage;
mod excerpt;
mod follow;
mod linehash;
mod lines;
mod members;
mod noted;
mod pipeline;
mod quiet;
mod stop;
mod tally;
mod unfold;

pub use crate::source::SkipReason;
pub use crate::suppress::Excuse;
pub use coverage::{Amount, Coverage, Gap, LeftOut, Listed};
pub use excerpt::harmless;
pub use follow::{Following, IMPORTED};
pub use lines::Region;
pub use stop::{Cut, Stop};
pub use tally::Pardon;

use crate::engine::{Engine, Scratch};
use crate::model::{Finding, Fingerprint, FingerprintKey, KindId, LineColumn, Place, Sighting};
use crate::source::{Blob, Held, Missed, Source, SourceError};
use crate::suppress::Suppressions;
use chunks::Chunks;
use coverage::Unread;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tally::{Met, Tally};

/// How often a run that may be stopped is looked after.
const TICK: Duration = Duration::from_millis(10);

/// How many times its end is awaited; what has not ended by then is left to itself.
const PATIENCE: u32 = 6;

/// Room for directories that lie deep below one another.
const STACK_BYTES: usize = 8 << 20;

/// What a scan is made of. It holds no state of a run: it may be run again, on any source.
#[derive(Debug)]
pub struct Scanner {
    /// Finds.
    pub engine: Engine,
    /// Names.
    pub key: FingerprintKey,
    /// Excuses.
    pub suppressions: Suppressions,
    /// Whether the secrets themselves are kept for the mending wing.
    pub keep_findings: bool,
    /// What may be taken out of one thing; none: what its size allows.
    pub most_expanded: Option<u64>,
}

/// What all threads of a run have in common.
struct Run<'r> {
    stop: &'r Stop,
    /// What members held so far; made when the first one comes, if that can be.
    chunks: &'r OnceLock<Option<Chunks>>,
}

/// What came out. Its order and content are the same for any number of threads.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Each secret once: the worst first, then by place.
    pub sightings: Vec<Sighting>,
    /// The secrets, in the order of the sightings; empty unless they were asked for.
    pub findings: Vec<Finding>,
    /// Where exactly each sighting begins and ends.
    pub regions: BTreeMap<Fingerprint, Region>,
    /// The other spots where the same secret stands, in the same place or in others; the first of them if many.
    pub elsewhere: BTreeMap<Fingerprint, Vec<(Place, LineColumn)>>,
    /// Why an exception for a sighting does not hold (any more).
    pub notes: BTreeMap<Fingerprint, String>,
    /// What the verdict of a sighting rests on, or why there is none; empty where nobody was to be asked.
    pub answers: BTreeMap<Fingerprint, String>,
    /// What was read and what was not.
    pub coverage: Coverage,
    /// How many hits were excused, by what.
    pub excused: BTreeMap<Excuse, u64>,
    /// Which hits were excused.
    pub pardons: Listed<Pardon>,
    /// Why the run ended early, if it did; the coverage has a gap for it.
    pub cut: Option<Cut>,
    /// How many bytes the patterns of each kind were given, the most first. No report says it.
    pub effort: Vec<(KindId, u64)>,
}

impl Scanner {
    /// Scans everything a source has. A part that cannot be read is a gap in the coverage, and the scan goes on.
    ///
    /// # Errors
    /// When the source cannot be walked at all.
    pub fn run(&self, source: &dyn Source) -> Result<Outcome, SourceError> {
        let tally = Mutex::new(Tally::default());
        self.walk(source, &Stop::default(), &tally)?;
        Ok(self.plain(tally.into_inner().map_err(|_| SourceError::Reader)?.finish()))
    }

    /// The same, until it is done or a stop is asked for: then what was seen so far comes out at once, with a gap that
    /// says so. A reader that hangs (on a pipe, a slow disk, a large object) is not waited for.
    ///
    /// # Errors
    /// When the source cannot be walked at all.
    pub fn run_until(self: &Arc<Self>, source: &Arc<dyn Source>, stop: &Stop) -> Result<Outcome, SourceError> {
        self.run_watched(source, stop, &mut |_, _| {})
    }

    /// The same, and `watch` is told every now and then how much was met so far, and how far the source is where it
    /// knows.
    ///
    /// # Errors
    /// When the source cannot be walked at all.
    pub fn run_watched(
        self: &Arc<Self>,
        source: &Arc<dyn Source>,
        stop: &Stop,
        watch: &mut dyn FnMut(Amount, Option<(u64, u64)>),
    ) -> Result<Outcome, SourceError> {
        let tally = Arc::new(Mutex::new(Tally::default()));
        let (done, awaited) = sync_channel(1);
        let (scanner, shared, asked) = (Arc::clone(self), Arc::clone(&tally), stop.clone());
        let walked = Arc::clone(source);
        let work = move || {
            // Nobody listens any more when the run was left to itself.
            let _heard = done.send(scanner.walk(walked.as_ref(), &asked, &shared)).is_ok();
        };
        let thread = std::thread::Builder::new().name("scan".to_owned()).stack_size(STACK_BYTES);
        let _detached = thread.spawn(work).map_err(|_| SourceError::Reader)?;
        let walked = wait(&awaited, stop, &mut || {
            let met = tally.lock().map(|tally| tally.met()).unwrap_or_default();
            watch(met, source.progress());
        });
        let mut tally = std::mem::take(&mut *tally.lock().map_err(|_| SourceError::Reader)?);
        match walked {
            None => tally.cut = stop.asked(),
            Some(Err(error)) if tally.cut.is_none() => return Err(error),
            Some(_) => {}
        }
        Ok(self.plain(tally.finish()))
    }

    /// What is told of a secret tells no other one: whatever looks like one in the facts is masked.
    fn plain(&self, mut outcome: Outcome) -> Outcome {
        let mut scratch = Scratch::default();
        for fact in outcome.sightings.iter_mut().flat_map(|sighting| sighting.facts.values_mut()) {
            let mut other = false;
            self.engine.scan(fact.as_bytes(), &mut scratch, &mut |hit| other |= !hit.kind.detect.is_lone());
            if let Some(masked) = other.then(|| self.masked(fact, &mut scratch)).flatten() {
                *fact = masked;
            }
        }
        outcome
    }

    fn walk(&self, source: &dyn Source, stop: &Stop, tally: &Mutex<Tally>) -> Result<(), SourceError> {
        let scratches: Mutex<Vec<Scratch>> = Mutex::new(Vec::new());
        let chunks = OnceLock::new();
        let walked = source.walk(&|item| {
            let mut scratch = scratches.lock().ok().and_then(|mut idle| idle.pop()).unwrap_or_default();
            let cut = stop.asked();
            let met = match item {
                Err(quiet @ Missed::Quiet { .. }) => Some(self.missed(quiet, &mut scratch)),
                _ if cut.is_some() => None,
                Ok(blob) => Some(self.look(&blob, &Run { stop, chunks: &chunks }, &mut scratch)),
                Err(missed) => Some(self.missed(missed, &mut scratch)),
            };
            if let Ok(mut idle) = scratches.lock() {
                idle.push(scratch);
            }
            let Ok(mut tally) = tally.lock() else { return ControlFlow::Break(()) };
            match met {
                Some(met) => {
                    tally.meet(met);
                    ControlFlow::Continue(())
                }
                None => {
                    tally.cut = cut;
                    ControlFlow::Break(())
                }
            }
        });
        if let (Ok(scratches), Ok(mut tally)) = (scratches.into_inner(), tally.lock()) {
            tally.effort = self.effort(&scratches);
        }
        walked
    }

    /// What the patterns were given on all threads.
    fn effort(&self, scratches: &[Scratch]) -> Vec<(KindId, u64)> {
        let spent = |kind| scratches.iter().map(|scratch| scratch.spent(kind)).sum::<u64>();
        let kinds = self.engine.catalogue().kinds().iter().enumerate();
        let spent = kinds.map(|(index, kind)| (&kind.id, spent(index))).filter(|(_, bytes)| *bytes > 0);
        let mut effort: Vec<(KindId, u64)> = spent.map(|(kind, bytes)| (kind.clone(), bytes)).collect();
        effort.sort_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
        effort
    }

    /// Scans a blob, and says so to its source when there is anything in it.
    fn look(&self, blob: &Blob<'_>, run: &Run<'_>, scratch: &mut Scratch) -> Met {
        let seen = self.scan(blob, run, scratch);
        if let Some(heard) = blob.heard {
            // What was not looked through to its end counts for nothing.
            if seen.is_loud() || run.stop.asked().is_some() {
                heard.set_loud();
            }
            if seen.recoded || seen.members != Amount::default() {
                heard.set_opened();
            }
            if seen.odd {
                heard.set_odd();
            }
            heard.hold(Held { items: seen.members.items, bytes: seen.members.bytes });
        }
        match (blob.is_probe(), blob.again) {
            (true, _) => Met::Probe(seen),
            (false, true) => Met::Again(seen),
            (false, false) => Met::Seen(seen),
        }
    }

    /// Words of a person with the tokens in them masked, for what is kept or shown.
    #[must_use]
    pub fn without_secrets(&self, text: &str) -> String {
        self.masked(text, &mut Scratch::default()).unwrap_or_else(|| text.to_owned())
    }

    /// What was missed, in words. Names may hold tokens too.
    fn missed(&self, missed: Missed, scratch: &mut Scratch) -> Met {
        let mut plain = |text: String| self.masked(&text, scratch).unwrap_or(text);
        match missed {
            Missed::Skipped { place, reason, bytes } => {
                Met::Unread(Unread::Skipped(reason, plain(place.to_string()), bytes))
            }
            Missed::Unread(error) => {
                let gap = Gap::of(&error);
                Met::Unread(Unread::Gap(Gap { what: plain(gap.what), remedy: gap.remedy }, error.bytes()))
            }
            Missed::Quiet { items, bytes, held } => {
                Met::Quiet { items, bytes, members: Amount { items: held.items, bytes: held.bytes } }
            }
        }
    }
}

/// The answer of a walk; none when it did not end soon after it was asked to.
fn wait(
    awaited: &Receiver<Result<(), SourceError>>,
    stop: &Stop,
    watch: &mut dyn FnMut(),
) -> Option<Result<(), SourceError>> {
    let mut patience = PATIENCE;
    loop {
        match awaited.recv_timeout(TICK) {
            Ok(walked) => return Some(walked),
            Err(RecvTimeoutError::Disconnected) => return Some(Err(SourceError::Reader)),
            Err(RecvTimeoutError::Timeout) if stop.asked().is_none() => watch(),
            Err(RecvTimeoutError::Timeout) => patience = patience.checked_sub(1)?,
        }
    }
}

#[cfg(test)]
mod tests;
