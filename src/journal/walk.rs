//! One walk over all records in the order of their writing: the chain, the tree, the clocks, and what was noted elsewhere.

use super::chain::{Entry, Verifier};
use super::clocks::Clocks;
use super::evidence::{Evidence, EvidenceError, Index};
use super::summary::Met;
use super::tree::{Mark, Root, Tree};
use super::{Broken, Flaw, Hash, Summary};
use std::collections::VecDeque;

/// What the records are held against.
#[derive(Debug, Default)]
pub(super) struct Against {
    /// Sizes and roots, the smallest first.
    heads: VecDeque<(u64, Root)>,
    signer: Option<String>,
    met: Option<u64>,
    index: Index,
    /// Up to which record the index may be believed.
    indexed: u64,
}

impl Against {
    pub(super) fn evidence(evidence: &Evidence) -> Result<Self, EvidenceError> {
        let (index, indexed) = evidence.index()?;
        let heads = evidence.checkpoints().iter().map(|checkpoint| (checkpoint.size, checkpoint.root)).collect();
        Ok(Self { heads, signer: evidence.signer().map(str::to_owned), met: None, index, indexed })
    }

    /// One root that is known from elsewhere.
    pub(super) fn head(size: u64, root: Root) -> Self {
        Self { heads: VecDeque::from([(size, root)]), ..Self::default() }
    }

    fn expected(&mut self, number: u64) -> Result<Option<Mark>, EvidenceError> {
        if number > self.indexed || self.index.read() + 1 != number {
            return Ok(None);
        }
        self.index.next()
    }

    /// Whether the index names a record further on.
    pub(super) fn names(&mut self, wanted: &Mark) -> Result<bool, EvidenceError> {
        while self.index.read() < self.indexed {
            match self.index.next()? {
                Some(mark) if mark == *wanted => return Ok(true),
                Some(_) => {}
                None => break,
            }
        }
        Ok(false)
    }

    fn reach(&mut self, tree: &Tree) -> Result<(), Broken> {
        while let Some((size, root)) = self.heads.front().filter(|(size, _)| *size == tree.size()) {
            if *root != tree.root() {
                let from = self.met.unwrap_or(0).max(self.indexed.min(*size)) + 1;
                return Err(Broken::Range { from: from.min(*size), to: *size });
            }
            self.met = Some(*size);
            self.heads.pop_front();
        }
        Ok(())
    }
}

/// Why a walk ends early.
#[derive(Debug)]
pub(super) enum Stop {
    /// Something is wrong, and where.
    Broken(Broken),
    /// The index says another record; what that means, the other records tell.
    Differs(Difference),
    /// The evidence cannot be read on.
    Evidence(EvidenceError),
}

impl From<Broken> for Stop {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

impl From<EvidenceError> for Stop {
    fn from(error: EvidenceError) -> Self {
        Self::Evidence(error)
    }
}

/// What the index names at a place, and what is there.
#[derive(Debug)]
pub(super) struct Difference {
    pub(super) number: u64,
    pub(super) expected: Mark,
    pub(super) found: Option<Mark>,
}

impl Difference {
    /// What happened: `is_elsewhere` says whether the record that is expected stands elsewhere in what is verified, and
    /// `is_known` whether the index names the one that is there.
    pub(super) fn judge(self, is_elsewhere: bool, is_known: bool) -> Broken {
        let Self { number, expected, found } = self;
        let (named, flaw) = match found {
            Some(found) if expected.is_of(&found.rotation, found.seq) => (expected, Flaw::Rewritten),
            Some(found) if is_elsewhere && !is_known => (found, Flaw::Inserted),
            _ if is_elsewhere => (expected, Flaw::Misplaced),
            _ => (expected, Flaw::Missing),
        };
        Broken::Entry { number, rotation: named.rotation, seq: named.seq, flaw }
    }
}

/// The walk.
#[derive(Debug, Default)]
pub(super) struct Walk {
    pub(super) verifier: Verifier,
    tree: Tree,
    clocks: Clocks,
    pub(super) against: Option<Against>,
}

impl Walk {
    pub(super) fn new(verifier: Verifier, against: Option<Against>) -> Self {
        Self { verifier, against, ..Self::default() }
    }

    /// The number of the next record.
    pub(super) fn due(&self) -> u64 {
        self.tree.size().saturating_add(1)
    }

    /// The next record, as it was read, under its number.
    pub(super) fn take(&mut self, number: u64, link: &Hash, entry: Result<Entry, Broken>) -> Result<(), Stop> {
        let due = self.due();
        let expected = match &mut self.against {
            Some(against) => against.expected(due)?,
            None => None,
        };
        if number != due {
            return Err(self.misnumbered(number, expected));
        }
        let entry = match (entry, &expected) {
            (Ok(entry), _) => entry,
            (Err(broken), Some(expected)) => {
                let flaw = match broken {
                    Broken::Record { flaw, .. } => flaw,
                    _ => Flaw::Unreadable,
                };
                let Mark { rotation, seq, .. } = expected.clone();
                return Err(Broken::Entry { number, rotation, seq, flaw }.into());
            }
            (Err(broken), None) => return Err(broken.at(number).into()),
        };
        if let Some(expected) = expected {
            let found = Mark { hash: entry.content_hash(), ..Mark::of(&entry) };
            if found != expected {
                return Err(Stop::Differs(Difference { number, expected, found: Some(found) }));
            }
        }
        self.verifier.take(&entry).map_err(|broken| broken.at(number))?;
        let of_record = |broken: Broken| match broken {
            Broken::Leaf { flaw, .. } => {
                Broken::Entry { number, rotation: entry.rotation.clone(), seq: entry.seq, flaw }
            }
            other => other,
        };
        self.verifier.take_leaf(number, link, &entry.hash).map_err(of_record)?;
        self.clocks.take(&entry);
        self.tree.push(&Mark::of(&entry));
        if let Some(against) = &mut self.against {
            against.reach(&self.tree)?;
        }
        Ok(())
    }

    fn misnumbered(&self, number: u64, expected: Option<Mark>) -> Stop {
        match expected {
            Some(expected) => Stop::Differs(Difference { number: self.due(), expected, found: None }),
            None if number > self.due() => Broken::Leaf { number: self.due(), flaw: Flaw::Missing }.into(),
            None => Broken::Leaf { number, flaw: Flaw::Misplaced }.into(),
        }
    }

    /// That nothing is missing at the end.
    pub(super) fn end(&mut self) -> Result<(), Stop> {
        let due = self.due();
        let Some(against) = &mut self.against else { return Ok(()) };
        against.reach(&self.tree)?;
        if against.heads.is_empty() {
            return Ok(());
        }
        match against.expected(due)? {
            Some(expected) => Err(Stop::Differs(Difference { number: due, expected, found: None })),
            None => Err(Broken::Leaf { number: due, flaw: Flaw::Missing }.into()),
        }
    }

    /// What was verified.
    pub(super) fn finish(self) -> Summary {
        let met = self.against.and_then(|against| Some(Met { size: against.met?, signer: against.signer }));
        let summary = self.verifier.finish();
        let is_whole = summary.records > 0 && summary.records == self.tree.size();
        Summary { root: is_whole.then(|| self.tree.root()), met, jumps: self.clocks.jumps, ..summary }
    }
}
