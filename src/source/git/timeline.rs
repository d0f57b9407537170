//! All commits of a repository, parents before children: first those that its references reach, then the others.

use super::pack::{Flow, Item, Kind, Kinds, Known, ObjectId, Objects, Walk};
use super::parts::Note;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet};
use std::sync::Mutex;

/// Tags that lead to one another.
const DEEPEST: usize = 512;

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct Commit {
    pub(super) tree: Option<ObjectId>,
    parents: Vec<ObjectId>,
    /// The author's time.
    pub(super) time: i64,
    committed: i64,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    commits: HashMap<ObjectId, Commit>,
    order: Vec<ObjectId>,
    reached: usize,
    /// Trees and contents that a reference names without a commit, with the name.
    pub(super) bare: Vec<(String, ObjectId, Kind)>,
    /// Objects that names lead to and that are not there, each with one of the names.
    pub(super) lost: BTreeMap<ObjectId, String>,
}

impl Timeline {
    /// Reads them. `tips` are the objects that references lead to, by name.
    pub(super) fn of(objects: &Objects, tips: &BTreeMap<String, ObjectId>, jobs: usize) -> Self {
        let commits: Mutex<HashMap<ObjectId, Commit>> = Mutex::default();
        let known = |_: &ObjectId| Known::New;
        let limit = u64::MAX;
        let walk = Walk { jobs, kinds: Kinds::of(&[Kind::Commit]), limit, known: &known };
        objects.walk(&walk, &|item| {
            if let Item::Object(object) = item
                && let Ok(mut commits) = commits.lock()
            {
                let Note { about, parents, time, committed, .. } = Note::of(object.bytes);
                commits.insert(object.id, Commit { tree: about, parents, time, committed });
            }
            Flow::Quiet // what cannot be read was said before
        });
        let mut timeline = Self { commits: commits.into_inner().unwrap_or_default(), ..Self::default() };
        let starts = timeline.starts(objects, tips);
        timeline.sort(starts);
        timeline
    }

    /// In order.
    pub(super) fn all(&self) -> impl Iterator<Item = (ObjectId, &Commit)> {
        self.order.iter().filter_map(|id| Some((*id, self.commits.get(id)?)))
    }

    /// In order, without those that no reference reaches.
    pub(super) fn reached(&self) -> impl Iterator<Item = (ObjectId, &Commit)> {
        self.all().take(self.reached)
    }

    /// The objects that commits name and that references reach.
    pub(super) fn names(&self, id: &ObjectId) -> Option<ObjectId> {
        let names = |commit: &Commit| commit.tree.as_ref() == Some(id) || commit.parents.contains(id);
        self.reached().find(|(_, commit)| names(commit)).map(|(name, _)| name)
    }

    /// The commits that names lead to. What else they lead to is noted.
    fn starts(&mut self, objects: &Objects, tips: &BTreeMap<String, ObjectId>) -> Vec<ObjectId> {
        let mut reader = objects.reader(u64::MAX);
        let mut starts = Vec::new();
        for (name, tip) in tips {
            let mut id = *tip;
            for _ in 0..DEEPEST {
                if self.commits.contains_key(&id) {
                    starts.push(id);
                    break;
                }
                match reader.read(&id) {
                    Ok(Some((Kind::Tag, bytes))) => match Note::of(&bytes).about {
                        Some(about) => id = about,
                        None => break,
                    },
                    Ok(Some((kind @ (Kind::Tree | Kind::Blob), _))) => {
                        self.bare.push((name.clone(), id, kind));
                        break;
                    }
                    Ok(Some((Kind::Commit, _))) | Err(_) => break, // it could not be read, which was said
                    Ok(None) => {
                        self.lost.entry(id).or_insert_with(|| name.clone());
                        break;
                    }
                }
            }
        }
        starts
    }

    fn sort(&mut self, starts: Vec<ObjectId>) {
        let (mut reached, mut next) = (HashSet::new(), starts);
        while let Some(id) = next.pop() {
            if let Some(commit) = self.commits.get(&id)
                && reached.insert(id)
            {
                next.extend(&commit.parents);
            }
        }
        let rest: HashSet<ObjectId> = self.commits.keys().copied().filter(|id| !reached.contains(id)).collect();
        self.reached = reached.len();
        self.order = self.sorted(&reached);
        self.order.extend(self.sorted(&rest));
    }

    /// Parents before children, and the older of two that are neither.
    fn sorted(&self, among: &HashSet<ObjectId>) -> Vec<ObjectId> {
        let mut waits: HashMap<ObjectId, usize> = HashMap::new();
        let mut children: HashMap<ObjectId, Vec<ObjectId>> = HashMap::new();
        let mut ready = BinaryHeap::new();
        let old = |id: &ObjectId| Reverse((self.commits.get(id).map_or(0, |commit| commit.committed), *id));
        for id in among {
            let parents = self.commits.get(id).map(|commit| commit.parents.as_slice()).unwrap_or_default();
            let parents: BTreeSet<&ObjectId> = parents.iter().filter(|parent| among.contains(*parent)).collect();
            if parents.is_empty() {
                ready.push(old(id));
            } else {
                waits.insert(*id, parents.len());
            }
            parents.into_iter().for_each(|parent| children.entry(*parent).or_default().push(*id));
        }
        let mut order = Vec::with_capacity(among.len());
        while let Some(Reverse((_, id))) = ready.pop() {
            order.push(id);
            for child in children.remove(&id).unwrap_or_default() {
                if let Some(left) = waits.get_mut(&child) {
                    *left -= 1;
                    if *left == 0 {
                        ready.push(old(&child));
                    }
                }
            }
        }
        order
    }
}
