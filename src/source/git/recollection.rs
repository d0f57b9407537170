//! How what is remembered of a repository meets what it holds now.

use super::located::Located;
use super::memory::{Memory, Quiet, Recalled, Seen, tips_of};
use super::pack::{Kind, Known, ObjectId, Objects};
use super::probe::Found;
use super::stock::Stock;
use crate::source::Held;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// What is remembered, and where.
pub(super) struct Recollection<'a> {
    memory: &'a Memory,
    common: PathBuf,
    stock: Stock,
    recalled: Option<Recalled>,
    width: usize,
    /// Whether nothing came and nothing went.
    same: bool,
}

impl<'a> Recollection<'a> {
    /// None where the objects cannot be listed.
    pub(super) fn of(
        memory: &'a Memory,
        common: &std::path::Path,
        objects: &Objects,
        boundary: &BTreeSet<ObjectId>,
    ) -> Option<Self> {
        let stock = Stock::of(common, objects, boundary)?;
        let recalled = memory.recall(common).filter(|recalled| recalled.stock().holds(&stock, objects));
        let same = recalled.as_ref().is_some_and(|recalled| recalled.stock().is(&stock));
        Some(Self { memory, common: common.to_owned(), stock, recalled, width: objects.hash().width(), same })
    }

    /// What was found, if nothing came and nothing went.
    pub(super) fn take_all(&mut self) -> Option<Found> {
        self.recalled.as_ref().filter(|_| self.same)?.found()
    }

    /// What is known of single objects.
    pub(super) fn take_known(&mut self, objects: &Objects) -> Option<Earlier> {
        self.same = false;
        let recalled = self.recalled.as_ref()?;
        let other = |id: &ObjectId| recalled.stock().is_other(&self.stock, id);
        Some(Earlier::new(recalled.found()?, recalled.quiet(self.width)?, |id| objects.contains(id) && !other(id)))
    }

    /// Where it lives, if the references are where they were too.
    pub(super) fn located(&self, tips: &BTreeMap<String, ObjectId>) -> Option<Located> {
        self.recalled.as_ref().filter(|_| self.same)?.located(&tips_of(tips))
    }

    /// Keeps what was seen now.
    pub(super) fn keep(
        self,
        objects: &Objects,
        tips: &BTreeMap<String, ObjectId>,
        found: &Found,
        located: Option<&Located>,
        notes: &BTreeMap<ObjectId, Vec<u8>>,
    ) {
        let quiet = match &self.recalled {
            Some(recalled) if self.same => match recalled.quiet(self.width) {
                Some(quiet) => Some(quiet),
                None => return, // it was written anew meanwhile
            },
            _ => None,
        };
        let (quiet, held, odd_blobs) = match &quiet {
            Some(quiet) => (&quiet.objects, &quiet.held, &quiet.odd_blobs),
            None => (&found.quiet, &found.held, &found.odd_blobs),
        };
        let stock = self.stock.with_sums(self.recalled.as_ref().map(Recalled::stock), objects);
        self.memory
            .keep(&self.common, Seen { found, quiet, held, odd_blobs, notes, located, stock, tips: tips_of(tips) });
    }
}

/// What is known of single objects.
pub(super) struct Earlier {
    found: Found,
    quiet: Quiet,
    /// Whether objects went, so that what names others must be looked at for what it names.
    went: bool,
}

impl Earlier {
    /// Of what is as it was.
    fn new(mut found: Found, mut quiet: Quiet, same: impl Fn(&ObjectId) -> bool) -> Self {
        let before = (quiet.objects.len(), found.loud.len(), found.large.len());
        quiet.objects.retain(|(id, ..)| same(id));
        quiet.held.retain(|id, _| same(id));
        quiet.odd_blobs.retain(|id| same(id));
        found.loud.retain(|id, _| same(id));
        found.large.retain(|id, _| same(id));
        found.notes.retain(|id, _| same(id));
        found.missing.retain(|id| !same(id));
        (found.earlier, found.earlier_held) = ((0, 0), Held::default());
        let went = before != (quiet.objects.len(), found.loud.len(), found.large.len());
        Self { found, quiet, went }
    }

    /// How many objects are known.
    pub(super) fn count(&self) -> u64 {
        (self.quiet.objects.len() + self.found.loud.len() + self.found.large.len()) as u64
    }

    fn again(&self, id: &ObjectId, kind: Kind) -> bool {
        (self.went && kind != Kind::Blob) || self.found.odd.contains(id)
    }

    /// What is known of one of them.
    pub(super) fn known(&self, id: &ObjectId) -> Known {
        if let Some(kind) = self.found.loud.get(id) {
            return if self.again(id, *kind) { Known::New } else { Known::Loud };
        }
        let quiet = &self.quiet.objects;
        match quiet.binary_search_by_key(id, |(id, ..)| *id).ok().and_then(|at| quiet.get(at)) {
            // What was opened was not looked at as what is copied from it.
            Some((id, kind, _)) if !self.again(id, *kind) && self.quiet.held.contains_key(id) => Known::Loud,
            Some((id, kind, _)) if !self.again(id, *kind) => Known::Quiet,
            _ => Known::New,
        }
    }

    /// With what was found now.
    pub(super) fn with(mut self, mut now: Found) -> Found {
        let quiet = std::mem::take(&mut self.quiet.objects);
        for (id, kind, size) in quiet.into_iter().filter(|(id, kind, _)| !self.again(id, *kind)) {
            now.held.extend(self.quiet.held.get(&id).map(|held| (id, *held)));
            now.quiet.push((id, kind, size));
        }
        now.odd_blobs.append(&mut self.quiet.odd_blobs);
        now.notes = std::mem::take(&mut self.found.notes);
        let loud = std::mem::take(&mut self.found.loud);
        now.loud.extend(loud.into_iter().filter(|(id, kind)| !self.again(id, *kind)));
        if !self.went {
            now.missing.extend(&self.found.missing);
        }
        now
    }
}
