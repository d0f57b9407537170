//! Where objects live: by which commit, under which path. Every tree is read once to see whether it leads to one of them,
//! and only those that do are followed.

use super::pack::{Kind, ObjectId, Reader};
use super::parts::{Entries, Sort};
use super::timeline::Timeline;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};

/// Directories below one another that are followed; git itself stops sooner.
const DEEPEST: usize = 512;

/// Places of one object that are noted.
pub(super) const MOST_PLACES: usize = 1_000;

/// Places of one tree that are followed.
const MOST_TREES: u32 = 2_000;

/// Where an object lives.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    /// The first commit that has it there, or the object itself where a reference names it without a commit.
    pub(super) commit: ObjectId,
    /// The author's time.
    pub(super) time: i64,
    /// From the top of the tree.
    pub(super) path: Vec<u8>,
}

/// All that was located.
#[derive(Debug, Default)]
pub(super) struct Located {
    /// The places of each, the first one first.
    pub(super) spots: BTreeMap<ObjectId, Vec<Spot>>,
    /// Those with more places than are noted.
    pub(super) more: BTreeSet<ObjectId>,
}

/// Looks for objects.
pub(super) struct Search<'a> {
    reader: Reader<'a>,
    wanted: &'a BTreeSet<ObjectId>,
    /// Whether a tree leads to any of them.
    leads: HashMap<ObjectId, bool>,
    /// Trees at paths, and objects at paths, that were met.
    met: HashSet<(ObjectId, u64)>,
    times: HashMap<ObjectId, u32>,
    hasher: RandomState,
    located: Located,
    /// Those that stand below a tree that was met too often.
    too_often: bool,
}

impl<'a> Search<'a> {
    pub(super) fn new(reader: Reader<'a>, wanted: &'a BTreeSet<ObjectId>) -> Self {
        Self {
            reader,
            wanted,
            leads: HashMap::new(),
            met: HashSet::new(),
            times: HashMap::new(),
            hasher: RandomState::new(),
            located: Located::default(),
            too_often: false,
        }
    }

    /// Looks everywhere: in all commits, or in those that references reach.
    pub(super) fn everywhere(mut self, timeline: &Timeline, reached: bool) -> Located {
        let commits: Vec<_> = if reached { timeline.reached().collect() } else { timeline.all().collect() };
        for (id, commit) in commits {
            if let Some(tree) = commit.tree
                && self.leads(&tree, 0)
            {
                self.tree(&tree, &mut Vec::new(), (id, commit.time), 0);
            }
        }
        for (name, id, kind) in &timeline.bare {
            let origin = (*id, 0);
            match kind {
                Kind::Tree if self.leads(id, 0) => self.tree(id, &mut Vec::new(), origin, 0),
                Kind::Blob if self.wanted.contains(id) => self.spot(id, name.as_bytes(), origin),
                _ => {}
            }
        }
        if self.too_often {
            self.located.more.extend(self.located.spots.keys());
        }
        self.located
    }

    /// Whether a tree is one of them or leads to one.
    fn leads(&mut self, id: &ObjectId, depth: usize) -> bool {
        if let Some(leads) = self.leads.get(id) {
            return *leads;
        }
        let mut leads = self.wanted.contains(id);
        if depth < DEEPEST
            && let Ok(Some((Kind::Tree, bytes))) = self.reader.read(id)
        {
            for entry in Entries::of(&bytes, id.as_bytes().len()) {
                leads |= match entry.sort {
                    Sort::Content => self.wanted.contains(&entry.id),
                    Sort::Directory => self.leads(&entry.id, depth + 1),
                    Sort::Submodule => false,
                };
            }
        }
        self.leads.insert(*id, leads);
        leads
    }

    fn tree(&mut self, id: &ObjectId, path: &mut Vec<u8>, origin: (ObjectId, i64), depth: usize) {
        if depth > DEEPEST || !self.meet(id, path) {
            return;
        }
        let times = self.times.entry(*id).or_default();
        *times += 1;
        if *times > MOST_TREES {
            self.too_often = true;
            return;
        }
        if self.wanted.contains(id) {
            self.add(id, path, origin);
        }
        let Ok(Some((Kind::Tree, bytes))) = self.reader.read(id) else { return };
        for entry in Entries::of(&bytes, id.as_bytes().len()) {
            let leads = match entry.sort {
                Sort::Content => self.wanted.contains(&entry.id),
                Sort::Directory => self.leads(&entry.id, depth + 1),
                Sort::Submodule => false,
            };
            if !leads {
                continue;
            }
            let length = path.len();
            if length > 0 {
                path.push(b'/');
            }
            path.extend_from_slice(entry.name);
            match entry.sort {
                Sort::Directory => self.tree(&entry.id, path, origin, depth + 1),
                _ => self.spot(&entry.id, path, origin),
            }
            path.truncate(length);
        }
    }

    fn meet(&mut self, id: &ObjectId, path: &[u8]) -> bool {
        self.met.insert((*id, self.hasher.hash_one(path)))
    }

    fn spot(&mut self, id: &ObjectId, path: &[u8], origin: (ObjectId, i64)) {
        if self.meet(id, path) {
            self.add(id, path, origin);
        }
    }

    fn add(&mut self, id: &ObjectId, path: &[u8], (commit, time): (ObjectId, i64)) {
        let spots = self.located.spots.entry(*id).or_default();
        if spots.len() < MOST_PLACES {
            spots.push(Spot { commit, time, path: path.to_vec() });
        } else {
            self.located.more.insert(*id);
        }
    }
}
