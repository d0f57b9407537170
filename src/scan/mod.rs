//! A scan: source × engine × suppress, each secret once, and what was not covered.

mod decode;
mod excerpt;
mod follow;
mod linehash;
mod lines;
mod pipeline;
mod tally;

pub use crate::source::SkipReason;
pub use crate::suppress::Excuse;
pub use excerpt::harmless;
pub use follow::{Following, IMPORTED};
pub use lines::Region;
pub use tally::{Coverage, Gap, Listed};

use crate::engine::{Engine, Scratch};
use crate::model::{Finding, Fingerprint, FingerprintKey, LineColumn, Place, Sighting};
use crate::source::{Missed, Source, SourceError};
use crate::suppress::Suppressions;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Mutex;
use tally::Unread;

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
    /// What was read and what was not.
    pub coverage: Coverage,
    /// How many hits were excused, by what.
    pub excused: BTreeMap<Excuse, u64>,
}

impl Scanner {
    /// Scans everything a source has. A part that cannot be read is a gap in the coverage, and the scan goes on.
    ///
    /// # Errors
    /// When the source cannot be walked at all.
    pub fn run(&self, source: &dyn Source) -> Result<Outcome, SourceError> {
        let tally = Mutex::new(tally::Tally::default());
        let scratches: Mutex<Vec<Scratch>> = Mutex::new(Vec::new());
        let walked = source.walk(&|item| {
            let mut scratch = scratches.lock().ok().and_then(|mut idle| idle.pop()).unwrap_or_default();
            let seen = match item {
                Ok(blob) => Ok(self.scan(&blob, &mut scratch)),
                Err(missed) => Err(self.unread(missed, &mut scratch)),
            };
            if let Ok(mut idle) = scratches.lock() {
                idle.push(scratch);
            }
            match tally.lock() {
                Ok(mut tally) => {
                    tally.add(seen);
                    ControlFlow::Continue(())
                }
                Err(_) => ControlFlow::Break(()),
            }
        });
        walked?;
        Ok(tally.into_inner().map_err(|_| SourceError::Reader)?.finish())
    }

    /// What was missed, in words. Names may hold tokens too.
    fn unread(&self, missed: Missed, scratch: &mut Scratch) -> Unread {
        let mut plain = |text: String| self.masked(&text, scratch).unwrap_or(text);
        match missed {
            Missed::Skipped { place, reason } => Unread::Skipped(reason, plain(place.to_string())),
            Missed::Unread(error) => {
                let gap = Gap::of(&error);
                Unread::Gap(Gap { what: plain(gap.what), remedy: gap.remedy })
            }
        }
    }
}

#[cfg(test)]
mod tests;
