//! Adds up what the threads saw. Every sum is the same in whatever order its parts come.

use super::Outcome;
use super::coverage::{Amount, Coverage, Gap, Listed, Unread};
use super::pipeline::{Leak, Seen};
use super::stop::Cut;
use crate::model::{Confidence, Fingerprint, KindId, LineColumn, Place, Severity, Span};
use crate::source::SkipReason;
use crate::suppress::Excuse;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Secrets that are kept; more are a gap.
const MOST_SECRETS: usize = 50_000;

/// Spots of one secret that are kept.
const MOST_SPOTS: usize = 100;

/// Objects in which the first look found something that are kept until the second one.
const MOST_PROBED: usize = 1_000;

/// A hit that was excused.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Pardon {
    /// Where.
    pub place: Place,
    /// At which line and column.
    pub at: LineColumn,
    /// What it looks like.
    pub kind: KindId,
    /// By what.
    pub excuse: Excuse,
}

/// Which of two leaks of one secret stands for it: the surer and graver kind, then the older place, and of those of one
/// object the one that its source named first.
type Rank = (Reverse<Confidence>, Reverse<Severity>, KindId, (u8, i64, bool), Place, Span);

fn rank(leak: &Leak, again: bool) -> Rank {
    let sighting = &leak.sighting;
    let (sort, time) = match sighting.place.outermost() {
        Place::Commit { time, .. } => (0, *time),
        Place::Message { .. } | Place::Reference { .. } => (1, 0),
        Place::Object { .. } => (2, 0),
        // What git keeps for itself tells what somebody did; where it came from says more.
        Place::File { path } if path.starts_with(".git/") || path.contains("/.git/") => (3, 0),
        _ => (0, 0),
    };
    let kind = sighting.kind.clone();
    let age = (sort, time, again);
    (Reverse(sighting.confidence), Reverse(sighting.severity), kind, age, sighting.place.clone(), sighting.span)
}

#[derive(Debug)]
struct Entry {
    rank: Rank,
    leak: Leak,
    spots: BTreeSet<(Place, LineColumn)>,
}

/// Something that was met on the walk.
#[derive(Debug)]
pub(super) enum Met {
    /// What one blob gave.
    Seen(Seen),
    /// What a blob gave that was counted before.
    Again(Seen),
    /// What the first look at an object gave. It counts if there is no second one.
    Probe(Seen),
    /// An item that gave nothing.
    Unread(Unread),
    /// Items with nothing in them.
    Quiet {
        /// How many.
        items: u64,
        /// Their bytes.
        bytes: u64,
        /// What they held.
        members: Amount,
    },
}

/// The sum so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    secrets: BTreeMap<Fingerprint, Entry>,
    too_many: bool,
    coverage: Coverage,
    excused: BTreeMap<Excuse, u64>,
    pardons: Listed<Pardon>,
    /// What first looks gave, in case that the walk ends before the second ones.
    probed: Vec<Seen>,
    /// The bytes of all first looks.
    probed_bytes: u64,
    /// Why the walk was ended before its end.
    pub(super) cut: Option<Cut>,
    /// What the patterns of each kind were given.
    pub(super) effort: Vec<(KindId, u64)>,
}

impl Tally {
    /// How much was met so far.
    pub(super) fn met(&self) -> Amount {
        let mut met = self.coverage.in_scope();
        // What was looked at for the first time is counted later.
        met.bytes = met.bytes.max(self.probed_bytes);
        met
    }

    pub(super) fn meet(&mut self, met: Met) {
        match met {
            Met::Seen(seen) => self.add_seen(seen),
            Met::Again(seen) => self.add_found(seen, true),
            Met::Probe(seen) => {
                self.probed_bytes = self.probed_bytes.saturating_add(seen.bytes);
                if seen.is_loud() && self.probed.len() < MOST_PROBED {
                    self.probed.push(seen);
                }
            }
            Met::Unread(unread) => self.add(Err(unread)),
            Met::Quiet { items, bytes, members } => {
                self.coverage.scanned += Amount { items, bytes };
                self.coverage.members += members;
            }
        }
    }

    pub(super) fn add(&mut self, seen: Result<Seen, Unread>) {
        match seen {
            Ok(seen) => self.add_seen(seen),
            Err(unread) => self.coverage.add(unread),
        }
    }

    fn add_seen(&mut self, seen: Seen) {
        self.coverage.add_read(seen.bytes, seen.members, seen.undecodable);
        for name in seen.pointers {
            self.coverage.add(Unread::Skipped(SkipReason::Pointer, name, 0));
        }
        self.add_found(Seen { undecodable: Vec::new(), pointers: Vec::new(), ..seen }, false);
    }

    /// What was found, without what was read.
    fn add_found(&mut self, seen: Seen, again: bool) {
        for pardon in seen.excused {
            *self.excused.entry(pardon.excuse).or_default() += 1;
            self.pardons.add(pardon);
        }
        if let Some((place, beyond)) = seen.beyond {
            let what = format!("{place} holds {beyond} more tokens than are listed");
            self.coverage.gaps.add(Gap { what, remedy: Some("scan it alone, or exclude it".to_owned()) });
        }
        for leak in seen.leaks {
            self.add_leak(leak, again);
        }
    }

    fn add_leak(&mut self, leak: Leak, again: bool) {
        let rank = rank(&leak, again);
        let spot = (leak.sighting.place.clone(), leak.sighting.at);
        match self.secrets.get_mut(&leak.sighting.fingerprint) {
            Some(entry) => {
                entry.spots.insert(spot);
                if entry.spots.len() > MOST_SPOTS {
                    entry.spots.pop_last();
                }
                if rank < entry.rank {
                    (entry.rank, entry.leak) = (rank, leak);
                }
            }
            None => {
                let print = leak.sighting.fingerprint.clone();
                self.secrets.insert(print, Entry { rank, leak, spots: BTreeSet::from([spot]) });
            }
        }
        if self.secrets.len() > MOST_SECRETS {
            self.secrets.pop_last();
            self.too_many = true;
        }
    }

    pub(super) fn finish(mut self) -> Outcome {
        if self.cut.is_some() {
            std::mem::take(&mut self.probed).into_iter().for_each(|seen| self.add_seen(seen));
        }
        if self.too_many {
            let what = format!("there are more than {MOST_SECRETS} different secrets: the others are not listed");
            self.coverage.gaps.add(Gap { what, remedy: Some("scan parts of it, or exclude paths".to_owned()) });
        }
        if let Some(cut) = self.cut {
            self.coverage.gaps.add(Gap { what: cut.words().to_owned(), remedy: Some(cut.remedy().to_owned()) });
        }
        let mut entries: Vec<Entry> = self.secrets.into_values().collect();
        entries.sort_by(|a, b| {
            let key = |entry: &Entry| (Reverse(entry.leak.sighting.severity), entry.rank.3);
            let place = |entry: &Entry| (entry.leak.sighting.place.clone(), entry.leak.sighting.span);
            key(a).cmp(&key(b)).then_with(|| place(a).cmp(&place(b)))
        });
        let (coverage, excused, pardons) = (self.coverage, self.excused, self.pardons);
        let mut outcome =
            Outcome { coverage, excused, pardons, cut: self.cut, effort: self.effort, ..Outcome::default() };
        for Entry { mut leak, mut spots, .. } in entries {
            let print = leak.sighting.fingerprint.clone();
            spots.remove(&(leak.sighting.place.clone(), leak.sighting.at));
            let places: BTreeSet<&Place> = spots.iter().map(|(place, _)| place).collect();
            leak.sighting.also = places.into_iter().filter(|place| **place != leak.sighting.place).cloned().collect();
            if !spots.is_empty() {
                outcome.elsewhere.insert(print.clone(), spots.into_iter().collect());
            }
            outcome.regions.insert(print.clone(), leak.region);
            if let Some(note) = leak.note {
                outcome.notes.insert(print, note);
            }
            outcome.sightings.push(leak.sighting);
            outcome.findings.extend(leak.finding);
        }
        outcome
    }
}
